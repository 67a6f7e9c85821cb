"""Tuning of baselines on two planted tastes."""

import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from recsmith.baselines import refit, tune
from recsmith.baselines.als import candidates as als_candidates
from recsmith.baselines.als import fit as fit_als
from recsmith.baselines.journal import Journal
from recsmith.baselines.tables import line, summary, write_trials
from recsmith.config.baseline import Als, Baseline, Ease, ItemKnn, LightGcn
from recsmith.engine.fit import FitSettings, fit
from recsmith.engine.rank.evaluate import evaluate
from recsmith.graph.graph import Graph, from_edges
from recsmith.graph.relevant import Relevant, from_pairs
from recsmith.model.architecture import Filter
from recsmith.model.contract import Model
from recsmith.model.names import BASELINES
from recsmith.model.record import Record, best, read_records, write_records

USERS, ITEMS = 40, 24
SETTINGS = FitSettings(seed=1, device="cpu", threads=1, memory_mb=50, metric="ndcg@7")
PARAMS = Baseline(
    item_knn=ItemKnn(neighbours=(2, 10), shrink=(0.0,)),
    ease=Ease(l2=(1.0, 50.0)),
    als=Als(factors=(4,), regularization=(0.1,), alpha=(1.0, 5.0), iterations=3),
    lightgcn=LightGcn(dimension=4, layers=(1,), learning_rate=0.05, batch_size=64, max_epochs=4, evaluate_every=2),
)


