"""What a trial needs to know, in one file that the driver writes and every trial reads."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from recsmith.config.base import Run, Section, parse
from recsmith.config.nodes import Node
from recsmith.config.search import Limits, Rungs, Search, Space
from recsmith.files import digest, read_json, write_json
from recsmith.graph.graph import Graph
from recsmith.graph.relevant import Relevant
from recsmith.hashes import arrays_hash
from recsmith.model.architecture import Architecture, Filter
from recsmith.model.record import CUTOFFS, cutoffs_with, record_key
from recsmith.search.batch import batch_size
from recsmith.search.limits import multiply_adds_a_ms
from recsmith.search.space import SearchSpace, space_of
from recsmith.search.tree import FIDELITY, PARENT

RUNS = "runs"
TASK = "task.json"
SPECTRA = "spectra"
KEPT = "kept"
"""Folder of the best networks of a budget as they were fitted."""
LEARNT = "learnt"
"""Folder of what networks of a search learnt, that later ones may begin from."""


class Budget(Section):
    """What decides the result of fitting one candidate, beside the candidate."""

    graph: str
    """Hash of the graph that is learnt from."""
    valid: str
    """Hash of the pairs that are ranked."""
    metric: str
    cutoffs: tuple[int, ...]
    seed: int
    device: str
    threads: int
    max_epochs: int
    patience: int
    evaluate_every: int
    batch_size: int
    valid_users: int | None = None
    """Filters are measured on so many valid users; None: on all, as networks always are."""
    cuts: Literal["epochs", "edges"] = "epochs"
    """What a trial of low fidelity gets less of."""
    fidelity: float = Field(default=1.0, gt=0, le=1)
    """The share of it that this trial gets."""

    def read_by(self, candidate: Architecture) -> Budget:
        """The budget as it decides the result of ``candidate``: filters have no epochs to cut."""
        whole = isinstance(candidate, Filter) and self.cuts == "epochs"
        return self.model_copy(update={"fidelity": 1.0}) if whole else self


class Task(Section):
    """One search: where its data lies, what may be proposed, and how candidates are fitted."""

    graph: str
    """Folder of the graph; absolute."""
    valid: str
    """Folder of the pairs to be ranked; absolute."""
    folder: str
    """Folder of the records of this budget; absolute."""
    space: Space
    strategy: str
    trials: int
    published: int
    """So many published settings are tried first."""
    earlier: tuple[dict[str, Any], ...] = ()
    """Settings that earlier searches found best, tried before these: knob -> value."""
    refine: float
    """Share of the trials after which the space is narrowed; 0: it is not."""
    total_epochs: int | None
    """Of all trials together; None: as many as the trials take."""
    seconds: float | None
    """After which no trial begins; None: no limit, and the same result twice."""
    limits: Limits
    rate: float | None
    """Multiply-adds a millisecond on this machine, where latency is limited."""
    rungs: Rungs
    concurrency: int
    port: int
    budget: Budget
    memory_mb: int
    trial_seconds: float
    rescore: int
    """So many of the best filters on a part of the valid users are measured on all of them."""
    blend: int
    """So many of the best candidates at most are added up; 1: none are."""
    valid_users: int
    """A blend is chosen on so many valid users."""
    seeds: int = 1
    """The best trained candidates are fitted with so many seeds before one is crowned."""
    folds: int = 1
    """Finalists are measured on so many drawn splits; 1: on valid."""
    finalists: int = 3
    spectra: str
    """Folder of the singular vectors that candidates share; absolute."""
    nodes: tuple[Node, ...] = ()
    """Where trials run; empty: on this machine."""
    same_torch: bool = False
    inherit: bool = False
    """Networks begin from the weights of the nearest finished one."""
    parent: str | None = None
    """Of one trial: the key of that one's record; None: it begins from its own start."""

    def on_all_users(self) -> Task:
        """The same task with filters measured on all valid users; its records lie beside the others."""
        return self.model_copy(update={"budget": self.budget.model_copy(update={"valid_users": None})})

    def at(self, fidelity: float) -> Task:
        """The same task with a share of the budget; its records lie beside the others."""
        return self.model_copy(update={"budget": self.budget.model_copy(update={"fidelity": fidelity})})

    def asked(self, parameters: dict[str, Any]) -> Task:
        """The same task as a proposal asks for it: its share of the budget, and whose weights it begins from."""
        return self.at(parameters.get(FIDELITY, 1.0)).model_copy(update={"parent": parameters.get(PARENT)})

    def cold(self) -> Task:
        """The same task where every network begins from its own start, and nothing is kept for others."""
        return self.model_copy(update={"inherit": False, "parent": None})

    def key(self, candidate: Architecture) -> str:
        """Name of the record of ``candidate`` fitted within the budget, from what its parent learnt."""
        values = self.budget.read_by(candidate).model_dump(mode="json")
        values["cutoffs"] = " ".join(map(str, self.budget.cutoffs))
        values |= {} if self.parent is None else {"parent": self.parent}
        return record_key("trial", candidate, {}, values)

    def save(self, folder: Path) -> Path:
        """Write the task into ``folder``; gives the file."""
        write_json(folder / TASK, self.model_dump(mode="json"))
        return folder / TASK

    @classmethod
    def load(cls, path: Path | str) -> Task:
        """Read what :meth:`save` wrote."""
        return parse(read_json(path), cls, str(path))


