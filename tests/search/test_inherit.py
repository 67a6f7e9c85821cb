"""Networks that begin from the weights of the nearest finished one: who that is, what is kept, who may be crowned."""

from __future__ import annotations

import csv
import io
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from searches import counted, task, tastes

from recsmith.engine.fit import FitSettings, fit
from recsmith.engine.network.warm import Inherited
from recsmith.engine.store import load_learnt
from recsmith.errors import UserError
from recsmith.graph.graph import Graph
from recsmith.graph.relevant import Relevant
from recsmith.model.architecture import Gnn
from recsmith.search import attempt, choose, drive, plain
from recsmith.search.inherit import Weights
from recsmith.search.nas import multi_trial
from recsmith.search.parents import Parents
from recsmith.search.plain import search
from recsmith.search.rescore import refit
from recsmith.search.store import Answer, Answers, Store
from recsmith.search.strategies import make
from recsmith.search.strategies.base import Settings
from recsmith.search.task import LEARNT, Task, fit_values
from recsmith.search.tree import FIDELITY, PARENT, choice

METRIC = "ndcg@20"
SPACE = {
    "families": ["gnn"],
    "operators": ["lightgcn", "gcn"],
    "layers": [1, 2],
    "dimension": [4, 8],
    "loss": ["bpr"],
    "learning_rate": [0.01, 0.05],
    "weight_decay": [0.0],
}
TREE = {
    "family": choice(
        [
            {"_name": "gnn", "layers": choice([1, 2, 3]), "dimension": choice([8, 16, 32, 64, 128])},
            {"_name": "filter", "rank": choice([8, 16])},
        ]
    )
}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tastes(tmp_path / "data")


def heirs(data: Path, work: Path, **search: Any) -> Task:
    values = {"preset": "gnn", "space": SPACE, "strategy": "random", "trials": 6, "inherit": True, "blend": 1, **search}
    return task(data, work, **values)


def network(layers: int, dimension: int) -> dict[str, Any]:
    return {"family": {"_name": "gnn", "layers": layers, "dimension": dimension}}


def parents_of(answers: list[Answer]) -> list[str | None]:
    return [answer.parameters.get(PARENT) for answer in answers]


def test_the_nearest_by_distance_is_the_parent_the_latest_of_equals() -> None:
    parents = Parents(TREE)
    assert parents.nearest(network(1, 8)) is None
    for key, proposal in (("a", network(1, 8)), ("b", network(3, 8)), ("c", network(1, 128))):
        parents.add(proposal, key)
    parents.add({"family": {"_name": "filter", "rank": 8}}, "filter")
    # Places: layers 0, 1/2, 1; dimension 0, 1/4, 1/2, 3/4, 1.
    assert parents.nearest(network(1, 16)) == "a"
    assert parents.nearest(network(3, 32)) == "b"
    assert parents.nearest(network(1, 64)) == "c"
    assert parents.nearest(network(2, 8)) == "b"
    assert parents.nearest({**network(2, 8), FIDELITY: 0.5}) == "b"
    assert parents.nearest({"family": {"_name": "filter", "rank": 16}}) is None


def test_a_tuner_in_nni_s_service_reads_from_answers_who_may_be_a_parent(tmp_path: Path) -> None:
    tuner = make("random", Settings(seed=1, trials=4, inherit=True, answers=str(tmp_path)))
    tuner.update_search_space({"family": choice(TREE["family"]["_value"][:1])})
    parents = []
    for number, value in enumerate((0.0, 0.3, 0.2, 0.1)):
        asked = tuner.generate_multiple_parameters([number])[0]
        parents.append(asked.get(PARENT))
        known = {"number": number, "key": f"key{number}", "known": False, "value": value, "seconds": 0.0}
        Answers(tmp_path).save(Answer(**known, parameters=asked))
    # The first one failed: it has no weights.
    assert parents[:3] == [None, None, "key1"]
    assert parents[3] in ("key1", "key2")


