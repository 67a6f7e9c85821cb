"""The loop over epochs: steps, evaluation, early stopping, checkpoints."""

from __future__ import annotations

import math
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from recsmith.engine.adjacency import Adjacency
from recsmith.engine.blockwise import is_linear, propagate
from recsmith.engine.checkpoint import Checkpoints, key_of
from recsmith.engine.evaluate import evaluate
from recsmith.engine.gnn import network
from recsmith.engine.objective import Objective
from recsmith.engine.optimise import Optimiser, rate
from recsmith.engine.progress import memory_mb
from recsmith.engine.sampling import Batch, Sampler
from recsmith.engine.settings import FitSettings, Fitted, OnEpoch, Say, allowed_epochs, is_evaluated, last_epoch
from recsmith.engine.stepping import Stepping
from recsmith.engine.team import Team
from recsmith.engine.vectors import Vectors, vectors
from recsmith.errors import UserError
from recsmith.graph.graph import Graph
from recsmith.graph.relevant import Relevant
from recsmith.model.architecture import Gnn, describe

CHECKED = {"cpu": 1, "cuda": 64}
"""Steps between two looks at the loss, which make a GPU wait."""


@dataclass
class Best:
    """The best evaluation so far."""

    epoch: int
    value: float
    since: int
    """Evaluations since."""
    model: Vectors


