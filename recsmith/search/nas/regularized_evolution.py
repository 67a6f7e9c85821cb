"""Regularised evolution: the best of a few is mutated, the oldest dies (Real et al. 2019, algorithm 1)."""

from __future__ import annotations

from nni.nas.strategy import RegularizedEvolution

from recsmith.search.nas.plan import Plan


def plan(seed: int, trials: int, choices: int) -> Plan:
    """A quarter of the trials is drawn at random; a mutation turns one or two of the choices."""
    population = min(100, max(4, trials // 4))
    strategy = RegularizedEvolution(
        population_size=population,
        sample_size=max(2, population // 3),
        mutation_prob=min(1.0, 1.5 / max(choices, 1)),
        dedup=False,
        seed=seed,
    )
    return Plan(strategy, once=True)
