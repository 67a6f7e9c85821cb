"""The contract of the strategies that NNI runs as tuners: seeded, told the results in a fixed order, never twice.

NNI makes them in its dispatcher process; ``strategies.make`` does the same in this one. With one trial at a time the
same seed and the same results give the same proposals.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nni
import numpy as np
from nni.tuner import Tuner

from recsmith import guard
from recsmith.config.base import Section
from recsmith.files import digest
from recsmith.search.parents import Parents
from recsmith.search.published import first
from recsmith.search.store import Answers
from recsmith.search.tree import NUMBER, PARENT, Tree, proposals, sample

PATIENCE_SECONDS = 10.0
REDRAWS, BLIND_DRAWS = 20, 200
"""How often a tuner may draw what has been proposed, and how often we draw for it before we go through all."""


class Settings(Section):
    """What a tuner is made from; travels to the dispatcher as its class arguments."""

    seed: int
    trials: int
    concurrency: int = 1
    answers: str | None = None
    """Folder of the run's answers; the tuner reads results there and not from NNI's messages, which may overtake each
    other. None where the caller tells results itself."""
    driver: guard.Identity | None = None
    """Whoever the experiment belongs to; the experiment ends with it."""
    strategy: str = ""
    """Whose proposals are put on rungs; read by ``Rungs`` alone, like the two that follow."""
    shares: tuple[float, ...] = ()
    """Of the budget, ascending and below 1; the whole budget is the last rung."""
    keep: int = 3
    """One of so many candidates goes on to the next rung."""
    published: int = 0
    """So many published settings that the space holds are proposed first."""
    earlier: tuple[dict[str, Any], ...] = ()
    """Settings that earlier searches found best, proposed before these: knob -> value."""
    inherit: bool = False
    """A network is proposed with the key of the nearest finished one, whose weights it begins from."""
    away: bool = False
    """Trials run on other machines: their answers come later than NNI's word that they have ended."""


class Ordered(Tuner):
    """Tells ``tuner`` results by number of the proposal and numbers what it proposes."""

    def __init__(self, tuner: Tuner, settings: Settings) -> None:
        super().__init__()
        self.tuner, self.settings = tuner, settings
        self.open: dict[int, dict[str, Any]] = {}
        self.ended: set[int] = set()
        self.parents: Parents | None = None
        if settings.driver is not None:
            guard.end_with(settings.driver)

    def update_search_space(self, search_space: Any) -> None:
        """Take the space; called once, at the start."""
        self.tuner.update_search_space(search_space)
        self.parents = Parents(search_space) if self.settings.inherit else None

    def generate_multiple_parameters(self, parameter_id_list: list[int], **kwargs: Any) -> list[dict[str, Any]]:
        """Proposals for these numbers; fewer where the space is used up."""
        proposals: list[dict[str, Any]] = []
        for number in parameter_id_list:
            try:
                proposals.append(self.generate_parameters(number))
            except nni.NoMoreTrialError:
                break
        return proposals

    def generate_parameters(self, parameter_id: int, **kwargs: Any) -> dict[str, Any]:
        """The next proposal; it comes after the results of all trials that have ended."""
        self._settle()
        proposal = self.propose(parameter_id)
        self.open[parameter_id] = proposal
        parent = self.parents.nearest(proposal) if self.parents is not None else None
        return {**proposal, **({} if parent is None else {PARENT: parent}), NUMBER: parameter_id}

    def propose(self, number: int) -> dict[str, Any]:
        """What the tuner proposes."""
        return self.tuner.generate_parameters(number)

    def receive_trial_result(self, parameter_id: int, parameters: Any, value: Any, **kwargs: Any) -> None:
        """NNI's message of a result; where the trials leave answers, those are read instead.

        Who has no answers may say under which ``key`` the record lies.
        """
        if self.settings.answers is None:
            self._tell(parameter_id, float(value), kwargs.get("key"))

    def trial_end(self, parameter_id: int, success: bool, **kwargs: Any) -> None:
        """NNI's message of an end, from another thread."""
        self.ended.add(parameter_id)

    def _settle(self) -> None:
        """Read answers until fewer trials are open than may run; one that ended without an answer counts as 0."""
        if self.settings.answers is None:
            return
        answers, deadline = Answers(Path(self.settings.answers)), time.monotonic() + PATIENCE_SECONDS
        while True:
            # Looked at first: an answer is written before its trial ends, so one that is missing then never comes.
            ended = set() if self.settings.away else set(self.ended)
            for number in sorted(self.open):
                answer = answers.load(number)
                if answer is not None or number in ended:
                    self._tell(number, *((answer.value, answer.key) if answer else (0.0, None)))
            if len(self.open) < self.settings.concurrency or time.monotonic() > deadline:
                return
            time.sleep(0.02)

    def _tell(self, number: int, value: float, key: str | None) -> None:
        """Let the tuner know; a trial that has a result, and a key, may be a parent from now on."""
        proposal = self.open.pop(number, None)
        if proposal is not None:
            if self.parents is not None and key is not None and value > 0:
                self.parents.add(proposal, key)
            self.tuner.receive_trial_result(number, proposal, value)


