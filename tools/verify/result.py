"""Which result is to come out again: that of a commit, of a bundle, or of the present line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recsmith.cli.lineage import digest_of, places
from recsmith.errors import UserError
from recsmith.files import read_json
from recsmith.report.ancestry import find
from recsmith.report.lineage import stage_hashes
from tools.history import LINEAGE, git, lock_at, past_lineage

LINE = ("ingest", "validate", "split", "graph", "baseline", "search", "train", "compress", "evaluate")
"""What is compared: the report holds durations."""
Say = Callable[[str], None]
Hashes = Mapping[str, Mapping[str, Mapping[str, str]]]


@dataclass(frozen=True)
class Result:
    """What is to come out again. ``commit`` None: the code that is here; ``params`` None: those of the code."""

    name: str
    commit: str | None
    stages: Hashes
    params: Mapping[str, Any] | None = None
    packages: Mapping[str, str] | None = None

    @property
    def deps(self) -> dict[str, str]:
        """Path -> md5 of everything that its stages read."""
        return {path: md5 for stage in self.stages.values() for path, md5 in stage["deps"].items()}


def result_of(root: Path, bundle: str | None, rev: str | None, say: Say) -> Result:
    """The result of a commit, of a bundle, or, where neither is named, of the present line."""
    if rev:
        commit = git(root, "rev-parse", "--verify", f"{rev}^{{commit}}").strip()
        return Result(commit[:12], commit, stage_hashes(lock_at(root, commit), LINE))
    if bundle:
        digest = digest_of(bundle)
        found = find(digest, places(Path(bundle)))
        lineage = found[1] if found else past_lineage(root, digest)
    elif (root / LINEAGE).is_file():
        lineage = read_json(root / LINEAGE)
    else:
        raise UserError(f"{LINEAGE} does not exist. Name a result: BUNDLE=... or REV=..., or make one: make run.")
    return _of_lineage(lineage, say)


def _of_lineage(lineage: Mapping[str, Any], say: Say) -> Result:
    made = lineage.get("git") or {}
    if made.get("dirty"):
        say("It was made with uncommitted changes; whether they matter shows in its sources, which are compared first.")
    if not made:
        say("It was made outside of git: the code that is here is compared with the code that it was made with.")
    environment = lineage.get("environment") or {}
    return Result(
        lineage["bundle"][:12],
        made.get("commit"),
        lineage["stages"],
        lineage["params"]["effective"],
        environment.get("packages"),
    )
