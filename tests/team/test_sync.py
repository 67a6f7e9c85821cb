"""Offline runs reach a server once each; what cannot be sent is said with the reason."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from textwrap import indent

import pytest
from small_projects import ROOT, done, run
from wandb_server import KEY, serving

from recsmith.errors import UserError
from tools.sync import check_server

RECORD = (
    "from pathlib import Path; from stages._track import Track\n"
    "t = Track('train', 'g', Path('.work/wandb')); t.log({'epoch': 1, 'loss': 0.5}, over='epoch'); t.finish()"
)
CUT = """
import os; from pathlib import Path; from stages import _track
os.environ["WANDB_BASE_URL"] = server
_track.FINISH_SECONDS = 2.0
t = _track.Track("train", "g", Path(".work/wandb"))
t.log({"epoch": 1, "loss": 0.5}, over="epoch")
print("begun", t._mode, flush=True)
"""
SYNC = (sys.executable, "-m", "tools.sync", "--seconds", "120")


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recorded")
    done(folder, sys.executable, "-c", RECORD, env={"WANDB_MODE": "offline", "HOME": str(folder)})
    return folder


@pytest.fixture
def project(recorded: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(recorded, tmp_path / "project", symlinks=True))


def env(project: Path, server: str, key: str) -> dict[str, str]:
    home = str(project)
    return {
        "WANDB_BASE_URL": server,
        "WANDB_API_KEY": key,
        "HOME": home,
        "NETRC": f"{home}/none",
        "PYTHONPATH": str(ROOT),
    }


def test_a_run_is_uploaded_once_and_a_broken_one_is_named(project: Path) -> None:
    broken = project / ".work/wandb/offline-run-20260101_000000-broken00"
    broken.mkdir()
    (broken / "run-broken00.wandb").write_bytes(b"nothing that W&B wrote")
    with serving() as server:
        first = run(project, *SYNC, env=env(project, server, KEY))
        assert first.returncode == 1, first.stdout
        assert f"2 to {server} as team" in first.stdout
        assert first.stdout.count(": uploaded") == 1
        assert f"{broken.name}: failed: " in first.stdout
        shutil.rmtree(broken)
        again = done(project, *SYNC, env=env(project, server, KEY))
    assert "sync: 1 offline runs in .work/wandb, 1 already there" in again
    assert "uploaded" not in again


def test_a_wrong_key_is_said_once(project: Path) -> None:
    with serving() as server:
        result = run(project, *SYNC, env=env(project, server, "wrong" * 8))
    assert result.returncode == 1
    assert result.stdout.count(f"{server} refuses the key: it is wrong or expired") == 1
    assert "failed" not in result.stdout
    assert "wrong" * 8 not in result.stdout


def test_a_key_that_has_expired_is_said_though_the_server_answers_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    with (
        serving(b'{"data": {"viewer": null}}') as server,
        pytest.raises(UserError, match="refuses the key: it is wrong or expired"),
    ):
        check_server(server)


def test_no_key_and_no_server_are_told_apart(project: Path) -> None:
    no_key = run(project, *SYNC, env=env(project, "http://127.0.0.1:9", ""))
    assert "no key is set. Export WANDB_API_KEY" in no_key.stdout
    away = run(project, *SYNC, env=env(project, "http://127.0.0.1:9", KEY))
    assert "http://127.0.0.1:9 does not answer" in away.stdout
    assert (no_key.returncode, away.returncode) == (1, 1)


def test_an_address_without_its_scheme_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    with pytest.raises(UserError, match=r"WANDB_BASE_URL = 'api.wandb.ai' is no address: write https://"):
        check_server("api.wandb.ai")


def test_a_server_that_is_not_wandb_is_said_in_a_line(project: Path) -> None:
    with serving(b"<html>Sign in to this network</html>") as server:
        result = run(project, *SYNC, env=env(project, server, KEY))
    assert result.returncode == 1
    assert f"{server}/graphql answers, but not as W&B does. Correct WANDB_BASE_URL" in result.stdout
    assert "Traceback" not in result.stdout


def test_a_stage_with_a_wrong_key_goes_on_offline(tmp_path: Path) -> None:
    with serving() as server:
        command = ("env", "-u", "WANDB_MODE", sys.executable, "-c", RECORD)
        said = done(tmp_path, *command, env=env(tmp_path, server, "wrong" * 8))
    assert "W&B does not take the run" in said
    assert "kept offline, `make sync` later" in said
    assert len(list((tmp_path / ".work/wandb").glob("offline-run-*"))) == 1


def test_a_network_that_goes_in_the_middle_does_not_keep_a_stage_for_long(tmp_path: Path) -> None:
    code = f"from wandb_server import serving\nwith serving() as server:\n{indent(CUT, '    ')}\nt.finish()"
    command = ("env", "-u", "WANDB_MODE", sys.executable, "-c", code)
    path = {"PYTHONPATH": f"{ROOT}:{ROOT / 'tests/team'}"}
    assert "begun online" in done(tmp_path, *command, env=env(tmp_path, "set below", KEY) | path)
