"""The data of then: from the workspace, from DVC's cache, or fetched anew."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from recsmith.errors import UserError
from recsmith.files import content_md5
from tools.intact import chosen, objects, place, problems, told, tracked
from tools.verify.command import command
from tools.verify.result import Result, Say


def _inputs(result: Result) -> dict[str, str]:
    """Path -> md5 of data that the line reads and no stage makes."""
    made = {path for stage in result.stages.values() for path in stage["outs"]}
    return {
        path: md5
        for path, md5 in result.deps.items()
        if path.startswith("data/")
        and not any(Path(path).is_relative_to(out) or Path(out).is_relative_to(path) for out in made)
    }


def bring_inputs(root: Path, folder: Path, result: Result, say: Say) -> None:
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
        command(folder, say, "-m", "recsmith", "fetch")
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
