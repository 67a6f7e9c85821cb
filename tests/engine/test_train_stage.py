"""Stage train: the trial's training again, then the same on more data."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recsmith.config.base import Run
from recsmith.config.train import Train
from recsmith.engine.fit import FitSettings, fit
from recsmith.engine.rank.evaluate import evaluate
from recsmith.engine.store import load_model
from recsmith.engine.train.training import Training
from recsmith.errors import UserError
from recsmith.graph.graph import Graph, from_edges
from recsmith.graph.relevant import Relevant, from_pairs
from recsmith.model.architecture import Filter, Gnn
from recsmith.search.winner import read_best
from stages.train import BEST, run

USERS, ITEMS = 30, 40
SETTINGS = {
    "seed": 5,
    "device": "cpu",
    "threads": 1,
    "memory_mb": 100,
    "max_epochs": 4,
    "patience": 2,
    "evaluate_every": 2,
    "batch_size": 64,
    "metric": "ndcg@20",
}
WINNER = Gnn(operators=("lightgcn",), dimension=8, learning_rate=0.02)


class FakeContext:
    """A stage's context that keeps what it is told."""

    run = Run(threads=1, device="cpu", memory_mb=100)

    def __init__(self) -> None:
        self.out, self.work, self.track = Path("data/train"), Path(".work/train"), self
        self.lines: list[str] = []
        self.logged: list[dict[str, Any]] = []
        self.metrics: dict[str, float] = {}

    def section(self, name: str, model: Any) -> Any:
        return model.model_validate({"max_epochs": 6, "checkpoint_seconds": 0} if name == "train" else {})

    def value(self, name: str, model: Any, knob: str) -> Any:
        return getattr(self.section(name, model), knob)

    def say(self, text: str) -> None:
        self.lines.append(text)

    def log(self, values: dict[str, Any], over: str | None = None) -> None:
        self.logged.append(values)

    def metric(self, name: str, value: float) -> None:
        self.metrics[name] = value


def trial() -> dict[str, float]:
    """Valid metrics of the winner's trial."""
    graph, valid = Graph.load("data/graph/fit"), Relevant.load("data/graph/valid")
    return evaluate(fit(WINNER, graph, FitSettings(**SETTINGS), valid).model, graph, valid, (5, 10, 20), 100)


def crown(architecture: Gnn | Filter) -> None:
    """Write what the search would have written."""
    BEST.parent.mkdir(parents=True, exist_ok=True)
    values = {"architecture": architecture.model_dump(mode="json"), "metric": "ndcg@20", "settings": SETTINGS}
    BEST.write_text(json.dumps(values))


@pytest.fixture(autouse=True)
def line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder as the graph and search stages leave it."""
    monkeypatch.chdir(tmp_path)
    keys = np.random.default_rng(1).choice(USERS * ITEMS, 260, replace=False)
    users, items = keys // ITEMS, keys % ITEMS
    from_edges(users[:200], items[:200], USERS, ITEMS).save("data/graph/fit")
    from_edges(users, items, USERS, ITEMS).save("data/graph/refit")
    from_pairs(users[200:], items[200:], USERS, ITEMS).save("data/graph/valid")
    crown(WINNER)


def trained() -> FakeContext:
    context = FakeContext()
    run(context)  # pyright: ignore[reportArgumentType]
    return context


def contents() -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(Path("data/train").rglob("*")) if path.is_file()}


def test_the_candidate_is_at_least_as_good_as_its_trial() -> None:
    context = trained()
    metrics = json.loads(Path("data/train/metrics.json").read_text())
    assert metrics["ndcg@20"] >= trial()["ndcg@20"]
    assert metrics["ndcg@20"] == context.metrics["ndcg@20"]
    assert {f"{name}@{k}" for name in ("recall", "map", "hit_rate") for k in (5, 10, 20)} <= set(metrics)


def test_the_final_model_learns_as_long_as_was_best_for_the_candidate_on_all_that_is_known() -> None:
    trained()
    fitting, refitting = Graph.load("data/graph/fit"), Graph.load("data/graph/refit")
    candidate, final = load_model("data/train/candidate", fitting), load_model("data/train/final", refitting)
    assert candidate.epochs == final.epochs > 0
    with Path("data/train/history.csv").open() as handle:
        rows = list(csv.DictReader(handle))
    assert [row["epoch"] for row in rows if row["model"] == "final"] == [str(n + 1) for n in range(final.epochs)]
    assert all(row["ndcg@20"] == "" for row in rows if row["model"] == "final")


def test_running_twice_gives_equal_bytes() -> None:
    trained()
    first = contents()
    trained()
    assert contents() == first
    assert len(first) == 8


def test_an_interrupted_stage_goes_on_where_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    context = trained()
    wanted = contents()
    epoch, begun = Training._epoch, []

    def ending(self: Training) -> dict[str, Any]:
        begun.append(1)
        if len(begun) == len(context.logged):
            raise KeyboardInterrupt
        return epoch(self)

    monkeypatch.setattr(Training, "_epoch", ending)
    with pytest.raises(KeyboardInterrupt):
        trained()
    again = trained()
    assert "final  resumed at epoch" in "\n".join(again.lines)
    assert len(again.logged) == 1
    assert contents() == wanted
    assert list(Path(".work/train").iterdir()) == []


def test_nothing_that_is_kept_holds_a_duration_or_memory() -> None:
    trained()
    assert Path("data/train/history.csv").read_text().splitlines()[0] == "model,epoch,loss,ndcg@20"


def test_a_filter_is_trained_without_epochs() -> None:
    crown(Filter(kind="linear"))
    trained()
    assert Path("data/train/history.csv").read_text() == "model,epoch,loss,ndcg@20\n"
    assert "data/train/final/model.json" in contents()


def test_progress_is_one_line_an_epoch_and_mirrored() -> None:
    context = trained()
    epochs = [line for line in context.lines if "epoch" in line]
    assert len(epochs) == len(context.logged)
    assert epochs[0].startswith("candidate  epoch   1  loss 0.")


def test_params_may_lengthen_the_trials_training_and_never_shorten_it() -> None:
    _, longer = read_best(BEST, Train(max_epochs=50, patience=1))
    assert (longer.max_epochs, longer.patience, longer.batch_size) == (50, 2, 64)


@pytest.mark.parametrize("text", ["{}", '{"settings": {"speed": 1}, "architecture": {}}', "nonsense"])
def test_a_winner_that_cannot_be_read_is_named(text: str) -> None:
    BEST.write_text(text)
    with pytest.raises(UserError, match=r"best\.json"):
        trained()
