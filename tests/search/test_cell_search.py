"""Cells as candidates of a search."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np
from searches import task, tastes

from recsmith.engine.fit import FitSettings, fit
from recsmith.graph.graph import Graph
from recsmith.graph.relevant import Relevant
from recsmith.model import cell
from recsmith.model.architecture import Gnn
from recsmith.model.names import COMBINATIONS, OPERATORS
from recsmith.search import choose, plain
from recsmith.search.nas import multi_trial
from recsmith.search.space import SearchSpace

CELLS: dict[str, Any] = {
    "operators": list(OPERATORS),
    "mixed_operators": True,
    "structure": ["cell"],
    "layers": [2, 3, 4],
    "combination": list(COMBINATIONS),
    "dimension": [8],
    "residual": [False, True],
    "negatives": [16],
}


def test_every_sampled_cell_trains(tmp_path: Path) -> None:
    data = tastes(tmp_path / "data")
    space = SearchSpace(task(data, tmp_path / "work", preset="gnn", space=CELLS).space)
    generator, graph = np.random.default_rng(5), Graph.load(data / "fit")
    settings = FitSettings(device="cpu", threads=1, max_epochs=2, batch_size=256)
    cells = 0
    for _ in range(30):
        candidate = space.architecture(space.sample(generator))
        assert isinstance(candidate, Gnn)
        cells += bool(candidate.inputs)
        fitted = fit(candidate, graph, settings, Relevant.load(data / "valid"))
        assert np.isfinite(fitted.history[-1]["loss"])
    assert cells > 15


def test_chains_and_cells_of_one_search_stand_in_one_table(tmp_path: Path) -> None:
    values = {**CELLS, "operators": ["lightgcn", "gcn"], "structure": ["chain", "cell"], "combination": ["mean"]}
    ours = task(tastes(tmp_path / "data"), tmp_path / "work", preset="gnn", space=values, trials=16, strategy="random")
    rows = choose.candidates(ours, plain.search(ours), [])
    table = list(csv.DictReader(io.StringIO(choose.trials_csv(rows, "ndcg@20"))))
    assert {bool(row["inputs"]) for row in table} == {True, False}
    for row, shown in zip(rows, table, strict=True):
        assert isinstance(row.record.architecture, Gnn)
        assert shown["inputs"] == cell.text(row.record.architecture.inputs)


def test_evolution_in_this_process_finds_cells(tmp_path: Path) -> None:
    values = {**CELLS, "operators": ["lightgcn", "gcn"], "combination": ["last"]}
    ours = task(tastes(tmp_path / "data"), tmp_path / "work", preset="gnn", space=values, trials=10)
    ours = ours.model_copy(update={"strategy": "regularized_evolution"})
    rows = choose.candidates(ours, multi_trial.search(ours, lambda text: None), [])
    found = [row.record.architecture for row in rows]
    assert all(row.record.status == "done" for row in rows)
    assert any(isinstance(one, Gnn) and one.inputs for one in found)
    assert len({row.record.key for row in rows}) == 10
