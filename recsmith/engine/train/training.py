"""The loop over epochs: steps, evaluation, early stopping, checkpoints."""

from __future__ import annotations

import math
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from recsmith.engine.batch.sampling import Batch, Sampler
from recsmith.engine.network.gnn import network
from recsmith.engine.network.warm import Start, learnt
from recsmith.engine.settings import FitSettings, Fitted, OnEpoch, Say, allowed_epochs, is_evaluated, last_epoch
from recsmith.engine.sparse.adjacency import Adjacency
from recsmith.engine.sparse.blockwise import is_linear, propagate
from recsmith.engine.train.checkpoint import Checkpoints, key_of
from recsmith.engine.train.guide import Guide
from recsmith.engine.train.judge import Judge
from recsmith.engine.train.objective import Objective
from recsmith.engine.train.optimise import Optimiser, rate
from recsmith.engine.train.progress import memory_mb
from recsmith.engine.train.stepping import Stepping
from recsmith.engine.train.team import Team
from recsmith.engine.vectors import Vectors, vectors
from recsmith.errors import UserError
from recsmith.graph.graph import Graph
from recsmith.graph.relevant import Relevant
from recsmith.model.architecture import Gnn, describe

CHECKED = {"cpu": 1, "cuda": 64}
"""Steps between two looks at the loss, which make a GPU wait."""


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
        start: Start | None = None,
        guide: Guide | None = None,
    ) -> None:
        self.architecture, self.graph, self.settings = architecture, graph, settings
        self.device, self.team, self.say = device, team, say
        self.adjacency = Adjacency(graph, device)
        spectra = None if settings.spectra is None else Path(settings.spectra)
        self.network = network(architecture, graph, spectra, device)
        if start is not None:
            start.begin(self.network)
        beside = None if guide is None else guide(self.network, self.adjacency)
        self.objective = Objective(architecture, self.network, graph, beside).to(device)
        sampled = bool(settings.fan_out)
        self.sampler = Sampler(graph, architecture, settings.batch_size, settings.seed, device, mapped=sampled)
        self.blockwise = sampled and is_linear(architecture)
        self.epoch_steps = -(-len(self.sampler.users) // settings.batch_size)
        self.optimiser = Optimiser(architecture, self.objective, allowed_epochs(settings) * self.epoch_steps)
        self.stepping = Stepping(self.objective, graph, self.adjacency, settings, team, say)
        self.history: list[dict[str, Any]] = []
        key = key_of(architecture, graph, valid, settings, team.size, start)
        self.checkpoints = Checkpoints(settings.checkpoints, key, settings.checkpoint_seconds, say)
        self.judge = None if valid is None else Judge(graph, valid, settings, team)

    def run(self, on_epoch: OnEpoch) -> Fitted:
        """Train until the epochs are done or patience is spent; gives the best epoch, or the last of a fixed number."""
        self._resume()
        while self._goes_on():
            started = time.perf_counter()
            row = self._epoch()
            if self.judge and is_evaluated(row["epoch"], self.settings):
                row[self.settings.metric] = self.judge.judge(row["epoch"], self.vectors(), self.network)
            self._keep()
            seconds = time.perf_counter() - started
            on_epoch({**row, "seconds": seconds, "memory_mb": memory_mb(self.device)})
        if self.judge and self.judge.model:
            return Fitted(self.judge.model, self.architecture, self.judge.epoch, self.history, self.judge.learnt)
        last = self.vectors()
        model = vectors(last.user_vectors.cpu(), last.item_vectors.cpu(), self.graph)
        return Fitted(model, self.architecture, len(self.history), self.history, learnt(self.network))

    def _goes_on(self) -> bool:
        if self.judge:
            return len(self.history) < last_epoch(self.settings) and not self.judge.gives_up
        return len(self.history) < (self.settings.epochs or 0)

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

    def vectors(self) -> Vectors:
        """The vectors as they are now."""
        self.network.eval()
        with torch.no_grad():
            nodes = self._in_blocks() if self.blockwise else self.network(self.adjacency)
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
        return {
            "objective": self.objective.state_dict(),
            "optimiser": self.optimiser.state(),
            "random": {"cpu": torch.get_rng_state(), "gpu": gpu},
            "sampler": self.sampler.state(),
            "stepping": self.stepping.state(),
            "history": self.history,
            "judge": self.judge.state() if self.judge else None,
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
        if self.judge:
            self.judge.restore(state["judge"])
        self.say(f"resumed at epoch {len(self.history) + 1}" if self._goes_on() else "trained already")
