"""``make verify``: run a result again, from its own code, data and parameters, and compare the md5 of every out.

The result is the present one, that of a bundle (folder or digest), or that of a commit. It runs in a folder of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from recsmith.cli.lineage import digest_of, places
from recsmith.errors import UserError
from recsmith.files import content_md5, read_json
from recsmith.report.ancestry import find
from recsmith.report.lineage import installed, stage_hashes
from tools.history import LINEAGE, git, lock_at, past_lineage
from tools.intact import chosen, objects, place, problems, told, tracked

LINE = ("ingest", "validate", "split", "graph", "baseline", "search", "train", "compress", "evaluate")
"""What is compared: the report holds durations."""
PLACE = Path(".work/verify")
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


def verify(root: Path, result: Result, say: Say) -> list[str]:
    """Run it again; the paths whose md5 differs, with both md5s. UserError where it cannot be run as it was."""
    folder = root / PLACE / result.name
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    say(f"verify: {result.name} in {folder.relative_to(root)}")
    _bring_code(root, folder, result.commit)
    if result.params is not None:
        with (folder / "params.yaml").open("w", encoding="utf-8") as handle:
            YAML(typ="safe").dump(dict(result.params), handle)
    _compare_code(folder, result)
    _bring_inputs(root, folder, result, say)
    _compare_packages(result, say)
    _run(folder, say)
    return list(_differences(folder, result.stages))


def _bring_code(root: Path, folder: Path, commit: str | None) -> None:
    """A clone at ``commit``; where there is none, what lies here without results."""
    if commit is not None and (root / ".git").exists():
        git(root, "clone", "--quiet", "--shared", "--no-checkout", str(root), str(folder))
        git(folder, "checkout", "--quiet", "--detach", commit)
    else:
        left = shutil.ignore_patterns(".git", ".work", ".venv", ".prefect", "cache", "tmp", "__pycache__", "data")
        shutil.copytree(root, folder, ignore=left, symlinks=True)
    (folder / "dvc.lock").unlink(missing_ok=True)
    (folder / ".dvc/config.local").write_text("[core]\n    no_scm = true\n", encoding="utf-8")


def _compare_code(folder: Path, result: Result) -> None:
    """UserError names the sources that are not those that the result was made with."""
    deps = {path: md5 for stage in result.stages.values() for path, md5 in stage["deps"].items()}
    code = {path: md5 for path, md5 in deps.items() if not path.startswith("data/") and (folder / path).exists()}
    gone = [path for path in deps if path.split("/")[0] in ("recsmith", "stages") and path not in code]
    other = sorted(gone + [path for path, md5 in code.items() if _code_md5(folder / path) != md5])
    if other:
        shown = ", ".join(other[:10]) + (f" and {len(other) - 10} more" if len(other) > 10 else "")
        raise UserError(
            f"{len(other)} sources are not those that the result was made with: {shown}. "
            "They were not committed then, or another commit made it: REV=... names one."
        )


def _code_md5(path: Path) -> str:
    for cached in path.rglob("__pycache__") if path.is_dir() else ():
        shutil.rmtree(cached, ignore_errors=True)
    return content_md5(path)


def _inputs(result: Result) -> dict[str, str]:
    """Path -> md5 of data that the line reads and no stage makes."""
    made = {path for stage in result.stages.values() for path in stage["outs"]}
    deps = {path: md5 for stage in result.stages.values() for path, md5 in stage["deps"].items()}
    return {
        path: md5
        for path, md5 in deps.items()
        if path.startswith("data/")
        and not any(Path(path).is_relative_to(out) or Path(out).is_relative_to(path) for out in made)
    }


def _bring_inputs(root: Path, folder: Path, result: Result, say: Say) -> None:
    """The data of then: from here where it is the same, else from DVC's cache or remote, else fetched again."""
    _refuse_damaged(root, list(_inputs(result)))
    for path, md5 in _inputs(result).items():
        here, there = root / path, folder / path
        if here.exists() and content_md5(here) == md5:
            _copy(here, there)
        else:
            _from_cache(root, md5, there)
    if any(not (folder / path).exists() for path in _inputs(result)):
        say("verify: some data of then is not here; it is fetched anew.")
        _command(folder, say, "-m", "recsmith", "fetch")
    for path, md5 in _inputs(result).items():
        if not (folder / path).exists() or content_md5(folder / path) != md5:
            raise UserError(
                f"{path} is not what the result was made from (md5 {md5}). Where somebody pushed it: "
                f"check out the commit with {path}.dvc, make pull, then verify again."
            )


