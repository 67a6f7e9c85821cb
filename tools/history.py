"""Results of the past: lineages that dvc.lock named at some commit, read from git and DVC's cache."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from recsmith.errors import UserError
from tools.intact import objects, place

LINEAGE = "data/report/lineage.json"


def git(root: Path, *words: str) -> str:
    """What git answers; UserError with its own words where it does not."""
    try:
        return subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, check=True).stdout
    except FileNotFoundError as error:
        raise UserError("git is not installed; without it only the present result can be verified.") from error
    except subprocess.CalledProcessError as error:
        raise UserError(f"git {' '.join(words[:2])}: {error.stderr.strip()}") from error


def lock_at(root: Path, rev: str) -> dict[str, Any]:
    """dvc.lock as it was committed at ``rev``; UserError where there was none."""
    return YAML(typ="safe").load(git(root, "show", f"{rev}:dvc.lock"))


def past_lineage(root: Path, digest: str) -> dict[str, Any]:
    """The lineage of the bundle ``digest`` among all that were ever committed; UserError where none is."""
    lost: list[str] = []
    for commit, md5 in _committed(root):
        file = place(objects(root), md5)
        if not file.is_file():
            lost.append(commit)
            continue
        found = json.loads(file.read_bytes())
        if str(found.get("bundle") or "").startswith(digest):
            return found
    more = (
        f" The lineages of {len(lost)} commits are not in the cache: git checkout {lost[0]} && make pull"
        if lost
        else ""
    )
    raise UserError(f"no commit of dvc.lock made the bundle {digest}.{more}")


def _committed(root: Path) -> Iterator[tuple[str, str]]:
    """Commit and md5 of every lineage that was committed, newest first, each once."""
    seen: set[str] = set()
    for commit in git(root, "log", "--all", "--format=%h", "--", "dvc.lock").split():
        try:
            stages = lock_at(root, commit).get("stages") or {}
        except UserError:  # the commit that removed it
            continue
        for out in (stages.get("report") or {}).get("outs") or ():
            if out["path"] == LINEAGE and out["md5"] not in seen:
                seen.add(out["md5"])
                yield commit, out["md5"]
