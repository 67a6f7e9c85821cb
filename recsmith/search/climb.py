"""An order of proposals for dear candidates: what was published, then uphill from the best, then what a tuner says.

Knobs such as exponents, ranks and weights are ordered, and a metric changes smoothly along them; a tuner that takes
their values for mere names needs many more trials to see it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

import nni

from recsmith.files import digest
from recsmith.search.published import published
from recsmith.search.strategies.base import Distinct
from recsmith.search.tree import NUMBER, Tree, below, branch, knobs_of


class Climb:
    """Gives one proposal at a time and is told its value; nothing is proposed twice."""

    def __init__(self, tree: Tree, tuner: Distinct) -> None:
        self.tree, self.tuner = tree, tuner
        self.first, self.around = deque(published(tree)), deque[dict[str, Any]]()
        self.tried: set[str] = set()
        self.best = 0.0
        tuner.update_search_space(tree)

    def ask(self) -> dict[str, Any] | None:
        """A proposal with its number; None where the space is used up."""
        number = len(self.tried)
        proposal = self._fresh(self.first) or self._fresh(self.around)
        if proposal is not None:
            self.tuner.adopt(number, proposal)
            return {**proposal, NUMBER: number}
        try:
            proposal = self.tuner.generate_parameters(number)
        except nni.NoMoreTrialError:
            return None
        self.tried.add(digest(knobs_of(proposal)))
        return proposal

    def tell(self, proposal: dict[str, Any], value: float) -> None:
        """What came of a proposal; where it is the best so far, the steps around it are next."""
        self.tuner.receive_trial_result(proposal[NUMBER], proposal, value)
        if value > self.best:
            self.best, self.around = value, deque(steps(self.tree, knobs_of(proposal)))

    def _fresh(self, queue: deque[dict[str, Any]]) -> dict[str, Any] | None:
        while queue:
            proposal = queue.popleft()
            if (name := digest(proposal)) not in self.tried:
                self.tried.add(name)
                return proposal
        return None


def steps(tree: Tree, proposal: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Proposals in which one number is the next larger or smaller of its choice."""
    for name, knob in tree.items():
        value = proposal[name]
        if isinstance(value, dict):
            for inner in steps(below(knob, value), branch(value)):
                yield {**proposal, name: {"_name": value["_name"], **inner}}
        elif not isinstance(value, bool | str):
            ordered = sorted(knob["_value"])
            at = ordered.index(value)
            yield from ({**proposal, name: near} for near in [*ordered[at + 1 : at + 2], *ordered[:at][-1:]])
