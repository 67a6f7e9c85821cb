"""Fine-tuning of a compressed model on the histories that it was fitted on, as it will be stored."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from recsmith.compress.contract import Calibration, Knobs
from recsmith.compress.learnt import Learnt
from recsmith.config.compress import Tune
from recsmith.errors import UserError
from recsmith.serving.model import Batch, ServingModel, top_k
from recsmith.serving.tied import TiedTable

Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""Of queries (B, r) and item vectors (I, r)."""
BATCH = 512
CANDIDATES = 64
"""Items of the teacher's list, and as many times eight drawn ones, by which a student is compared to it."""
TEMPERATURE = 0.3
"""Of both softmaxes, over the spread of the teacher's scores."""


def compress(model: ServingModel, calibration: Calibration, knobs: Knobs) -> ServingModel:
    """``model`` after ``knobs.tune.epochs`` over the people of the calibration; as it is where that is 0.

    The student learns the lists of the teacher (the exported model): cross-entropy between softmaxes over the items
    that the teacher ranks first and drawn others, as in rank distillation (Tang and Wang 2018; ListNet, Cao et al.
    2007).
    ``l2`` holds it near where it was; with ``adversarial`` the same loss on vectors moved ``epsilon`` in the direction
    that hurts most is added (APR, He et al. 2018, equations 8 to 10). Seeded. Blends and models without vectors stay.
    UserError where there are no histories.
    """
    tune, first = knobs.tune, model.projected
    if not tune.epochs or not model.rank or 0 < first < model.rank or model.sparse is not None:
        return model
    if tune.top and isinstance(model.projection, TiedTable):
        raise UserError(
            "A tied filter has no queries of its own to map. params.yaml: compress.tune.top must be false for it."
        )
    people, teacher = _drawn(calibration, tune), calibration.teacher or model
    draw = np.random.default_rng(calibration.seed)
    student = Learnt(model, knobs.precision, tune.top)
    start = {name: value.detach().clone() for name, value in student.named_parameters()}
    size = float(student.items.detach().square().mean().sqrt()) if not tune.top else 1.0
    optimiser = torch.optim.Adam([p for p in student.parameters() if p.requires_grad], lr=tune.learning_rate * size)
    for _ in range(tune.epochs):
        student.refit()
        order = draw.permutation(len(people))
        for begin in range(0, len(people), BATCH):
            batch = people.take(np.sort(order[begin : begin + BATCH]))
            loss = _objective(student, _lists(teacher, batch, draw), batch, tune)
            loss = loss + tune.l2 * _moved(student, start)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    return student.back()


def _drawn(calibration: Calibration, tune: Tune) -> Batch:
    """The people to learn from: all with a history, or as many as asked for."""
    known = calibration.known()
    if not tune.people or tune.people >= len(known):
        return known
    draw = np.random.default_rng(calibration.seed)
    return known.take(np.sort(draw.choice(len(known), tune.people, replace=False)))


def _lists(teacher: ServingModel, batch: Batch, draw: np.random.Generator) -> Loss:
    """The loss of a batch against the teacher's lists and drawn items."""
    count = min(CANDIDATES, teacher.n_items)
    items, _ = top_k(teacher, batch, count)
    items = np.where(items < 0, items[:, :1], items)
    others = draw.integers(0, teacher.n_items, 8 * count)
    assert teacher.item_vectors is not None
    queries = torch.from_numpy(teacher.vectors(batch))
    near, far = torch.from_numpy(items.astype(np.int64)), torch.from_numpy(others)
    vectors = torch.from_numpy(teacher.item_vectors.rows(np.concatenate((items.ravel(), others))))
    listed = vectors[: items.size].view(*items.shape, -1)
    scores = torch.cat((torch.einsum("br,bcr->bc", queries, listed), queries @ vectors[items.size :].T), dim=1)
    spread = TEMPERATURE * scores.std(dim=1, keepdim=True).clamp_min(1e-12)
    wanted = torch.softmax(scores / spread, dim=1)

    def loss(own: torch.Tensor, table: torch.Tensor) -> torch.Tensor:
        found = torch.cat((torch.einsum("br,bcr->bc", own, table[near]), own @ table[far].T), dim=1)
        return -(wanted * torch.log_softmax(found / spread, dim=1)).sum(dim=1).mean()

    return loss


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
