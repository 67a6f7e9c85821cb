"""Section ``split``: what may be learnt from and what is sealed."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from recsmith.config.base import Section


class KCore(Section):
    """Smallest number of items of a user and of users of an item in train (distinct pairs); 1 filters nothing."""

    users: int = Field(default=1, ge=1)
    items: int = Field(default=1, ge=1)


class Split(Section):
    """Preparation of the interactions and the way they are parted."""

    method: Literal["per_user_temporal", "global_temporal", "leave_one_out", "random", "given"] = "per_user_temporal"
    valid: float = Field(default=0.1, gt=0, lt=1)
    """Share of interactions for valid (carved from train where the split is given)."""
    test: float = Field(default=0.1, gt=0, lt=1)
    carve: Literal["auto", "random"] = "auto"
    """How valid is carved from a given train: by time, else by place in ordered lists, else at random (auto)."""
    target_event: str | None = None
    """The event that is predicted (valid and test hold nothing else); null: any."""
    dedupe: Literal["last", "first", "sum", "max"] = "last"
    """Which of several rows of one (user, item, event) stays; sum adds their weights."""
    min_weight: float | None = None
    """Interactions with a smaller weight are dropped (implicit conversion)."""
    k_core: KCore = KCore()

    @model_validator(mode="after")
    def _something_is_left_to_learn_from(self) -> Split:
        if self.valid + self.test >= 1:
            raise ValueError("valid + test must be below 1")
        return self
