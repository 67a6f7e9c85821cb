"""Section ``report``: what is shown."""

from __future__ import annotations

from pydantic import Field

from recsmith.config.base import Section


class Report(Section):
    """How many users and items the report shows."""

    users: int = Field(default=10, ge=0)
    """Users shown with their history and recommendations."""
    recommendations: int = Field(default=10, ge=1)
