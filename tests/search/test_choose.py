from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from searches import FILTERS, disagreement, task, tastes

from recsmith.errors import UserError
from recsmith.model.architecture import Filter, Gnn
from recsmith.model.record import Record
from recsmith.search import choose
from recsmith.search.choose import Candidate
from recsmith.search.plain import search
from recsmith.search.store import Answer, Store
from recsmith.search.task import Task

METRIC = "ndcg@20"


def record(value: float | None, architecture: Gnn | Filter | None = None, **given: Any) -> Record:
    status = "done" if value is not None else "failed"
    metrics = {METRIC: value} if value is not None else {}
    known = {"name": "trial", "source": "search", "key": "k", "status": status, **given}
    return Record(architecture=architecture or Gnn(), metrics=metrics, **known)


def finished(described: Task, records: list[Record]) -> list[Answer]:
    """Answers for records that lie in the store."""
    answers = []
    for number, one in enumerate(records):
        key = f"key{number}"
        Store(Path(described.folder)).save(one.model_copy(update={"key": key}))
        answers.append(Answer(number=number, key=key, known=False, value=0.0, seconds=1.5, parameters={}))
    return answers


def test_the_metric_changes_the_winner_where_they_disagree(tmp_path: Path) -> None:
    data, winners = disagreement(tmp_path), {}
    for metric in ("hit_rate@10", METRIC):
        described = task(data, tmp_path / "work", preset="filters", space=FILTERS, metric=metric, trials=2)
        rows = choose.candidates(described, search(described), [])
        winners[metric] = choose.crown(rows, metric, 200, 250).record.architecture
    assert winners["hit_rate@10"] == Filter(kind="linear", left_exponent=0.0, right_exponent=1.0)
    assert winners[METRIC] == Filter(kind="linear", left_exponent=0.0, right_exponent=-1.0)


def test_of_equals_the_smaller_wins_and_then_the_first_by_key() -> None:
    rows = [
        Candidate(1, record(0.5, Gnn(dimension=64), key="a")),
        Candidate(2, record(0.5, Gnn(dimension=32), key="c")),
        Candidate(3, record(0.5, Gnn(dimension=32, dropout=0.1), key="b")),
        Candidate(4, record(0.4, Gnn(dimension=8), key="d")),
        Candidate(5, record(None, key="e")),
    ]
    assert choose.crown(rows, METRIC, 10, 10).number == 3


def test_a_baseline_that_the_space_can_express_is_crowned_where_it_is_best(tmp_path: Path) -> None:
    data = tastes(tmp_path)
    knn = record(0.9, Filter(kind="neighbours"), name="item_knn", source="baseline", key="knn")
    schedule = {"batch_size": 2048, "max_epochs": 200, "patience": 5, "evaluate_every": 5}
    lightgcn = record(0.8, Gnn(), name="lightgcn", source="baseline", key="lightgcn", knobs=schedule)
    als = record(0.95, name="als", source="baseline", key="als").model_copy(update={"architecture": None})
    for preset, name in (("small", "item_knn"), ("gnn", "lightgcn"), ("filters", "item_knn")):
        described = task(data, tmp_path / "work", preset=preset)
        answers = finished(described, [record(0.3), record(0.2)])
        rows = choose.candidates(described, answers, [als, knn, lightgcn])
        assert choose.crown(rows, METRIC, 60, 40).record.name == name
    best = choose.best_values(described, Candidate(0, lightgcn))
    assert (best["source"], best["valid"]) == ("baseline", {METRIC: 0.8})
    assert {name: best["settings"][name] for name in schedule} == schedule
    assert best["settings"]["metric"] == METRIC


def test_the_winner_is_never_below_a_baseline_that_could_have_been_picked(tmp_path: Path) -> None:
    described = task(tastes(tmp_path), tmp_path / "work", preset="filters", trials=3)
    rows = choose.candidates(described, search(described), [])
    values = [row.value(METRIC) for row in rows]
    assert choose.crown(rows, METRIC, 60, 40).value(METRIC) == max(value for value in values if value is not None)


