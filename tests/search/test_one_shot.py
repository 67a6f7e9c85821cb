"""Weights that candidates share: supernets, their ranking, and what their nodes contribute."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from searches import task, tastes

from recsmith.engine.network.gnn import Network, network
from recsmith.engine.settings import FitSettings
from recsmith.engine.sparse.adjacency import Adjacency
from recsmith.errors import UserError
from recsmith.graph.graph import Graph
from recsmith.graph.relevant import Relevant
from recsmith.model import cell
from recsmith.model.architecture import Gnn
from recsmith.search import choose, drive
from recsmith.search.attempt import identify
from recsmith.search.nas import found, one_shot
from recsmith.search.nas.loading import load_nas
from recsmith.search.nas.paths import Paths
from recsmith.search.space import SearchSpace
from recsmith.search.strategies import STRATEGIES, named
from recsmith.search.task import Task

load_nas()
from recsmith.search.nas.node_scores import Ablated, Look, network_scores  # noqa: E402
from recsmith.search.nas.sharing import held_out  # noqa: E402
from recsmith.search.nas.supernet import Shared, supernet  # noqa: E402
from recsmith.search.nas.train_supernet import train  # noqa: E402

CELLS: dict[str, Any] = {
    "operators": ["none", "lightgcn", "gcn", "sage"],
    "mixed_operators": True,
    "structure": ["chain", "cell"],
    "layers": [1, 2, 3],
    "combination": ["last", "mean", "learned", "concat"],
    "residual": [False, True],
    "dimension": [8],
}
CHAINS: dict[str, Any] = {**CELLS, "mixed_operators": False, "structure": ["chain"], "operators": ["lightgcn", "gcn"]}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tastes(tmp_path_factory.mktemp("data"))


def quiet(text: str) -> None:
    """Nobody listens."""


def described(data: Path, work: Path, **search: Any) -> Task:
    values = {"preset": "gnn", "space": CELLS, "trials": 3, "max_epochs": 3, "batch_size": 64, "strategy": "enas"}
    return task(data, work, **{**values, **search})


@pytest.mark.parametrize("space", [CELLS, CHAINS], ids=["cells", "chains"])
def test_a_path_gives_what_its_network_gives_with_the_same_weights(
    space: dict[str, Any], data: Path, tmp_path: Path
) -> None:
    """Activation, residual, depth, cells: the supernet is ``Network`` wherever one path is taken."""
    graph, paths = Graph.load(data / "fit"), Paths(described(data, tmp_path, space=space).space)
    net, adjacency = supernet(paths, graph, None, torch.device("cpu")), Adjacency(Graph.load(data / "fit"))
    generator = np.random.default_rng(3)
    for _ in range(20):
        path = paths.draw(generator)
        shared = Shared(net, path).eval()
        alone = network(shared.architecture, graph).eval()
        alone.load_state_dict(shared.state_dict())
        frozen = net.freeze(path).eval()
        with torch.no_grad():
            assert torch.equal(shared(adjacency), alone(adjacency))
            assert torch.allclose(frozen(adjacency), alone(adjacency), atol=1e-6)


@pytest.mark.parametrize("space", [CELLS, CHAINS], ids=["cells", "chains"])
def test_a_path_stands_for_a_candidate_of_the_space(space: dict[str, Any], data: Path, tmp_path: Path) -> None:
    ours = described(data, tmp_path, space=space)
    paths, tree, generator = Paths(ours.space), SearchSpace(ours.space).tree, np.random.default_rng(5)
    for _ in range(100):
        path = paths.draw(generator)
        proposal = paths.proposal(path, tree)
        assert proposal is not None
        candidate, wanted = SearchSpace(ours.space).architecture(proposal), paths.network(path)
        assert isinstance(candidate, Gnn)
        inputs = wanted.inputs or cell.chain(len(wanted.operators))
        operators, left = cell.plain(wanted.operators, inputs, wanted.combination)
        assert (list(candidate.operators), candidate.inputs) == (operators, left)
        assert (candidate.combination, candidate.residual) == (wanted.combination, wanted.residual)
        assert (candidate.loss, candidate.dimension) == (wanted.loss, wanted.dimension)


def test_knobs_that_are_not_searched_are_those_of_the_candidates(data: Path, tmp_path: Path) -> None:
    """The temperature is none of bpr's: it must not sharpen the supernet's loss."""
    base = Paths(described(data, tmp_path).space).base
    assert (base.loss, base.temperature, base.dimension) == ("bpr", 1.0, 8)


@pytest.mark.parametrize("name", named("one_shot"))
def test_the_winner_of_shared_weights_is_trained_from_scratch(name: str, data: Path, tmp_path: Path) -> None:
    said: list[str] = []
    ours = described(data, tmp_path / "work", strategy=name)
    answers = drive.search(ours, tmp_path / "work", said.append)
    assert [one.number for one in answers] == [0, 1, 2]
    rows = choose.candidates(ours, answers, [])
    best = choose.crown(rows, "ndcg@20", 60, 40)
    assert best.record.key in {one.key for one in answers}
    ranked = found.load(ours)
    assert ranked is not None
    assert len(ranked.proposals) == len(ranked.values) >= 3
    assert [identify(ours, one)[1] for one in ranked.proposals[:3]] == [one.key for one in answers]
    assert any("supernet: epoch 3/3" in line for line in said)


QUICK = ("one_shot_random", "darts")
LONG = [pytest.param(name, marks=pytest.mark.slow) for name in named("one_shot") if name not in QUICK]


@pytest.mark.parametrize("name", [*QUICK, *LONG])
def test_the_same_seed_gives_the_same_supernet_and_it_is_trained_once(name: str, data: Path, tmp_path: Path) -> None:
    first = one_shot.search(described(data, tmp_path / "one", strategy=name), quiet)
    ranked = found.load(described(data, tmp_path / "one", strategy=name))
    one_shot.search(described(data, tmp_path / "two", strategy=name), quiet)
    assert found.load(described(data, tmp_path / "two", strategy=name)) == ranked
    said: list[str] = []
    again = one_shot.search(described(data, tmp_path / "one", strategy=name), said.append)
    assert [one.key for one in again] == [one.key for one in first]
    assert all(one.known for one in again)
    assert not any("epoch" in line for line in said)


@pytest.mark.parametrize("name", ["one_shot_random", "darts"])
def test_shared_weights_learn(name: str, data: Path, tmp_path: Path) -> None:
    """The mean path is far better after training than before it."""
    graph, valid = Graph.load(data / "fit"), Relevant.load(data / "valid")
    paths = Paths(described(data, tmp_path).space)
    values = []
    for epochs in (1, 20):
        torch.manual_seed(1)
        settings = FitSettings(device="cpu", threads=1, max_epochs=epochs, batch_size=64)
        trained = train(paths, STRATEGIES[name].load(), graph, valid, settings, quiet)
        generator = np.random.default_rng(4)
        values.append(np.mean([trained.value(paths.draw(generator)) for _ in range(20)]))
    assert values[1] > values[0] + 0.03


def test_enas_and_darts_move_away_from_uniform_choices(data: Path, tmp_path: Path) -> None:
    graph, valid = Graph.load(data / "fit"), Relevant.load(data / "valid")
    paths = Paths(described(data, tmp_path).space)
    settings = FitSettings(device="cpu", threads=1, max_epochs=12, batch_size=64)
    torch.manual_seed(1)
    trained = train(paths, STRATEGIES["darts"].load(), graph, valid, settings, quiet)
    drawn = [{**paths.first, **trained.liked.draw()}["operator_1"] for _ in range(300)]
    counts = [drawn[1:].count(name) for name in CELLS["operators"]]
    assert drawn[0] in CELLS["operators"]
    assert max(counts) > 1.3 * min(counts)


def test_filters_of_a_mixed_space_take_no_part_and_that_is_said(data: Path, tmp_path: Path) -> None:
    said: list[str] = []
    space = {**CHAINS, "families": ["gnn", "filter"]}
    ours = described(data, tmp_path / "work", preset="small", space=space, strategy="one_shot_random", trials=4)
    answers = one_shot.search(ours, said.append)
    assert len(answers) == 4
    assert {one.parameters["family"]["_name"] for one in answers} == {"gnn"}
    assert any("the filters of the space take no part" in line for line in said)


def test_a_space_of_concatenated_layers_alone_is_refused(data: Path, tmp_path: Path) -> None:
    ours = described(data, tmp_path / "work", space={**CHAINS, "combination": ["concat"]})
    with pytest.raises(UserError, match=r"search\.space\.combination"):
        one_shot.search(ours, quiet)


def test_a_supernet_that_cannot_fit_is_refused(data: Path, tmp_path: Path) -> None:
    ours = described(data, tmp_path / "work").model_copy(update={"memory_mb": 0})
    with pytest.raises(UserError, match="A supernet of 4 operators in 3 layers needs about"):
        one_shot.search(ours, quiet)


def test_a_supernet_that_takes_longer_than_all_trials_may_is_ended(data: Path, tmp_path: Path) -> None:
    ours = described(data, tmp_path / "work", strategy="one_shot_random").model_copy(update={"trial_seconds": 0.0})
    with pytest.raises(UserError, match="longer than all trials may together"):
        one_shot.search(ours, quiet)
    assert found.load(ours) is None


def test_a_space_of_one_network_is_tried_without_a_supernet(data: Path, tmp_path: Path) -> None:
    one = {**CHAINS, "operators": ["lightgcn"], "layers": [2], "combination": ["mean"], "residual": [False]}
    said: list[str] = []
    answers = one_shot.search(described(data, tmp_path / "work", space=one, trials=2), said.append)
    assert len(answers) == 2
    assert not any("epoch" in line for line in said)


def test_node_scores_name_every_module_and_connection_of_the_supernet(data: Path, tmp_path: Path) -> None:
    ours = described(data, tmp_path / "work", strategy="one_shot_random")
    assert found.node_scores_csv(ours).count("\n") == 1
    one_shot.search(ours, quiet)
    rows = list(csv.DictReader(io.StringIO(found.node_scores_csv(ours))))
    modules = {(row["node"], row["operator"]) for row in rows if row["kind"] == "module"}
    assert modules == {(str(layer), name) for layer in (1, 2, 3) for name in ("lightgcn", "gcn", "sage")}
    edges = {row["node"] for row in rows if row["kind"] == "connection"}
    assert edges >= {"0->1", "0->2", "1->2", "0->3", "1->3", "2->3", "3->4"}
    for row in rows:
        delta = float(row["loss_without"]) - float(row["loss_with"])
        assert float(row["delta"]) == pytest.approx(delta)
        assert 0 <= float(row["ndcg@20_with"]) <= 1


def look_of(data: Path, net: Network) -> Look:
    graph, valid = Graph.load(data / "fit"), Relevant.load(data / "valid")
    settings = FitSettings(device="cpu", threads=1, batch_size=64)
    pairs = [one.batch for one in held_out(net.architecture, graph, valid, settings, torch.device("cpu")) if one.batch]
    return Look(net, graph, valid, settings, Adjacency(graph), pairs)


def test_taking_a_module_out_hands_on_what_it_read(data: Path) -> None:
    graph = Graph.load(data / "fit")
    net = network(Gnn(operators=("lightgcn", "gcn", "lightgcn"), dimension=8, combination="last"), graph).eval()
    without = Ablated(net, module=2).eval()
    adjacency = Adjacency(graph)
    with torch.no_grad():
        twice = adjacency.symmetric @ (adjacency.symmetric @ net.embeddings)
        assert torch.allclose(without(adjacency), twice, atol=1e-6)


def test_a_connection_that_is_cut_carries_zeros(data: Path) -> None:
    graph, adjacency = Graph.load(data / "fit"), Adjacency(Graph.load(data / "fit"))
    cells = Gnn(operators=("lightgcn", "lightgcn"), inputs=((0,), (0, 1)), dimension=8, combination="mean")
    net = network(cells, graph).eval()
    with torch.no_grad():
        start, first = net.embeddings, adjacency.symmetric @ net.embeddings
        inner = Ablated(net, edge=(0, 2)).eval()(adjacency)
        assert torch.allclose(inner, (start + first + adjacency.symmetric @ (first / 2)) / 3, atol=1e-6)
        combined = Ablated(net, edge=(0, 3)).eval()(adjacency)
        second = adjacency.symmetric @ ((start + first) / 2)
        assert torch.allclose(combined, (first + second) / 3, atol=1e-6)


def test_a_trained_chain_is_scored_and_what_does_nothing_scores_nothing(data: Path) -> None:
    net = network(Gnn(operators=("lightgcn", "none"), dimension=8, combination="last"), Graph.load(data / "fit"))
    rows = network_scores(net, look_of(data, net))
    assert [(row.node, row.kind, row.operator) for row in rows] == [
        ("1", "module", "lightgcn"),
        ("0->1", "connection", ""),
        ("1->2", "connection", ""),
        ("2->3", "connection", ""),
    ]
    assert {row.loss_with for row in rows} == {rows[0].loss_with}
    assert all(row.loss_without == pytest.approx(np.log(2), abs=1e-6) for row in rows[1:])
    assert rows[0].loss_without != rows[0].loss_with
