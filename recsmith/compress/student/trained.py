"""A student, trained as its teacher was, as it serves."""

from __future__ import annotations

from dataclasses import replace

from recsmith.compress.origin import Made, Origin
from recsmith.config.compress import Compress
from recsmith.engine.fit import FitSettings, Guide, fit
from recsmith.errors import UserError
from recsmith.model.architecture import architecture as read
from recsmith.model.gnn import Gnn

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


def trained(origin: Origin, student: Gnn, guide: Guide | None = None) -> Made:
    """``student``, trained for as long as :func:`_schedule` says."""
    settings = _schedule(origin)
    if guide is not None:
        student = student.model_copy(update={"propagate_every": 1})
        settings = replace(settings, accumulate=1, fan_out=())
    fitted = fit(student, origin.graph, settings, origin.valid, say=origin.say, guide=guide)
    losses = [row["loss"] for row in fitted.history]
    origin.say(f"trained {len(losses)} epochs, kept epoch {fitted.epochs}, loss {losses[0]:.4f} to {losses[-1]:.4f}")
    return Made(origin.exported(fitted.model), fitted.epochs if settings.epochs is None else 0)


def _schedule(origin: Origin) -> FitSettings:
    """``student.epochs``, where it says so; stopped early by valid as the winner was, or for the epochs of the
    candidate's student; where neither is there, for those of the winner. The schedule of what is fixed beforehand spans
    exactly these."""
    settings, fixed = replace(origin.settings, checkpoints=None, epochs=None), origin.params.student.epochs
    if not fixed and (origin.epochs or origin.valid is not None):
        return replace(settings, epochs=origin.epochs or None)
    epochs = fixed or origin.fitted.epochs
    if not epochs:
        raise UserError(f"{KEY}.epochs = 0: the winner is a filter, which had none. Say how long its student learns.")
    return replace(settings, epochs=epochs, max_epochs=epochs)