class Training:
    """The state of one training run."""

    def __init__(
        self,
        architecture: Gnn,
        graph: Graph,
        valid: Relevant | None,
        settings: FitSettings,
        device: torch.device,
        team: Team,
        say: Say,
    ) -> None:
        self.architecture, self.graph, self.valid, self.settings = architecture, graph, valid, settings
        self.device, self.team, self.say = device, team, say
        self.adjacency = Adjacency(graph, device)
        spectra = None if settings.spectra is None else Path(settings.spectra)
        self.network = network(architecture, graph, spectra, device)
        self.objective = Objective(architecture, self.network, graph).to(device)
        sampled = bool(settings.fan_out)
        self.sampler = Sampler(graph, architecture, settings.batch_size, settings.seed, device, mapped=sampled)
        self.blockwise = sampled and is_linear(architecture)
        self.epoch_steps = -(-len(self.sampler.users) // settings.batch_size)
        self.optimiser = Optimiser(architecture, self.objective, allowed_epochs(settings) * self.epoch_steps)
        self.stepping = Stepping(self.objective, graph, self.adjacency, settings, team, say)
        self.history: list[dict[str, Any]] = []
        key = key_of(architecture, graph, valid, settings, team.size)
        self.checkpoints = Checkpoints(settings.checkpoints, key, settings.checkpoint_seconds, say)
        self.ranking_mb = settings.memory_mb
        self.best = Best(0, -math.inf, 0, self.vectors())

    def run(self, on_epoch: OnEpoch) -> Fitted:
        """Train until the epochs are done or patience is spent; gives the best epoch, or the last of a fixed number."""
        self._resume()
        fixed = self.settings.epochs
        while self._goes_on():
            started = time.perf_counter()
            row = self._epoch()
            if fixed is None and is_evaluated(row["epoch"], self.settings):
                self._judge(row)
            self._keep()
            seconds = time.perf_counter() - started
            on_epoch({**row, "seconds": seconds, "memory_mb": memory_mb(self.device)})
        if fixed is not None:
            return Fitted(self.vectors(), self.architecture, fixed, self.history)
        return Fitted(self.best.model, self.architecture, self.best.epoch, self.history)

    def _goes_on(self) -> bool:
        fixed = self.settings.epochs
        epochs = last_epoch(self.settings) if fixed is None else fixed
        return len(self.history) < epochs and self.best.since < self.settings.patience

    def _epoch(self) -> dict[str, Any]:
        """Every pair once; the row is in the history when this returns."""
        self.objective.train()
        values: list[torch.Tensor] = []
        losses: list[float] = []
        sizes: list[int] = []
        for batch in self.sampler.epoch():
            sizes.append(batch.size)
            values.append(self._step(batch, last=len(sizes) == self.epoch_steps))
            if len(values) == CHECKED[self.device.type] or len(sizes) == self.epoch_steps:
                losses += self._numbers(values)
                values.clear()
        mean = sum(loss * size for loss, size in zip(losses, sizes, strict=True)) / sum(sizes)
        self.history.append({"epoch": len(self.history) + 1, "loss": mean})
        return self.history[-1]

    def _step(self, batch: Batch, *, last: bool) -> torch.Tensor:
        value = self.stepping.gradients(batch, self.optimiser.clear, last=last)
        self.optimiser.step()
        return value

    def _numbers(self, values: list[torch.Tensor]) -> list[float]:
        """The losses of the last steps; UserError where one is no number."""
        numbers = torch.stack(values).tolist()
        for place, number in enumerate(numbers):
            if not math.isfinite(number):
                raise self._diverged(self.optimiser.steps - len(values) + place + 1, number)
        return numbers

    def _judge(self, row: dict[str, Any]) -> None:
        """Evaluate what the epoch left; the first of the best is kept."""
        model, metric = self.vectors(), self.settings.metric
        row[metric] = self.team.agreed(self._evaluate(model) if self.team.rank == 0 else 0.0)
        self.best.since += 1
        if row[metric] > self.best.value:
            self.best = Best(row["epoch"], row[metric], 0, model)

    def _evaluate(self, model: Vectors) -> float:
        """The metric on valid; where memory runs out, users are ranked in smaller blocks from there on."""
        assert self.valid is not None
        metric = self.settings.metric
        while True:
            try:
                return evaluate(model, self.graph, self.valid, [int(metric.partition("@")[2])], self.ranking_mb)[metric]
            except torch.OutOfMemoryError as error:
                reason = str(error).partition("\n")[0]
            if self.ranking_mb < 2:
                raise UserError(f"Ranking ran out of memory and cannot take smaller blocks: {reason}")
            if self.ranking_mb == self.settings.memory_mb:
                self.say(f"Ranking ran out of memory: users are ranked in smaller blocks from here on. {reason}")
            self.ranking_mb //= 2

    def vectors(self) -> Vectors:
        """The vectors as they are now, on the CPU."""
        self.network.eval()
        with torch.no_grad():
            nodes = self._in_blocks() if self.blockwise else self.network(self.adjacency).cpu()
        if not torch.isfinite(nodes).all():
            raise self._diverged(self.optimiser.steps, math.nan)
        return vectors(nodes[: self.graph.n_users].clone(), nodes[self.graph.n_users :].clone(), self.graph)

    def _in_blocks(self) -> torch.Tensor:
        """The vectors of all nodes without the whole graph in memory; shapes: -> (N, W)."""
        embeddings = self.network.embeddings.detach().float().cpu().numpy()
        with tempfile.TemporaryDirectory(prefix="recsmith-vectors-") as folder:
            return torch.from_numpy(np.array(propagate(self.architecture, self.graph, embeddings, folder)))

    def _diverged(self, step: int, value: float) -> UserError:
        rate_then = rate(self.architecture, max(step - 1, 0), self.optimiser.total)
        return UserError(
            f"Training diverged: the loss is {value} at step {step} with learning_rate = {rate_then:g} "
            f"({describe(self.architecture)}). {self.checkpoints.describe()} Take smaller values in params.yaml: "
            "search.space.learning_rate."
        )

    def _keep(self) -> None:
        """Write the whole state; the first process does so for all."""
        if self.team.rank == 0:
            self.checkpoints.write(len(self.history), self.state(), last=not self._goes_on())

    def state(self) -> dict[str, Any]:
        """Everything that the rest of the training depends on."""
        gpu = torch.cuda.get_rng_state(self.device) if self.device.type == "cuda" else None
        best = self.best
        return {
            "objective": self.objective.state_dict(),
            "optimiser": self.optimiser.state(),
            "random": {"cpu": torch.get_rng_state(), "gpu": gpu},
            "sampler": self.sampler.state(),
            "stepping": self.stepping.state(),
            "history": self.history,
            "best": {"epoch": best.epoch, "value": best.value, "since": best.since},
            "best_vectors": [best.model.user_vectors, best.model.item_vectors],
        }

    def _resume(self) -> None:
        """Go on from the checkpoint where there is one."""
        state = self.team.agreed(self.checkpoints.read() if self.team.rank == 0 else None)
        if state is None:
            return
        self.objective.load_state_dict(state["objective"])
        self.optimiser.restore(state["optimiser"])
        torch.set_rng_state(state["random"]["cpu"])
        if self.device.type == "cuda":
            torch.cuda.set_rng_state(state["random"]["gpu"], self.device)
        self.sampler.restore(state["sampler"])
        self.stepping.restore(state["stepping"])
        self.history = state["history"]
        users, items = state["best_vectors"]
        self.best = Best(**state["best"], model=vectors(users, items, self.graph))
        self.say(f"resumed at epoch {len(self.history) + 1}" if self._goes_on() else "trained already")
