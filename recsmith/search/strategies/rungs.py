"""Successive halving around any strategy: candidates are compared on a small share of the budget, the best go on.

Asynchronous (Li et al. 2020, "A System for Massively Parallel Hyperparameter Tuning", algorithm 2): whoever asks gets
the best candidate that may go on, else a new one, so that trials beside each other never wait.
"""

from __future__ import annotations

from typing import Any

import nni
from nni.tuner import Tuner

from recsmith.files import digest
from recsmith.search.strategies import STRATEGIES
from recsmith.search.strategies.base import Ordered, Settings
from recsmith.search.tree import FIDELITY, knobs_of

Entry = tuple[float, int, dict[str, Any]]
"""Value, number, proposal."""


class Promotions(Tuner):
    """Proposes what ``tuner`` proposes at the lowest rung; it is told the values of that rung.

    Candidates are compared within their family: a filter has no epochs to cut, so that its value on the lowest rung is
    that of the whole budget.
    """

    def __init__(self, tuner: Ordered, settings: Settings) -> None:
        super().__init__()
        self.tuner, self.keep, self.trials = tuner, settings.keep, settings.trials
        self.shares = (*settings.shares, 1.0)
        self.rungs: list[list[Entry]] = [[] for _ in self.shares]
        self.promoted: list[set[str]] = [set() for _ in self.shares]
        self.running: dict[int, tuple[int, dict[str, Any]]] = {}
        self.started = 0

    def update_search_space(self, search_space: Any) -> None:
        """Take the space."""
        self.tuner.update_search_space(search_space)

    def generate_parameters(self, parameter_id: int, **kwargs: Any) -> dict[str, Any]:
        """The next candidate with its share of the budget; NoMoreTrialError where none is new or may go on."""
        rung, proposal = self._next(parameter_id)
        self.started += 1
        self.running[parameter_id] = rung, proposal
        share = self.shares[rung]
        return {**proposal, FIDELITY: share} if share < 1 else proposal

    def receive_trial_result(self, parameter_id: int, parameters: Any, value: float, **kwargs: Any) -> None:
        """Note a value on its rung."""
        rung, proposal = self.running.pop(parameter_id)
        self.rungs[rung].append((value, parameter_id, proposal))
        if rung == 0:
            self.tuner.receive_trial_result(parameter_id, proposal, value)

    def _next(self, number: int) -> tuple[int, dict[str, Any]]:
        if self._must_finish() and (last := self._best_below()):
            return self._promote(*last)
        for rung in reversed(range(len(self.shares) - 1)):
            if (entry := self._worthy(rung)) is not None:
                return self._promote(rung, entry)
        try:
            return 0, knobs_of(self.tuner.generate_parameters(number))
        except nni.NoMoreTrialError:
            if (rest := self._best_below()) is None:
                raise
            return self._promote(*rest)

    def _promote(self, rung: int, entry: Entry) -> tuple[int, dict[str, Any]]:
        self.promoted[rung].add(digest(entry[2]))
        return rung + 1, entry[2]

    def _worthy(self, rung: int) -> Entry | None:
        """The best that has not gone on, of the best one in ``keep`` of its family."""
        for family in sorted({_family(entry) for entry in self.rungs[rung]}):
            ranked = sorted((one for one in self.rungs[rung] if _family(one) == family), key=_order)
            best = [one for one in ranked[: len(ranked) // self.keep] if digest(one[2]) not in self.promoted[rung]]
            if best:
                return best[0]
        return None

    def _best_below(self) -> tuple[int, Entry] | None:
        """The best of the highest rung below the whole budget from which somebody has not gone on."""
        for rung in reversed(range(len(self.shares) - 1)):
            waiting = [one for one in self.rungs[rung] if digest(one[2]) not in self.promoted[rung]]
            if waiting:
                return rung, min(waiting, key=_order)
        return None

    def _must_finish(self) -> bool:
        """Whether the trials that are left are just enough to bring one candidate to the whole budget."""
        top = len(self.shares) - 1
        if any(rung == top for rung, _ in self.running.values()) or self.rungs[top]:
            return False
        below = self._best_below()
        return below is not None and self.trials - self.started <= top - below[0]


def _family(entry: Entry) -> str:
    family = entry[2].get("family")
    return str(family.get("_name") if isinstance(family, dict) else family)


def _order(entry: Entry) -> tuple[float, int]:
    return -entry[0], entry[1]


class Rungs(Ordered):
    """The strategy that ``settings.strategy`` names, on rungs."""

    def __init__(self, **settings: Any) -> None:
        known = Settings(**settings)
        ours = {"answers": None, "driver": None, "shares": (), "inherit": False}
        inner = STRATEGIES[known.strategy].load()(**{**settings, **ours})
        super().__init__(Promotions(inner, known), known)
