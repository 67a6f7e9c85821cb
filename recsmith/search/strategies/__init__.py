"""Strategies by name, and who runs each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from recsmith.search.strategies.base import Ordered, Settings
    from recsmith.search.task import Task


@dataclass(frozen=True)
class Strategy:
    """How a strategy is driven."""

    place: str
    """Dotted name of what does it; imported only when it is wanted."""
    driver: Literal["tuner", "nas", "one_shot"] = "tuner"
    """tuner: proposes one candidate after the other to trials of NNI's service; nas: to trials in this process;
    one_shot: ranks networks by shared weights first."""
    needs: Literal["", "networks"] = ""
    """networks: nothing can be saved by it in a space that holds filters only."""

    def load(self) -> Any:
        """What ``place`` names."""
        module, _, name = self.place.rpartition(".")
        return getattr(import_module(module), name)


STRATEGIES: Mapping[str, Strategy] = {
    "random": Strategy("recsmith.search.strategies.random_search.Random"),
    "tpe": Strategy("recsmith.search.strategies.tpe.Tpe"),
    "evolution": Strategy("recsmith.search.strategies.evolution.Evolution"),
    "grid": Strategy("recsmith.search.strategies.grid.Grid"),
    "hyperband": Strategy("recsmith.search.strategies.hyperband.Hyperband", needs="networks"),
    "bohb": Strategy("recsmith.search.strategies.bohb.Bohb", needs="networks"),
    "reinforce": Strategy("recsmith.search.strategies.reinforce.Reinforce"),
    "ppo": Strategy("recsmith.search.strategies.ppo.Ppo"),
    "pso": Strategy("recsmith.search.strategies.swarm.Pso"),
    "regularized_evolution": Strategy("recsmith.search.nas.regularized_evolution.plan", "nas"),
    "policy": Strategy("recsmith.search.nas.policy.plan", "nas"),
    "enas": Strategy("recsmith.search.nas.one_shot_strategies.enas", "one_shot", "networks"),
    "darts": Strategy("recsmith.search.nas.one_shot_strategies.darts", "one_shot", "networks"),
    "gumbel_darts": Strategy("recsmith.search.nas.one_shot_strategies.gumbel_darts", "one_shot", "networks"),
    "one_shot_random": Strategy("recsmith.search.nas.one_shot_strategies.one_shot_random", "one_shot", "networks"),
}
"""All that ``search.strategy`` may name."""


def named(driver: str) -> tuple[str, ...]:
    """The strategies that ``driver`` runs, in the order of the table."""
    return tuple(name for name, strategy in STRATEGIES.items() if strategy.driver == driver)


def able(families: Sequence[str]) -> tuple[str, ...]:
    """The strategies that can take a space of these families, in the order of the table."""
    return tuple(name for name, strategy in STRATEGIES.items() if not strategy.needs or "gnn" in families)


RUNGS = Strategy("recsmith.search.strategies.rungs.Rungs")
"""Wraps a tuner."""
OWN_RUNGS = ("hyperband", "bohb")
"""Cut the budget themselves."""


def settings_of(task: Task) -> Settings:
    """What a tuner of ``task`` is made from, where its caller tells it results."""
    from recsmith.search.strategies.base import Settings

    rungs = task.rungs
    return Settings(
        seed=task.budget.seed,
        trials=task.trials,
        strategy=task.strategy,
        shares=rungs.shares,
        keep=rungs.keep,
        published=task.published,
        earlier=task.earlier,
        inherit=task.inherit,
    )


def tuner(name: str, settings: Settings) -> Strategy:
    """What proposes candidates for that strategy: itself, or rungs around it."""
    return RUNGS if settings.shares else STRATEGIES[name]


def make(name: str, settings: Settings) -> Ordered:
    """The tuner of that name in this process."""
    known = settings.model_copy(update={"strategy": name})
    return tuner(name, known).load()(**known.model_dump())
