"""Finalists are measured again with other seeds and on other splits; only they can win then."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from statistics import stdev

import numpy as np
import pytest
from searches import task, tastes

from recsmith.errors import UserError
from recsmith.graph.graph import Graph, from_edges
from recsmith.graph.relevant import Relevant, from_pairs
from recsmith.model.architecture import Blend, Filter, Gnn
from recsmith.model.record import Knob, Record
from recsmith.search import attempt, choose
from recsmith.search.attempt import tried
from recsmith.search.choose import Candidate
from recsmith.search.confirm import confirm, finalists, price
from recsmith.search.folds import drawn_fold, fold_tasks
from recsmith.search.task import Task

METRIC = "ndcg@20"
NETWORKS = [Gnn(operators=("lightgcn",), dimension=4, learning_rate=rate) for rate in (0.005, 0.02, 0.05)]
FILTERS = [Filter(kind="ridge", l2=10.0), Filter(kind="neighbours", neighbours=5)]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tastes(tmp_path / "data")


def rows(described: Task) -> list[Candidate]:
    found = [tried(described, one, described.key(one))[0] for one in (*NETWORKS, *FILTERS)]
    return [Candidate(number, record) for number, record in enumerate(found, start=1)]


def quiet(text: str) -> None:
    """For whoever does not listen."""


def test_one_seed_on_one_valid_changes_nothing(data: Path, tmp_path: Path) -> None:
    described = task(data, tmp_path / "work")
    before = rows(described)
    assert confirm(described, before, quiet) == before
    assert price(described) is None


def test_the_best_networks_are_crowned_by_their_mean_over_seeds(data: Path, tmp_path: Path) -> None:
    described = task(data, tmp_path / "work", seeds=3, finalists=2)
    before, said = rows(described), []
    after = confirm(described, before, said.append)
    best = sorted(before[:3], key=lambda row: -(row.value(METRIC) or 0.0))[:2]
    for old, new in zip(before, after, strict=True):
        values = new.record.seed_values
        if old in best:
            assert len(values) == 3
            assert values[0] == old.value(METRIC)
            assert new.final(METRIC) == pytest.approx(np.mean(values))
            again = described.model_copy(update={"budget": described.budget.model_copy(update={"seed": 8})})
            assert new.record.architecture is not None
            alone, known = tried(again, new.record.architecture, again.key(new.record.architecture))
            assert (known, alone.metrics[METRIC]) == (True, values[1])
        else:
            assert new.record == old.record
            assert (new.final(METRIC) is None) == isinstance(new.record.architecture, Gnn)
    assert len(said) == 2
    assert "best 2 trained candidates are fitted 2 more times each (3 seeds, 1 splits)" in (price(described) or "")


def test_the_table_shows_over_how_many_seeds_and_how_far_they_spread(data: Path, tmp_path: Path) -> None:
    described = task(data, tmp_path / "work", seeds=2, finalists=1)
    after = confirm(described, rows(described), quiet)
    table = list(csv.DictReader(io.StringIO(choose.trials_csv(after, METRIC))))
    (row,) = (line for line in table if line["seeds"] == "2")
    record = next(one.record for one in after if one.record.seed_values)
    assert float(row["std"]) == pytest.approx(stdev(record.seed_values))
    assert float(row[METRIC]) == pytest.approx(np.mean(record.seed_values))
    assert {(line["std"], line["folds"], line["fold_std"]) for line in table if line["seeds"] == "1"} == {("", "1", "")}


def test_what_was_measured_again_is_found_again(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    described = task(data, tmp_path / "work", seeds=2, folds=2, finalists=1)
    before = rows(described)
    first = confirm(described, before, quiet)

    def refuse(*given: object) -> None:
        raise AssertionError("it was fitted again")

    monkeypatch.setattr(attempt, "_fitted", refuse)
    assert confirm(described, before, quiet) == first


def test_folds_measure_networks_and_filters_and_nobody_else_can_win(data: Path, tmp_path: Path) -> None:
    described = task(data, tmp_path / "work", seeds=2, folds=3, finalists=1)
    after = confirm(described, rows(described), quiet)
    measured = [row for row in after if row.final(METRIC) is not None]
    assert [len(row.record.fold_values) for row in measured] == [3, 3]
    assert [len(row.record.seed_values) for row in measured] == [2, 0]
    for row in measured:
        assert row.final(METRIC) == pytest.approx(np.mean(row.record.fold_values))
        assert np.mean(row.record.seed_values or row.record.fold_values) == pytest.approx(row.final(METRIC))
    assert choose.crown(after, METRIC, 60, 40) in measured


def test_a_baseline_is_trained_again_as_it_was_tuned(data: Path, tmp_path: Path) -> None:
    described = task(data, tmp_path / "work", seeds=2)
    knobs: dict[str, Knob] = {"batch_size": 32, "max_epochs": 1, "patience": 1, "evaluate_every": 1}
    record = Record(
        name="lightgcn", source="baseline", key="b", architecture=NETWORKS[0], metrics={METRIC: 0.9}, knobs=knobs
    )
    (after,) = confirm(described, [Candidate(0, record)], quiet)
    budget = described.budget.model_copy(update={"seed": 8, **knobs})
    own = described.model_copy(update={"budget": budget})
    again, known = tried(own, NETWORKS[0], own.key(NETWORKS[0]))
    assert known
    assert after.record.seed_values == (0.9, again.metrics[METRIC])


def test_a_finalist_that_fails_with_another_seed_is_none(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    described = task(data, tmp_path / "work", seeds=2, finalists=2)
    before = rows(described)

    def refuse(*given: object) -> None:
        raise MemoryError("no room")

    monkeypatch.setattr(attempt, "_fitted", refuse)
    with pytest.raises(UserError, match=r"(?s)none of the finalists could be fitted.*no room"):
        confirm(described, before, quiet)


def test_finalists_are_different_and_the_best_first(data: Path, tmp_path: Path) -> None:
    described = task(data, tmp_path / "work", finalists=2, folds=2)
    made = [
        Candidate(number, Record(name="trial", source="search", key=key, architecture=one, metrics={METRIC: value}))
        for number, (key, one, value) in enumerate(
            [("a", Gnn(), 0.1), ("b", Gnn(), 0.3), ("b", Gnn(), 0.3), ("c", Gnn(), 0.2), ("d", Filter(), 0.9)]
        )
    ]
    assert [record.key for record in finalists(made, described)] == ["b", "c", "d"]


def test_a_fold_holds_out_a_tenth_of_what_train_and_valid_know_and_leaves_everyone_something() -> None:
    generator = np.random.default_rng(0)
    keys = generator.permutation(30 * 40)[:400]
    users, items = np.append(keys // 40, 30), np.append(keys % 40, 3)
    graph = from_edges(users[50:], items[50:], 31, 40, timestamp=np.arange(len(users) - 50))
    valid = from_pairs(np.append(users[:50], 1), np.append(items[:50], 99), 31, 40)
    learnt, held = drawn_fold(graph, valid, seed=1, number=0)
    out = set(zip(np.repeat(np.arange(31), np.diff(held.indptr)).tolist(), held.indices.tolist(), strict=True))
    kept = set(zip(np.repeat(np.arange(31), np.diff(learnt.indptr)).tolist(), learnt.indices.tolist(), strict=True))
    assert out | kept == set(zip(users.tolist(), items.tolist(), strict=True))
    assert out & kept == set()
    assert 38 <= len(out) <= 40
    assert set(np.flatnonzero(np.diff(learnt.indptr)).tolist()) == set(users.tolist())
    assert int(held.cold.sum()) == 0
    again, other = drawn_fold(graph, valid, 1, 0), drawn_fold(graph, valid, 1, 1)
    assert again[0].hash == learnt.hash != other[0].hash


def test_all_edges_of_a_pair_are_held_out_together_and_valid_comes_last() -> None:
    users, items = np.repeat(np.arange(20), 10), np.tile(np.arange(10), 20)
    both = {"event": np.tile([0, 1], 200), "timestamp": np.repeat(np.arange(200), 2), "events": ("view", "buy")}
    graph = from_edges(np.repeat(users, 2), np.repeat(items, 2), 20, 11, **both)
    learnt, held = drawn_fold(graph, from_pairs(np.arange(20), np.full(20, 10), 20, 11), seed=2, number=0)
    assert len(held.indices) == 22
    pairs = learnt.indices + 11 * np.repeat(np.arange(20), np.diff(learnt.indptr))
    events = np.bincount(pairs, minlength=20 * 11).reshape(20, 11)
    assert set(events[:, :10].ravel().tolist()) == {0, 2}
    assert set(events[:, 10].tolist()) == {0, 1}
    added = learnt.timestamp[learnt.indices == 10]
    assert len(added) > 10
    assert added.tolist() == [10 * (user + 1) for user in np.flatnonzero(events[:, 10])]
    assert set(learnt.later[learnt.indices == 10].tolist()) == {0}


def test_the_folds_of_a_task_are_on_disk_and_are_other_data(data: Path, tmp_path: Path) -> None:
    described = task(data, tmp_path / "work", folds=2)
    for one in (made := fold_tasks(described, 2)):
        assert Graph.load(one.graph).hash == one.budget.graph != described.budget.graph
        assert len(Relevant.load(one.valid).users)
        assert one.folder == described.folder
    assert made[0].key(NETWORKS[0]) != made[1].key(NETWORKS[0])


@pytest.mark.parametrize("given", [{"seeds": 2}, {"folds": 2}])
def test_a_blend_of_networks_is_measured_again_as_a_whole(data: Path, tmp_path: Path, given: dict[str, int]) -> None:
    described = task(data, tmp_path / "work", **given)
    parts = Blend(parts=(NETWORKS[0], FILTERS[0]), weights=(1.0, 0.5), epochs=(2, 0))
    record, _ = tried(described, parts, described.key(parts))
    (after,) = confirm(described, [Candidate(1, record)], quiet)
    assert len(after.record.seed_values) == given.get("seeds", 0)
    assert len(after.record.fold_values) == given.get("folds", 0)
    assert after.final(METRIC) == pytest.approx(np.mean(after.record.seed_values or after.record.fold_values))
