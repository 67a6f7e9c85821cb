"""Which way to the gradients an architecture and its settings ask for; smaller parts where memory runs out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from recsmith.engine.batch.sampling import Batch
from recsmith.engine.batch.views import views_of
from recsmith.engine.settings import FitSettings, Say
from recsmith.engine.sparse.adjacency import Adjacency
from recsmith.engine.train.decoupled import Once, Window, check_linear
from recsmith.engine.train.guide import check_guided
from recsmith.engine.train.objective import Objective
from recsmith.engine.train.steps import Gradients, Parts, Propagated, Sampled, Whole
from recsmith.engine.train.team import Team
from recsmith.errors import UserError
from recsmith.graph.graph import Graph


class Stepping:
    """Gradients of batch after batch."""

    def __init__(
        self, objective: Objective, graph: Graph, adjacency: Adjacency, settings: FitSettings, team: Team, say: Say
    ) -> None:
        self.architecture, self.settings, self.team, self.say = objective.architecture, settings, team, say
        self.graph, self.adjacency = graph, adjacency
        views = views_of(self.architecture, graph, adjacency, settings)
        check_steps(objective, settings, team.size)
        self.parts = Parts(objective, views, settings.accumulate, settings.precision, adjacency.device)
        self.way = self._way()

    def _way(self) -> Gradients:
        every = self.architecture.propagate_every
        if every == 0:
            return Once(self.parts)
        if every > 1:
            return Window(self.parts, self.adjacency, self.graph, every)
        if self.parts.number == 1:
            return Whole(self.parts, self.team)
        return Sampled(self.parts) if self.settings.fan_out else Propagated(self.parts, self.adjacency)

    def gradients(self, batch: Batch, clear: Callable[[], None], *, last: bool) -> torch.Tensor:
        """Set the gradients of the batch's loss and give the loss; where memory runs out, the batch is cut smaller.

        ``clear`` forgets gradients; ``last``: the batch is the last of its epoch. Shapes: -> ().
        """
        while True:
            clear()
            try:
                return self.way(batch, last=last)
            except torch.OutOfMemoryError as error:
                reason = str(error).partition("\n")[0]
            self._cut_smaller(batch, reason)

    def _cut_smaller(self, batch: Batch, reason: str) -> None:
        parts = 2 * self.parts.number
        if self.team.size > 1 or not self.parts.objective.decomposes or parts > batch.size:
            raise UserError(
                f"A step ran out of memory with batches in {self.parts.number} parts, which cannot be cut smaller. "
                f"{reason} Take a smaller batch_size or dimension."
            )
        if self.parts.number == self.settings.accumulate:
            self.say(f"A step ran out of memory: batches are cut into {parts} or more parts from here on. {reason}")
        self._cut_into(parts)

    def state(self) -> dict[str, Any]:
        """What :meth:`restore` needs to go on from here; taken between two epochs."""
        late = self.way.late if isinstance(self.way, Window) else None
        return {"parts": self.parts.number, "late": late, "views": self.parts.views.state()}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from where :meth:`state` was called."""
        self._cut_into(state["parts"])
        self.parts.views.restore(state["views"])
        if isinstance(self.way, Window) and state["late"] is not None:
            self.way.late = state["late"].to(self.adjacency.device)

    def _cut_into(self, parts: int) -> None:
        self.parts.number = parts
        if isinstance(self.way, Whole) and parts > 1:
            self.way = self._way()
        if self.adjacency.device.type == "cuda":
            torch.cuda.empty_cache()


def check_steps(objective: Objective, settings: FitSettings, processes: int) -> None:
    """UserError where knobs and settings do not go together."""
    check_guided(objective, settings, processes)
    architecture, team = objective.architecture, f"training in {processes} processes"
    divided = [f"accumulate = {settings.accumulate}"] * (settings.accumulate > 1) + [team] * (processes > 1)
    if divided and not objective.decomposes:
        knob = "loss" if architecture.contrast == "none" else "contrast"
        raise UserError(
            f"{divided[0]} needs a loss that is the sum of those of a batch's parts, and {knob} = "
            f"{getattr(architecture, knob)!r} compares the interactions of a batch with each other. Take another "
            f"{knob}, or whole batches in one process."
        )
    if len(divided) == 2:
        raise UserError(f"{divided[0]} and {team} both cut the batch; take one of them.")
    if settings.fan_out and len(settings.fan_out) != len(architecture.operators):
        raise UserError(
            f"fan_out = {list(settings.fan_out)} has {len(settings.fan_out)} numbers and the network "
            f"{len(architecture.operators)} layers; give one number a layer."
        )
    if architecture.propagate_every != 1:
        check_linear(architecture)
        for what, given in (("fan_out", settings.fan_out), (team, processes > 1)):
            if given:
                raise UserError(f"propagate_every = {architecture.propagate_every} does not go with {what}; take 1.")
