"""The machine turns against a run: the disk fills up, the clock jumps, the network goes, a cached object rots."""

from __future__ import annotations

import os
import resource
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import kit
import pytest
from kit import Row
from team.wandb_server import KEY, serving
from workspaces import Workspace

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]
Copy = Callable[[Workspace], Workspace]
Note = Callable[[Row], None]
CLOCK = Path(__file__).parent / "clock"
DAY = 86_400
LATE = ("train", "compress", "evaluate")


@contextmanager
def small_disk(folder: Path, size: int) -> Iterator[None]:
    """A tmpfs of ``size`` bytes at ``folder``; skips with the reason where it may not be mounted."""
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {mounted.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


@pytest.mark.parametrize("seed", range(700, 706))
def test_a_full_disk_is_told_and_the_next_run_goes_on(
    seed: int, finished: Workspace, tmp_path: Path, note: Note
) -> None:
    disk = tmp_path / "disk"
    with small_disk(disk, 256 << 20):
        workspace = Workspace(disk / "project")
        shutil.copytree(finished.root, workspace.root, symlinks=True)
        with kit.tidy(workspace):
            note(_filled(workspace, finished, disk, seed))


def _filled(workspace: Workspace, finished: Workspace, disk: Path, seed: int) -> Row:
    """Late stages with a few pages of room, until one has none; then room again."""
    started, dice = time.monotonic(), kit.dice(seed)
    kit.forget(workspace, *LATE)
    # Together the late stages write about 170 KiB: the last of them meets the end at the most.
    room, ballast = dice.choice([0, 4, 16, 64, 100, 150]) << 10, disk / "ballast"
    with ballast.open("wb") as handle:
        free = os.statvfs(disk)
        os.posix_fallocate(handle.fileno(), 0, free.f_bavail * free.f_frsize - room)
    before = (workspace.root / "dvc.lock").read_bytes()
    result = workspace.run("dvc", "repro", "evaluate", env={"TMPDIR": str(disk)})
    ballast.unlink()
    assert result.returncode != 0, result.stdout
    assert "No space left on device" in result.stdout or "RWLock-file" in result.stdout, result.stdout
    assert "Traceback" not in result.stdout, result.stdout
    kit.gone(workspace)
    assert (workspace.root / "dvc.lock").read_bytes().startswith(before[:200])
    told = "told" + kit.mended(workspace)
    kit.nothing_left(workspace, finished)
    kit.run(workspace, "dvc", "repro", "evaluate")
    kit.as_undisturbed(workspace, finished, *LATE)
    seconds = round(time.monotonic() - started, 1)
    return Row("disk", seed, "the disk", "full", f"{room >> 10} KiB left", told, seconds)


@pytest.mark.short
def test_a_file_size_limit_is_told_and_the_next_run_goes_on(finished: Workspace, copy_of: Copy, note: Note) -> None:
    """Works where nothing may be mounted: no file grows beyond the limit."""
    workspace, started = copy_of(finished), time.monotonic()
    kit.forget(workspace, "graph")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2048, before[1]))
    try:
        result = workspace.run("python", "-m", "stages.graph")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert result.returncode == 1, result.stdout
    assert "could not be written" in result.stdout, result.stdout
    assert "Traceback" not in result.stdout, result.stdout
    kit.nothing_left(workspace, finished)
    kit.run(workspace, *kit.repro("graph"))
    kit.as_undisturbed(workspace, finished, "graph")
    told = result.stdout.strip().splitlines()[-1][:80]
    note(Row("disk", 0, "files", "limited", "2 KiB a file", told, round(time.monotonic() - started, 1)))


