"""The driver of strategies of ``nni.nas`` that try candidate after candidate in this process.

The same trials, records and store as every other driver: what the store knows is answered at once, so that a search
that was interrupted is run again and ends where an undisturbed one would.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import nni
import numpy as np
import torch

from recsmith.engine.devices import repeatable
from recsmith.search.encoding import Encoding
from recsmith.search.nas.loading import load_nas
from recsmith.search.nas.plan import Planner
from recsmith.search.nas.trials import Trials
from recsmith.search.progress import Progress
from recsmith.search.space import SearchSpace
from recsmith.search.store import Answer, Store
from recsmith.search.strategies import STRATEGIES
from recsmith.search.task import Task


def search(task: Task, say: Callable[[str], None]) -> list[Answer]:
    """All answers in the order of the proposals; fewer than asked for where the space is used up."""
    nni.silence_stdout()
    if again := Store(Path(task.folder)).forget_failures():
        say(f"{again} failed trial(s) of an earlier run will be tried again.")
    encoding = Encoding(SearchSpace(task.space).tree)
    with Progress(task, say) as progress:
        trials = Trials(task, progress)
        if encoding.choices:
            with seeded(task.budget.seed, task.budget.threads, torch.device("cpu")):
                _propose(task, encoding, trials)
        trials.fill(encoding.tree)
    return trials.answers


def _propose(task: Task, encoding: Encoding, trials: Trials) -> None:
    """Let the strategy try candidates until the trials are used up, or it has nothing new to say."""
    load_nas()
    # Imported late: nni.nas takes seconds to load.
    from recsmith.search.nas.candidates import Engine, space_of

    planner: Planner = STRATEGIES[task.strategy].load()
    plan = planner(task.budget.seed, task.trials, len(encoding.choices))
    plan.strategy(space_of(encoding, trials, once=plan.once), Engine(trials))


@contextmanager
def seeded(seed: int, threads: int, device: torch.device) -> Iterator[None]:
    """Seed what strategies draw from, for the block; trials restore what they change."""
    before = np.random.get_state()
    np.random.seed(seed)
    try:
        with repeatable(seed, threads, device):
            yield
    finally:
        np.random.set_state(before)
