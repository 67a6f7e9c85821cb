"""Bytes from a folder or an address, within a time limit that also covers name look-up and stalls."""

from __future__ import annotations

import http.client
import queue
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

CHUNK = 1 << 16
WHOLE_SECONDS = 60.0
"""Longest that a place which does answer may take for the whole file."""


class NotThere(Exception):
    """A place does not have what is asked for, in plain words."""


def download(where: str, seconds: float) -> bytes:
    """The file at a path or URL; NotThere where it is missing, or does not answer (or stalls) for ``seconds``."""
    if "://" not in where:
        return _local(Path(where))
    parts: queue.Queue[bytes | NotThere | None] = queue.Queue()
    threading.Thread(target=_pump, args=(where, seconds, parts), daemon=True).start()
    return _collect(parts, seconds)


def _local(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise NotThere("there is no such file.") from error
    except OSError as error:
        raise NotThere(f"it cannot be read ({error.strerror}).") from error


def _pump(where: str, seconds: float, parts: queue.Queue[bytes | NotThere | None]) -> None:
    """Put the file's bytes in the queue, then None; or what went wrong.

    Runs in its own thread, because a name look-up knows no time limit.
    """
    try:
        with urllib.request.urlopen(where, timeout=seconds) as answer:  # nosec B310: a mirror may be a file
            while chunk := answer.read(CHUNK):
                parts.put(chunk)
        parts.put(None)
    except urllib.error.HTTPError as error:
        parts.put(NotThere(f"it answers {error.code} {error.reason}."))
    except (OSError, http.client.HTTPException, ValueError) as error:
        parts.put(NotThere(f"it does not answer ({getattr(error, 'reason', error)})."))


def _collect(parts: queue.Queue[bytes | NotThere | None], seconds: float) -> bytes:
    content, end = b"", time.monotonic() + WHOLE_SECONDS
    answer_by = time.monotonic() + seconds
    while True:
        try:
            part = parts.get(timeout=max(0.0, min(answer_by, end) - time.monotonic()))
        except queue.Empty as error:
            raise NotThere(f"it does not answer within {seconds:g} s.") from error
        if part is None:
            return content
        if isinstance(part, NotThere):
            raise part
        content += part
        answer_by = time.monotonic() + seconds
