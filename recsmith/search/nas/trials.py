"""What a strategy is told of its candidates: each different one is tried once, however often it is proposed."""

from __future__ import annotations

from typing import Any

import numpy as np

from recsmith.search.attempt import answer, identify
from recsmith.search.parents import Parents
from recsmith.search.progress import Progress
from recsmith.search.space import SearchSpace
from recsmith.search.spending import Spending
from recsmith.search.store import Answer
from recsmith.search.task import Task
from recsmith.search.tree import NUMBER, PARENT, proposals, sample

STALE = 100
"""Repetitions in a row after which a strategy is taken to have nothing new to say."""
DRAWS = 200


class Trials:
    """The budget of a search in this process: so many different candidates."""

    def __init__(self, task: Task, progress: Progress) -> None:
        self.task, self.progress = task, progress
        self.by_key: dict[str, Answer] = {}
        self.stale = 0
        self.spending = Spending(task)
        self.parents = Parents(SearchSpace(task.space).tree) if task.inherit else None

    @property
    def answers(self) -> list[Answer]:
        """In the order of the proposals."""
        return list(self.by_key.values())

    @property
    def full(self) -> bool:
        """Whether the budget is used up."""
        return self.spending.used_up(self.by_key.values())

    @property
    def over(self) -> bool:
        """Whether a strategy is to stop."""
        return self.full or self.stale >= STALE

    def known(self, proposal: dict[str, Any]) -> bool:
        """Whether the candidate has been tried in this search."""
        return identify(self.task, proposal)[1] in self.by_key

    def value(self, proposal: dict[str, Any]) -> float:
        """The metric of a proposal's candidate, which is tried where that has not been done."""
        _, key = identify(self.task, proposal)
        self.stale = self.stale + 1 if key in self.by_key else 0
        if key not in self.by_key:
            self.by_key[key] = self._tried({**proposal, NUMBER: len(self.by_key)})
        return self.by_key[key].value

    def _tried(self, proposal: dict[str, Any]) -> Answer:
        """The answer to a numbered proposal, whose network begins from the nearest one's weights where it is to."""
        parent = self.parents.nearest(proposal) if self.parents is not None else None
        asked = proposal if parent is None else {**proposal, PARENT: parent}
        self.progress.running([asked])
        found = answer(self.task, asked)
        self.progress.show(found)
        if self.parents is not None and found.value > 0:
            self.parents.add(proposal, found.key)
        return found

    def fill(self, tree: Any) -> None:
        """Use the trials that a strategy left: candidates drawn uniformly, in the end one after the other."""
        generator = np.random.default_rng(self.task.budget.seed)
        for _ in range(DRAWS):
            if self.full:
                return
            self.value(sample(tree, generator))
        for proposal in proposals(tree):
            if self.full:
                return
            self.value(proposal)
