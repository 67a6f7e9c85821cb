"""The mirror in W&B: one offline run a stage, never in the way."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from stages import _track
from stages._track import Track, mode

KEYS = ("WANDB_MODE", "WANDB_API_KEY", "WANDB_BASE_URL")


@pytest.fixture
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    for name in KEYS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / "none"))
    return monkeypatch


def test_without_a_key_it_is_offline(clean: pytest.MonkeyPatch) -> None:
    assert mode() == "offline"


def test_a_given_mode_is_kept(clean: pytest.MonkeyPatch) -> None:
    clean.setenv("WANDB_MODE", "online")
    assert mode() == "online"


def test_a_key_without_a_network_does_not_wait(clean: pytest.MonkeyPatch) -> None:
    clean.setenv("WANDB_API_KEY", "0" * 40)
    clean.setenv("WANDB_BASE_URL", "https://127.0.0.1:9")
    start = time.perf_counter()
    assert mode() == "offline"
    assert time.perf_counter() - start < 3


def test_a_server_that_accepts_and_never_answers_does_not_count(clean: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        clean.setenv("WANDB_API_KEY", "0" * 40)
        clean.setenv("WANDB_BASE_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
        assert mode() == "offline"


def test_a_server_that_refuses_by_http_answers(clean: pytest.MonkeyPatch) -> None:
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:  # says 501 to everything
        threading.Thread(target=server.handle_request, daemon=True).start()
        clean.setenv("WANDB_API_KEY", "0" * 40)
        clean.setenv("WANDB_BASE_URL", f"http://127.0.0.1:{server.server_port}")
        assert mode() == "online"


def test_a_key_and_a_server_that_answers_are_online(clean: pytest.MonkeyPatch) -> None:
    clean.setenv("WANDB_API_KEY", "0" * 40)
    clean.setattr(_track, "_answers", lambda address: True)
    assert mode() == "online"


def test_disabled_costs_no_import(clean: pytest.MonkeyPatch, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from stages._track import Track\n"
        "t = Track('split', 'g', Path('w')); t.log({'a': 1}); t.finish()\n"
        "assert t.id is None and 'wandb' not in sys.modules and not Path('w').exists()"
    )
    env = {"WANDB_MODE": "disabled", "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=env, check=True)


def test_an_offline_run_holds_group_job_type_metrics_curves_and_table(
    clean: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    code = (
        "from pathlib import Path; from stages._track import Track\n"
        "t = Track('search', 'pipeline-1', Path('.work/wandb')); t.config({'search': {'trials': 2}})\n"
        "[t.log({'epoch': n, 'loss': 1 / n}) for n in (1, 2)]\n"
        "t.table('trials', ['name', 'ndcg'], [['a', 0.5], ['b', None]]); t.summary({'ndcg@20': 0.25}); t.finish()"
    )
    root = str(Path(__file__).resolve().parents[2])
    env = {"PYTHONPATH": root, "HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=env, check=True)
    (run,) = (tmp_path / ".work/wandb").glob("offline-run-*")
    (log,) = run.glob("*.wandb")
    shown = subprocess.run(
        [sys.executable, "-m", "wandb", "leet", "inspect", "--json", str(log)],
        capture_output=True, text=True, env=env, check=True,
    ).stdout  # fmt: skip
    assert all(word in shown for word in ("pipeline-1", "search", "ndcg@20", "loss", "trials"))
    (table,) = run.glob("files/media/table/*.json")
    assert json.loads(table.read_text(encoding="utf-8"))["data"] == [["a", 0.5], ["b", None]]


def test_trials_are_runs_of_their_own_in_the_group_of_the_search(clean: pytest.MonkeyPatch, tmp_path: Path) -> None:
    code = (
        "from pathlib import Path; from stages._track import Track\n"
        "t = Track('search', 'pipeline-2', Path('.work/wandb')); t.config({'search': {'trials': 2}})\n"
        "t.trial(1, {'family': 'gnn', 'dimension': 48}, {'ndcg@20': 0.125, 'status': 'done'})\n"
        "t.trial(2, {'family': 'filter'}, {'status': 'failed', 'error': 'loss is not a number'}); t.finish()"
    )
    root = str(Path(__file__).resolve().parents[2])
    env = {"PYTHONPATH": root, "HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=env, check=True)
    logs = (tmp_path / ".work/wandb").glob("offline-run-*/*.wandb")
    shown = [
        subprocess.run(
            [sys.executable, "-m", "wandb", "leet", "inspect", "--json", str(log)],
            capture_output=True, text=True, env=env, check=True,
        ).stdout
        for log in logs
    ]  # fmt: skip
    assert len(shown) == 3
    assert all("pipeline-2" in text for text in shown)
    (first,) = (text for text in shown if "trial-1-" in text)
    assert all(word in first for word in ("dimension", "48", "ndcg@20", "0.125"))
    (second,) = (text for text in shown if "trial-2-" in text)
    assert "loss is not a number" in second


def test_a_tracker_that_fails_is_said_and_left(
    clean: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("", encoding="utf-8")
    track = Track("split", "g", blocked / "wandb")
    track.log({"a": 1})
    track.finish()
    assert capsys.readouterr().out.count("not mirrored to W&B") == 1
    assert track.id is None
