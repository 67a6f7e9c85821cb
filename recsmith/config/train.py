"""Section ``train``: how long the winner learns."""

from __future__ import annotations

from pydantic import Field

from recsmith.config.base import Section


class Train(Section):
    """Budget of the winner's training."""

    max_epochs: int = Field(default=80, ge=1)
    patience: int = Field(default=6, ge=1)
    """Evaluations without a better valid metric before training stops."""
