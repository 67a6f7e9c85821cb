"""All recipes measured on valid with the code that serves, proposed one after the other by an NNI tuner."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import nni

from recsmith.compress.choose import Row, worth
from recsmith.compress.contract import Calibration, Knobs
from recsmith.compress.judge import Judge
from recsmith.compress.kept import Kept
from recsmith.compress.methods import Recipe
from recsmith.compress.space import recipe_of, tree
from recsmith.config.compress import Compress
from recsmith.search.strategies import make
from recsmith.search.strategies.base import Settings
from recsmith.search.tree import size
from recsmith.serving.model import ServingModel

LEVEL = "Level"
"""NNI's name for magnitude pruning."""
Exported = Mapping[str, ServingModel]


@dataclass(frozen=True)
class Bench:
    """What all recipes are measured with."""

    exported: Exported
    judge: Judge
    calibration: Calibration
    kept: Kept | None = None
    """Where rows are kept, so that none is measured twice; None: nowhere."""

    def row(self, recipe: Recipe, *, export: bool) -> tuple[Row, bool]:
        """The measured recipe, and whether it was known."""
        known = None if self.kept is None else self.kept.load(recipe, export=export)
        if known is not None:
            return known, True
        row = self._measured(recipe, export)
        if self.kept is not None:
            self.kept.save(row)
        return row, False

    def _measured(self, recipe: Recipe, export: bool) -> Row:
        judge, model = self.judge, recipe.apply(self.exported, self.calibration)
        found, size = judge.metrics(model), model.model_bytes
        return Row(
            recipe,
            export,
            size,
            next(iter(self.exported.values())).model_bytes / size,
            found.metrics,
            judge.retained(found.metrics),
            self._pruner(recipe),
            found.metrics[judge.metric],
            found.interval,
            found.slices,
            judge.cost(model),
            judge.p99_ms(model),
        )

    def _pruner(self, recipe: Recipe) -> str:
        if not recipe.knobs.sparsity:
            return ""
        return recipe.knobs.pruner if self.exported[recipe.form].sparse is None else LEVEL


def measure(bench: Bench, params: Compress, seed: int, say: Callable[[str], None]) -> list[Row]:
    """Every form of the export, then every recipe that is proposed; ``say`` is told each as it is done."""
    rows, metric = [], bench.judge.metric
    for form in bench.exported:
        rows.append(_told(*bench.row(Recipe(Knobs(), form), export=True), metric, say))
    for trial, (row, known) in enumerate(_proposed(bench, params, seed), 1):
        rows.append(_told(replace(row, trial=trial), known, metric, say))
    return rows


def _proposed(bench: Bench, params: Compress, seed: int) -> Iterator[tuple[Row, bool]]:
    """The recipes of the strategy, each after the tuner was told what the one before is worth to the rule."""
    space, strategy = tree(params, bench.exported), params.search.strategy
    trials = size(space) if strategy == "grid" else params.search.trials
    # It says its seed, which the parameters say already.
    logging.getLogger("nni.tuner").setLevel(logging.WARNING)
    tuner = make(strategy, Settings(seed=seed, trials=trials))
    tuner.update_search_space(space)
    for number in range(trials):
        try:
            proposal = tuner.generate_parameters(number)
        except nni.NoMoreTrialError:
            return
        row, known = bench.row(recipe_of(params, proposal), export=False)
        tuner.receive_trial_result(number, proposal, worth(row, params.min_retained, params.target))
        yield row, known


def _told(row: Row, known: bool, metric: str, say: Callable[[str], None]) -> Row:
    say(
        f"  {row.name:<29} {row.bytes:>12,} bytes  {row.ratio:6.2f}x  {metric} {row.metrics[metric]:.5f}  "
        f"retained {row.retained:.2%}{'  (known)' if known else ''}"
    )
    return row