def test_a_trial_begins_from_the_weights_of_its_parent_and_says_so(data: Path, tmp_path: Path) -> None:
    ours = heirs(data, tmp_path / "work")
    answers = search(ours)
    records = [Store(Path(ours.folder)).load(answer.key) for answer in answers]
    assert parents_of(answers)[0] is None
    assert all(parent in [one.key for one in answers[:n]] for n, parent in enumerate(parents_of(answers)) if n)
    assert [record.parent for record in records if record] == parents_of(answers)
    graph, valid = Graph.load(data / "fit"), Relevant.load(data / "valid")
    for record in records[1:]:
        assert record is not None
        assert isinstance(record.architecture, Gnn)
        parent, learnt = load_learnt(Path(ours.folder) / LEARNT / str(record.parent))
        assert isinstance(parent, Gnn)
        assert learnt is not None
        start = Inherited(parent, learnt, np.arange(graph.n_users + graph.n_items))
        alone = fit(record.architecture, graph, FitSettings(**fit_values(ours)), valid, start=start)
        _, kept = load_learnt(Path(ours.folder) / LEARNT / record.key)
        assert kept is not None
        assert alone.learnt is not None
        assert all(torch.equal(kept[name], value) for name, value in alone.learnt.items())


def test_the_same_candidate_has_another_key_for_each_parent_and_its_own_without_one(data: Path, tmp_path: Path) -> None:
    ours, candidate = heirs(data, tmp_path / "work"), Gnn(dimension=4)
    keys = {ours.asked({PARENT: parent} if parent else {}).key(candidate) for parent in (None, "a", "b")}
    assert len(keys) == 3
    assert heirs(data, tmp_path / "work", inherit=False).key(candidate) in keys


