"""Two processes train as one does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from fitting import SETTINGS, SMALL, small_graph, small_valid, tables

from recsmith.engine.batch.sampling import Sampler
from recsmith.engine.batch.views import FullGraph
from recsmith.engine.distributed import parser, read_architecture, read_settings, run
from recsmith.engine.fit import fit
from recsmith.engine.network.gnn import network
from recsmith.engine.sparse.adjacency import Adjacency
from recsmith.engine.store import load_model
from recsmith.engine.train.objective import Objective
from recsmith.engine.train.stepping import check_steps
from recsmith.errors import UserError
from recsmith.model.names import OPERATORS

ROOT = Path(__file__).parents[2]
GIVEN = ("batch_size=63", "max_epochs=3", "patience=9", "evaluate_every=1", "seed=5", "threads=1", "device=cpu")
DYING = """
import os
from recsmith.engine import distributed
from recsmith.engine.train import training

step = training.Training._step
def dying(self, batch, *, last):
    if self.history and os.environ["RANK"] == "1":
        os._exit(3)
    return step(self, batch, last=last)
training.Training._step = dying
distributed.main()
"""


def torchrun(program: list[str], folder: Path, *more: str) -> subprocess.CompletedProcess[str]:
    """Two processes on loopback."""
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2", "--master-addr", "127.0.0.1"]
    command += ["--master-port", "0", "--rdzv-backend", "c10d", "--rdzv-endpoint", "127.0.0.1:0", *program]
    command += ["--graph", str(folder / "graph"), "--valid", str(folder / "valid"), "--out", str(folder / "out")]
    command += ["--architecture", str(folder / "best.json"), "--settings", *GIVEN, *more]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "GLOO_SOCKET_IFNAME": "lo"}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=240, check=False
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    small_graph().save(tmp_path / "graph")
    small_valid().save(tmp_path / "valid")
    values = SMALL.model_copy(update={"negatives": 4, "loss": "sampled_softmax", "dropout": 0.1}).model_dump(
        mode="json"
    )
    (tmp_path / "best.json").write_text(json.dumps({"architecture": values, "metric": "ndcg@20"}))
    return tmp_path


def test_two_processes_learn_what_one_does(folder: Path) -> None:
    ended = torchrun(["-m", "recsmith.engine.distributed"], folder)
    assert ended.returncode == 0, ended.stderr
    settings = replace(SETTINGS, batch_size=63, max_epochs=3)
    alone = fit(read_architecture(folder / "best.json"), small_graph(), settings, small_valid())
    together = load_model(folder / "out", small_graph())
    torch.testing.assert_close(tables(together), tables(alone), rtol=0, atol=1e-4)
    assert together.epochs == alone.epochs
    assert [text[:9] for text in ended.stdout.splitlines()[:3]] == ["epoch   1", "epoch   2", "epoch   3"]
    assert len(ended.stdout.splitlines()) == 4


def test_a_process_that_dies_ends_the_run(folder: Path) -> None:
    (folder / "dying.py").write_text(DYING)
    ended = torchrun([str(folder / "dying.py")], folder, "--timeout", "20")
    assert ended.returncode != 0
    assert "exitcode  : 3" in ended.stderr
    assert not (folder / "out").exists()


def test_a_team_that_died_goes_on_where_it_was(folder: Path) -> None:
    (folder / "dying.py").write_text(DYING)
    kept = f"checkpoints={folder / 'kept'}"
    assert torchrun([str(folder / "dying.py")], folder, kept, "--timeout", "20").returncode != 0
    ended = torchrun(["-m", "recsmith.engine.distributed"], folder, kept)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines()[0] == "resumed at epoch 2"
    settings = replace(SETTINGS, batch_size=63, max_epochs=3)
    alone = fit(read_architecture(folder / "best.json"), small_graph(), settings, small_valid())
    torch.testing.assert_close(tables(load_model(folder / "out", small_graph())), tables(alone), rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", OPERATORS)
def test_every_weight_gets_a_gradient_in_every_step_for_the_team_waits_for_it(name: str) -> None:
    architecture = SMALL.model_copy(update={"operators": (name, name), "combination": "gru", "edge_dimension": 2})
    graph = small_graph()
    objective = Objective(architecture, network(architecture, graph), graph)
    batch = next(Sampler(graph, architecture, 64, 1, torch.device("cpu")).epoch())
    for part in (batch, batch.share(1, 100)):
        objective.zero_grad()
        objective(FullGraph(Adjacency(graph)).view(part), part).backward()
        assert [name for name, weights in objective.named_parameters() if weights.grad is None] == []


def test_what_cannot_be_shared_is_refused() -> None:
    def checked(change: dict[str, object], **settings: object) -> None:
        architecture = SMALL.model_copy(update=change)
        objective = Objective(architecture, network(architecture, small_graph()), small_graph())
        check_steps(objective, replace(SETTINGS, **settings), 2)

    with pytest.raises(UserError, match=r"training in 2 processes needs a loss.*loss = 'directau'"):
        checked({"loss": "directau"})
    with pytest.raises(UserError, match=r"accumulate = 2 and training in 2 processes both cut"):
        checked({}, accumulate=2)
    with pytest.raises(UserError, match=r"propagate_every = 4 does not go with training in 2 processes"):
        checked({"propagate_every": 4})


def test_what_is_given_is_checked(folder: Path) -> None:
    assert read_settings(["fan_out=[5, 3]", "metric=recall@5", "epochs=3"]) == {
        "fan_out": (5, 3),
        "metric": "recall@5",
        "epochs": 3,
    }
    with pytest.raises(UserError, match=r"--settings = 'speed' is unknown"):
        read_settings(["speed=3"])
    (folder / "filter.json").write_text('{"family": "filter"}')
    with pytest.raises(UserError, match="several processes"):
        read_architecture(folder / "filter.json")
    given = [f"--{name}={folder / name}" for name in ("graph", "valid", "out")]
    with pytest.raises(UserError, match="torchrun"):
        run(parser().parse_args([*given, f"--architecture={folder / 'best.json'}"]))
