"""An interrupted fit goes on where it was and ends with the bytes of an undisturbed one."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from fitting import SETTINGS, SMALL, small_graph, small_valid, tables

from recsmith.engine.fit import Fitted, fit
from recsmith.engine.settings import FitSettings
from recsmith.engine.train import training
from recsmith.engine.train.checkpoint import FILE, WITHOUT_EFFECT
from recsmith.errors import UserError
from recsmith.model.architecture import Gnn

CHANGES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "plain": ({}, {}),
    "dropout and schedule": (
        {"operators": ("gat", "gcn"), "dropout": 0.3, "edge_dropout": 0.2, "schedule": "cosine", "optimizer": "adamw"},
        {"accumulate": 2},
    ),
    "contrast": ({"contrast": "simgcl", "negatives": 4, "loss": "sampled_softmax", "optimizer": "rmsprop"}, {}),
    "hard negatives": ({"sampling": "hard", "optimizer": "adagrad", "combination": "gru"}, {}),
    "window": ({"propagate_every": 3}, {}),
    "sampled": ({}, {"fan_out": (3, 2)}),
    "fixed epochs": ({}, {"epochs": 5}),
    "bfloat16": ({}, {"precision": "bfloat16"}),
}
KILLED = """
import os, signal, sys
sys.path[:0] = sys.argv[2:]
from dataclasses import replace
from fitting import SETTINGS, SMALL, small_graph, small_valid
from recsmith.engine.train import training
from recsmith.engine.fit import fit

step, taken = training.Training._step, []
def deadly(self, batch, *, last):
    taken.append(1)
    if len(taken) == 10:
        os.kill(os.getpid(), signal.SIGKILL)
    return step(self, batch, last=last)
training.Training._step = deadly
fit(SMALL, small_graph(), replace(SETTINGS, checkpoints=sys.argv[1]), small_valid())
"""


class Stopped(Exception):
    """What ends a fit in the middle of a step."""


def interrupted(architecture: Gnn, settings: FitSettings, at: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fit that ends after ``at`` steps."""
    step, taken = training.Training._step, []

    def ending(self: training.Training, batch: Any, *, last: bool) -> torch.Tensor:
        taken.append(1)
        if len(taken) > at:
            raise Stopped
        return step(self, batch, last=last)

    with monkeypatch.context() as patched:
        patched.setattr(training.Training, "_step", ending)
        with pytest.raises(Stopped):
            fit(architecture, small_graph(), settings, small_valid())


def same(first: Fitted, second: Fitted) -> bool:
    equal = torch.equal(tables(first), tables(second))
    return equal and first.history == second.history and first.epochs == second.epochs


