"""Fine-tuning of a compressed model on the histories that it was fitted on, as it will be stored."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch

from recsmith.compress.contract import Calibration, Knobs
from recsmith.compress.learnt import Learnt
from recsmith.compress.teacher import Teacher
from recsmith.config.compress import Tune
from recsmith.errors import UserError
from recsmith.serving.model import Batch, ServingModel
from recsmith.serving.tied import TiedTable

Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""Of queries (B, r) and item vectors (I, r)."""
BATCH = 512


def compress(model: ServingModel, calibration: Calibration, knobs: Knobs) -> ServingModel:
    """``model`` after ``knobs.tune.epochs`` over the people of the calibration; as it is where that is 0.

    The student learns the lists of the teacher, the exported model (:class:`recsmith.compress.teacher.Lesson`).
    ``l2`` holds it near where it was; with ``adversarial`` the same loss on vectors moved ``epsilon`` in the direction
    that hurts most is added (APR, He et al. 2018, equations 8 to 10). Seeded. Blends and models without vectors stay.
    UserError where there are no histories.
    """
    tune = knobs.tune
    # Quantisation-aware training is fine-tuning already.
    if not tune.epochs or not tunable(model) or (knobs.simulated and knobs.quantiser == "qat"):
        return model
    if tune.top and isinstance(model.projection, TiedTable):
        raise UserError(
            "A tied filter has no queries of its own to map. params.yaml: compress.tune.top must be false for it."
        )
    student = Learnt(model, knobs.precision, tune.top)
    learn(student, torch.optim.Adam(student.learnt(), lr=step(student, tune)), model, calibration, tune)
    return student.back()


def tunable(model: ServingModel) -> bool:
    """Whether a network can be made of it: no blend, and nothing but vectors."""
    return bool(model.rank) and not 0 < model.projected < model.rank and model.sparse is None


def step(student: Learnt, tune: Tune) -> float:
    """The learning rate: what is asked for, times the size of the numbers that are learnt."""
    return tune.learning_rate * (1.0 if tune.top else float(student.items.weight.detach().square().mean().sqrt()))


def learn(
    student: Learnt, optimiser: torch.optim.Optimizer, model: ServingModel, calibration: Calibration, tune: Tune
) -> None:
    """Fine-tune ``student``, which was made of ``model``, in place: the lists of the teacher, or of that model."""
    people = drawn(calibration, tune)
    teacher = Teacher(calibration.teacher or model, people)
    draw = np.random.default_rng(calibration.seed)
    start = {name: value.detach().clone() for name, value in student.named_parameters()}
    for _ in range(tune.epochs):
        student.refit()
        for rows in shuffled(len(people), draw):
            loss = _objective(student, teacher.lesson(rows, draw).loss, people.take(rows), tune)
            loss = loss + tune.l2 * _moved(student, start)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()


def shuffled(n: int, draw: np.random.Generator) -> Iterator[np.ndarray]:
    """All of ``n`` people once, in batches. Shapes: -> (B,) int, ascending."""
    order = draw.permutation(n)
    for begin in range(0, n, BATCH):
        yield np.sort(order[begin : begin + BATCH])


def drawn(calibration: Calibration, tune: Tune) -> Batch:
    """The people to learn from: all with a history, or as many as asked for."""
    known = calibration.known()
    if not tune.people or tune.people >= len(known):
        return known
    draw = np.random.default_rng(calibration.seed)
    return known.take(np.sort(draw.choice(len(known), tune.people, replace=False)))


def _objective(student: Learnt, loss: Loss, batch: Batch, tune: Tune) -> torch.Tensor:
    queries, items = student(batch)
    plain = loss(queries, items)
    if not tune.adversarial:
        return plain
    moved = torch.autograd.grad(plain, (queries, items), retain_graph=True)
    away = [tune.epsilon * step / step.norm(dim=1, keepdim=True).clamp_min(1e-12) for step in moved]
    return plain + tune.adversarial * loss(queries + away[0], items + away[1])


def _moved(student: Learnt, start: dict[str, torch.Tensor]) -> torch.Tensor:
    """The mean square of what was changed."""
    return torch.stack([(p - start[n]).square().mean() for n, p in student.named_parameters() if p.requires_grad]).sum()
