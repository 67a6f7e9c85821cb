"""Runs a peer's script on a task: the environment that it needs, its progress, its result or why there is none."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import ROOT

HERE = Path(__file__).resolve().parent
ENVIRONMENTS = HERE.parent / ".envs"
GRACE_SECONDS = 3600.0
"""What reading, ranking and the last batch of a peer may take beside the time that it trains."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class Peer:
    """One row of the table; ``requirements`` names a file beside this one where the peer needs its own environment."""

    tool: str
    script: str
    variant: str = ""
    requirements: str | None = None


PEERS = {
    "recsmith": (
        Peer("recsmith LightGCN", "with_recsmith.py", "lightgcn"),
        Peer("recsmith LightGCN, tuned", "with_recsmith.py", "tuned"),
        Peer("recsmith filter", "with_recsmith.py", "filter"),
    ),
    "pyg": (Peer("PyG LightGCN", "with_pyg.py"),),
    "implicit": (Peer("implicit ALS", "with_implicit.py"),),
    "recbole": (Peer("RecBole LightGCN", "with_recbole.py", requirements="recbole.txt"),),
}


class PeerFailed(Exception):
    """A peer left no result; the message says why, for its row of the table."""


def interpreter(peer: Peer, say: Say) -> Path:
    """The Python that runs ``peer``; its environment is made where there is none for these requirements."""
    if peer.requirements is None:
        return Path(sys.executable)
    wanted = HERE / peer.requirements
    folder = ENVIRONMENTS / wanted.stem
    python, stamp = folder / "bin" / "python", folder / "requirements.sha256"
    digest = hashlib.sha256(wanted.read_bytes()).hexdigest()
    if not stamp.exists() or stamp.read_text(encoding="utf-8") != digest:
        say(f"{peer.tool}: making its environment in {folder.relative_to(ROOT)} (once, some minutes)")
        _run([sys.executable, "-m", "venv", "--clear", str(folder)], ROOT, {}, say, GRACE_SECONDS)
        _run([str(python), "-m", "pip", "install", "--quiet", "-r", str(wanted)], ROOT, {}, say, GRACE_SECONDS)
        stamp.write_text(digest, encoding="utf-8")
    return python


def measure(peer: Peer, folder: Path, task: dict[str, Any], say: Say) -> tuple[dict[str, Any], np.ndarray]:
    """What the peer's script found on the pairs in ``folder``, and its lists (n, k); PeerFailed where it failed."""
    python = interpreter(peer, say)
    (folder / "task.json").write_text(json.dumps({**task, "variant": peer.variant}), encoding="utf-8")
    for name in ("result.json", "lists.npy"):
        (folder / name).unlink(missing_ok=True)
    threads = str(task["threads"])
    extra = {"OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads, "OMP_WAIT_POLICY": "PASSIVE"}
    extra["PYTHONWARNINGS"] = "ignore"
    if peer.requirements is None:
        extra["PYTHONPATH"] = str(ROOT)
    limit = task["seconds"] + GRACE_SECONDS
    command = [str(python), str(HERE / peer.script), str(folder)]
    _run(command, folder, extra, lambda line: say(f"{peer.tool}: {line}"), limit)
    try:
        return json.loads((folder / "result.json").read_text(encoding="utf-8")), np.load(folder / "lists.npy")
    except (OSError, ValueError) as error:
        raise PeerFailed(f"left no result: {error}") from error


def _run(command: list[str], folder: Path, extra: dict[str, str], say: Say, limit: float) -> None:
    """Run ``command`` in ``folder``, what it prints passed on line by line; PeerFailed with its last words."""
    env = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"} | {"PYTHONUNBUFFERED": "1"} | extra
    last: deque[str] = deque(maxlen=3)
    out, joined = subprocess.PIPE, subprocess.STDOUT
    with subprocess.Popen(
        command, env=env, cwd=folder, stdout=out, stderr=joined, text=True, errors="replace"
    ) as child:
        ended = threading.Timer(limit, child.kill)
        ended.start()
        try:
            for line in child.stdout or ():
                if line.strip():
                    last.append(line.strip())
                    say(line.rstrip())
        except BaseException:
            child.kill()
            raise
        finally:
            ended.cancel()
    if child.returncode:
        raise PeerFailed(f"ended with status {child.returncode}: {' | '.join(last) or 'it said nothing'}")
