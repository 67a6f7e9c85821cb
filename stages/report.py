"""Stage ``report``: what a person should know. Gathers what the line wrote; nothing depends on it."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from recsmith.config.base import parse
from recsmith.config.report import Report
from recsmith.config.sections import SECTIONS
from recsmith.files import file_hash, read_json, write_json, write_text
from recsmith.report.lineage import lineage
from recsmith.report.page import card, page
from recsmith.report.read import read_inputs
from recsmith.report.search.page import search_page
from recsmith.report.search.read import read_search
from stages._stage import DATA, PARAMS, STAGES, Context, stage

LINE = STAGES[:-1]
RECORDS = (":(exclude)dvc.lock", ":(exclude)*.dvc")
"""What a run and a night rewrite themselves."""
ORIGIN = ("bundle", "git", "data", "champion_before", "requirements_sha256", "packages_off_the_lock")
"""What W&B is told of the lineage: the rest stands in the configs of the other runs of the group."""


def run(context: Context) -> None:
    """Write the page, the model card and the lineage."""
    params = context.section("report", Report)
    search, evaluate, compress = (_section(context, name) for name in ("search", "evaluate", "compress"))
    inputs = read_inputs(
        DATA,
        LINE,
        metric=search.metric,
        confidence=evaluate.confidence,
        gate=compress.gate.retained,
        users=params.users,
        k=params.recommendations,
        lineage=_lineage(context),
    )
    write_json(context.out / "lineage.json", inputs.lineage)
    context.track.config({"lineage": {name: inputs.lineage[name] for name in ORIGIN}})
    write_text(context.out / "model_card.md", card(inputs))
    write_text(context.out / "report.html", page(inputs))
    write_text(context.out / "search.html", search_page(read_search(DATA, search.metric, search.strategy)))
    shown = [[person.activity, *map(", ".join, (person.history, person.recommended))] for person in inputs.people]
    context.track.table("recommendations", ["interactions", "history, latest first", "recommended"], shown)
    context.say(f"The report: {(context.out / 'report.html').resolve()}; `make results` prints its table")


def _section(context: Context, name: str) -> Any:
    return parse(context.sections.get(name) or {}, SECTIONS[name], f"{PARAMS}: {name}")


def _lineage(context: Context) -> dict[str, Any]:
    effective = {name: _section(context, name).model_dump(mode="json") for name in STAGES}
    path, requirements = Path("dvc.lock"), Path("requirements.lock")
    lock = YAML(typ="safe").load(path.read_text(encoding="utf-8")) if path.exists() else {}
    return lineage(
        git=_git(),
        lock=lock,
        stages=LINE,
        params={"run": context.run.model_dump(mode="json"), **effective},
        requirements=file_hash(requirements) if requirements.exists() else None,
        runs={name: read_json(path) for name in LINE if (path := DATA / name / "run.json").exists()},
        bundle=read_json(DATA / "compress/bundle/manifest.json")["digest"],
        threads=context.run.threads,
        data=_data(lock, effective["ingest"]["path"]),
        champion_before=_champion(),
        pins=_pins(requirements),
    )


def _data(lock: Mapping[str, Any], path: str) -> dict[str, Any]:
    """What was read: its name and counts, and the md5 that identifies it."""
    source = read_json(DATA / "ingest/source.json")
    deps = ((lock.get("stages") or {}).get("ingest") or {}).get("deps") or ()
    md5 = next((dep.get("md5") for dep in deps if dep["path"] == path), None)
    kept = {name: source[name] for name in ("name", "stand_in", "counts", "until") if name in source}
    return {"path": path, "md5": md5, **kept}


def _champion() -> dict[str, Any] | None:
    """The incumbent; None where there is none."""
    path = DATA / "incumbent/incumbent.json"
    found = read_json(path) if path.exists() else {}
    return found if found.get("version") else None


def _pins(requirements: Path) -> dict[str, str]:
    lines = requirements.read_text(encoding="utf-8").splitlines() if requirements.exists() else []
    pairs = (line.partition("==") for line in lines if not line.startswith("#"))
    return {name.strip(): version.strip() for name, equal, version in pairs if equal}


def _git() -> dict[str, Any] | None:
    """Commit, and whether tracked files differ from it, dvc.lock and *.dvc apart, whose md5s the lineage has anyway.

    None outside a repository or without git.
    """
    try:
        commit = _ask("rev-parse", "HEAD")
        changed = _ask("status", "--porcelain", "--untracked-files=no", "--", ".", *RECORDS)
    except (OSError, subprocess.CalledProcessError):
        return None
    return {"commit": commit, "dirty": bool(changed)}


def _ask(*words: str) -> str:
    return subprocess.run(["git", *words], check=True, capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    stage("report", run)