@pytest.mark.parametrize(("knobs", "given"), CHANGES.values(), ids=CHANGES)
def test_a_resumed_fit_ends_with_the_bytes_of_an_undisturbed_one(
    knobs: dict[str, Any], given: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    architecture, settings = SMALL.model_copy(update=knobs), replace(SETTINGS, **given)
    wanted, said = fit(architecture, small_graph(), settings, small_valid()), []
    kept = replace(settings, checkpoints=str(tmp_path))
    interrupted(architecture, kept, 10, monkeypatch)
    assert same(fit(architecture, small_graph(), kept, small_valid(), say=said.append), wanted)
    assert said == ["resumed at epoch 3"]


def test_a_killed_process_is_gone_on_from(tmp_path: Path) -> None:
    here = Path(__file__).parent
    command = [sys.executable, "-c", KILLED, str(tmp_path), str(here), str(here.parents[1])]
    assert subprocess.run(command, check=False).returncode == -9
    said: list[str] = []
    kept = replace(SETTINGS, checkpoints=str(tmp_path))
    found = fit(SMALL, small_graph(), kept, small_valid(), say=said.append)
    assert said == ["resumed at epoch 3"]
    assert same(found, fit(SMALL, small_graph(), SETTINGS, small_valid()))


def test_a_finished_fit_is_answered_from_its_checkpoint(tmp_path: Path) -> None:
    kept, heard, said = replace(SETTINGS, checkpoints=str(tmp_path), checkpoint_seconds=1e9), [], []
    first = fit(SMALL, small_graph(), kept, small_valid())
    assert same(fit(SMALL, small_graph(), kept, small_valid(), heard.append, said.append), first)
    assert (heard, said) == ([], ["trained already"])


def test_what_changes_the_result_changes_where_it_is_kept(tmp_path: Path) -> None:
    kept = replace(SETTINGS, checkpoints=str(tmp_path))
    fit(SMALL, small_graph(), kept, small_valid())
    others: list[dict[str, Any]] = [{"seed": 6}, {"max_epochs": 3}, {"batch_size": 32}, {"accumulate": 2}]
    for change in others:
        fit(SMALL, small_graph(), replace(kept, **change), small_valid(), say=pytest.fail)
    assert len(list(tmp_path.iterdir())) == len(others) + 1
    same_place = dict.fromkeys(WITHOUT_EFFECT, 1) | {"checkpoints": str(tmp_path), "memory_mb": 999, "spectra": None}
    fit(SMALL, small_graph(), replace(kept, **same_place), small_valid(), say=str)
    assert len(list(tmp_path.iterdir())) == len(others) + 1


def flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


@pytest.mark.parametrize("damage", [flipped, lambda content: content[:500], lambda content: b""])
def test_a_damaged_checkpoint_is_told_of_and_not_used(
    damage: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, said = replace(SETTINGS, checkpoints=str(tmp_path)), []
    interrupted(SMALL, kept, 10, monkeypatch)
    (path,) = tmp_path.rglob(FILE)
    path.write_bytes(damage(path.read_bytes()))
    wanted = fit(SMALL, small_graph(), SETTINGS, small_valid())
    assert same(fit(SMALL, small_graph(), kept, small_valid(), say=said.append), wanted)
    assert said == [f"{path} is damaged and is not used: training starts over."]


def test_a_checkpoint_of_another_fit_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept, said = replace(SETTINGS, checkpoints=str(tmp_path)), []
    interrupted(SMALL, kept, 10, monkeypatch)
    (path,) = tmp_path.rglob(FILE)
    content = path.read_bytes()
    fit(SMALL, small_graph(), replace(kept, seed=6), small_valid())
    (other,) = set(tmp_path.rglob(FILE)) - {path}
    other.write_bytes(content)
    fit(SMALL, small_graph(), replace(kept, seed=6), small_valid(), say=said.append)
    assert said == [f"{other} belongs to another fit and is not used: training starts over."]


def test_checkpoints_are_no_more_frequent_than_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    interrupted(SMALL, replace(SETTINGS, checkpoints=str(tmp_path), checkpoint_seconds=1e9), 10, monkeypatch)
    said: list[str] = []
    fit(SMALL, small_graph(), replace(SETTINGS, checkpoints=str(tmp_path)), small_valid(), say=said.append)
    assert said == ["resumed at epoch 2"]


@pytest.mark.parametrize("keep", [True, False])
def test_a_fit_that_diverges_names_step_rate_and_the_last_good_checkpoint(
    keep: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    step, taken = training.Training._step, []

    def ending(self: training.Training, batch: Any, *, last: bool) -> torch.Tensor:
        taken.append(1)
        return step(self, batch, last=last) * (torch.nan if len(taken) == 10 else 1)

    monkeypatch.setattr(training.Training, "_step", ending)
    settings = replace(SETTINGS, checkpoints=str(tmp_path) if keep else None)
    last = r"The last good checkpoint is that of epoch 2: \S+" if keep else "There is no checkpoint"
    with pytest.raises(UserError, match=rf"loss is nan at step 10 with learning_rate = 0.02 .*{last}"):
        fit(SMALL, small_graph(), settings, small_valid())
