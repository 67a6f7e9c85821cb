"""All recipes on the candidate, measured on valid with the code that serves; one is chosen, and gated."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from recsmith.compress.contract import Calibration, Knobs
from recsmith.compress.judge import Judge
from recsmith.compress.methods import Recipe, recipes
from recsmith.compress.target import limits_size, within
from recsmith.config.compress import Compress, Gate, Target
from recsmith.errors import UserError
from recsmith.serving.model import ServingModel

LEVEL = "Level"
"""NNI's name for magnitude pruning."""


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
    """Measured where a target asks for it."""

    @property
    def name(self) -> str:
        return f"{self.recipe.name}, export" if self.export else self.recipe.name


def measure(
    exported: Mapping[str, ServingModel],
    params: Compress,
    judge: Judge,
    calibration: Calibration,
    say: Callable[[str], None],
) -> list[Row]:
    """Every form of the export, then every recipe; ``say`` is told each as it is done."""
    plain = [Recipe(Knobs(), form) for form in exported]
    reference = next(iter(exported.values())).model_bytes
    rows = []
    for recipe, export in [*((one, True) for one in plain), *((one, False) for one in recipes(params, exported))]:
        model = recipe.apply(exported, calibration)
        found, size = judge.metrics(model), model.model_bytes
        rows.append(
            Row(
                recipe,
                export,
                size,
                reference / size,
                found.metrics,
                judge.retained(found.metrics),
                _pruner(recipe, exported),
                found.metrics[judge.metric],
                found.interval,
                found.slices,
                judge.cost(model),
                None if params.target.p99_ms is None else judge.p99_ms(model),
            )
        )
        say(_line(rows[-1], judge.metric))
    return rows


def _pruner(recipe: Recipe, exported: Mapping[str, ServingModel]) -> str:
    if not recipe.knobs.sparsity:
        return ""
    return recipe.knobs.pruner if exported[recipe.form].sparse is None else LEVEL


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


def pareto(rows: list[Row]) -> list[Row]:
    """Rows that no other beats in bytes and in quality."""
    return [row for row in rows if not any(_beats(other, row) for other in rows)]


def check_gate(row: Row, gate: Gate, metric: str, exact: float, export: Row | None = None) -> None:
    """UserError where the chosen recipe keeps less, or shrinks less, than the gate asks for."""
    found = f"{row.name} is the best recipe for compress.min_retained and compress.target, and"
    slices = "" if export is None else f" By activity against the fp32 export: {losses(row, export)}."
    restore = "The last accepted bundle comes back with `dvc checkout compress`."
    if row.retained < gate.retained:
        raise UserError(
            f"{found} keeps {row.retained:.2%} of the exact model's {metric} on valid ({row.metrics[metric]:.5f} of "
            f"{exact:.5f}, a loss of {1 - row.retained:.2%}); params.yaml: compress.gate.retained = "
            f"{gate.retained:g} asks for more.{slices} "
            f"Allow milder recipes (compress.precision, compress.sparsity, compress.export). {restore}"
        )
    if row.ratio < gate.ratio:
        raise UserError(
            f"{found} is {row.ratio:.2f} times smaller than the fp32 export; params.yaml: compress.gate.ratio = "
            f"{gate.ratio:g} asks for more. Allow stronger recipes (compress.precision, compress.sparsity) or a lower "
            f"compress.min_retained.{slices} {restore}"
        )


def losses(row: Row, export: Row) -> str:
    """What each slice of users loses against the fp32 export: ``1-9 0.40%, 10-49 0.10%``."""
    pairs = ((name, value, export.slices.get(name, 0.0)) for name, value in row.slices.items())
    return ", ".join(f"{name} {1 - value / before:.2%}" if before else f"{name} 0.00%" for name, value, before in pairs)


def _beats(other: Row, row: Row) -> bool:
    no_worse = other.bytes <= row.bytes and other.retained >= row.retained
    return no_worse and (other.bytes < row.bytes or other.retained > row.retained)


def _line(row: Row, metric: str) -> str:
    return (
        f"  {row.name:<29} {row.bytes:>12,} bytes  {row.ratio:6.2f}x  {metric} {row.metrics[metric]:.5f}  "
        f"retained {row.retained:.2%}"
    )
