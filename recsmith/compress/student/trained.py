"""A student, trained as its teacher was, as it serves."""

from __future__ import annotations

from dataclasses import replace

from recsmith.compress.origin import Origin
from recsmith.config.compress import Compress
from recsmith.engine.fit import Guide, fit
from recsmith.errors import UserError
from recsmith.model.architecture import architecture as read
from recsmith.model.gnn import Gnn
from recsmith.serving.model import ServingModel

KEY = "params.yaml: compress.student"


def dimensions(params: Compress, largest: int) -> list[int]:
    """The dimensions that are asked for, the largest first; UserError where one is above ``largest``."""
    for dimension in params.student.dimensions:
        if dimension > largest:
            raise UserError(
                f"{KEY}.dimensions: {dimension} is not smaller than the winner. Known: 1 to {largest} for this form."
            )
    return sorted(set(params.student.dimensions), reverse=True)


def resized(teacher: Gnn, dimension: int) -> Gnn:
    """The network with vectors of another length; UserError where that is none."""
    student = read(teacher.model_dump() | {"dimension": dimension}, f"{KEY}.dimensions: {dimension}")
    assert isinstance(student, Gnn)
    return student


def trained(origin: Origin, student: Gnn, guide: Guide | None = None) -> ServingModel:
    """``student`` after as many epochs as the winner had, or ``student.epochs``; its schedule spans exactly these."""
    epochs = origin.params.student.epochs or origin.fitted.epochs
    if not epochs:
        raise UserError(f"{KEY}.epochs = 0: the winner is a filter, which had none. Say how long its student learns.")
    settings = replace(origin.settings, checkpoints=None, epochs=epochs, max_epochs=epochs)
    if guide is not None:
        student = student.model_copy(update={"propagate_every": 1})
        settings = replace(settings, accumulate=1, fan_out=())
    fitted = fit(student, origin.graph, settings, say=origin.say, guide=guide)
    losses = [row["loss"] for row in fitted.history]
    origin.say(f"trained {epochs} epochs, loss {losses[0]:.4f} to {losses[-1]:.4f}")
    return origin.exported(fitted.model)
