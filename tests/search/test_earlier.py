"""Warm start from earlier searches: what they leave, which data set is nearest, what is tried first, bad input."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from searches import task, tastes

from recsmith.__main__ import main
from recsmith.config.search import EARLIER, Search
from recsmith.errors import UserError
from recsmith.graph.graph import Graph, from_edges
from recsmith.search import choose, drive
from recsmith.search.earlier import Earlier, advice, bring, brought
from recsmith.search.features import Features, distances, features
from recsmith.search.meta import BEST, Meta, Setting, meta_of
from recsmith.search.plain import search
from recsmith.search.published import first, published
from recsmith.search.space import space_of
from recsmith.search.tree import flat, knobs_of

METRIC = "ndcg@20"
INSIDE = Path("data/search")
HERE = Features(
    users=100,
    items=50,
    interactions=1000,
    density=0.2,
    item_gini=0.5,
    history_mean=10.0,
    history_median=8.0,
    events=1,
    times=False,
)


def like(**changed: Any) -> Features:
    return HERE.model_copy(update=changed)


def meta(*knobs: dict[str, Any], **changed: Any) -> Meta:
    best = tuple(Setting(knobs=one, value=1 - n / 10) for n, one in enumerate(knobs))
    return Meta(metric=METRIC, features=like(**changed), best=best)


def finished(folder: Path, found: Meta, **changed: Any) -> Path:
    folder.mkdir(parents=True)
    (folder / "meta.json").write_text(json.dumps({**found.model_dump(mode="json"), **changed}))
    (folder / "best.json").write_text("{}")
    return folder


def test_features_are_those_worked_out_by_hand() -> None:
    # User 0 touched item 0 twice and item 1, user 1 touched item 0, user 2 and items 2 and 3 are alone.
    graph = from_edges(np.array([0, 0, 0, 1]), np.array([0, 1, 0, 0]), 3, 4)
    assert features(graph) == Features(
        users=3,
        items=4,
        interactions=4,
        density=3 / 12,
        item_gini=7 / 12,
        history_mean=1.5,
        history_median=1.5,
        events=1,
        times=False,
    )


def test_distances_are_those_worked_out_by_hand() -> None:
    # Powers of ten of the users: 2, 3, 4, so mean 3 and variance 2/3; nothing else differs.
    one, two = like(users=1000), like(users=10_000)
    assert distances(HERE, [one, two]) == pytest.approx([math.sqrt(1.5), math.sqrt(6)])
    # Where the first also has times and another Gini, each adds (1 / sqrt(2/9))^2 = 4.5.
    one = like(users=1000, times=True, item_gini=0.8)
    assert distances(HERE, [one, two]) == pytest.approx([math.sqrt(10.5), math.sqrt(6)])
    assert distances(HERE, [HERE, HERE]) == pytest.approx([0, 0])


def test_the_best_of_the_nearest_comes_first_then_the_best_of_the_next() -> None:
    far = Earlier(run="far", meta=meta({"kind": "a"}, {"kind": "b"}, {"kind": "c"}, users=10_000))
    near = Earlier(run="near", meta=meta({"kind": "d"}, users=1000))
    found = advice(HERE, [far, near])
    assert [name for name, _ in found.near] == ["near", "far"]
    assert [one["kind"] for one in found.settings] == ["d", "a", "b", "c"]


def test_settings_become_the_nearest_proposals_before_published_ones_and_none_comes_twice() -> None:
    tree = space_of(Search(preset="filters")).tree
    ridge = {"family": "filter", "kind": "ridge", "l2": 390.0}
    known = [ridge, {"family": "gnn", "operator": "sage"}, {**ridge, "l2": 410.0}]
    made = first(tree, known, 3)
    assert flat(made[0]) == {**flat(made[0]), "kind": "ridge", "l2": 400.0}
    assert made[1:] == published(tree)[:3]
    many = [{"family": "filter", "kind": "ridge", "l2": value} for value in (20.0, 50.0, 100.0, 200.0, 400.0, 800.0)]
    assert len(first(tree, many, 0)) == 4
    assert first(tree, [flat(published(tree)[0])], 3) == published(tree)[:3]


def test_a_search_leaves_its_features_and_its_best_of_each_family(tmp_path: Path) -> None:
    data = tastes(tmp_path / "data")
    ours = task(data, tmp_path / "work", trials=9, strategy="random")
    answers = search(ours)
    rows = choose.candidates(ours, answers, [])
    graph = Graph.load(data / "fit")
    left = meta_of(graph, METRIC, rows, answers)
    assert left.features == features(graph)
    by_family: dict[Any, list[float]] = {}
    for answer in answers:
        by_family.setdefault(flat(knobs_of(answer.parameters))["family"], []).append(answer.value)
    best = [value for values in by_family.values() for value in sorted(values, reverse=True)[:BEST]]
    assert [one.value for one in left.best] == sorted(best, reverse=True)
    top = max(answers, key=lambda answer: answer.value)
    assert left.best[0].knobs == flat(knobs_of(top.parameters))
    assert Meta.model_validate_json(left.model_dump_json()) == left


def test_a_search_tries_what_was_best_elsewhere_first_and_so_does_a_resumed_one(tmp_path: Path) -> None:
    there = task(tastes(tmp_path / "there", users=90, seed=8), tmp_path / "work", strategy="random", trials=6)
    answers = search(there)
    left = meta_of(Graph.load(there.graph), METRIC, choose.candidates(there, answers, []), answers)
    data = tastes(tmp_path / "here")
    said = advice(features(Graph.load(data / "fit")), [Earlier(run="there", meta=left)])
    cold = task(data, tmp_path / "work", strategy="random", trials=5)
    warm = cold.model_copy(update={"earlier": said.settings})
    made = search(warm)
    assert [flat(knobs_of(one.parameters)) for one in made[:4]] == [one.knobs for one in left.best[:4]]
    assert [flat(knobs_of(one.parameters)) for one in search(cold)[:4]] != [one.knobs for one in left.best[:4]]
    again = search(warm)
    assert [one.key for one in again] == [one.key for one in made]
    assert all(one.known for one in again)


def test_runs_may_be_named_by_folder_project_or_file(tmp_path: Path) -> None:
    found = meta({"kind": "a"})
    finished(tmp_path / "project/data/search", found)
    runs = ["project", "project/data/search", "project/data/search/best.json", str(tmp_path / "project/data/search")]
    bring(runs, tmp_path, INSIDE, tmp_path / "runs.json")
    assert [(one.run, one.meta) for one in brought(tmp_path / "runs.json", runs)] == [(run, found) for run in runs]


def test_what_was_brought_for_other_parameters_is_refused(tmp_path: Path) -> None:
    finished(tmp_path / "one", meta({"kind": "a"}))
    file = tmp_path / "runs.json"
    bring([], tmp_path, INSIDE, file)
    assert brought(file, []) == ()
    with pytest.raises(UserError, match=r"search.warm_start has changed since .* Run `recsmith fetch`"):
        brought(file, ["one"])
    with pytest.raises(UserError, match=r"search\.warm_start has changed"):
        brought(tmp_path / "missing.json", ["one"])


@pytest.mark.parametrize(
    ("run", "message"),
    [
        ("nowhere", r"search.warm_start\[1\] = 'nowhere': there is no such file or folder"),
        ("empty", r"search.warm_start\[1\] = 'empty' is not a finished search: meta.json is missing"),
        ("newer", r"search.warm_start\[1\] = 'newer' was written by a newer Recsmith: .* version 2, .* reads 1"),
        ("other", r"search.warm_start\[1\] = 'other': .*meta.json.features.users = 0: .*greater than or equal to 1"),
        ("broken", r"broken/meta.json"),
    ],
)
def test_bad_runs_are_told_with_the_entry(run: str, message: str, tmp_path: Path) -> None:
    finished(tmp_path / "good", meta({"kind": "a"}))
    (tmp_path / "empty").mkdir()
    finished(tmp_path / "newer", meta({"kind": "a"}), version=2, more="fields")
    finished(tmp_path / "other", meta({"kind": "a"}, users=0))
    (finished(tmp_path / "broken", meta({"kind": "a"})) / "meta.json").write_text("{")
    with pytest.raises(UserError, match=message):
        bring(["good", run], tmp_path, INSIDE, tmp_path / "runs.json")
    assert not (tmp_path / "runs.json").exists()


def test_fetch_brings_them_where_the_line_depends_on_them_and_a_changed_one_changes_that(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = finished(tmp_path / "one", meta({"kind": "a"}))
    params = tmp_path / "params.yaml"
    params.write_text("ingest: {source: demo}\nsearch: {warm_start: [one]}\n")
    contents = []
    for found in (meta({"kind": "a"}), meta({"kind": "b"})):
        (folder / "meta.json").write_text(found.model_dump_json())
        assert main(["fetch", "--params", str(params)]) == 0
        contents.append((tmp_path / EARLIER).read_text())
    assert contents[0] != contents[1]
    params.write_text("ingest: {source: demo}\nsearch: {warm_start: [two]}\n")
    assert main(["fetch", "--params", str(params)]) == 1
    assert "params.yaml: search.warm_start[0] = 'two': there is no such" in capsys.readouterr().err


@pytest.mark.parametrize("strategy", ["policy", "enas"])
def test_strategies_that_take_no_settings_refuse_them(strategy: str, tmp_path: Path) -> None:
    ours = task(tastes(tmp_path / "data"), tmp_path / "work", strategy=strategy)
    with pytest.raises(UserError, match=f"search.warm_start: the strategy {strategy} takes no settings of others"):
        drive.check(ours.model_copy(update={"earlier": ({"family": "gnn"},)}))
