"""The stage train goes on from the incumbent, id by id, or says why not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from recsmith.engine.fit import FitSettings, Fitted, fit
from recsmith.engine.network.warm import EMBEDDINGS
from recsmith.engine.store import save_model
from recsmith.files import write_json
from recsmith.graph.graph import from_edges
from recsmith.model.architecture import Filter, Gnn
from recsmith.retrain.incumbent import Incumbent
from recsmith.retrain.warm import starts

NETWORK = Gnn(operators=("lightgcn",), dimension=4)
SETTINGS = FitSettings(device="cpu", threads=1, epochs=1)


def write_ids(folder: Path, users: list[str], items: list[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({"user_id": users}), folder / "users.parquet")
    pq.write_table(pa.table({"item_id": items, "title": items}), folder / "items.parquet")


def incumbent(folder: Path, architecture: Gnn | Filter = NETWORK, version: int = 1) -> dict[str, Fitted]:
    graph = from_edges(np.array([0, 1, 1]), np.array([0, 1, 2]), 2, 3)
    made = {name: fit(architecture, graph, SETTINGS) for name in ("candidate", "final")}
    for name, fitted in made.items():
        save_model(fitted, folder / name, graph)
    write_ids(folder, ["b", "d"], ["1", "2", "3"])
    write_json(folder / "incumbent.json", Incumbent(version=version).model_dump())
    return made


def test_each_model_starts_from_its_own_predecessor_by_id(tmp_path: Path) -> None:
    made = incumbent(tmp_path / "incumbent")
    write_ids(tmp_path / "graph", ["a", "b", "c", "d"], ["3", "0", "1"])
    tables = tmp_path / "graph/users.parquet", tmp_path / "graph/items.parquet"
    found = starts(tmp_path / "incumbent", NETWORK, *tables)
    assert isinstance(found, dict)
    assert found["final"].nodes.tolist() == [-1, 0, -1, 1, 4, -1, 2]
    for name, fitted in made.items():
        assert fitted.learnt is not None
        assert torch.equal(found[name].learnt[EMBEDDINGS], fitted.learnt[EMBEDDINGS])


@pytest.mark.parametrize(
    ("winner", "made", "version", "why"),
    [
        (NETWORK, NETWORK, 0, "there is no incumbent"),
        (Filter(kind="linear"), Filter(kind="linear"), 1, "a filter has a closed form"),
        (NETWORK, Filter(kind="linear"), 1, "the incumbent is of another architecture"),
        (Gnn(operators=("gcn",), dimension=4), NETWORK, 1, "the incumbent is of another architecture"),
    ],
)
def test_a_cold_start_says_why(
    tmp_path: Path, winner: Gnn | Filter, made: Gnn | Filter, version: int, why: str
) -> None:
    incumbent(tmp_path / "incumbent", made, version)
    write_ids(tmp_path / "graph", ["a"], ["1"])
    tables = tmp_path / "graph/users.parquet", tmp_path / "graph/items.parquet"
    assert starts(tmp_path / "incumbent", winner, *tables) == why
