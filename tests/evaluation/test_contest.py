"""Models side by side on a world small enough to work out by hand."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from recsmith.config.evaluate import Evaluate
from recsmith.engine.rank.evaluate import evaluate
from recsmith.evaluation.contest import Contest, baseline_entry, one_each
from recsmith.evaluation.judge import Entry, Verdict, headline_metrics, judge
from recsmith.evaluation.oracle import oracle
from recsmith.evaluation.pair_scores import model_pair_scores
from recsmith.evaluation.write import Ids, write_results
from recsmith.files import file_hash
from recsmith.graph.graph import Graph, from_edges
from recsmith.graph.relevant import Relevant, from_pairs
from recsmith.model.names import headline_cutoff
from recsmith.model.record import Record

USERS, ITEMS = 12, 15
SETTINGS = Evaluate(cutoffs=(2, 5), bootstrap=100, activity=(4,))


class Matrix:
    """A model that is its scores."""

    def __init__(self, scores: np.ndarray) -> None:
        self.matrix = torch.from_numpy(scores.astype(np.float32))
        self.n_users, self.n_items = scores.shape

    def scores(self, users: np.ndarray) -> torch.Tensor:
        return self.matrix[torch.from_numpy(np.asarray(users))].clone()


def world() -> tuple[Graph, Graph, Relevant, Relevant]:
    """fit, refit, valid, relevant; user 11 has no history, one test item is cold."""
    random = np.random.default_rng(0)
    pairs = np.array([(user, item) for user in range(USERS - 1) for item in random.permutation(ITEMS)[:8]])
    place = np.tile(np.arange(8), USERS - 1)
    train, valid, test = pairs[place < 4], pairs[(place >= 4) & (place < 6)], pairs[place >= 6]
    test = np.concatenate((test, [[0, ITEMS + 3], [USERS - 1, 2]]))
    both = np.concatenate((train, valid))
    graphs = [from_edges(part[:, 0], part[:, 1], USERS, ITEMS) for part in (train, both)]
    relevants = [from_pairs(part[:, 0], part[:, 1], USERS, ITEMS) for part in (valid, test)]
    return graphs[0], graphs[1], relevants[0], relevants[1]


def contest() -> Contest:
    fit, refit, valid, relevant = world()
    return Contest(fit, valid, refit, relevant, SETTINGS.cutoffs, SETTINGS, seed=3, memory_mb=50)


def entered(task: Contest) -> list[Entry]:
    random = np.random.default_rng(1)
    names = ("full", "bundle", "popularity")
    models = [Matrix(random.random((USERS, ITEMS))) for _ in names]
    models[1] = models[0]
    entries = [
        task.exact(Entry(name, "filter", name, {"ndcg@5": 0.1}), model, task.threshold(model))
        for name, model in zip(names, models, strict=True)
    ]
    return [*entries, Entry("ease", "filter", "ease", {}, note="too large")]


def judged() -> tuple[Contest, Verdict]:
    task = contest()
    return task, judge(entered(task), task.relevant, task.refit, task.cutoffs, SETTINGS, "map@5", seed=3)


def test_averages_are_those_of_the_engine() -> None:
    task, verdict = judged()
    model = Matrix(np.random.default_rng(1).random((USERS, ITEMS)))
    assert verdict.models["full"]["test"] == evaluate(model, task.refit, task.relevant, SETTINGS.cutoffs, 50)


def test_warm_users_are_those_with_a_history() -> None:
    task, verdict = judged()
    values = verdict.per_user["full"]["ndcg@5"]
    warm = verdict.models["full"]["warm"]
    assert warm["users"] == len(task.relevant.users) - 1 == USERS - 1
    assert warm["test"]["ndcg@5"] == pytest.approx(values[:-1].mean())


def test_equal_models_are_equal_everywhere() -> None:
    _, verdict = judged()
    assert verdict.models["full"]["interval"] == verdict.models["bundle"]["interval"]
    assert verdict.paired["bundle"]["full"]["ndcg@5"]["p"] == 1
    assert verdict.models["full"]["link"] == verdict.models["bundle"]["link"]


def test_the_metric_that_was_searched_for_is_tested_in_pairs_too() -> None:
    _, verdict = judged()
    assert set(verdict.paired["full"]["popularity"]) == {"ndcg@5", "recall@5", "map@5"}
    assert headline_metrics((5, 10, 20), "ndcg@20") == ("ndcg@20", "recall@20")
    assert headline_cutoff((5, 50)) == 50


def test_a_paired_difference_is_the_difference_of_the_averages() -> None:
    _, verdict = judged()
    first, second = (verdict.models[name]["test"]["recall@5"] for name in ("full", "popularity"))
    assert verdict.paired["full"]["popularity"]["recall@5"]["difference"] == pytest.approx(first - second)


def test_a_model_that_could_not_be_made_stands_with_its_reason() -> None:
    _, verdict = judged()
    assert verdict.models["ease"]["note"] == "too large"
    assert verdict.models["ease"]["test"] == {}


def test_what_was_found_is_what_stands_in_the_list_and_in_the_test() -> None:
    task, verdict = judged()
    for user, found in zip(task.relevant.users, verdict.found, strict=True):
        wanted = task.relevant.indices[task.relevant.indptr[user] : task.relevant.indptr[user + 1]]
        assert set(found) <= set(wanted.tolist())
    recall = [len(found) for found in verdict.found] / task.relevant.n_relevant[task.relevant.users]
    assert recall == pytest.approx(verdict.per_user["bundle"]["recall@5"])


def test_equal_runs_write_equal_bytes(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        task, verdict = judged()
        ids = Ids([f"u{n}" for n in range(USERS)], [f"i{n}" for n in range(ITEMS)])
        write_results(tmp_path / folder, {"models": verdict.models}, verdict, task.relevant, task.refit, ids)
    for name in ("metrics.json", "per_user.parquet", "slices.csv"):
        assert file_hash(tmp_path / "one" / name) == file_hash(tmp_path / "two" / name)
    table = pq.read_table(tmp_path / "one/per_user.parquet")
    assert table.column_names[:4] == ["user_id", "activity", "full:ndcg@5", "full:recall@5"]
    with (tmp_path / "one/slices.csv").open() as handle:
        rows = list(csv.DictReader(handle))
    assert {row["slice"] for row in rows} == {"0", "4+"}


def test_pair_scores_are_those_of_the_matrix_whatever_the_block() -> None:
    random = np.random.default_rng(5)
    model, users, items = Matrix(random.random((50, 7))), random.integers(50, size=90), random.integers(7, size=90)
    for memory in (0, 100):
        assert model_pair_scores(model, memory)(users, items) == pytest.approx(model.matrix.numpy()[users, items])


def test_the_oracle_is_not_beaten_by_chance_and_leaves_seen_items_out() -> None:
    _, refit, _, relevant = world()
    users = np.repeat(np.arange(USERS), np.diff(relevant.indptr))
    wanted = np.zeros((USERS, ITEMS))
    wanted[users, relevant.indices] = 1
    best = oracle(lambda rows, times: wanted[rows], users, np.zeros(len(users)), relevant, refit, (5,))
    cold = relevant.n_relevant[0]
    assert best["recall@5"] == pytest.approx((USERS - 1 + (cold - 1) / cold) / USERS)


def record(**values: object) -> Record:
    return Record.model_validate({"name": "ease", "source": "baseline", "key": "k", **values})


def test_the_chosen_record_of_each_name_competes() -> None:
    records = [
        record(key="a"),
        record(key="b", chosen=True),
        record(name="als", key="c", status="sized_out", error="why"),
    ]
    chosen = one_each(records)
    assert [item.key for item in chosen] == ["b", "c"]
    assert baseline_entry(chosen[1]).note == "why"
    assert baseline_entry(chosen[0]).note is None