class Distinct(Ordered):
    """Proposes nothing twice: what has been proposed is drawn again, and the tuner may learn that it was known."""

    def __init__(self, tuner: Tuner, settings: Settings) -> None:
        super().__init__(tuner, settings)
        self.seen: dict[str, float | None] = {}
        """What has been proposed, with its value once it is known."""
        self.tree: Tree = {}
        self.first: deque[dict[str, Any]] = deque()
        self.generator = np.random.default_rng(settings.seed)

    def update_search_space(self, search_space: Any) -> None:
        """Take the space."""
        super().update_search_space(search_space)
        self.tree = search_space
        self.first = deque(first(search_space, self.settings.earlier, self.settings.published))

    def propose(self, number: int) -> dict[str, Any]:
        """A proposal that is new, published ones first; NoMoreTrialError where all have been made."""
        if self.first:
            self._adopt(number, self.first[0])
            return self._noted(self.first.popleft())
        for _ in range(REDRAWS):
            proposal = super().propose(number)
            name = digest(proposal)
            if name not in self.seen:
                return self._noted(proposal)
            self._known(number, proposal, self.seen[name])
        proposal = next((one for one in self._blind() if digest(one) not in self.seen), None)
        if proposal is None:
            raise nni.NoMoreTrialError
        self._adopt(number, proposal)
        return self._noted(proposal)

    def adopt(self, number: int, proposal: dict[str, Any]) -> None:
        """Take a proposal of other origin for its own; its result is told as usual."""
        self.open[number] = self._noted(proposal)
        self._adopt(number, proposal)

    def _noted(self, proposal: dict[str, Any]) -> dict[str, Any]:
        self.seen.setdefault(digest(proposal))
        return proposal

    def _tell(self, number: int, value: float, key: str | None) -> None:
        if number in self.open:
            self.seen[digest(self.open[number])] = value
        super()._tell(number, value, key)

    def _blind(self) -> Iterator[dict[str, Any]]:
        """Proposals without the tuner, that wants what it has had: drawn uniformly, in the end one after the other."""
        yield from (sample(self.tree, self.generator) for _ in range(BLIND_DRAWS))
        yield from proposals(self.tree)

    def _known(self, number: int, proposal: dict[str, Any], value: float | None) -> None:
        """What the tuner is told where it drew what has been proposed; ``value`` is None where its trial still runs."""

    def _adopt(self, number: int, proposal: dict[str, Any]) -> None:
        """Let the tuner know that ``number`` stands for a proposal that it has not drawn."""


class Learner(Distinct):
    """A tuner that learns from values alone: one that is known already is told at once, 0 where its trial still runs.

    It must take results of proposals that it has not drawn.
    """

    def _known(self, number: int, proposal: dict[str, Any], value: float | None) -> None:
        self.tuner.receive_trial_result(number, proposal, value or 0.0)
