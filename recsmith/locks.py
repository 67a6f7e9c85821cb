"""One at a time: a lock on a file, with words beside it about who holds it.

The system frees a lock with its process, however that ended; the words (``NAME.json`` beside ``NAME.lock``) are only
words: they may outlive their process and are believed only while the lock is held.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from recsmith.errors import UserError
from recsmith.files import write_json

POLL_SECONDS = 0.5
AWAY = Path(".vault/vault.json")
"""In a workspace whose data is put away encrypted."""
Holder = dict[str, Any]


class Busy(Exception):
    """Somebody else holds the lock: ``holder`` has their words (``pid``, ``since`` and what they added)."""

    def __init__(self, holder: Holder) -> None:
        super().__init__(f"process {holder.get('pid', 'unknown')} holds the lock")
        self.holder = holder


@contextmanager
def held(
    path: Path, words: Mapping[str, Any], seconds: float, waiting: Callable[[Holder], None] | None = None
) -> Iterator[None]:
    """Hold ``path`` and write ``words`` with our ``pid`` and ``since`` beside it.

    Waits ``seconds`` (below 0: for ever), then raises Busy. ``waiting`` is told who is waited for, once, where the
    first ``POLL_SECONDS`` were not enough.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path)
    try:
        _acquire(lock, path, seconds, waiting)
    except Timeout as error:
        raise Busy(words_of(path)) from error
    try:
        since = datetime.now(UTC).isoformat(timespec="seconds")
        write_json(path.with_suffix(".json"), {**words, "pid": os.getpid(), "since": since})
        yield
    finally:
        lock.release()


def _acquire(lock: FileLock, path: Path, seconds: float, waiting: Callable[[Holder], None] | None) -> None:
    if waiting is not None and (seconds < 0 or seconds > POLL_SECONDS):
        try:
            lock.acquire(timeout=POLL_SECONDS)
            return
        except Timeout:
            waiting(words_of(path))
    lock.acquire(timeout=seconds, poll_interval=POLL_SECONDS / 10)


def holder(path: Path) -> Holder | None:
    """The words of whoever holds ``path`` now, None where nobody does (or nobody ever did)."""
    if not path.exists():
        return None
    with path.open(encoding="utf-8") as handle:
        try:
            # Shared, so that two who only look do not take each other for a holder; closing it lets go.
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return words_of(path)
    return None


def words_of(path: Path) -> Holder:
    """What was last written beside ``path``, whether it is held or not; empty where there is nothing to read."""
    try:
        words = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return words if isinstance(words, dict) else {}


def check_present(root: Path) -> None:
    """UserError where the data of the workspace ``root`` is put away."""
    if (root / AWAY).exists():
        raise UserError("the data of this workspace is put away encrypted: `make unlock` brings it back.")