@pytest.fixture(scope="module")
def clock(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library that makes the clock jump, compiled."""
    compiler, library = shutil.which("cc"), tmp_path_factory.mktemp("clock") / "clock.so"
    if not compiler:
        pytest.skip("no C compiler (cc) to build tests/drills/clock/clock.c with")
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, CLOCK / "clock.c"], check=True)
    return library


def jumping(clock: Path, workspace: Workspace, after: float, by: int) -> dict[str, str]:
    """The environment of a run whose clock jumps ``by`` seconds, ``after`` seconds from now."""
    at = time.clock_gettime(time.CLOCK_MONOTONIC) + after
    path = os.pathsep.join([str(CLOCK), str(workspace.root)])
    return {"LD_PRELOAD": str(clock), "PYTHONPATH": path, "CLOCK_JUMP_AT": str(at), "CLOCK_JUMP_BY": str(by)}


def test_the_clock_that_jumps_is_seen_by_a_process_and_its_children(clock: Path, finished: Workspace) -> None:
    code = "import time, datetime; print(int(time.time()), int(datetime.datetime.now().timestamp()))"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {code!r}])"
    out = kit.run(finished, sys.executable, "-c", code, env=jumping(clock, finished, 0, 10 * DAY))
    assert all(abs(int(word) - time.time() - 10 * DAY) < 600 for word in out.split())


@pytest.mark.parametrize(
    ("by", "seed"), [(400 * DAY, 800), (400 * DAY, 805), (400 * DAY, 806), (-400 * DAY, 801), (-3600, 802)]
)
def test_a_clock_that_jumps_changes_nothing(
    by: int, seed: int, clock: Path, finished: Workspace, copy_of: Copy, note: Note
) -> None:
    workspace, started, after = copy_of(finished), time.monotonic(), 4 + 20 * kit.dice(seed).random()
    stages = ("search", *LATE)
    kit.forget(workspace, *stages)
    output = kit.run(workspace, "dvc", "repro", "evaluate", env=jumping(clock, workspace, after, by))
    assert "service is started again" not in output, output
    kit.gone(workspace)
    kit.as_undisturbed(workspace, finished, *stages)
    outcome = "went on, same md5s"
    seconds = round(time.monotonic() - started, 1)
    note(Row("clock", seed, "the clock", f"{by / DAY:+.2f} days", f"{after:.1f} s into search...", outcome, seconds))


@pytest.mark.short
@pytest.mark.parametrize("accepts", [True, False], ids=["silent", "refused"])
def test_a_cut_network_keeps_nobody_waiting(
    accepts: bool, finished: Workspace, copy_of: Copy, monkeypatch: pytest.MonkeyPatch, note: Note
) -> None:
    monkeypatch.delenv("WANDB_MODE")
    workspace, started = copy_of(finished), time.monotonic()
    alone, before = _seconds_of_graph(workspace, {"WANDB_MODE": "offline"}), _mirrored(workspace)
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}"
        if not accepts:
            server.close()
        cut = _seconds_of_graph(workspace, {"WANDB_API_KEY": "0" * 40, "WANDB_BASE_URL": address})
    assert cut < 2 * alone + kit.PATIENCE, "beside a run that is meant to be offline; a busy machine is slow at both"
    assert len(_mirrored(workspace) - before) == 1, "nothing was mirrored"
    kit.as_undisturbed(workspace, finished, "graph")
    seconds = round(time.monotonic() - started, 1)
    what = "silent" if accepts else "refused"
    note(Row("network", 0, "W&B's server", what, "from the start", "offline run kept, same md5s", seconds))


def test_a_network_cut_in_the_middle_of_a_run_keeps_nobody_waiting(
    finished: Workspace, copy_of: Copy, monkeypatch: pytest.MonkeyPatch, note: Note
) -> None:
    monkeypatch.delenv("WANDB_MODE")
    workspace, started, stage = copy_of(finished), time.monotonic(), "train"
    kit.forget(workspace, stage)
    with kit.tidy(workspace):
        with serving() as server:
            env = {"WANDB_API_KEY": KEY, "WANDB_BASE_URL": server}
            running = kit.start(workspace, *kit.repro(stage), env=env)
            kit.wait_for(lambda: list((workspace.root / ".work/wandb").glob("run-*")), running)
            assert not running.over(), running.output
        status = running.child.wait(10 * kit.PATIENCE)
        assert status == 0, running.output
        kit.gone(workspace)
    kit.as_undisturbed(workspace, finished, stage)
    seconds = round(time.monotonic() - started, 1)
    note(Row("network", 1, "W&B's server", "gone", f"in the middle of {stage}", "went on, same md5s", seconds))


def _mirrored(workspace: Workspace) -> set[Path]:
    return set((workspace.root / ".work/wandb").glob("offline-run-*"))


def _seconds_of_graph(workspace: Workspace, env: dict[str, str]) -> float:
    kit.forget(workspace, "graph")
    started = time.monotonic()
    kit.run(workspace, *kit.repro("graph"), env=env)
    return time.monotonic() - started


@pytest.mark.parametrize("seed", range(900, 903))
def test_a_rotten_object_of_the_cache_is_named_and_mended(
    seed: int, finished: Workspace, copy_of: Copy, note: Note
) -> None:
    workspace, dice, started, stage = copy_of(finished), kit.dice(seed), time.monotonic(), "compress"
    md5 = dice.choice([md5 for md5 in workspace.lock()[stage].values() if not md5.endswith(".dir")])
    rotten = workspace.root / ".dvc/cache/files/md5" / md5[:2] / md5[2:]
    content = bytearray(rotten.read_bytes())
    content[dice.randrange(len(content))] ^= 1
    rotten.chmod(0o644)
    rotten.write_bytes(bytes(content))
    told = workspace.run("python", "-m", "tools.intact")
    assert told.returncode == 1, told.stdout
    assert f"{md5[:2]}/{md5[2:]}" in told.stdout, told.stdout
    rotten.unlink()
    kit.forget(workspace, stage)
    kit.run(workspace, *kit.repro(stage))
    kit.as_undisturbed(workspace, finished, stage)
    assert workspace.run("python", "-m", "tools.intact").returncode == 0
    seconds = round(time.monotonic() - started, 1)
    note(Row("cache", seed, f"{stage} {md5[:8]}", "one bit", "at rest", "named, run again, same md5s", seconds))
