"""The reference driver: the same strategies and trials, one after the other in this process, without NNI's service."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import nni

from recsmith.search.attempt import answer
from recsmith.search.space import SearchSpace
from recsmith.search.spending import Spending
from recsmith.search.store import Answer, Store
from recsmith.search.strategies import make, settings_of
from recsmith.search.task import Task

OnAnswer = Callable[[Answer], None]


def search(task: Task, on_answer: OnAnswer | None = None) -> list[Answer]:
    """All answers in the order of the proposals; fewer than asked for where the space is used up."""
    nni.silence_stdout()
    Store(Path(task.folder)).forget_failures()
    tuner = make(task.strategy, settings_of(task))
    tuner.update_search_space(SearchSpace(task.space).tree)
    answers: list[Answer] = []
    spending = Spending(task)
    for number in range(task.trials):
        if spending.used_up(answers):
            break
        for proposal in tuner.generate_multiple_parameters([number]):
            answers.append(answer(task, proposal))
            tuner.receive_trial_result(number, proposal, answers[-1].value, key=answers[-1].key)
            _tell(on_answer, answers[-1:])
    return answers


def _tell(on_answer: OnAnswer | None, answers: Iterable[Answer]) -> None:
    if on_answer is not None:
        for one in answers:
            on_answer(one)
