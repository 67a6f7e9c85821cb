"""Forgetting, step by step. Every step may be done twice, and what is to be deleted is written down before anything is,
so that running it again finishes what was interrupted."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dvc.exceptions import DvcException
from dvc.repo import Repo

from flows.workspace import workspace as held
from recsmith.config.ingest import FileSpec, Ingest
from recsmith.config.read import read_section
from recsmith.errors import UserError
from recsmith.files import write_json
from recsmith.privacy import audit, tombstones
from recsmith.privacy.keys import from_environment
from recsmith.privacy.person import Person, person
from recsmith.privacy.pseudonyms import Pseudonyms, fingerprint
from tools.forget import workspace
from tools.forget.records import derived, records
from tools.forget.stores import Store, looked_into, stores, without_runs
from tools.forget.workspace import Removed
from tools.intact import tracked

FORGOTTEN = Path("data/privacy/forgotten.json")
AUDIT = Path("data/privacy/audit.jsonl")
PLAN = Path(".work/forget.json")
SHOWN = 10
Say = Callable[[str], None]


@dataclass(frozen=True)
class Task:
    """Who is to be forgotten, and in which project."""

    root: Path
    params: Ingest
    pseudonyms: Pseudonyms
    person: Person
    tombstone: str
    say: Say


def task(root: Path, name: str, say: Say) -> Task:
    """The task for an id; UserError where the key is missing or another one made what is here."""
    params = read_section(root / "params.yaml", "ingest", Ingest)
    known = tombstones.read(root / FORGOTTEN)
    made = pseudonyms(params, first=not (known or params.privacy.pseudonyms))
    if name != name.strip() or not name or fingerprint(name):
        raise UserError(f"{name!r} is no raw id: give the id as it stands in the source, without spaces around it.")
    known.check(made)
    return Task(root, params, made, person(name, made, workspace.specs(params)), made.tombstone(name), say)


def pseudonyms(params: Ingest, *, first: bool = False) -> Pseudonyms:
    """Those under the key of the project; ``first`` where no key has been used yet."""
    why = "Forgetting needs the key: what recognises a forgotten person who comes in again is a keyed hash."
    return Pseudonyms(from_environment(params.privacy.key_variable, why, first=first))


def forget(task: Task, *, unseen: bool = False) -> Removed:
    """Remove the person everywhere; UserError where nobody is found (unless ``unseen``) or where something is left.

    Holds the workspace, which is the current folder: waits for a flow or a run typed by hand, and says for whom.
    """
    with held("forget", os.environ.get("RECSMITH_RUN", "none"), "", task.say):
        return _forgotten(task, unseen)


def _forgotten(task: Task, unseen: bool) -> Removed:
    with Repo(str(task.root)) as repo:
        places, runs = stores(repo), Path(repo.cache.local.path).parent.parent / "runs"
        reached = _plan(task, places, runs, unseen)
        removed = Removed()
        workspace.results(task.root, reached, removed)
        renewed = workspace.Renewed(task.root / PLAN)
        workspace.tables(task.root, task.params, task.person, renewed, removed)
        workspace.scratch(task.root, task.person, removed)
        removed.add("records of the run cache", without_runs(runs, reached))
        for store in places:
            removed.add(f"objects of the {store.name}", store.remove(reached))
    _versioned(task, removed)
    _nothing_left(task)
    _log(task, "forgotten", removed.counts)
    (task.root / PLAN).unlink()
    return removed


def _plan(task: Task, places: list[Store], runs: Path, unseen: bool) -> set[str]:
    """md5s to delete. From here on the person is on the list and in the log, whatever happens."""
    before = _written(task)
    holders, harmless = looked_into(places, task.person, _by_md5(task), task.say)
    here = [path for path in workspace.files(task.root) if path != PLAN]
    with_person = _some(task, here)
    if before is None and not holders and not with_person and not unseen:
        known = task.tombstone in tombstones.read(task.root / FORGOTTEN).people
        state = "is forgotten already" if known else "is nobody that the data or the results know"
        raise UserError(f"this id {state}; nothing was changed. To keep somebody out who may come: add --unseen.")

    def entries(md5: str) -> frozenset[str]:
        return next((found for store in places if (found := store.entries(md5))), frozenset())

    made = _made_from(task, with_person)
    reached = derived(holders | made, records(task.root, runs), entries, harmless) | (before or set())
    kept = json.loads((task.root / PLAN).read_text(encoding="utf-8")) if before is not None else {}
    write_json(task.root / PLAN, {**kept, "person": task.tombstone, "md5s": sorted(reached)})
    known = tombstones.read(task.root / FORGOTTEN)
    tombstones.write(task.root / FORGOTTEN, known.with_one(next(iter(task.person.names)), task.pseudonyms))
    if before is None:
        _log(task, "begun", {"objects": len(reached)})
    return reached


def _written(task: Task) -> set[str] | None:
    """What an interrupted run had planned for this person; UserError where it was for another one."""
    path = task.root / PLAN
    if not path.exists():
        return None
    plan = json.loads(path.read_text(encoding="utf-8"))
    if plan["person"] != task.tombstone:
        raise UserError("forgetting somebody else was interrupted here. Finish that first (the same id again).")
    return set(plan["md5s"])


def _some(task: Task, paths: list[Path]) -> list[Path]:
    return [
        path
        for path in paths
        if workspace.found(task.root / path, task.person, workspace.spec_of(path, task.params))
    ]  # fmt: skip


def _made_from(task: Task, paths: list[Path]) -> set[str]:
    """md5s of the outs of which ``paths`` are a part: the cache may not have them, and results were made from them."""
    return {out.md5 for out in tracked(task.root) if any(path.is_relative_to(out.path) for path in paths)}


def _by_md5(task: Task) -> Callable[[str], FileSpec | None]:
    """The description of a file of the source by its md5, as far as listings and ``.dvc`` files know them."""
    specs = workspace.specs(task.params)
    known = {out.md5: workspace.spec_of(out.path, task.params) for out in tracked(task.root)}
    lone = specs[0] if len(specs) == 1 else None
    return lambda md5: known.get(md5) or lone


def _versioned(task: Task, removed: Removed) -> None:
    """What is kept with ``dvc add`` and was rewritten is added again."""
    owners = {out.owner: out.path for out in tracked(task.root) if out.owner.endswith(".dvc")}
    for owner, path in owners.items():
        if any(one.is_relative_to(path) for one in removed.changed) or not _cached(task, owner):
            _added_again(task, str(task.root / path))
            removed.add(".dvc files")


def _cached(task: Task, owner: str) -> bool:
    """Whether the cache still has what a ``.dvc`` file names."""
    with Repo(str(task.root)) as repo:
        return all(repo.cache.local.exists(out.md5) for out in tracked(task.root) if out.owner == owner)


def _added_again(task: Task, path: str) -> None:
    try:
        with Repo(str(task.root)) as repo:
            repo.unprotect(path)
            repo.add(path)  # pyright: ignore[reportArgumentType]
    except DvcException as error:
        raise UserError(f"dvc add {path} failed: {error}. Mend that, then run it again.") from error


def _nothing_left(task: Task) -> None:
    """UserError names every file of the workspace, the cache and the remotes that still holds the person."""
    with Repo(str(task.root)) as repo:
        here = workspace.left(task.root, task.params, task.person, {PLAN})
        there, _ = looked_into(stores(repo), task.person, _by_md5(task), lambda _: None)
    named = [*map(str, here), *sorted(there)]
    if named:
        more = f" and {len(named) - SHOWN} more" if len(named) > SHOWN else ""
        raise UserError(
            f"the person is still in {', '.join(named[:SHOWN])}{more}. These are no tables that can be rewritten: "
            "remove the person there (or the files), then run it again."
        )


def _log(task: Task, what: str, counts: dict[str, int]) -> None:
    entry: dict[str, Any] = {
        "what": what,
        "when": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "person": task.tombstone,
        "removed": counts,
        "run": os.environ.get("RECSMITH_RUN"),
    }
    audit.append(task.root / AUDIT, entry, task.pseudonyms.key)
