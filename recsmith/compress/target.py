"""Which recipes reach what ``compress.target`` asks for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

from recsmith.config.compress import Target
from recsmith.errors import UserError


class Measured(Protocol):
    """What a target may limit."""

    @property
    def name(self) -> str: ...
    @property
    def bytes(self) -> int: ...
    @property
    def ratio(self) -> float: ...
    @property
    def cost(self) -> int: ...
    @property
    def p99_ms(self) -> float | None: ...
    @property
    def quality(self) -> float: ...


Row = TypeVar("Row", bound=Measured)

RESTORE = (
    "The last accepted bundle comes back with `dvc checkout data/compress/bundle`, and what was written beside it "
    "with `dvc checkout compress`."
)


def excess(row: Measured, target: Target) -> dict[str, float]:
    """By each limit that is set, how many times too large (or too small) a recipe is; at most 1 where it is reached."""
    asked = {
        "bytes": (row.bytes, target.bytes),
        "ratio": (target.ratio, row.ratio),
        "cost": (row.cost, target.cost),
        "p99_ms": (row.p99_ms, target.p99_ms),
        "min_quality": (target.min_quality, row.quality),
    }
    return {
        name: above / max(below, 1e-12)
        for name, (above, below) in asked.items()
        if above is not None and below is not None
    }


def within(rows: Sequence[Row], target: Target) -> list[Row]:
    """The recipes that reach all limits; UserError that names the nearest where none does."""
    good = [row for row in rows if all(value <= 1 for value in excess(row, target).values())]
    if good or not rows:
        return good
    nearest = min(rows, key=lambda row: max(excess(row, target).values()))
    over = [name for name, value in excess(nearest, target).items() if value > 1]
    missed = ", ".join(f"{name} = {getattr(target, name):g}" for name in over)
    raise UserError(
        f"No recipe reaches params.yaml: compress.target.{missed}. The nearest is {nearest.name}: "
        f"{nearest.bytes:,} bytes, {nearest.ratio:.2f} times smaller, cost {nearest.cost:,}, {nearest.quality:.5f} on "
        "valid. Ask for less, or allow stronger recipes (compress.precision, compress.sparsity). "
        f"{RESTORE}"
    )


def limits_size(target: Target) -> bool:
    """Whether the target says how small or fast, so that the best of what reaches it is wanted, not the smallest."""
    return any(value is not None for value in (target.bytes, target.ratio, target.cost, target.p99_ms))
