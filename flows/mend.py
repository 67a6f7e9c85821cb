"""``python -m flows.mend``: what would make DVC refuse every command, put right.

DVC writes its list of locks in place; once a full disk or a kill has left half of it, it is no JSON any more. The list
says who reads and writes which files at this moment: where no DVC works here it says nothing that is worth keeping.
A copy of the project without git is one that DVC has to be told of.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil

from recsmith.output import say

DVC = Path(".dvc")
LIST = DVC / "tmp" / "rwlock"
CONFIGS = (DVC / "config", DVC / "config.local")
NO_GIT = ("config", "--local", "core.no_scm", "true")


def mend(say: Callable[[str], None]) -> None:
    """Remove the list where it is cut off and no DVC works in this folder; tell DVC where there is no git. Say so."""
    if _untold_of_no_git():
        subprocess.run([sys.executable, "-m", "dvc", *NO_GIT], check=True)
        say(f"This copy is not under git: dvc {' '.join(NO_GIT)}. Once it is: dvc config --local --unset core.no_scm")
    if _cut_off() and not any(map(_is_dvc_here, psutil.process_iter())):
        LIST.unlink(missing_ok=True)
        say(f"{LIST} was cut off (a full disk, a kill) and no dvc works here: removed.")


def _untold_of_no_git() -> bool:
    if any((folder / ".git").exists() for folder in (Path.cwd(), *Path.cwd().parents)):
        return False
    texts = [path.read_text(encoding="utf-8") for path in CONFIGS if path.exists()]
    return CONFIGS[0].exists() and not any("no_scm" in text for text in texts)


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
    mend(say)
