"""All compression methods, by the words of the parameters, and a recipe, which combines them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from recsmith.compress import (
    allocate,
    half,
    int1,
    int2,
    int4,
    int8,
    product,
    prune_columns,
    prune_learnt,
    prune_sparse,
    refit,
    reranked,
    rotate,
    simulated,
    spread,
    tune,
)
from recsmith.compress.contract import Calibration, Knobs, Method
from recsmith.compress.export import EXACT
from recsmith.serving.model import ServingModel


def unchanged(model: ServingModel, calibration: Calibration, knobs: Knobs) -> ServingModel:
    """No compression: the fp32 export as it is."""
    return model


PRUNERS: dict[str, Method] = {
    "columns": prune_columns.compress,
    "learnt columns": prune_learnt.compress,
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
    "reranked": reranked.compress,
}
IN_BLOCKS = ("int4", "int2", "int1")
"""Precisions whose scales may be those of blocks (``knobs.block``)."""
BETWEEN: dict[str, Method] = {"spread": spread.compress, "allocate": allocate.compress, "tune": tune.compress}
"""What prepares the vectors for a precision, in this order, once they are pruned."""
AFTER: dict[str, Method] = {"refit": refit.compress}
"""What makes up for the precision."""
METHODS: dict[str, Method] = {**PRUNERS, **BETWEEN, **PRECISIONS, **AFTER}


@dataclass(frozen=True)
class Recipe:
    """A form of the export, then methods one after the other: pruning, then a precision."""

    knobs: Knobs
    form: str = EXACT

    @property
    def name(self) -> str:
        """As in ``low rank, pruned 50% (L1), tuned, int4 in blocks of 16``."""
        form = [] if self.form == EXACT else [self.form]
        return ", ".join([*form, *self._pruned(), *self._tuned(), self._stored()])

    def _pruned(self) -> list[str]:
        by = "" if self.knobs.pruner == "SVD" else f" ({self.knobs.pruner})"
        return [f"pruned {self.knobs.sparsity:.0%}{by}"] if self.knobs.sparsity else []

    def _tuned(self) -> list[str]:
        epochs = self.knobs.tune.epochs
        return [f"tuned {epochs} times" if epochs > 1 else "tuned"] if epochs else []

    def _stored(self) -> str:
        knobs = self.knobs
        if knobs.precision == "product":
            return f"product of {knobs.bytes_a_row} bytes"
        if knobs.precision == "reranked":
            return f"int1, {knobs.rerank.items} re-ranked by {knobs.rerank.precision}"
        blocks = knobs.block and knobs.precision in IN_BLOCKS
        if knobs.simulated:
            return f"{knobs.precision} by {knobs.quantiser}"
        return f"{knobs.precision} in blocks of {knobs.block}" if blocks else knobs.precision

    def apply(self, exported: Mapping[str, ServingModel], calibration: Calibration) -> ServingModel:
        """The form that the recipe asks for after every method of the recipe."""
        model = exported[self.form]
        given = replace(calibration, teacher=model)
        for method in (
            *PRUNERS.values(),
            *BETWEEN.values(),
            simulated.compress if self.knobs.simulated else PRECISIONS[self.knobs.precision],
            *AFTER.values(),
        ):
            model = method(model, given, self.knobs)
        return model
