"""What all drills share: a run that is hurt at a random moment, and what must hold afterwards."""

from __future__ import annotations

import fcntl
import hashlib
import os
import random
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil
from ruamel.yaml import YAML
from workspaces import Workspace

PATIENCE = 60.0
"""Seconds in which everything that belonged to a killed run must be gone; generous, the machine may be busy."""
ASIDE = re.compile(r"\..+\.[a-z0-9_]{8}")
"""Names under which ``recsmith.files`` writes what is not whole yet."""
VARYING = ("run.json", "timing.json")


@dataclass(frozen=True)
class Row:
    """One hurt, as the table of a drill shows it."""

    drill: str
    seed: int
    target: str
    what: str
    moment: str
    outcome: str
    seconds: float

    def values(self) -> dict[str, Any]:
        return asdict(self)


@dataclass
class Running:
    """A command in a workspace, in a session of its own, its output in a file beside the workspace."""

    workspace: Workspace
    child: subprocess.Popen[bytes]
    log: Path

    @property
    def output(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    def over(self) -> bool:
        """Whether it has ended; reaps it, since a zombie would keep the locks of ``dvc``."""
        return self.child.poll() is not None


def start(workspace: Workspace, *command: str, env: Mapping[str, str] | None = None) -> Running:
    """Start a command; who hurts it need not read what it says."""
    log = workspace.root.parent / f"{workspace.root.name}-{time.monotonic_ns()}.log"
    with log.open("wb") as handle:
        child = subprocess.Popen(
            command,
            cwd=workspace.root,
            env=workspace.env | dict(env or {}),
            stdin=subprocess.DEVNULL,
            stdout=handle,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return Running(workspace, child, log)


def repro(stage: str) -> tuple[str, ...]:
    """The command that brings one stage up to date."""
    return ("dvc", "repro", "--single-item", stage)


def forget(workspace: Workspace, *stages: str) -> None:
    """Make ``stages`` as if they had never run, so that the next run truly runs them."""
    path, yaml = workspace.root / "dvc.lock", YAML()
    lock = yaml.load(path.read_text(encoding="utf-8"))
    for stage in stages:
        lock["stages"].pop(stage, None)
        for folder in ("data", ".work"):
            shutil.rmtree(workspace.root / folder / stage, ignore_errors=True)
    with path.open("w", encoding="utf-8") as handle:
        yaml.dump(lock, handle)
    shutil.rmtree(workspace.root / ".dvc/cache/runs", ignore_errors=True)


def processes(workspace: Workspace) -> list[psutil.Process]:
    """All that was started for this workspace and lives, whoever is its parent by now."""
    return [process for process in psutil.process_iter() if _belongs(process, workspace.root)]


def _belongs(process: psutil.Process, root: Path) -> bool:
    with suppress(psutil.Error):
        if process.pid == os.getpid() or process.status() == psutil.STATUS_ZOMBIE:
            return False
        inside = Path(process.cwd()).is_relative_to(root)
        return inside or str(root) in process.environ().get("PYTHONPATH", "").split(os.pathsep)
    return False


def find(workspace: Workspace, *words: str) -> psutil.Process | None:
    """The oldest process of this workspace whose command line has all ``words``."""
    found = []
    for process in processes(workspace):
        with suppress(psutil.Error):
            if set(words) <= words_of(process):
                found.append((process.create_time(), process))
    return min(found, key=lambda pair: pair[0])[1] if found else None


def words_of(process: psutil.Process) -> set[str]:
    """The words of a command line, without their folders; none where the process is gone."""
    try:
        return {Path(word).name for word in process.cmdline()}
    except psutil.Error:
        return set()


def wait_for(look: Callable[[], Any], running: Running, seconds: float = PATIENCE) -> Any:
    """What ``look`` answers as soon as that is something; None where the run ends first."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := look():
            return found
        if running.over():
            return None
        time.sleep(0.02)
    raise AssertionError(f"nothing of it in {seconds:g} s:\n{running.output}")


def gone(workspace: Workspace, running: Running | None = None, seconds: float = PATIENCE) -> None:
    """Wait until no process of the workspace lives; AssertionError names those that do not end."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if (running is None or running.over()) and not processes(workspace):
            return
        time.sleep(0.1)
    left = [f"{process.pid} {' '.join(process.cmdline())[:120]}" for process in processes(workspace)]
    raise AssertionError(f"still there after {seconds:g} s: {left}\n{running.output if running else ''}")


@contextmanager
def tidy(workspace: Workspace) -> Iterator[None]:
    """Whatever a drill ends with, nothing of its workspace lives on."""
    try:
        yield
    finally:
        for process in processes(workspace):
            with suppress(psutil.Error):
                process.kill()
                process.wait(10)


def nothing_left(workspace: Workspace, finished: Workspace) -> None:
    """After a hurt, all processes gone: every lock is free and every out that is there is whole.

    Locks are waited for: the threads of a killed process may die, and let go, after it has left the list.
    """
    end = time.monotonic() + PATIENCE
    while taken(workspace) and time.monotonic() < end:
        time.sleep(0.1)
    assert not taken(workspace)
    assert not halves(workspace, finished)


def taken(workspace: Workspace) -> list[str]:
    """Locks of ours and of ``dvc`` that somebody still holds."""
    folders = (workspace.root / ".work/locks", workspace.root / ".dvc/tmp")
    return [path.name for folder in folders for path in folder.glob("*lock") if path.is_file() and not _free(path)]


def _free(path: Path) -> bool:
    with path.open("rb") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def halves(workspace: Workspace, finished: Workspace) -> list[str]:
    """Outs that are there and are not, byte for byte, those of the undisturbed run (report apart: it tells the day)."""
    files = [path.relative_to(workspace.root) for path in _files(workspace.root / "data")]
    outs = [path for path in files if path.name not in VARYING and "report" not in path.parts and not _aside(path)]
    return [str(path) for path in outs if not _same(workspace.root / path, finished.root / path)]


def _same(one: Path, other: Path) -> bool:
    return other.is_file() and one.read_bytes() == other.read_bytes()


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def _aside(path: Path) -> bool:
    return any(ASIDE.fullmatch(part) for part in path.parts)


def as_undisturbed(workspace: Workspace, finished: Workspace, *stages: str) -> None:
    """After the next run: its md5s are those of the undisturbed one, and what was written aside is swept."""
    first, again = finished.lock(), workspace.lock()
    for stage in stages or [name for name in first if name != "report"]:
        assert again[stage] == first[stage], stage
    for stage in stages:
        folders = (workspace.root / "data" / stage, workspace.root / ".work" / stage)
        assert not [path for folder in folders for path in _files(folder) if _aside(path.relative_to(workspace.root))]
    assert not damaged(workspace)


def damaged(workspace: Workspace) -> list[str]:
    """Objects of the cache whose bytes are not those that their name says."""
    objects = [path for path in (workspace.root / ".dvc/cache/files/md5").glob("??/*") if path.is_file()]
    return [str(path) for path in objects if _md5(path) != path.parent.name + path.name.removesuffix(".dir")]


def _md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()


def run(workspace: Workspace, *command: str, env: Mapping[str, str] | None = None) -> str:
    """Run a command that must go well; its output."""
    result = workspace.run(*command, env=env)
    assert result.returncode == 0, result.stdout
    return result.stdout


def mended(workspace: Workspace) -> str:
    """What ``make run`` and flows do first; words for the table where dvc's list of locks had been cut off."""
    return ", dvc's list of locks cut off and removed" if run(workspace, "python", "-m", "flows.mend") else ""


def dice(seed: int) -> random.Random:
    """The randomness of one repetition; the same seed hurts the same thing at the same moment."""
    return random.Random(seed)
