"""How quality decays without retraining, and what retraining wins back: the log replayed window by window."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import pyarrow as pa

from recsmith.engine.fit import FitSettings, Fitted, Start, fit
from recsmith.engine.network.warm import placed
from recsmith.engine.rank.evaluate import evaluate
from recsmith.engine.vectors import popularity
from recsmith.errors import UserError
from recsmith.evaluation.earlier import Earlier
from recsmith.graph.graph import Graph, from_edges
from recsmith.graph.relevant import Relevant, from_pairs
from recsmith.model.architecture import Architecture, Gnn
from recsmith.tables import columns as c

FEWEST = 10
VALID = 0.1
WAYS = ("left", "cold", "warm")
"""As it was after the past; trained from nothing before each window; gone on from the window before."""


@dataclass(frozen=True)
class Row:
    """One way's quality on one window."""

    window: int
    way: str
    value: float
    users: int
    epochs: int
    """Of the training on all that came before the window; 0 where nothing was trained."""
    seconds: float


@dataclass(frozen=True)
class _Known:
    """What is known at a moment. Shapes: users (U,), items (I,) sorted ids."""

    users: np.ndarray
    items: np.ndarray
    graph: Graph


@dataclass(frozen=True)
class _Made:
    """The two models of a training, as the line makes them: the candidate decides the epochs of the final one."""

    known: dict[str, _Known]
    fitted: dict[str, Fitted]
    seconds: float


class _Trained(Earlier):
    """What was trained before, by the ids of now."""

    def __init__(self, made: _Made, users: np.ndarray, items: np.ndarray) -> None:
        known = made.known["final"]
        super().__init__(placed(users, known.users), placed(items, known.items))
        self.model, self.popularity = made.fitted["final"].model, popularity(known.graph)

    def own_scores(self, rows: np.ndarray) -> np.ndarray:
        """Popularity where the person is new."""
        found = np.tile(self.popularity, (len(rows), 1))
        known = np.flatnonzero(rows >= 0)
        if len(known):
            found[known] = self.model.scores(rows[known]).cpu().numpy()
        return found


class Replay:
    """The events of a log in their order of time, cut into a past and windows of equal numbers of events."""

    def __init__(self, table: pa.Table, windows: int, first: float, settings: FitSettings) -> None:
        ordered = table.sort_by([(name, "ascending") for name in (c.TIMESTAMP, c.USER, c.ITEM)])
        self.users, self.items = (np.asarray(ordered[name].to_pylist(), dtype=str) for name in (c.USER, c.ITEM))
        total = len(self.users)
        self.cuts = np.linspace(int(first * total), total, windows + 1).astype(int).tolist()
        self.settings = settings
        if min(np.diff([0, *self.cuts])) < FEWEST:
            raise UserError(f"{total:,} events are too few for {windows} windows (params.yaml: retrain.decay.windows).")

    def rows(self, winner: Architecture) -> Iterator[Row]:
        """Every way on every window, as they are done; filters have closed forms, so there is no warm one."""
        made: dict[str, _Made] = {}
        for window, (now, end) in enumerate(pairwise(self.cuts), start=1):
            cold = self._made(winner, now, None)
            made = {"left": made.get("left", cold), "cold": cold, **self._warm(winner, now, made, cold)}
            for way, one in made.items():
                trained = way != "left" or window == 1
                yield self._tested(window, way, one, now, end, trained=trained)

    def _warm(self, winner: Architecture, now: int, before: dict[str, _Made], cold: _Made) -> dict[str, _Made]:
        if not isinstance(winner, Gnn):
            return {}
        return {"warm": self._made(winner, now, before["warm"]) if before else cold}

    def _known(self, end: int) -> _Known:
        """What the first ``end`` events say."""
        users, user = np.unique(self.users[:end], return_inverse=True)
        items, item = np.unique(self.items[:end], return_inverse=True)
        return _Known(users, items, _graph(user, item, len(users), len(items)))

    def _made(self, winner: Architecture, now: int, before: _Made | None) -> _Made:
        """Trained on all before ``now``: the epochs decided on its last tenth, then on everything."""
        began, cut = time.perf_counter(), int((1 - VALID) * now)
        known = {"candidate": self._known(cut), "final": self._known(now)}
        relevant = self._asked(known["candidate"].users, known["candidate"].items, cut, now)[0]
        starts = {name: _start(before, name, known[name]) if before else None for name in known}
        candidate = fit(winner, known["candidate"].graph, self.settings, relevant, start=starts["candidate"])
        fixed = replace(self.settings, epochs=candidate.epochs)
        final = fit(winner, known["final"].graph, fixed, start=starts["final"])
        return _Made(known, {"candidate": candidate, "final": final}, time.perf_counter() - began)

    def _asked(self, users: np.ndarray, items: np.ndarray, start: int, end: int) -> tuple[Relevant, Graph]:
        """New pairs of known people and items from ``start`` to ``end``, and the graph of what was before."""
        user, item = placed(self.users[:end], users), placed(self.items[:end], items)
        there = (user >= 0) & (item >= 0)
        past = there & (np.arange(end) < start)
        seen = _graph(user[past], item[past], len(users), len(items))
        new = there & ~past
        new[new] = np.asarray(seen.binary[user[new], item[new]]).ravel() == 0
        return from_pairs(user[new], item[new], len(users), len(items)), seen

    def _tested(self, window: int, way: str, made: _Made, now: int, end: int, *, trained: bool) -> Row:
        """All who are active in the window are asked, and all items of it count, known or not."""
        users, items = np.unique(self.users[:end]), np.unique(self.items[:end])
        relevant, seen = self._asked(users, items, now, end)
        cutoff = int(self.settings.metric.partition("@")[2])
        found = evaluate(_Trained(made, users, items), seen, relevant, [cutoff], self.settings.memory_mb)
        epochs, seconds = (made.fitted["candidate"].epochs, made.seconds) if trained else (0, 0.0)
        return Row(window, way, found[self.settings.metric], len(relevant.users), epochs, seconds)


def _graph(users: np.ndarray, items: np.ndarray, n_users: int, n_items: int) -> Graph:
    pairs = np.unique(np.stack((users, items), axis=1), axis=0) if len(users) else np.zeros((0, 2), np.int64)
    return from_edges(pairs[:, 0], pairs[:, 1], n_users, n_items)


def _start(before: _Made, name: str, now: _Known) -> Start | None:
    fitted, known = before.fitted[name], before.known[name]
    if fitted.learnt is None or not isinstance(fitted.architecture, Gnn):
        return None
    items = placed(now.items, known.items)
    nodes = np.concatenate((placed(now.users, known.users), np.where(items >= 0, items + len(known.users), -1)))
    return Start(fitted.architecture, fitted.learnt, nodes)


def won_back(rows: list[Row], way: str) -> list[float]:
    """Window by window, what ``way`` has over the model that was left as it was."""
    values = {(row.window, row.way): row.value for row in rows}
    return [value - values[window, "left"] for (window, name), value in values.items() if name == way]