def test_all_failed_fails_with_the_first_reason(tmp_path: Path) -> None:
    described = task(tastes(tmp_path), tmp_path / "work")
    answers = finished(described, [record(None, error="Traceback\nValueError: first"), record(None, error="second")])
    knn = record(0.9, Filter(kind="neighbours"), name="item_knn", source="baseline", key="knn")
    with pytest.raises(UserError, match=r"(?s)all 2 trials failed. The first one:\nTraceback\nValueError: first"):
        choose.crown(choose.candidates(described, answers, [knn]), METRIC, 60, 40)


def test_the_tables_hold_every_trial_in_order_with_its_knobs_and_the_end_of_its_error(tmp_path: Path) -> None:
    described = task(tastes(tmp_path), tmp_path / "work")
    knn = record(0.25, Filter(kind="neighbours", neighbours=20), name="item_knn", source="baseline", key="knn")
    trials = [
        record(0.2, Gnn(operators=("gcn", "gcn"))),
        record(None, error="Traceback\n  boom\nValueError: no"),
        record(0.3),
    ]
    rows = choose.candidates(described, finished(described, trials), [knn])
    best = choose.crown(rows, METRIC, 60, 40)
    choose.write(tmp_path / "out", described, rows, best)
    table = list(csv.DictReader(io.StringIO((tmp_path / "out/trials.csv").read_text())))
    assert [(row["number"], row["status"], row[METRIC]) for row in table] == [
        ("0", "done", "0.25"),
        ("1", "done", "0.2"),
        ("2", "failed", ""),
        ("3", "done", "0.3"),
    ]
    assert [row["name"] for row in table] == ["item_knn", "trial", "trial", "trial"]
    assert (table[0]["kind"], table[0]["neighbours"], table[0]["operators"]) == ("neighbours", "20", "")
    assert (table[1]["operators"], table[1]["family"], table[2]["error"]) == ("gcn+gcn", "gnn", "ValueError: no")
    assert (tmp_path / "out/history.csv").read_text().splitlines() == [
        f"trial,{METRIC},best",
        "0,0.25,0.25",
        "1,0.2,0.25",
        "2,,0.25",
        "3,0.3,0.3",
    ]
    written = json.loads((tmp_path / "out/best.json").read_text())
    assert (written["metric"], written["valid"], written["source"]) == (METRIC, {METRIC: 0.3}, "search")
    assert written["architecture"] == Gnn().model_dump(mode="json")


def test_a_mixture_shows_the_knobs_of_its_parts_and_no_others(tmp_path: Path) -> None:
    shared = {"left_exponent": 0.4, "right_exponent": 0.3}
    parts = (Filter(kind="polynomial", order=6, **shared), Filter(kind="low_pass", rank=9, **shared))
    described = task(tastes(tmp_path), tmp_path / "work")
    trials = [record(0.2, Filter(kind="mixture", parts=parts, weights=(1.0, 0.25))), record(0.1, Filter(kind="ridge"))]
    rows = choose.candidates(described, finished(described, trials), [])
    mixture, ridge = csv.DictReader(io.StringIO(choose.trials_csv(rows, METRIC)))
    names = ("kind", "parts", "weights", "left_exponent", "right_exponent", "order", "rank", "l2", "neighbours")
    assert [mixture[name] for name in names] == (
        ["mixture", "polynomial+low_pass", "1.0+0.25", "0.4", "0.3", "6", "9", "", ""]
    )
    assert [ridge[name] for name in names] == ["ridge", "", "", "", "", "", "", "500.0", ""]
    best = choose.best_values(described, rows[0])
    assert [part["kind"] for part in best["architecture"]["parts"]] == ["polynomial", "low_pass"]


def test_what_was_measured_on_a_part_of_the_users_is_shown_and_never_crowned(tmp_path: Path) -> None:
    rows = [
        Candidate(0, record(0.3, Filter(kind="neighbours"), name="item_knn", source="baseline")),
        Candidate(1, record(0.9, Filter(), key="a", users=50)),
        Candidate(2, record(0.4, Filter(left_exponent=0.1), key="b")),
    ]
    assert choose.crown(rows, METRIC, 10, 10).number == 2
    table = list(csv.DictReader(io.StringIO(choose.trials_csv(rows, METRIC))))
    assert [row["users"] for row in table] == ["", "50", ""]
    assert choose.history_csv(rows, METRIC).splitlines()[1:] == ["0,0.3,0.3", "1,0.9,0.3", "2,0.4,0.4"]
    with pytest.raises(UserError, match="failed"):
        choose.crown(rows[:2], METRIC, 10, 10)
