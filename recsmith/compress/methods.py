"""All compression methods, by the words of the parameters, and the recipes that combine them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import product as combined

from recsmith.compress import half, int1, int2, int4, int8, product, prune_columns, prune_sparse, rotate, spread, tune
from recsmith.compress.contract import Calibration, Knobs, Method
from recsmith.compress.export import EXACT
from recsmith.config.compress import Compress
from recsmith.serving.model import ServingModel


def unchanged(model: ServingModel, calibration: Calibration, knobs: Knobs) -> ServingModel:
    """No compression: the fp32 export as it is."""
    return model


PRUNERS: dict[str, Method] = {
    "columns": prune_columns.compress,
    "directions": rotate.compress,
    "sparse": prune_sparse.compress,
}
"""What ``knobs.sparsity`` drives, in the order in which they are applied."""
PRECISIONS: dict[str, Method] = {
    "float32": unchanged,
    "float16": half.compress,
    "int8": int8.compress,
    "int4": int4.compress,
    "int2": int2.compress,
    "int1": int1.compress,
    "product": product.compress,
}
BETWEEN: dict[str, Method] = {"spread": spread.compress, "tune": tune.compress}
"""What prepares the vectors for a precision, in this order, once they are pruned."""
METHODS: dict[str, Method] = {**PRUNERS, **BETWEEN, **PRECISIONS}


@dataclass(frozen=True)
class Recipe:
    """A form of the export, then methods one after the other: pruning, then a precision."""

    knobs: Knobs
    form: str = EXACT

    @property
    def name(self) -> str:
        """As in ``low rank, pruned 50%, int8``."""
        form = [] if self.form == EXACT else [self.form]
        pruned = [f"pruned {self.knobs.sparsity:.0%}"] if self.knobs.sparsity else []
        tuned = ["tuned"] if self.knobs.tune.epochs else []
        return ", ".join([*form, *pruned, *tuned, self.knobs.precision])

    def apply(self, exported: Mapping[str, ServingModel], calibration: Calibration) -> ServingModel:
        """The form that the recipe asks for after every method of the recipe."""
        model = exported[self.form]
        given = replace(calibration, teacher=model)
        for method in (*PRUNERS.values(), *BETWEEN.values(), PRECISIONS[self.knobs.precision]):
            model = method(model, given, self.knobs)
        return model


def recipes(params: Compress, forms: Iterable[str] = (EXACT,)) -> list[Recipe]:
    """Every form with every sparsity and every precision."""
    combinations = combined(forms, sorted(set(params.sparsity)), dict.fromkeys(params.precision))
    return [
        Recipe(Knobs(precision, sparsity, params.pruner, params.block, params.bytes_a_row, params.tune), form)
        for form, sparsity, precision in combinations
    ]
