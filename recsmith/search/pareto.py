"""Quality against what serving weighs and costs: the front, its hypervolume, and a winner that need not be the best."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from recsmith.config.search import Choice
from recsmith.search.choose import Candidate
from recsmith.search.served import Catalogue, Form, form

REFERENCE = Form(folded=512)
"""What hypervolumes are measured from: metric 0 at the bytes and the cost of 512 folded columns, the largest rank that
a preset has. It depends on the data alone, so that searches on the same data compare."""
COLUMNS = ("number", "name", "metric", "bytes", "cost", "on_front")


@dataclass(frozen=True)
class Point:
    """A whole finished candidate: its value on valid (more is better), bytes and multiply-adds (less is)."""

    number: int
    name: str
    value: float
    bytes: int
    cost: int

    def beats(self, other: Point) -> bool:
        """No worse in anything and better in something."""
        mine, theirs = (-self.value, self.bytes, self.cost), (-other.value, other.bytes, other.cost)
        return mine != theirs and all(one <= two for one, two in zip(mine, theirs, strict=True))


def points(rows: Sequence[Candidate], metric: str, catalogue: Catalogue) -> list[Point]:
    """Of all candidates that were measured whole, in the order of the rows."""
    return [
        Point(row.number, row.record.name, value, *_price(row, catalogue))
        for row in rows
        if (value := row.whole(metric)) is not None and row.record.architecture is not None
    ]


def front(found: Sequence[Point]) -> list[Point]:
    """Points that no other beats."""
    return [one for one in found if not any(other.beats(one) for other in found)]


def hypervolume(pairs: Sequence[tuple[float, float]], most: float) -> float:
    """The area of (price, value) that some pair beats, up to the price ``most`` and down to value 0, over ``most``.

    Exact in two dimensions by a sweep (the space covered of Zitzler and Thiele 1998); in units of
    the value: what a candidate of that value that weighs nothing would have.
    """
    area, best, last = 0.0, 0.0, 0.0
    for price, value in sorted((price, value) for price, value in pairs if price < most):
        area, last = area + best * (price - last), price
        best = max(best, value)
    return (area + best * (most - last)) / most


def volumes(found: Sequence[Point], catalogue: Catalogue) -> dict[str, Any]:
    """Hypervolumes of value against bytes and against cost, and the reference that they are measured from."""
    weight, work = REFERENCE.bytes(catalogue.n_items), REFERENCE.cost(catalogue)
    return {
        "reference": {"metric": 0.0, "bytes": weight, "cost": work},
        "hypervolume": {
            "bytes": hypervolume([(one.bytes, one.value) for one in found], weight),
            "cost": hypervolume([(one.cost, one.value) for one in found], work),
        },
    }


def pareto_csv(found: Sequence[Point]) -> str:
    """``pareto.csv``: a line a point; ``on_front`` is 1 where no other beats it."""
    best, text = set(front(found)), io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([[one.number, one.name, one.value, one.bytes, one.cost, int(one in best)] for one in found])
    return text.getvalue()


def preferred(rows: Sequence[Candidate], best: Candidate, metric: str, rule: Choice, catalogue: Catalogue) -> Candidate:
    """``best``, or of those within a share of its value the smallest or the cheapest; of equals the better."""
    top = best.final(metric)
    if rule.rule == "best" or top is None:
        return best
    place = ("smallest_within", "fastest_within").index(rule.rule)

    def order(row: Candidate) -> tuple[int, float, str]:
        return (_price(row, catalogue)[place], -(row.final(metric) or 0.0), row.record.key)

    able = [row for row in rows if row.record.architecture is not None]
    near = [row for row in able if (value := row.final(metric)) is not None and value >= (1 - rule.within) * top]
    return min(near, key=order, default=best)


def _price(row: Candidate, catalogue: Catalogue) -> tuple[int, int]:
    """Bytes and multiply-adds."""
    assert row.record.architecture is not None
    served = form(row.record.architecture, catalogue.n_items)
    return served.bytes(catalogue.n_items), served.cost(catalogue)
