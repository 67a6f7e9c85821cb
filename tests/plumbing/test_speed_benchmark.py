"""The benchmarks of speed on a small drawn graph: every tool that is installed, failures, comparisons."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks import ranking, speed
from benchmarks.peers import launch
from benchmarks.peers.launch import PEERS, Peer, PeerFailed
from recsmith.engine.rank.ranking import top_lists
from recsmith.errors import UserError
from recsmith.graph.graph import Graph, from_edges
from recsmith.graph.relevant import Relevant, from_pairs

TASK = {**speed.SETTING, "seconds": 0.05, "threads": 1, "seed": 7}


@dataclass
class Drawn:
    """Two tastes: a user likes items of its own half."""

    n_users: int = 60
    n_items: int = 50

    def __post_init__(self) -> None:
        draw = np.random.default_rng(0)
        users = np.repeat(np.arange(self.n_users), 14)
        items = draw.integers(0, self.n_items // 2, len(users)) * 2 + users % 2
        held = draw.random(len(users)) < 0.2
        self.refit: Graph = from_edges(users[~held], items[~held], self.n_users, self.n_items)
        held &= np.asarray(self.refit.binary[users, items]).ravel() == 0
        self.pairs = np.append(users[held], 0), np.append(items[held], self.n_items + 1)

    def test(self) -> Relevant:
        return from_pairs(*self.pairs, self.n_users, self.n_items)


@pytest.fixture(scope="module")
def found() -> list[dict[str, Any]]:
    data: Any = Drawn()
    return speed.rows(data, ["recsmith", "pyg", "implicit"], TASK, lambda line: None, lambda rows: None)


def test_every_tool_has_a_row_with_time_memory_and_quality(found: list[dict[str, Any]]) -> None:
    assert [row["failed"] for row in found if row.get("failed")] == []
    assert [row["tool"] for row in found] == [
        peer.tool for tool in ("recsmith", "pyg", "implicit") for peer in PEERS[tool]
    ]
    assert all(row["epoch_s"] > 0 and row["rank_s"] > 0 and row["peak_mb"] > 10 for row in found)
    assert all(0 < row["ndcg_10min"] <= 1 for row in found)


def test_the_table_has_a_line_for_each_tool_and_says_what_state_counts(found: list[dict[str, Any]]) -> None:
    lines = speed.report(found).splitlines()
    assert lines[0].split() == list(speed.COLUMNS)
    for peer in PEERS["recsmith"]:
        assert sum(line.startswith((f"{peer.tool} ", f"{peer.tool}: ")) for line in lines) == 2
    assert "implicit ALS: finished fit" in lines


def row(tool: str, epoch_s: float, rank_s: float, quality: float) -> dict[str, Any]:
    return {"tool": tool, "epoch_s": epoch_s, "rank_s": rank_s, "ndcg_10min": quality, "state": "last state"}


def test_comparison_with_recbole_is_like_with_like_and_the_best_beside_it() -> None:
    rows = [
        row("recsmith LightGCN", 20, 3, 0.1),
        row("recsmith filter", 60, 9, 0.16),
        row("RecBole LightGCN", 100, 6, 0.05),
    ]
    assert list(speed.against_recbole(rows).values()) == pytest.approx([5, 2, 2, 3.2])
    assert speed.against_recbole(rows[:2]) == {}


def test_a_peer_that_fails_keeps_its_row_with_the_reason(tmp_path: Path) -> None:
    told: list[str] = []
    made = speed.row(Peer("broken", "no_such_script.py"), tmp_path, dict(TASK), Drawn().test(), told.append)
    assert made["tool"] == "broken"
    assert "no_such_script.py" in made["failed"]
    assert made["ndcg_10min"] is None
    assert "broken" in speed.report([made])


def test_an_environment_is_made_once_for_each_content_of_its_requirements(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch, "ENVIRONMENTS", launch.ROOT / "benchmarks" / ".envs" / "never")
    commands: list[list[str]] = []

    def refuse(command: list[str], *_: Any) -> None:
        commands.append(command)
        raise PeerFailed("no network")

    monkeypatch.setattr(launch, "_run", refuse)
    peer = launch.PEERS["recbole"][0]
    with pytest.raises(PeerFailed, match="no network"):
        launch.interpreter(peer, lambda line: None)
    assert commands[0][1:3] == ["-m", "venv"]
    monkeypatch.setattr(launch, "ENVIRONMENTS", tmp_path)
    (tmp_path / "recbole").mkdir()
    content = (launch.HERE / "recbole.txt").read_bytes()
    (tmp_path / "recbole" / "requirements.sha256").write_text(hashlib.sha256(content).hexdigest())
    assert launch.interpreter(peer, lambda line: None) == tmp_path / "recbole" / "bin" / "python"
    assert len(commands) == 1


def test_an_unknown_tool_is_refused_by_name() -> None:
    assert speed.tools_of("pyg, recbole") == ["pyg", "recbole"]
    with pytest.raises(UserError, match="'rebole' is unknown"):
        speed.tools_of("rebole")


@pytest.fixture
def case() -> ranking.Case:
    torch.set_num_threads(1)
    data = Drawn()
    return ranking.Case(data.refit, data.test(), dimension=8, threads=1)


def test_ranking_is_timed_against_the_product_and_others(
    case: ranking.Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case.graph.save(tmp_path / "graph")
    case.relevant.save(tmp_path / "relevant")
    # in this process: a fresh one takes seconds to start
    monkeypatch.setattr(ranking, "extra_mb", lambda case: ranking._extra(str(tmp_path), case.dimension, case.threads))
    found = ranking.report(case, repeats=1)
    assert [row["what"] for row in found["rows"]][-2:] == [ranking.OURS, "implicit recommend (20)"]
    assert found["rows"][0]["to_product"] == 1
    assert found["to_product"] > 0 <= found["extra_mb"]
    assert "peak extra memory of ours" in ranking.text(found)


def test_ours_and_implicit_rank_the_same_vectors_alike(case: ranking.Case) -> None:
    ours = top_lists(case.model, case.relevant.users, 20, case.graph, memory_mb=100)
    assert ours.tolist() == ranking.implicitly(case, case.model)().tolist()
