"""What a teacher says, as a loss that NNI's training pruners drive."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from recsmith.compress.teacher import Teacher
from recsmith.compress.tune import shuffled
from recsmith.serving.model import Batch


@dataclass(frozen=True)
class Lessons:
    """Batches of people without end, and how far a student's lists are from the teacher's; seeded."""

    teacher: Teacher
    people: Batch
    draw: np.random.Generator

    def batches(self) -> Iterator[np.ndarray]:
        """Shapes: -> (B,) int, places in ``people``."""
        while True:
            yield from shuffled(len(self.people), self.draw)

    def loss(self, rows: np.ndarray, student: nn.Module) -> torch.Tensor:
        """Of a student that makes (B, r) queries and (I, r) items of a batch; shapes: rows (B,) int -> ()."""
        queries, items = student(self.people.take(rows))
        return self.teacher.lesson(rows, self.draw).loss(queries, items)
