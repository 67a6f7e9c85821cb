"""The frame around every stage: parameters, side files, locks, signals, plain errors."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from stages._resources import tree_memory

ROOT = Path(__file__).resolve().parents[2]
Stage = Callable[..., "subprocess.CompletedProcess[str]"]


def script(body: str) -> str:
    lines = "\n".join(f"    {line}" for line in body.splitlines())
    return (
        "from recsmith.config.split import Split\nfrom recsmith.errors import UserError\n"
        f'from stages._stage import stage\ndef run(context):\n{lines}\nstage("split", run)\n'
    )


def command(body: str) -> list[str]:
    return [sys.executable, "-c", script(body)]


def environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RECSMITH_")}
    return kept | {"PYTHONPATH": str(ROOT), "WANDB_MODE": "disabled"} | more


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "params.yaml").write_text("run: {seed: 3, threads: 1}\nsplit: {valid: 0.2}\n", encoding="utf-8")
    return tmp_path


@pytest.fixture
def run(folder: Path) -> Stage:
    def go(body: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command(body), cwd=folder, env=environment(**more), capture_output=True, text=True, check=False
        )

    return go


def side(folder: Path, name: str) -> dict[str, object]:
    return json.loads((folder / "data/split" / name).read_text(encoding="utf-8"))


def test_the_effective_section_is_shown_with_its_defaults(run: Stage) -> None:
    shown = run('context.section("split", Split)').stdout
    assert "valid: 0.2" in shown
    assert "test: 0.1" in shown
    assert "seed: 3" in shown


def test_one_value_of_another_section_is_shown_alone(run: Stage) -> None:
    shown = run('print("got", context.value("split", Split, "valid") + 1)').stdout
    assert "\nsplit.valid: 0.2\n" in shown
    assert "got 1.2" in shown
    assert "dedupe" not in shown


def test_side_files_hold_the_run_and_the_measurements(run: Stage, folder: Path) -> None:
    result = run('context.timing("p99_ms", 1.5)', RECSMITH_RUN="r1", RECSMITH_FLOW_RUN="f1")
    assert result.returncode == 0, result.stderr
    assert side(folder, "run.json") == {"run": "r1", "flow_run": "f1", "wandb": None}
    timing = side(folder, "timing.json")
    assert timing["p99_ms"] == 1.5
    assert timing["threads"] == 1
    assert set(timing) == {"p99_ms", "threads", "seconds", "peak_memory_mb"}


def test_peak_memory_counts_children(run: Stage, folder: Path) -> None:
    child = "import time; block = bytearray(200_000_000); time.sleep(1.5)"
    run(f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {child!r}])")
    peak = side(folder, "timing.json")["peak_memory_mb"]
    assert isinstance(peak, float)
    assert peak > 200


def test_threads_are_limited_in_children_too(run: Stage) -> None:
    assert "one 1" in run("import os\nprint('one', os.environ['OMP_NUM_THREADS'])").stdout


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("splitt: {}\n", "params.yaml: section = 'splitt' is unknown. Known: baseline, compress, evaluate"),
        ("split: {valids: 0.1}\n", "params.yaml: split.valids is unknown. Known: carve, dedupe"),
        ("split: {valid: high}\n", "params.yaml: split.valid = 'high'"),
        ("split: {valid: 0.6, test: 0.5}\n", "valid + test must be below 1"),
        ("run: {seeds: 1}\n", "params.yaml: run.seeds is unknown"),
        ("split: [\n", "params.yaml is not valid YAML"),
        ("", "params.yaml holds no sections"),
    ],
)
def test_bad_parameters_stop_the_stage_with_one_plain_message(
    run: Stage, folder: Path, text: str, message: str
) -> None:
    (folder / "params.yaml").write_text(text, encoding="utf-8")
    result = run('context.section("split", Split)')
    assert result.returncode == 1
    assert result.stderr.startswith("split: ")
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert not (folder / "data").exists()


def test_missing_parameters_are_named(run: Stage, folder: Path) -> None:
    (folder / "params.yaml").unlink()
    assert run("pass").stderr == "split: params.yaml does not exist.\n"


def test_an_error_for_the_user_has_no_traceback(run: Stage) -> None:
    result = run('raise UserError("ratings.csv has no column userId.")')
    assert (result.returncode, result.stderr) == (1, "split: ratings.csv has no column userId.\n")


def test_a_defect_of_ours_keeps_its_traceback(run: Stage) -> None:
    assert "Traceback" in run("1 / 0").stderr


def test_a_full_disk_or_a_missing_permission_is_told_plainly(run: Stage) -> None:
    result = run('import errno\nraise OSError(errno.ENOSPC, "No space left on device", "journal.json")')
    assert result.returncode == 1
    assert result.stderr.startswith("split: journal.json: No space left on device. Finished work is kept;")


def test_what_a_killed_writer_left_aside_is_swept(run: Stage, folder: Path) -> None:
    killed = "import os, signal\nfrom recsmith.files import replacing\n"
    killed += 'with replacing("data/split/x.json"):\n    os.kill(os.getpid(), signal.SIGKILL)'
    assert run(killed).returncode == -signal.SIGKILL
    assert list((folder / "data/split").glob(".x.json.*"))
    assert run("pass").returncode == 0
    assert sorted(path.name for path in (folder / "data/split").iterdir()) == ["run.json", "timing.json"]


@contextmanager
def running(folder: Path, program: list[str], **more: str) -> Iterator[int]:
    """The process of ``program``, from the moment it says ``in``; killed at the end."""
    child = subprocess.Popen(program, cwd=folder, env=environment(**more), stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout is not None
        assert any(line == "in\n" for line in child.stdout)
        yield child.pid
    finally:
        child.kill()
        child.communicate()


def test_a_second_stage_is_refused_and_told_who_is_at_it(run: Stage, folder: Path) -> None:
    with running(folder, command("import time\nprint('in', flush=True)\ntime.sleep(60)")) as pid:
        result = run("pass")
        assert result.returncode == 1
        assert f"process {pid} is running stage split here. Wait for it or end it (kill {pid})" in result.stderr
    assert run("pass").returncode == 0


def test_a_stage_typed_during_a_flow_is_refused_and_the_flows_own_runs(run: Stage, folder: Path) -> None:
    held = "from recsmith.locks import held\nfrom pathlib import Path\nimport time\n"
    held += "with held(Path('.work/locks/workspace.lock'), {'what': 'nightly'}, 0):\n"
    held += "    print('in', flush=True)\n    time.sleep(60)"
    with running(folder, [sys.executable, "-c", held]) as pid:
        refused = run("pass")
        assert refused.returncode == 1
        assert f"split: process {pid} holds this workspace (nightly, since " in refused.stderr
        assert run("pass", RECSMITH_WORKSPACE="1").returncode == 1
        assert run("pass", RECSMITH_WORKSPACE=str(pid)).returncode == 0
    assert run("pass").returncode == 0


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_the_stage_after_its_own_clean_up(folder: Path, number: int, status: int) -> None:
    body = (
        "import time\ntry:\n    print('in', flush=True)\n    time.sleep(60)\nfinally:\n    print('swept', flush=True)"
    )
    child = subprocess.Popen(
        command(body),
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell starts what runs in the background with interrupts ignored, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert child.stdout is not None
    assert any(line == "in\n" for line in child.stdout)
    child.send_signal(number)
    out, err = child.communicate(timeout=30)
    assert (child.returncode, err) == (status, "split: interrupted; run again to go on.\n")
    assert "swept" in out
    assert not (folder / "data/split/run.json").exists()


LONG = "import time\nprint('in', flush=True)\ntime.sleep(60)"


def test_a_stage_ends_when_its_dvc_is_gone(folder: Path) -> None:
    (folder / "body.py").write_text(script(LONG), encoding="utf-8")
    dvc = folder / "dvc"
    dvc.write_text(f"#!/bin/sh\n{sys.executable} body.py\n:\n", encoding="utf-8")
    dvc.chmod(0o755)
    child = started([str(dvc)], folder, environment())
    assert "split: interrupted" in last_words(child, child)


def test_a_stage_ends_when_its_flow_is_gone(folder: Path) -> None:
    flow = started([sys.executable, "-c", "import time; time.sleep(60)"], folder, environment())
    child = started(command(LONG), folder, environment(RECSMITH_WORKSPACE=str(flow.pid)))
    assert "split: interrupted" in last_words(child, flow)
    assert child.wait() == 143


def started(words: list[str], folder: Path, env: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        words, cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8"
    )


def last_words(child: subprocess.Popen[str], employer: subprocess.Popen[str]) -> str:
    """Kill the employer as soon as the stage below ``child`` is at work; what that stage says from then on."""
    assert child.stdout is not None
    assert any(line == "in\n" for line in child.stdout)
    employer.kill()
    employer.wait()
    return child.stdout.read()


def test_processes_under_one_dvc_share_a_run_name(folder: Path) -> None:
    dvc = folder / "dvc"
    line = f'cd {folder} && {sys.executable} -c "from stages._alone import run_id; print(run_id())"'
    dvc.write_text(f"#!/bin/sh\n{line}\n{line}\nsleep 0.01\n", encoding="utf-8")
    dvc.chmod(0o755)
    names = [
        subprocess.run([dvc], env=environment(), capture_output=True, text=True, check=True).stdout.split()
        for _ in range(2)
    ]
    assert names[0][0] == names[0][1]
    assert names[0][0] != names[1][0]


def test_tree_memory_survives_processes_that_end() -> None:
    child = subprocess.Popen([sys.executable, "-c", "pass"])
    process = psutil.Process()
    time.sleep(0.2)
    assert tree_memory(process) > 0
    child.wait()
