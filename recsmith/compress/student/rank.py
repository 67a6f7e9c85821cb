"""A second loss that pulls a student's lists to those of its teacher, the exact model as it serves."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from recsmith.compress.histories import histories
from recsmith.compress.origin import Origin
from recsmith.compress.teacher import Teacher
from recsmith.engine.batch.sampling import Batch
from recsmith.engine.fit import Guide
from recsmith.engine.network.gnn import Network
from recsmith.engine.sparse.adjacency import Adjacency
from recsmith.model.architecture import recency


class RankLoss(nn.Module):
    """``weight`` times the distance of the lists of a batch's users from the teacher's.

    Shapes: rows (U,) int: where each user of the graph stands among the teacher's people.
    """

    def __init__(self, teacher: Teacher, rows: np.ndarray, weight: float, seed: int) -> None:
        super().__init__()
        self.teacher, self.rows, self.weight = teacher, rows, weight
        self.draw = np.random.default_rng(seed)

    def forward(self, vectors: torch.Tensor, batch: Batch) -> torch.Tensor:
        users = batch.users.unique()
        lesson = self.teacher.lesson(self.rows[users.cpu().numpy()], self.draw).to(vectors.device)
        found = vectors.float()
        return self.weight * lesson.loss(found[users], found[len(self.rows) :])


def rank_guide(origin: Origin) -> Guide:
    """Rank distillation (Tang and Wang 2018) from ``origin.exact``, whatever family that is of."""
    everybody = histories(origin.graph, recency(origin.fitted.architecture))
    known = np.flatnonzero(np.diff(everybody.indptr))
    rows = np.full(len(everybody), -1)
    rows[known] = np.arange(len(known))
    teacher, student = Teacher(origin.exact, everybody.take(known)), origin.params.student

    def guide(network: Network, adjacency: Adjacency) -> RankLoss:
        return RankLoss(teacher, rows, student.weight, origin.settings.seed)

    return guide
