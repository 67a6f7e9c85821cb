"""Fitted models on disk."""

from pathlib import Path

import numpy as np
import pytest
import torch

from recsmith.engine.fit import FitSettings, Fitted, fit
from recsmith.engine.store import load_model, save_model
from recsmith.engine.vectors import vectors
from recsmith.errors import UserError
from recsmith.graph.graph import Graph, from_edges
from recsmith.model.architecture import Filter, Gnn

SETTINGS = FitSettings(device="cpu", threads=1)


@pytest.fixture
def graph() -> Graph:
    return from_edges(np.array([0, 0, 1, 2]), np.array([0, 1, 1, 3]), 4, 5)


@pytest.fixture
def network(graph: Graph) -> Fitted:
    draw = torch.Generator().manual_seed(0)
    model = vectors(torch.randn(4, 3, generator=draw), torch.randn(5, 3, generator=draw), graph)
    return Fitted(model, Gnn(operators=("lightgcn",), dimension=3), epochs=12)


def test_a_network_comes_back_as_it_was(network: Fitted, graph: Graph, tmp_path: Path) -> None:
    save_model(network, tmp_path / "candidate", graph)
    loaded = load_model(tmp_path / "candidate", graph)
    assert (loaded.architecture, loaded.epochs) == (network.architecture, 12)
    assert torch.equal(loaded.model.scores(np.arange(4)), network.model.scores(np.arange(4)))


def test_a_filter_is_kept_as_its_knobs_and_fitted_again(graph: Graph, tmp_path: Path) -> None:
    fitted = fit(Filter(kind="ridge", l2=3.0), graph, SETTINGS)
    save_model(fitted, tmp_path / "final", graph)
    assert [path.name for path in (tmp_path / "final").iterdir()] == ["model.json"]
    loaded = load_model(tmp_path / "final", graph, SETTINGS)
    assert loaded.architecture == fitted.architecture
    assert torch.equal(loaded.model.scores(np.arange(4)), fitted.model.scores(np.arange(4)))


def test_saving_twice_gives_the_same_bytes_and_leaves_nothing_behind(
    network: Fitted, graph: Graph, tmp_path: Path
) -> None:
    save_model(Fitted(network.model, Filter(), 0), tmp_path / "candidate", graph)
    contents = []
    for _ in range(2):
        save_model(network, tmp_path / "candidate", graph)
        contents.append({path.name: path.read_bytes() for path in (tmp_path / "candidate").iterdir()})
    assert contents[0] == contents[1]
    assert [path.name for path in tmp_path.iterdir()] == ["candidate"]


@pytest.mark.parametrize("sizes", [(4, 6), (4, 5)])
def test_a_model_of_another_graph_is_refused(
    sizes: tuple[int, int], network: Fitted, graph: Graph, tmp_path: Path
) -> None:
    save_model(network, tmp_path / "candidate", graph)
    with pytest.raises(UserError, match=r"another graph than this one of 4 users, \d items and 1 edges"):
        load_model(tmp_path / "candidate", from_edges(np.array([0]), np.array([0]), *sizes))


@pytest.mark.parametrize("damage", ["truncated", "missing"])
def test_a_damaged_file_is_named(damage: str, network: Fitted, graph: Graph, tmp_path: Path) -> None:
    save_model(network, tmp_path / "candidate", graph)
    path = tmp_path / "candidate/model.safetensors"
    path.write_bytes(path.read_bytes()[:40]) if damage == "truncated" else path.unlink()
    with pytest.raises(UserError, match=r"model\.safetensors"):
        load_model(tmp_path / "candidate", graph)


@pytest.mark.parametrize(
    "meta", ["{}", "[]", '{"architecture": {"family": "filter", "kind": "x"}, "epochs": 0, "graph": ""}']
)
def test_a_description_that_is_none_is_refused(meta: str, graph: Graph, tmp_path: Path) -> None:
    (tmp_path / "model.json").write_text(meta)
    with pytest.raises(UserError, match=r"model\.json"):
        load_model(tmp_path, graph)
