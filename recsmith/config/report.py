"""Section ``report``: what is shown."""

from __future__ import annotations

from pydantic import Field

from recsmith.config.base import Section


class Report(Section):
    users: int = Field(10, ge=0)
    """Users shown with their history and recommendations."""
    recommendations: int = Field(10, ge=1)
