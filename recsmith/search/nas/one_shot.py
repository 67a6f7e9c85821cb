"""The driver of strategies that share weights: train a supernet, rank its paths on valid, re-train the best as trials.

The supernet is trained for the epochs that a trial may take. Paths that the strategy likes are measured with the shared
weights on a part of the valid users; the best of them are then fitted from scratch, as ordinary trials that the winner
is one of. What was ranked is kept beside the trials, so that an interrupted search trains no supernet twice.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path as Folder
from typing import TYPE_CHECKING, Any, NamedTuple

import nni

from recsmith.engine.devices import resolve
from recsmith.engine.settings import FitSettings
from recsmith.graph.graph import Graph
from recsmith.graph.relevant import Relevant
from recsmith.model.architecture import key
from recsmith.search.nas.found import Found, load, save
from recsmith.search.nas.loading import load_nas
from recsmith.search.nas.multi_trial import seeded
from recsmith.search.nas.paths import Path, Paths
from recsmith.search.nas.trials import Trials
from recsmith.search.progress import Progress
from recsmith.search.sample import drawn
from recsmith.search.space import SearchSpace
from recsmith.search.store import Answer, Store
from recsmith.search.strategies import STRATEGIES
from recsmith.search.task import Task, fit_values

if TYPE_CHECKING:
    from recsmith.search.nas.train_supernet import Trained

RANKED, STALE = 128, 100
"""Different paths that are measured at most, and repetitions in a row after which no more are drawn."""
VALID_USERS = 1000
"""Users of valid that tell good paths."""
SCORED = 3
"""Best paths over which ``node_scores.csv`` averages."""
Say = Callable[[str], None]


def search(task: Task, say: Say) -> list[Answer]:
    """All answers in the order of the proposals, of a space that holds networks."""
    nni.silence_stdout()
    if again := Store(Folder(task.folder)).forget_failures():
        say(f"{again} failed trial(s) of an earlier run will be tried again.")
    best = _found(task, say).proposals[: task.trials]
    with Progress(task, say) as progress:
        trials = Trials(task, progress)
        for proposal in best:
            trials.value(proposal)
        trials.fill(_networks(task).tree)
    return trials.answers


def _found(task: Task, say: Say) -> Found:
    """What the supernet of a task says, from its file where it was trained before."""
    if "filter" in task.space.families:
        say(f"{task.strategy} shares weights between networks: the filters of the space take no part")
    if (before := load(task)) is not None:
        say("the supernet was trained before: its ranking is taken from there")
        return before
    with seeded(task.budget.seed, task.budget.threads, resolve(task.budget.device)):
        made = _trained(task, say)
    save(task, made)
    return made


def _networks(task: Task) -> SearchSpace:
    return SearchSpace(task.space.model_copy(update={"families": ("gnn",)}))


def _trained(task: Task, say: Say) -> Found:
    load_nas()
    # Imported late: nni.nas takes seconds to load.
    from recsmith.search.nas.train_supernet import train

    graph, valid = Graph.load(task.graph), Relevant.load(task.valid)
    some = drawn(valid, VALID_USERS, task.budget.seed)
    settings, paths = FitSettings(**fit_values(task), spectra=task.spectra), Paths(task.space)
    if not paths.branches:
        return Found(proposals=_only(paths, _networks(task)), values=[], scores=[])
    trained = train(
        paths, STRATEGIES[task.strategy].load(), graph, some, settings, say, task.trials * task.trial_seconds
    )
    ranked = rank(trained, paths, _networks(task))
    best = max(one.value for one in ranked)
    say(f"supernet: {len(ranked)} candidates measured with shared weights, the best {task.budget.metric} {best:.4f}")
    scores = trained.scores([one.path for one in ranked[:SCORED]])
    return Found(proposals=[one.proposal for one in ranked], values=[one.value for one in ranked], scores=scores)


def _only(paths: Paths, space: SearchSpace) -> list[dict[str, Any]]:
    """The one candidate of a space in which there is nothing to choose."""
    proposal = paths.proposal(paths.first, space.tree)
    return [] if proposal is None else [proposal]


class Measured(NamedTuple):
    """A path with the metric that it has with the shared weights."""

    value: float
    path: Path
    proposal: dict[str, Any]


def rank(trained: Trained, paths: Paths, space: SearchSpace) -> list[Measured]:
    """Different candidates among the paths that the strategy likes, the best with shared weights first.

    What DARTS derives, the best of each choice, comes before all others.
    """
    by_key: dict[str, Measured] = {}
    stale = 0
    while len(by_key) < RANKED and stale < STALE:
        path = {**paths.first, **trained.liked.draw()}
        proposal = paths.proposal(path, space.tree)
        name = None if proposal is None else key(space.architecture(proposal))
        stale += 1
        if proposal is not None and name is not None and name not in by_key:
            by_key[name], stale = Measured(trained.value(path), path, proposal), 0
    ranked = list(by_key.values())
    kept = ranked[: trained.liked.derived]
    return kept + sorted(ranked[len(kept) :], key=lambda one: -one.value)
