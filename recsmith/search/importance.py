"""How much each knob decides what a trial reaches, learnt from finished trials by a random forest.

A knob's importance is how much worse the forest predicts trials that it has not seen when their values of the knob are
drawn anew (permutation importance: Breiman 2001, section 10; on unseen data as in Fisher, Rudin and Dominici 2019).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.ensemble import RandomForestRegressor
from sklearn.model_selection import KFold

from recsmith.errors import UserError

FEWEST = 10
"""Finished trials below which nothing is said."""
FOLDS, TREES, DRAWS = 5, 100, 20
Knobs = Mapping[str, Any]
"""Knob -> value, of those alone that a candidate reads (``recsmith.search.tree.flat`` of a proposal)."""


def importance(rows: Sequence[Knobs], values: Sequence[float], seed: int = 0) -> dict[str, float]:
    """Each knob's share of what all of them together explain, the largest first; 0 each where nothing is explained.

    ``rows`` are the knobs of finished trials, ``values`` their metrics in the same order. A knob that takes one value
    only is left out. UserError where there are fewer than ``FEWEST`` trials. Equal arguments give equal shares.
    """
    if len(rows) < FEWEST:
        raise UserError(too_few(len(rows)))
    generator = np.random.default_rng(seed)
    columns = _columns(rows)
    if not columns:
        return {}
    table = np.column_stack([_filled(column, generator) for column in columns.values()])
    losses = _losses(table, np.asarray(values, float), list(columns.values()), generator, seed)
    total = losses.sum()
    shares = losses / total if total > 0 else losses
    order = np.argsort(-shares, kind="stable")
    names = list(columns)
    return {names[place]: float(shares[place]) for place in order}


def too_few(trials: int) -> str:
    """What a person is told where trials are too few."""
    return (
        f"The importance of knobs rests on {FEWEST} finished trials at least, and there are {trials}. "
        "Allow more in params.yaml: search.trials."
    )


def _columns(rows: Sequence[Knobs]) -> dict[str, np.ndarray]:
    """Knob -> (rows,) places of its values in their order, nan where a row does not have it; of knobs that vary."""
    names = dict.fromkeys(name for row in rows for name in row)
    found = {name: _places([row.get(name) for row in rows]) for name in names}
    return {name: column for name, column in found.items() if np.nanmax(column, initial=0.0) > 0}


def _places(values: list[Any]) -> np.ndarray:
    """Numbers in ascending order, all else by name; nan for None."""
    given = {value for value in values if value is not None}
    numbers = all(isinstance(value, int | float) for value in given)
    places = {value: place for place, value in enumerate(sorted(given) if numbers else sorted(given, key=str))}
    return np.array([np.nan if value is None else float(places[value]) for value in values])


def _filled(column: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """A column with its gaps drawn from its values, so that a gap says nothing of the choice that makes the gap."""
    gaps = np.isnan(column)
    return np.where(gaps, generator.choice(column[~gaps], len(column)), column)


def _losses(
    table: np.ndarray, values: np.ndarray, columns: list[np.ndarray], generator: np.random.Generator, seed: int
) -> np.ndarray:
    """By how much each knob makes the squared error on unseen rows grow; shapes: table (rows, knobs) -> (knobs,)."""
    losses = np.zeros(len(columns))
    for seen, unseen in KFold(FOLDS, shuffle=True, random_state=seed).split(table):
        forest = RandomForestRegressor(TREES, min_samples_leaf=2, random_state=seed, n_jobs=1)
        forest.fit(table[seen], values[seen])
        changed = _changed(table[unseen], unseen, columns, generator)
        error = ((forest.predict(table[unseen]) - values[unseen]) ** 2).sum()
        predicted = forest.predict(changed.reshape(-1, len(columns))).reshape(changed.shape[:-1])
        losses += ((predicted - values[unseen]) ** 2).sum(axis=2).mean(axis=1) - error
    return np.maximum(losses, 0.0)


def _changed(
    table: np.ndarray, rows: np.ndarray, columns: list[np.ndarray], generator: np.random.Generator
) -> np.ndarray:
    """For each knob the unseen rows, with values of it drawn anew where they have it.

    Shapes: table (n, knobs), rows (n,) their numbers -> (knobs, DRAWS, n, knobs).
    """
    copies = np.broadcast_to(table, (len(columns), DRAWS, *table.shape)).copy()
    for place, column in enumerate(columns):
        have = np.flatnonzero(~np.isnan(column[rows]))
        copies[place, :, have, place] = generator.choice(column[~np.isnan(column)], (len(have), DRAWS))
    return copies
