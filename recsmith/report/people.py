"""A few users from the least to the most active: what they did, and what they would be shown."""

from __future__ import annotations

import numpy as np

from recsmith.graph.graph import Graph
from recsmith.report.inputs import Person, Row
from recsmith.serving.bundle import Bundle

HISTORY = 10
"""Titles of the history that are shown."""


def spread(rows: list[Row], most: int) -> list[Row]:
    """At most ``most`` of ``rows``, evenly spaced by activity; equal rows give an equal choice."""
    ordered = sorted(rows, key=lambda row: (row["activity"], row["user_id"]))
    if len(ordered) <= most:
        return ordered
    return [ordered[place] for place in np.linspace(0, len(ordered) - 1, most).round().astype(int)] if most else []


def people(
    rows: list[Row], bundle: Bundle, graph: Graph, user_rows: dict[str, int], names: dict[str, str], k: int
) -> list[Person]:
    """Shown people; ``rows`` have ``user_id``, ``activity``, ``found`` (item ids), ``quality``; ``names``: titles."""
    asked = [str(row["user_id"]) for row in rows]
    if not asked:
        return []
    lists = bundle.recommend(asked, k).items
    item_ids = list(names)
    return [
        _person(
            row,
            [bundle.items[int(item)] for item in items if item >= 0],
            _latest(graph, user_rows[user]),
            item_ids,
            names,
        )
        for row, user, items in zip(rows, asked, lists, strict=True)
    ]


def _person(row: Row, recommended: list[str], history: list[int], item_ids: list[str], names: dict[str, str]) -> Person:
    found = set(row.get("found") or ())
    return Person(
        user_id=str(row["user_id"]),
        activity=int(row["activity"]),
        history=[names[item_ids[item]] for item in history],
        recommended=[names.get(item, item) for item in recommended],
        found=[item in found for item in recommended],
        quality=row["quality"],
    )


def _latest(graph: Graph, user: int) -> list[int]:
    """The last items that a user touched, latest first; in item order where nothing has a time."""
    start, stop = int(graph.indptr[user]), int(graph.indptr[user + 1])
    order = np.argsort(-np.asarray(graph.timestamp[start:stop]), kind="stable")
    return list(dict.fromkeys(np.asarray(graph.indices[start:stop])[order].tolist()))[:HISTORY]
