"""All compression methods, by the words of the parameters, and the recipes that combine them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

from recsmith.compress import half, int8, prune_columns, prune_sparse
from recsmith.compress.contract import Knobs, Method
from recsmith.config.compress import Compress
from recsmith.serving.model import ServingModel


def unchanged(model: ServingModel, knobs: Knobs) -> ServingModel:
    """No compression: the fp32 export as it is."""
    return model


PRUNERS: dict[str, Method] = {"columns": prune_columns.compress, "sparse": prune_sparse.compress}
"""What ``knobs.sparsity`` drives, in the order in which they are applied."""
PRECISIONS: dict[str, Method] = {"float32": unchanged, "float16": half.compress, "int8": int8.compress}
METHODS: dict[str, Method] = {**PRUNERS, **PRECISIONS}


@dataclass(frozen=True)
class Recipe:
    """Methods applied one after the other: pruning, then a precision."""

    knobs: Knobs

    @property
    def name(self) -> str:
        """As in ``L2 25% + int8``."""
        pruned = [f"{self.knobs.pruner} {self.knobs.sparsity:.0%}"] if self.knobs.sparsity else []
        return " + ".join([*pruned, self.knobs.precision])

    def apply(self, model: ServingModel) -> ServingModel:
        """``model`` after every method of the recipe."""
        for method in (*PRUNERS.values(), PRECISIONS[self.knobs.precision]):
            model = method(model, self.knobs)
        return model


def recipes(params: Compress) -> list[Recipe]:
    """Every sparsity with every precision, from the mildest to the smallest."""
    pairs = product(sorted(set(params.sparsity)), dict.fromkeys(params.precision))
    return [Recipe(Knobs(precision, sparsity, params.pruner)) for sparsity, precision in pairs]
