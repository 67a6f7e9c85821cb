"""Quality against bytes and cost: forms, front and hypervolume worked out by hand, and who is crowned by which rule."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from recsmith.config.base import parse
from recsmith.config.search import Choice, Search
from recsmith.errors import UserError
from recsmith.graph.graph import from_edges
from recsmith.model.architecture import Blend, Filter, Gnn
from recsmith.model.record import Record
from recsmith.search import pareto
from recsmith.search.choose import Candidate, crown
from recsmith.search.pareto import Point, front, hypervolume
from recsmith.search.served import Catalogue, Form, catalogue, form

METRIC = "ndcg@20"
SIZES = Catalogue(n_items=1000, history=10.0)


def row(number: int, value: float | None, architecture: Any = None, **given: Any) -> Candidate:
    known = {"name": "trial", "source": "search", "key": f"k{number}", **given}
    known |= {"status": "done" if value is not None else "failed"}
    metrics = {METRIC: value} if value is not None else {}
    return Candidate(number, Record(architecture=architecture or Gnn(dimension=8), metrics=metrics, **known))


def test_the_sizes_of_a_graph_are_its_items_and_the_mean_history_of_those_who_have_one() -> None:
    assert catalogue(from_edges(np.array([0, 0, 0, 2]), np.array([0, 1, 2, 4]), 4, 7)) == (7, 2.0)


@pytest.mark.parametrize(
    ("candidate", "expected"),
    [
        (Gnn(operators=("lightgcn",), dimension=64, combination="mean"), Form(stored=64)),
        (Gnn(operators=("gcn", "gcn"), dimension=64, combination="concat"), Form(stored=192)),
        (Filter(kind="low_pass", rank=32), Form(folded=32)),
        (Filter(kind="low_pass", rank=5000), Form(folded=1000)),
        (Filter(kind="neighbours", neighbours=50), Form(entries=50)),
        (Filter(kind="ridge"), Form(folded=128, entries=64)),
    ],
)
def test_a_candidate_serves_in_the_form_of_its_family(candidate: Gnn | Filter, expected: Form) -> None:
    assert form(candidate, SIZES.n_items) == expected


def test_a_blend_holds_the_forms_of_its_parts() -> None:
    parts = (Gnn(dimension=16, combination="mean"), Filter(kind="neighbours", neighbours=20))
    assert form(Blend(parts=parts, weights=(1.0, 0.5), epochs=(3, 0)), 1000) == Form(stored=16, entries=20)


def test_bytes_and_multiply_adds_are_those_of_the_tables() -> None:
    vectors, sparse = Form(stored=8, folded=4), Form(entries=20)
    # V 1000 x 12, W 1000 x 4, popularity 1000; S: 20,000 values of 4 bytes and columns of 2, 1,001 offsets, popularity.
    assert vectors.bytes(1000) == 4 * (12_000 + 4_000 + 1_000)
    assert sparse.bytes(1000) == 20_000 * 6 + 4 * 1_001 + 4 * 1_000
    assert vectors.cost(SIZES) == 1000 * 12 + 10 * 4
    assert sparse.cost(SIZES) == 10 * 20


PLANTED = [
    Point(1, "a", 0.5, 40, 40),
    Point(2, "b", 0.4, 10, 50),
    Point(3, "c", 0.4, 10, 60),  # dearer than b and no better
    Point(4, "d", 0.3, 20, 10),  # heavier and worse than b, but the cheapest
    Point(5, "e", 0.3, 40, 40),  # worse than a at the same price
    Point(6, "f", 0.5, 40, 40),  # a's equal: neither beats the other
]


def test_the_front_holds_what_nothing_beats() -> None:
    assert [one.number for one in front(PLANTED)] == [1, 2, 4, 6]
    assert pareto.pareto_csv(PLANTED).splitlines() == [
        "number,name,metric,bytes,cost,on_front",
        "1,a,0.5,40,40,1",
        "2,b,0.4,10,50,1",
        "3,c,0.4,10,60,0",
        "4,d,0.3,20,10,1",
        "5,e,0.3,40,40,0",
        "6,f,0.5,40,40,1",
    ]


def test_the_hypervolume_is_the_area_that_is_beaten() -> None:
    # From 10 to 40 the best is .4, from 40 to 100 it is .5; what lies at or beyond 100 adds nothing.
    pairs = [(40.0, 0.5), (10.0, 0.4), (20.0, 0.3), (100.0, 0.9), (400.0, 0.9)]
    assert hypervolume(pairs, 100.0) == pytest.approx((30 * 0.4 + 60 * 0.5) / 100)
    assert hypervolume([(0.0, 0.7)], 100.0) == pytest.approx(0.7)
    assert hypervolume([], 100.0) == 0.0


def test_points_are_of_candidates_that_were_measured_whole() -> None:
    rows = [
        row(0, 0.3, Filter(kind="neighbours", neighbours=20), name="item_knn", source="baseline"),
        row(1, 0.4),
        row(2, None),
        row(3, 0.9, Filter(), users=50),
        row(4, 0.9, fidelity=0.5),
    ]
    found = pareto.points(rows, METRIC, SIZES)
    assert [(one.number, one.name, one.value) for one in found] == [(0, "item_knn", 0.3), (1, "trial", 0.4)]
    assert (found[1].bytes, found[1].cost) == (4 * 1000 * 9, 8000)
    volumes = pareto.volumes(found, SIZES)
    assert volumes["reference"] == {"metric": 0.0, "bytes": 4 * 1000 * 1025, "cost": 512 * 1010}
    assert 0.3 < volumes["hypervolume"]["bytes"] < 0.4


TRADE = [
    row(1, 0.500, Gnn(dimension=128, combination="mean")),
    row(2, 0.497, Gnn(dimension=16, combination="mean")),  # the smallest within 1 %
    row(3, 0.496, Filter(kind="neighbours", neighbours=100)),  # heavier, and the quickest within 1 %
    row(4, 0.480, Gnn(dimension=4, combination="mean")),  # the smallest within 5 %
    row(5, 0.499, Gnn(dimension=2, combination="mean"), users=50),  # measured on a part
]


@pytest.mark.parametrize(
    ("rule", "winner"),
    [
        ("best", 1),
        ("smallest_within: 0.01", 2),
        ({"smallest_within": 0.05}, 4),
        ({"rule": "fastest_within", "within": 0.01}, 3),
        ("smallest_within: 0", 1),
    ],
)
def test_the_rule_crowns_what_it_says(rule: Any, winner: int) -> None:
    choice = Search.model_validate({"choose": rule}).choose
    best = crown(TRADE, METRIC, 10, 1000)
    assert best.number == 1
    assert pareto.preferred(TRADE, best, METRIC, choice, SIZES).number == winner


def test_of_equally_small_ones_the_better_is_crowned() -> None:
    rows = [row(1, 0.5, Gnn(dimension=64)), row(2, 0.497), row(3, 0.499)]
    found = pareto.preferred(rows, rows[0], METRIC, Choice(rule="smallest_within"), SIZES)
    assert found.number == 3


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("smallest", r"search\.choose\.rule = 'smallest' is unknown. Known: best, fastest_within, smallest_within"),
        ("smallest_within: much", r"search\.choose\.within = 'much'"),
        ({"fastest_within": 1.5}, r"search\.choose\.within = 1\.5: Input should be less than 1"),
        ({"smallest": 0.1}, r"search\.choose\.smallest is unknown. Known: rule, within"),
    ],
)
def test_a_rule_that_nobody_knows_is_refused_by_name(given: Any, said: str) -> None:
    with pytest.raises(UserError, match=said):
        parse({"choose": given}, Search, "params.yaml: search")
