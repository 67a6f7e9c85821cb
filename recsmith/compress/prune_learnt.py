"""Dimension pruning by a loss: the columns go that the lists of the exported model miss least."""

from __future__ import annotations

import numpy as np
import torch

from recsmith.compress.columns import kept_count, prunable, sliced
from recsmith.compress.contract import Calibration, Knobs
from recsmith.compress.gates import PRUNERS, Gates, Trained, kept
from recsmith.compress.learnt import Learnt
from recsmith.compress.lessons import Lessons
from recsmith.compress.teacher import Teacher
from recsmith.compress.tune import drawn, step
from recsmith.serving.model import Batch, ServingModel

COLUMNS = "columns"


def compress(model: ServingModel, calibration: Calibration, knobs: Knobs) -> ServingModel:
    """``model`` without the share ``knobs.sparsity`` of its columns, by Taylor, Movement or AGP; one always stays.

    Movement and AGP also train what is left. Seeded. UserError where there are no histories.
    """
    if knobs.pruner not in PRUNERS or not prunable(model, knobs.sparsity):
        return model
    return sliced(*pruned(model, calibration, knobs))


def pruned(model: ServingModel, calibration: Calibration, knobs: Knobs) -> tuple[ServingModel, np.ndarray]:
    """The model with all of its columns as they are after pruning, and those that stay, ascending."""
    people = drawn(calibration, knobs.tune)
    student = Learnt(model, "float32", top=False)
    gated = Gated(student, model.rank - kept_count(model.rank, knobs.sparsity))
    teacher = Teacher(calibration.teacher or model, people)
    lessons = Lessons(teacher, people, np.random.default_rng(calibration.seed))
    trained = Trained(lessons, student.learnt(), step(student, knobs.tune), calibration.seed)
    stays = kept(gated, gated.gates, knobs.pruner, knobs.prune, trained)[COLUMNS]
    return student.back(), np.flatnonzero(stays)


class Gated(torch.nn.Module):
    """Queries and items of a student, a gate a column."""

    def __init__(self, student: Learnt, gone: int) -> None:
        super().__init__()
        self.student, self.gates = student, Gates({COLUMNS: (student.model.rank, gone)})

    def forward(self, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """Shapes: -> (B, r), (I, r)."""
        queries, items = self.student(batch)
        return queries * self.gates()[COLUMNS], items
