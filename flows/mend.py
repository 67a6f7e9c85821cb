"""``python -m flows.mend``: remove DVC's list of locks where a full disk or a kill has left half of it.

DVC writes the list in place and, once that is no JSON any more, refuses every command. The list says who reads and
writes which files at this moment: where no DVC works here it says nothing that is worth keeping.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import psutil

LIST = Path(".dvc") / "tmp" / "rwlock"


def mend(say: Callable[[str], None]) -> None:
    """Remove the list where it is cut off and no DVC works in this folder, and say so."""
    if _cut_off() and not any(map(_is_dvc_here, psutil.process_iter())):
        LIST.unlink(missing_ok=True)
        say(f"{LIST} was cut off (a full disk, a kill) and no dvc works here: removed.")


def _cut_off() -> bool:
    try:
        json.loads(LIST.read_bytes())
    except FileNotFoundError:
        return False
    except ValueError:
        return True
    return False


def _is_dvc_here(process: psutil.Process) -> bool:
    try:
        is_dvc = any(Path(word).name == "dvc" for word in process.cmdline())
        return is_dvc and Path(process.cwd()).is_relative_to(Path.cwd())
    except psutil.AccessDenied:
        return True  # somebody else's, who knows where
    except psutil.Error:
        return False


if __name__ == "__main__":
    mend(print)
