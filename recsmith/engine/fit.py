"""Fitting an architecture to a graph: filters in closed form, networks by Adam with early stopping on valid."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch

from recsmith.engine.adjacency import Adjacency
from recsmith.engine.devices import repeatable, resolve
from recsmith.engine.evaluate import evaluate
from recsmith.engine.filters import fit_filter
from recsmith.engine.gnn import Network, needed_bytes
from recsmith.engine.objective import Objective
from recsmith.engine.propagate import Gather
from recsmith.engine.sampling import Batch, Sampler
from recsmith.engine.vectors import Vectors, vectors
from recsmith.engine.view import View
from recsmith.errors import SizedOut, UserError
from recsmith.graph.graph import Graph
from recsmith.graph.relevant import Relevant
from recsmith.model.architecture import Filter, Gnn, describe
from recsmith.model.contract import Model

OnEpoch = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class FitSettings:
    """How a candidate is fitted; equal settings, graph and threads give equal bytes on a CPU."""

    seed: int = 7
    device: str = "auto"
    threads: int = 2
    memory_mb: int = 2000
    max_epochs: int = 80
    patience: int = 6
    """Evaluations without a better valid metric before training stops."""
    evaluate_every: int = 2
    batch_size: int = 8192
    metric: str = "ndcg@20"
    epochs: int | None = None
    """Train exactly so many epochs and keep the last, instead of stopping early."""


@dataclass
class Fitted:
    """A fitted candidate."""

    model: Model
    architecture: Gnn | Filter
    epochs: int
    """The epoch that was kept; 0 for filters."""
    history: list[dict[str, Any]] = field(default_factory=list)
    """A row an epoch: ``epoch``, ``loss``, and the metric where it was evaluated."""


def fit(
    architecture: Gnn | Filter,
    graph: Graph,
    settings: FitSettings,
    valid: Relevant | None = None,
    on_epoch: OnEpoch | None = None,
) -> Fitted:
    """Fit ``architecture`` to ``graph``.

    A network is evaluated after the first epoch and after every ``evaluate_every``-th; the best of these is kept (the
    first of equals), so a longer run repeats a shorter one exactly and is never worse. Raises UserError where there is
    nothing to learn from, nothing to stop by, or where the loss is no longer a number.
    """
    if graph.n_edges == 0:
        raise UserError("The graph has no edges: there is nothing to learn from.")
    if isinstance(architecture, Filter):
        return Fitted(_filter(architecture, graph, settings), architecture, 0)
    _fits(architecture, graph, settings)
    device = resolve(settings.device)
    with repeatable(settings.seed, settings.threads, device):
        training = _Training(architecture, graph, settings, device)
        if settings.epochs is not None:
            return training.fixed(settings.epochs, on_epoch or _quiet)
        if valid is None or not len(valid.users):
            raise UserError(
                "Early stopping needs valid pairs and there are none; give a number of epochs or more data."
            )
        return training.stopped(valid, on_epoch or _quiet)


def _filter(architecture: Filter, graph: Graph, settings: FitSettings) -> Model:
    device = resolve(settings.device)
    with repeatable(settings.seed, settings.threads, device):
        return fit_filter(architecture, graph, memory_mb=settings.memory_mb, device=device)


def _fits(architecture: Gnn, graph: Graph, settings: FitSettings) -> None:
    needed = needed_bytes(architecture, graph.n_users + graph.n_items, graph.n_edges, settings.batch_size)
    if needed > settings.memory_mb * 2**20:
        raise SizedOut(
            f"Training {describe(architecture)} on {graph.n_users:,} users and {graph.n_items:,} items needs about "
            f"{needed / 2**20:,.0f} MB, more than params.yaml: run.memory_mb = {settings.memory_mb}. Raise it, or take "
            "a smaller dimension or batch_size."
        )


class _Training:
    """The state of one training run."""

    def __init__(self, architecture: Gnn, graph: Graph, settings: FitSettings, device: torch.device) -> None:
        self.architecture, self.graph, self.settings = architecture, graph, settings
        self.adjacency = Adjacency(graph, device)
        self.network = Network(architecture, self.adjacency.n_nodes).to(device)
        self.objective = Objective(architecture, self.network, graph)
        self.sampler = Sampler(graph, architecture, settings.batch_size, settings.seed, device)
        self.optimizer = torch.optim.Adam(self.objective.parameters(), lr=architecture.learning_rate, fused=True)
        self.steps = 0
        self.history: list[dict[str, Any]] = []

    def fixed(self, epochs: int, on_epoch: OnEpoch) -> Fitted:
        """Exactly ``epochs`` epochs."""
        for _ in range(epochs):
            on_epoch(self._epoch())
        return Fitted(self.vectors(), self.architecture, epochs, self.history)

    def stopped(self, valid: Relevant, on_epoch: OnEpoch) -> Fitted:
        """Until the metric has not improved for ``patience`` evaluations; the best vectors are kept."""
        metric, best, since = self.settings.metric, Fitted(self.vectors(), self.architecture, 0, self.history), 0
        highest = -math.inf
        for epoch in range(1, last_epoch(self.settings) + 1):
            row = self._epoch()
            if is_evaluated(epoch, self.settings):
                model, since = self.vectors(), since + 1
                row[metric] = self._evaluate(model, valid)
                if row[metric] > highest:
                    highest, best, since = row[metric], Fitted(model, self.architecture, epoch, self.history), 0
            on_epoch(row)
            if since >= self.settings.patience:
                break
        return best

    def _evaluate(self, model: Model, valid: Relevant) -> float:
        metric = self.settings.metric
        cutoff = int(metric.partition("@")[2])
        return evaluate(model, self.graph, valid, [cutoff], self.settings.memory_mb)[metric]

    def _epoch(self) -> dict[str, Any]:
        self.network.train()
        total = sum(self._step(batch) * batch.size for batch in self.sampler.epoch())
        self.history.append({"epoch": len(self.history) + 1, "loss": total / len(self.sampler.users)})
        return self.history[-1]

    def _step(self, batch: Batch) -> float:
        self.steps += 1
        self.optimizer.zero_grad(set_to_none=True)
        gather = Gather.of(batch.rows(self.adjacency.n_users), self.adjacency.n_nodes)
        value = self.objective(View(self.adjacency, gather), batch)
        number = value.item()
        if not math.isfinite(number):
            raise _diverged(self.steps, number, self.architecture)
        value.backward()
        self.optimizer.step()
        return number

    def vectors(self) -> Vectors:
        """The vectors as they are now, on the CPU."""
        self.network.eval()
        with torch.no_grad():
            nodes = self.network(self.adjacency).cpu()
        if not torch.isfinite(nodes).all():
            raise _diverged(self.steps, math.nan, self.architecture)
        return vectors(nodes[: self.graph.n_users].clone(), nodes[self.graph.n_users :].clone(), self.graph)


def last_epoch(settings: FitSettings) -> int:
    """The last epoch that is evaluated within ``max_epochs``; later ones could not be chosen."""
    return max(1, settings.max_epochs // settings.evaluate_every * settings.evaluate_every)


def is_evaluated(epoch: int, settings: FitSettings) -> bool:
    """Whether the metric is measured after ``epoch``: after the first and every ``evaluate_every``-th."""
    return epoch == 1 or epoch % settings.evaluate_every == 0


def _diverged(step: int, value: float, architecture: Gnn) -> UserError:
    return UserError(
        f"Training diverged: the loss is {value} at step {step} with learning_rate = {architecture.learning_rate:g} "
        f"({describe(architecture)}). Take smaller values in params.yaml: search.space.learning_rate."
    )


def _quiet(row: dict[str, Any]) -> None:
    """For callers that do not listen."""
