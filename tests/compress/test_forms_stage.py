"""Stage compress with forms that are made by training, run as the line runs it, ended between two of them."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from ruamel.yaml import YAML

from recsmith.graph.graph import from_edges
from recsmith.graph.relevant import from_pairs
from recsmith.model.architecture import Architecture, Blend, Filter, Gnn
from recsmith.serving.bundle import load
from tools.deps import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.short, pytest.mark.timeout(1800)]

USERS, ITEMS = 40, 50
SETTINGS = {"seed": 5, "device": "cpu", "threads": 1, "memory_mb": 200, "max_epochs": 4, "patience": 2}
SETTINGS |= {"evaluate_every": 1, "batch_size": 64, "metric": "ndcg@20"}
PARAMS = {
    "run": {"threads": 1, "device": "cpu", "memory_mb": 200},
    "search": {"metric": "ndcg@20"},
    "train": {"max_epochs": 4, "patience": 2},
    "compress": {
        "forms": ["slim", "smaller", "distilled", "graph_free", "edges"],
        "slim": {"units": ["channels", "layers"], "epochs": 1},
        "student": {"dimensions": [4], "distil": ["rank", "layers"]},
        "export": {"rank": 8, "top_k": 4},
        "precision": ["int8"],
        "sparsity": [0.0],
        "min_retained": 0.1,
        "gate": {"retained": 0.0},
    },
}
NETWORK = Gnn(operators=("gin", "gcn"), dimension=8, learning_rate=0.02)
RIDGE = Filter(kind="ridge", l2=20.0)
BLEND = Blend(parts=(NETWORK, RIDGE), weights=(1.0, 1.0), epochs=(2, 0))
OF_EVERY = ["graph-free 4"]
OF_FILTERS = [*OF_EVERY, "edges 70%"]
OF_NETWORKS = [
    "slim 50% of channels",
    "slim without layer 1",
    "slim without layer 2",
    "smaller 4",
    "distilled 4 by rank",
    "distilled 4 by layers",
    *OF_FILTERS,
]
WINNERS: dict[str, tuple[Architecture, list[str]]] = {
    "network": (NETWORK, OF_NETWORKS),
    "filter": (RIDGE, OF_FILTERS),
    "blend": (BLEND, OF_EVERY),
}


def line(folder: Path, winner: Architecture) -> None:
    """A folder as the stages before train leave it."""
    graphs, best = folder / "data/graph", folder / "data/search/best.json"
    keys = np.random.default_rng(1).choice(USERS * ITEMS, 500, replace=False)
    users, items = keys // ITEMS, keys % ITEMS
    from_edges(users[:400], items[:400], USERS, ITEMS).save(graphs / "fit")
    from_edges(users, items, USERS, ITEMS).save(graphs / "refit")
    from_pairs(users[400:], items[400:], USERS, ITEMS).save(graphs / "valid")
    pq.write_table(pa.table({"user_id": [f"u{n}" for n in range(USERS)]}), graphs / "users.parquet")
    pq.write_table(pa.table({"item_id": [f"i{n}" for n in range(ITEMS)]}), graphs / "items.parquet")
    best.parent.mkdir(parents=True)
    best.write_text(json.dumps({"architecture": winner.model_dump(mode="json"), "settings": SETTINGS}))
    with (folder / "params.yaml").open("w", encoding="utf-8") as handle:
        YAML().dump(PARAMS, handle)


def started(folder: Path, stage: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", f"stages.{stage}"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "WANDB_MODE": "disabled"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def whole(folder: Path, stage: str) -> str:
    """What a stage says that runs to its end."""
    process = started(folder, stage)
    said, _ = process.communicate()
    assert process.returncode == 0, said
    return said


def killed_before(folder: Path, form: str) -> None:
    """The stage, killed when it begins to make ``form`` of the candidate."""
    process, said = started(folder, "compress"), ""
    assert process.stdout is not None
    for text in process.stdout:
        said += text
        if text.startswith(f"candidate: {form} ..."):
            os.killpg(process.pid, signal.SIGKILL)
            break
    process.stdout.close()
    assert process.wait() == -signal.SIGKILL, said


def test_a_killed_stage_makes_no_form_twice_and_its_table_names_every_form(tmp_path: Path, full: bool) -> None:
    for name in WINNERS if full else ["network"]:
        _killed_and_run_again(tmp_path / name, *WINNERS[name])


def _killed_and_run_again(folder: Path, winner: Architecture, forms: list[str]) -> None:
    line(folder, winner)
    whole(folder, "train")
    killed_before(folder, forms[-1])
    said = whole(folder, "compress")
    again = [name for name in forms if f"candidate: {name} ..." in said]
    assert again == forms[-1:]
    assert [name for name in forms if f"candidate: {name}: known" in said] == forms[:-1]
    with (folder / "data/compress/pareto.csv").open(encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    assert {row["form"] for row in rows} >= set(forms)
    chosen = next(row for row in rows if row["chosen"] == "1")
    assert (f"final: {chosen['form']} ..." in said) == (chosen["form"] in forms)
    bundle = load(folder / "data/compress/bundle")
    assert bundle.manifest["recipe"] == chosen["recipe"]
    assert (bundle.recommend(None, 5).items >= 0).all()
