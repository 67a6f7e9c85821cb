"""Of the recipes that were measured one is chosen, and gated."""

from __future__ import annotations

from dataclasses import dataclass, field

from recsmith.compress.methods import Recipe
from recsmith.compress.target import RESTORE, excess, limits_size, within
from recsmith.config.compress import Gate, Target
from recsmith.errors import UserError


@dataclass(frozen=True)
class Row:
    """One recipe, measured."""

    recipe: Recipe
    export: bool
    """Whether this is a form of the fp32 export itself, for comparison."""
    bytes: int
    ratio: float
    """Bytes of the fp32 export (its first form) / bytes of this."""
    metrics: dict[str, float]
    retained: float
    """Share of the exact model's metric."""
    pruner: str = ""
    """Which one chose what goes; empty where nothing was pruned."""
    quality: float = 0.0
    """The chosen metric on valid."""
    interval: tuple[float, float] = (0.0, 0.0)
    """95 % of it over users."""
    slices: dict[str, float] = field(default_factory=dict)
    """It by slice of activity."""
    cost: int = 0
    """Multiply-adds of an average query."""
    p99_ms: float | None = None
    """Of single queries, measured on this machine."""
    trial: int = 0
    """Number of the proposal, from 1; 0: a form of the export."""

    @property
    def name(self) -> str:
        return f"{self.recipe.name}, export" if self.export else self.recipe.name


def export_loss(row: Row, metric: str, exact: float) -> str:
    """What the fp32 export alone costs on valid, in one line."""
    return (
        f"the fp32 export ({row.recipe.form}) scores {metric} {row.metrics[metric]:.5f} on valid, the exact model "
        f"{exact:.5f}: a loss of {1 - row.retained:.2%}"
    )


def choose(rows: list[Row], min_retained: float, target: Target | None = None) -> Row:
    """The smallest recipe that retains enough; where none does, the best. Of equals the better, or the smaller.

    Only recipes within the target count; where it limits size or speed, the best of them is taken. UserError where none
    is within it.
    """
    limits = target or Target()
    measured = within([row for row in rows if not row.export], limits)
    good = [row for row in measured if row.retained >= min_retained]
    if good and not limits_size(limits):
        return min(good, key=lambda row: (row.bytes, -row.retained))
    return max(measured, key=lambda row: (row.retained, -row.bytes))


def worth(row: Row, min_retained: float, target: Target) -> float:
    """What a tuner is told of a recipe: highest where :func:`choose` chooses, below 1 where the rule is not met."""
    over = max(excess(row, target).values(), default=0.0)
    if over > 1:
        return 0.5 / over
    if limits_size(target):
        return 1 + row.retained
    return 1 + row.ratio if row.retained >= min_retained else 0.5 + 0.5 * row.retained / min_retained


def pareto(rows: list[Row]) -> list[Row]:
    """Rows that no other beats in bytes and in quality."""
    return [row for row in rows if not any(_beats(other, row) for other in rows)]


def check_gate(row: Row, gate: Gate, metric: str, exact: float, export: Row | None = None) -> None:
    """UserError where the chosen recipe keeps less, or shrinks less, than the gate asks for."""
    found = f"{row.name} is the best recipe for compress.min_retained and compress.target, and"
    slices = "" if export is None else f" By activity against the fp32 export: {losses(row, export)}."
    if row.retained < gate.retained:
        raise UserError(
            f"{found} keeps {row.retained:.2%} of the exact model's {metric} on valid ({row.metrics[metric]:.5f} of "
            f"{exact:.5f}, a loss of {1 - row.retained:.2%}); params.yaml: compress.gate.retained = "
            f"{gate.retained:g} asks for more.{slices} "
            f"Allow milder recipes (compress.precision, compress.sparsity, compress.export). {RESTORE}"
        )
    if row.ratio < gate.ratio:
        raise UserError(
            f"{found} is {row.ratio:.2f} times smaller than the fp32 export; params.yaml: compress.gate.ratio = "
            f"{gate.ratio:g} asks for more. Allow stronger recipes (compress.precision, compress.sparsity) or a lower "
            f"compress.min_retained.{slices} {RESTORE}"
        )


def losses(row: Row, export: Row) -> str:
    """What each slice of users loses against the fp32 export: ``1-9 0.40%, 10-49 0.10%``."""
    pairs = ((name, value, export.slices.get(name, 0.0)) for name, value in row.slices.items())
    return ", ".join(f"{name} {1 - value / before:.2%}" if before else f"{name} 0.00%" for name, value, before in pairs)


def _beats(other: Row, row: Row) -> bool:
    no_worse = other.bytes <= row.bytes and other.retained >= row.retained
    return no_worse and (other.bytes < row.bytes or other.retained > row.retained)