@pytest.mark.parametrize("strategy", ["random", "tpe"])
def test_an_interrupted_search_keeps_parents_and_trains_nothing_twice(
    strategy: str, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    undisturbed = search(heirs(data, tmp_path / "undisturbed", strategy=strategy))
    ours, shown = heirs(data, tmp_path / "disturbed", strategy=strategy), []

    def stop(answer: Answer) -> None:
        shown.append(answer)
        if len(shown) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search(ours, stop)
    fitted = counted(monkeypatch)
    disturbed = search(ours)
    assert len(fitted) == 3
    assert [one.key for one in disturbed] == [one.key for one in undisturbed]
    assert parents_of(disturbed) == parents_of(undisturbed)
    assert [one.value for one in disturbed] == [one.value for one in undisturbed]
    assert [one.key for one in search(ours)] == [one.key for one in undisturbed]
    assert len(fitted) == 3


def test_weights_that_are_gone_are_made_again_and_give_the_same(data: Path, tmp_path: Path) -> None:
    whole, rest = heirs(data, tmp_path / "whole"), heirs(data, tmp_path / "rest")
    answers = search(whole)
    search(rest.model_copy(update={"trials": 4}))
    shutil.rmtree(Path(rest.folder) / LEARNT)
    again = search(rest)
    assert [one.known for one in again] == [True] * 4 + [False] * 2
    assert [(one.key, one.value) for one in again] == [(one.key, one.value) for one in answers]


def test_a_parent_without_a_record_fails_the_trial_and_not_the_search(data: Path, tmp_path: Path) -> None:
    ours = heirs(data, tmp_path / "work")
    record, _ = attempt.tried(ours.asked({PARENT: "nobody"}), Gnn(dimension=4), "some")
    assert (record.status, record.parent) == ("failed", "nobody")
    assert "begins from the weights of nobody" in (record.error or "")


def test_what_was_used_longest_ago_makes_room(data: Path, tmp_path: Path) -> None:
    graph = Graph.load(data / "fit")
    fitted = fit(Gnn(dimension=4), graph, FitSettings(epochs=0, device="cpu", threads=1))
    weights = Weights(tmp_path / "learnt", limit=6000)
    for key in "abc":
        weights.save(fitted, key, graph)
        assert weights.load("a") is not None
    assert sorted(path.name for path in weights.folder.iterdir()) == ["a", "c"]
    assert weights.load("b") is None
    Weights(tmp_path / "learnt", limit=1).save(fitted, "d", graph)
    assert [path.name for path in weights.folder.iterdir()] == ["d"]


def test_when_the_search_is_over_its_weights_are_gone(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = heirs(data, tmp_path / "work", trials=3)
    monkeypatch.setitem(drive.DRIVERS, "tuner", lambda task, work, say: plain.search(task))
    assert any(parents_of(drive.search(ours, tmp_path / "work", print)))
    assert not (Path(ours.folder) / LEARNT).exists()


def test_nobody_is_crowned_by_what_was_inherited(data: Path, tmp_path: Path) -> None:
    ours, said = heirs(data, tmp_path / "work", finalists=2), []
    rows = choose.candidates(ours, search(ours), [])
    first = choose.crown(rows, METRIC, 60, 40)
    assert first.number == 1
    after = refit(ours, rows, said.append)
    values = {row.number: row.value(METRIC) or 0.0 for row in rows if row.record.parent}
    best = sorted(values, key=lambda number: (-values[number], number))[:2]
    assert [row.number for row in after if row.record.parent is None] == sorted([1, *best])
    cold = heirs(data, tmp_path / "cold", inherit=False)
    for row in after:
        if row.number in best:
            alone, _ = attempt.tried(cold, row.record.architecture, row.record.key)  # pyright: ignore[reportArgumentType]
            assert row.record == alone
    crowned = choose.crown(after, METRIC, 60, 40)
    assert crowned.record.parent is None
    assert len(said) == 2
    assert "from its own start" in said[0]
    assert not (Path(cold.folder) / LEARNT).exists()


def test_the_table_names_parents_and_the_curve_does_not_grow_by_them(data: Path, tmp_path: Path) -> None:
    ours = heirs(data, tmp_path / "work", trials=4)
    rows = choose.candidates(ours, search(ours), [])
    table = list(csv.DictReader(io.StringIO(choose.trials_csv(rows, METRIC))))
    keys = {row["key"] for row in table}
    assert [row["parent"] in keys for row in table] == [False, True, True, True]
    curve = list(csv.DictReader(io.StringIO(choose.history_csv(rows, METRIC))))
    assert {row["best"] for row in curve} == {curve[0]["best"]}


def test_strategies_in_this_process_inherit_too(data: Path, tmp_path: Path) -> None:
    ours = heirs(data, tmp_path / "work", strategy="regularized_evolution", trials=4)
    answers = multi_trial.search(ours, lambda text: None)
    assert [parent is not None for parent in parents_of(answers)] == [False, True, True, True]
    assert [one.key for one in multi_trial.search(ours, lambda text: None)] == [one.key for one in answers]


def test_candidates_on_rungs_go_on_from_their_own_lower_rung(data: Path, tmp_path: Path) -> None:
    ours = heirs(data, tmp_path / "work", trials=8, rungs={"shares": [0.5], "keep": 2}, max_epochs=4)
    answers = search(ours)
    whole = [one for one in answers if FIDELITY not in one.parameters]
    by_key = {one.key: one.parameters for one in answers}
    assert whole
    assert all(by_key[one.parameters[PARENT]]["family"] == one.parameters["family"] for one in whole)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"nodes": [{"host": "a", "user": "b", "key_file": "c", "python": "/usr/bin/python3"}]},
            "search.inherit: weights are not sent",
        ),
        ({"strategy": "darts"}, "search.inherit: darts shares weights .* take one of random, "),
    ],
)
def test_what_cannot_inherit_is_refused_before_the_start(
    values: dict[str, Any], message: str, data: Path, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=message):
        drive.check(heirs(data, tmp_path / "work", **values))