def task_of(
    search: Search,
    run: Run,
    graph: Path,
    valid: Path,
    work: Path,
    cutoffs: Iterable[int] = CUTOFFS,
    spectra: Path | None = None,
) -> Task:
    """The task that the parameters describe, over the graph and the pairs in these folders.

    ``spectra`` is where singular vectors are kept, below ``work`` unless given. Raises UserError where the space makes
    no sense or the folders cannot be read.
    """
    loaded, pairs = Graph.load(graph), Relevant.load(valid)
    space = _readable(space_of(search), loaded)
    many = len(pairs.users) > search.valid_users
    budget = budget_of(
        search,
        run,
        loaded.hash,
        arrays_hash(pairs.indptr, pairs.indices, pairs.cold),
        cutoffs,
        search.valid_users if many else None,
        loaded.n_edges,
    )
    return planned(search, run, space, budget, work, graph, valid, spectra)


def budget_of(
    search: Search,
    run: Run,
    graph: str,
    valid: str,
    cutoffs: Iterable[int] = CUTOFFS,
    valid_users: int | None = None,
    n_edges: int = 0,
) -> Budget:
    """The budget that the parameters describe, over data of these hashes and a graph of so many edges."""
    return Budget(
        graph=graph,
        valid=valid,
        metric=search.metric,
        cutoffs=cutoffs_with(search.metric, cutoffs),
        seed=run.seed,
        device=run.device,
        threads=run.threads,
        max_epochs=search.max_epochs,
        patience=search.patience,
        evaluate_every=search.evaluate_every,
        batch_size=search.batch_size or batch_size(n_edges),
        valid_users=valid_users,
        cuts=search.rungs.cuts,
    )


def planned(
    search: Search,
    run: Run,
    space: SearchSpace,
    budget: Budget,
    work: Path,
    graph: Path,
    valid: Path,
    spectra: Path | None = None,
) -> Task:
    """The task over a space and a budget that are known; nothing is read."""
    return Task(
        graph=str(graph.resolve()),
        valid=str(valid.resolve()),
        folder=str(folder_of(work, budget)),
        space=space.knobs,
        strategy=search.strategy,
        trials=min(search.trials, space.size),
        published=search.published,
        refine=search.refine,
        total_epochs=search.total_epochs,
        seconds=search.seconds,
        limits=search.limits,
        rate=multiply_adds_a_ms() if search.limits.latency_ms else None,
        rungs=search.rungs,
        concurrency=sum(len(node.slots) for node in search.nodes) or search.concurrency,
        port=search.port,
        budget=budget,
        memory_mb=run.memory_mb,
        trial_seconds=search.trial_seconds,
        rescore=search.rescore,
        blend=search.blend,
        valid_users=search.valid_users,
        seeds=search.seeds,
        folds=search.folds,
        finalists=search.finalists,
        spectra=str((spectra or work / SPECTRA).resolve()),
        nodes=search.nodes,
        same_torch=search.same_torch,
        inherit=search.inherit,
    )


def _readable(space: SearchSpace, graph: Graph) -> SearchSpace:
    """The space without the knob that fades histories where these have no times."""
    if "filter" not in space.knobs.families or bool((graph.timestamp >= 0).any()):
        return space
    return SearchSpace(space.knobs.model_copy(update={"recency": (0.0,)}))


def folder_of(work: Path, budget: Budget) -> Path:
    """Where the records of ``budget`` are kept under ``work``; other numbers of trials and other spaces share it."""
    return work.resolve() / digest(budget.model_dump(mode="json"))


def fit_values(task: Task) -> dict[str, Any]:
    """Keyword arguments of ``recsmith.engine.fit.FitSettings`` for the trials of ``task``."""
    budget = task.budget
    share = budget.fidelity if budget.cuts == "epochs" else 1.0
    return {
        "seed": budget.seed,
        "device": budget.device,
        "threads": budget.threads,
        "memory_mb": task.memory_mb,
        "max_epochs": max(1, math.ceil(share * budget.max_epochs)),
        "patience": budget.patience,
        "evaluate_every": budget.evaluate_every,
        "batch_size": budget.batch_size,
        "metric": budget.metric,
    }