def _refuse_damaged(root: Path, paths: list[str]) -> None:
    known = tracked(root)
    names = [path for path in paths if any(str(out.path) == path for out in known)]
    found = [problem for problem in problems(chosen(known, names), root) if problem.kind == "object"] if names else []
    if found:
        raise UserError(f"the data is damaged.\n{told(found, root)}")


def _copy(here: Path, there: Path) -> None:
    shutil.rmtree(there, ignore_errors=True)
    there.parent.mkdir(parents=True, exist_ok=True)
    (shutil.copytree if here.is_dir() else shutil.copy2)(here, there)


def _from_cache(root: Path, md5: str, there: Path) -> None:
    """Lay out what the cache has under ``md5``; what it lacks stays away."""
    store = objects(root)
    if not md5.endswith(".dir"):
        files = {there: md5}
    elif place(store, md5).is_file():
        listing = json.loads(place(store, md5).read_bytes())
        files = {there / entry["relpath"]: entry["md5"] for entry in listing}
    else:
        return
    for path, name in files.items():
        if place(store, name).is_file():
            _copy(place(store, name), path)


def _compare_packages(result: Result, say: Say) -> None:
    """Say which packages are other versions now: bytes may differ for it."""
    for name, then in (result.packages or {}).items():
        if (now := installed(name)) != then:
            say(f"verify: {name} was {then} then and is {now} here.")


def _run(folder: Path, say: Say) -> None:
    _command(folder, say, "-m", "dvc", "repro", "--no-run-cache", LINE[-1])


def _command(folder: Path, say: Say, *words: str) -> None:
    """Run python in ``folder`` with its own code; its output is shown as it comes."""
    say(f"verify: python {' '.join(words)}")
    ours = ("RECSMITH_RUN", "RECSMITH_FLOW_RUN", "RECSMITH_WORKSPACE", "MAKEFLAGS", "MAKELEVEL")
    env = {name: value for name, value in os.environ.items() if name not in ours}
    env |= {"PYTHONPATH": str(folder), "WANDB_MODE": "disabled"}
    status = subprocess.run([sys.executable, *words], cwd=folder, env=env, check=False).returncode
    if status:
        raise UserError(f"python {' '.join(words)} failed in {folder}; it is kept there to look closer.")


def _differences(folder: Path, expected: Hashes) -> Iterator[str]:
    """Every out of ``expected`` that came out otherwise."""
    lock = YAML(typ="safe").load((folder / "dvc.lock").read_text(encoding="utf-8"))
    again = stage_hashes(lock, LINE)
    for stage in LINE:
        for path, md5 in (expected.get(stage) or {"outs": {}})["outs"].items():
            now = again[stage]["outs"].get(path)
            if now != md5:
                yield f"{path}: {md5} then, {now or 'not made'} now"


def main() -> int:
    """Verify what is asked for; 1 where something differs or could not be run."""
    parser = argparse.ArgumentParser("python -m tools.verify", description="Run a result again and compare all md5s.")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--bundle", help="the folder of a bundle, or its digest (default: the present result)")
    which.add_argument("--rev", help="a commit, whose dvc.lock holds the md5s")
    args = parser.parse_args()
    root = Path.cwd()
    try:
        result = result_of(root, args.bundle, args.rev, _say)
        differing = verify(root, result, _say)
    except UserError as error:
        print(f"verify: {error}", file=sys.stderr)
        return 1
    count = sum(len(stage["outs"]) for stage in result.stages.values())
    if differing:
        lines = "\n  ".join(differing)
        print(f"verify: {len(differing)} of {count} results differ:\n  {lines}\nBoth are kept: {PLACE / result.name}")
        return 1
    shutil.rmtree(root / PLACE / result.name)
    print(f"verify: all {count} results of {result.name} came out again, byte for byte.")
    return 0


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
