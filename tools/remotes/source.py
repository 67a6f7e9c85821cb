"""What the line reads from outside itself, the fetched source first of all, is kept with DVC: others get it too."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from ruamel.yaml import YAML

from recsmith.config.ingest import EVENTS, RAW, Ingest
from recsmith.config.read import read_section
from recsmith.errors import UserError
from recsmith.privacy.sealing import VARIABLE
from tools.intact import Out, tracked
from tools.remotes.transfer import Say


def keep_inputs(root: Path, say: Say) -> None:
    """``dvc add`` every input of the line that neither git nor a ``.dvc`` file holds as the last run read it."""
    known = {out.path.as_posix(): out.md5 for out in tracked(root)}
    for path, md5 in sorted(_inputs(root)):
        if known.get(path) == md5 or in_git(root, path):
            continue
        if not (root / path).resolve().is_relative_to(root.resolve()):
            say(f"push: {path} lies outside of the project and stays where it is: others need it at the same place.")
        elif (root / path).exists():
            _add(root, path, md5, say)


def warn_of_raw_ids(root: Path, outs: Iterable[Out], say: Say) -> None:
    """Say which of ``outs`` hold people's ids as they were before pseudonyms, where the remote is not encrypted."""
    params = root / "params.yaml"
    ingest = read_section(params, "ingest", Ingest) if params.exists() else Ingest()
    if not ingest.privacy.pseudonyms or os.environ.get(VARIABLE):
        return
    before = {Path(RAW), Path(EVENTS), Path(ingest.path)}
    for path in sorted({out.path for out in outs} & before):
        say(
            f"push: WARNING: {path} holds people's ids as they were before pseudonyms, for all who read the remote. "
            f"Where {VARIABLE} is set, a new remote is encrypted (docs/privacy.md)."
        )


def _inputs(root: Path) -> Iterator[tuple[str, str]]:
    """Path and md5 of what stages read and no stage writes."""
    lock = root / "dvc.lock"
    if not lock.exists():
        return
    stages = (YAML(typ="safe").load(lock.read_text(encoding="utf-8")) or {}).get("stages") or {}
    made = [Path(out["path"]) for stage in stages.values() for out in stage.get("outs") or ()]
    for dep in {(dep["path"], dep.get("md5") or "") for stage in stages.values() for dep in stage.get("deps") or ()}:
        if not any(Path(dep[0]).is_relative_to(out) or out.is_relative_to(dep[0]) for out in made):
            yield dep


def in_git(root: Path, path: str) -> bool:
    """Whether git has something at ``path``; without git, whether it looks like code."""
    try:
        listed = subprocess.run(["git", "ls-files", "--", path], cwd=root, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return not path.startswith("data/")
    return bool(listed.stdout)


def _add(root: Path, path: str, md5: str, say: Say) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "dvc", "add", "--quiet", path], cwd=root, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise UserError(f"{path} could not be kept with DVC: {done.stderr.strip()}")
    now = {out.path.as_posix(): out.md5 for out in tracked(root)}[path]
    if now != md5:
        say(f"push: {path} changed since the last run read it. `make run`, then push again, so that others need not.")
    say(f"push: {path} is kept with DVC now: commit {path}.dvc.")