@pytest.fixture(scope="module")
def planted() -> tuple[Graph, Relevant]:
    """Users like items of their own parity; half of what they like is hidden in valid; one item is cold."""
    draw = np.random.default_rng(0)
    liked = [(user, item) for user in range(USERS) for item in draw.permutation(ITEMS // 2)[:8] * 2 + user % 2]
    known = np.array([pair for place, pair in enumerate(liked) if place % 8 < 5])
    hidden = np.array([pair for place, pair in enumerate(liked) if place % 8 >= 5] + [(3, ITEMS + 5)])
    return from_edges(*known.T, USERS, ITEMS), from_pairs(*hidden.T, USERS, ITEMS)


@pytest.fixture(scope="module")
def records(planted: tuple[Graph, Relevant]) -> list[Record]:
    return tune(PARAMS, *planted, SETTINGS)


def test_every_baseline_and_every_combination_is_tried(records: list[Record]) -> None:
    assert [record.name for record in records] == [
        "popularity",
        *["item_knn"] * 2,
        *["ease"] * 2,
        *["als"] * 2,
        "lightgcn",
    ]
    assert {record.status for record in records} == {"done"}
    assert {record.source for record in records} == {"baseline"}
    assert len({record.key for record in records}) == len(records)
    assert tuple(dict.fromkeys(record.name for record in records)) == BASELINES


def test_every_record_has_the_usual_cutoffs_and_the_one_of_the_metric(records: list[Record]) -> None:
    names = {f"{name}@{cutoff}" for name in ("ndcg", "recall", "map") for cutoff in (5, 7, 10, 20)}
    assert all(names <= set(record.metrics) for record in records)


def test_the_best_of_each_name_on_the_metric_is_chosen(records: list[Record]) -> None:
    chosen = [record for record in records if record.chosen]
    assert [record.name for record in chosen] == list(BASELINES)
    for record in chosen:
        rivals = [rival.metrics["ndcg@7"] for rival in records if rival.name == record.name]
        assert record.metrics["ndcg@7"] == max(rivals)


def test_baselines_that_see_tastes_beat_popularity(records: list[Record]) -> None:
    value = {record.name: record.metrics["ndcg@7"] for record in records if record.chosen}
    assert min(value["item_knn"], value["ease"], value["als"]) > value["popularity"] + 0.1


def test_tuning_twice_gives_the_same_records(planted: tuple[Graph, Relevant], records: list[Record]) -> None:
    assert tune(PARAMS, *planted, SETTINGS) == records


def test_another_metric_changes_the_key(planted: tuple[Graph, Relevant], records: list[Record]) -> None:
    small = Baseline(
        item_knn=ItemKnn(neighbours=()), ease=Ease(l2=()), als=Als(factors=()), lightgcn=LightGcn(layers=())
    )
    (other,) = tune(small, *planted, replace(SETTINGS, metric="recall@7"))
    assert other.key != records[0].key


def test_ease_is_the_filter_that_the_search_would_fit(planted: tuple[Graph, Relevant], records: list[Record]) -> None:
    graph, valid = planted
    record = next(record for record in records if record.name == "ease")
    assert record.architecture == Filter(kind="ridge", l2=1.0)
    model = fit(record.architecture, graph, SETTINGS).model
    assert evaluate(model, graph, valid, (5, 7, 10, 20), 50) == record.metrics


def test_a_refit_on_the_same_graph_gives_the_recorded_numbers(
    planted: tuple[Graph, Relevant], records: list[Record]
) -> None:
    graph, valid = planted
    for record in records:
        model = refit(record, graph, replace(SETTINGS, batch_size=999))
        assert isinstance(model, Model)
        assert evaluate(model, graph, valid, (5, 7, 10, 20), 50) == record.metrics


def test_a_refit_takes_a_larger_graph(planted: tuple[Graph, Relevant], records: list[Record]) -> None:
    graph, valid = planted
    users = np.repeat(np.arange(USERS), np.diff(valid.indptr))
    rows = np.repeat(np.arange(USERS), np.diff(graph.indptr))
    both = from_edges(np.append(rows, users), np.append(graph.indices, valid.indices), USERS, ITEMS)
    for record in records:
        assert torch.isfinite(refit(record, both, SETTINGS).scores(np.arange(USERS))).all()


def test_people_without_history_get_popularity_from_every_baseline(records: list[Record]) -> None:
    graph = from_edges(np.array([0, 0, 1, 2]), np.array([0, 1, 1, 3]), 4, 5)
    for record in records:
        assert refit(record, graph, SETTINGS).scores(np.array([3])).tolist() == [[1, 2, 0, 1, 0]]


def test_als_gives_the_same_bytes_twice_and_warns_of_nothing(planted: tuple[Graph, Relevant]) -> None:
    candidate = als_candidates(PARAMS)[0]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        first, second = (fit_als(candidate, planted[0], replace(SETTINGS, threads=2)) for _ in range(2))
    assert torch.equal(first.user_vectors, second.user_vectors)
    assert torch.equal(first.item_vectors, second.item_vectors)


def test_what_does_not_fit_is_sized_out_and_the_rest_goes_on(planted: tuple[Graph, Relevant]) -> None:
    records = tune(PARAMS, *planted, replace(SETTINGS, memory_mb=0))
    ease = [record for record in records if record.name == "ease"]
    assert {record.status for record in ease} == {"sized_out"}
    assert all("bytes" in str(record.error) and not record.metrics and not record.chosen for record in ease)
    assert next(record for record in records if record.name == "als").status == "done"
    assert "sized_out" in summary(records, "ndcg@7")


def test_each_record_is_heard_of_when_it_is_finished(planted: tuple[Graph, Relevant], records: list[Record]) -> None:
    heard: list[Record] = []
    tune(PARAMS, *planted, SETTINGS, on_record=heard.append)
    assert [record.key for record in heard] == [record.key for record in records]
    assert "best so far" in line(heard, "ndcg@7")


def test_an_interrupted_tuning_goes_on_where_it_stopped(
    planted: tuple[Graph, Relevant], records: list[Record], tmp_path: Path
) -> None:
    journal = Journal(tmp_path / "finished")

    def dies(record: Record) -> None:
        journal.keep(record)
        if record.name == "ease":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tune(PARAMS, *planted, SETTINGS, on_record=dies)
    assert len(list((tmp_path / "finished").iterdir())) == 4
    assert tune(PARAMS, *planted, SETTINGS, known=journal.known) == records
    journal.clear()
    assert journal.known(records[0].key) is None


def test_records_survive_writing_and_reading(records: list[Record], tmp_path: Path) -> None:
    write_records(tmp_path / "records.json", records)
    assert read_records(tmp_path / "records.json") == records
    assert best(records, "ndcg@7") in records


def test_the_table_of_trials_has_a_row_a_record_and_no_durations(records: list[Record], tmp_path: Path) -> None:
    write_trials(tmp_path / "trials.csv", records)
    header, *rows = (tmp_path / "trials.csv").read_text().splitlines()
    assert len(rows) == len(records)
    assert "ndcg@7" in header
    assert "second" not in header


@pytest.mark.slow
def test_baselines_on_movielens_beat_popularity(mirror: Path) -> None:
    """Needs the real data; grids are those of the defaults but for LightGCN."""
    import csv
    import io
    import zipfile

    with zipfile.ZipFile(mirror / "ml-latest-small/ml-latest-small.zip") as archive:
        name = next(name for name in archive.namelist() if name.endswith("ratings.csv"))
        rows = list(csv.DictReader(io.StringIO(archive.read(name).decode())))
    table = np.array([(int(row["userId"]), int(row["movieId"]), int(row["timestamp"])) for row in rows])
    users, items = (np.unique(column, return_inverse=True)[1] for column in table[:, :2].T)
    order = np.lexsort((items, table[:, 2], users))
    counts = np.bincount(users)
    place = np.arange(len(users)) - np.repeat(counts.cumsum() - counts, counts)
    late = place >= np.repeat(counts, counts) * 0.8
    known, hidden = order[~late], order[late]
    sizes = (len(counts), int(items.max()) + 1)
    graph, valid = from_edges(users[known], items[known], *sizes), from_pairs(users[hidden], items[hidden], *sizes)
    records = tune(Baseline(lightgcn=LightGcn(layers=())), graph, valid, FitSettings(metric="ndcg@20"))
    value = {record.name: record.metrics["ndcg@20"] for record in records if record.chosen}
    assert min(value["item_knn"], value["ease"], value["als"]) > value["popularity"]
