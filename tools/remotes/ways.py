"""Push and pull: what ``dvc.lock`` and ``*.dvc`` name, with bytes compared with their names on both ways."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from dvc.exceptions import CheckoutError, DvcException
from dvc.repo import Repo

from recsmith.errors import UserError
from recsmith.files import file_hash
from tools.intact import Out, chosen, objects, place, problems, told, tracked
from tools.remotes.source import keep_inputs, warn_of_raw_ids
from tools.remotes.transfer import Say, check_remote, move

SHOWN = 10


def push(root: Path, targets: Sequence[str], remote: str | None, say: Say) -> None:
    """Send what results are made of; UserError where it is damaged, nowhere, or cannot be sent."""
    check_remote(root, remote)
    keep_inputs(root, say)
    outs, store = chosen(tracked(root), targets), objects(root)
    damaged = [problem for problem in problems(outs, root) if problem.kind == "object"]
    if damaged:
        raise UserError(f"damaged objects are not sent.\n{told(damaged, root)}")
    warn_of_raw_ids(root, outs, say)
    md5s = _with_entries(outs, store)
    moved = move(root, remote, "push", md5s, say)
    there = len(md5s) - len(moved.md5s) - len(moved.nowhere)
    say(f"push: {_amount(moved.md5s, store)} sent, {there:,} were there already. Commit dvc.lock and *.dvc.")
    if moved.nowhere:
        raise UserError(f"neither here nor there: {_named(moved.nowhere, outs, store)}. Make them again: dvc repro.")


def pull(root: Path, targets: Sequence[str], remote: str | None, say: Say) -> None:
    """Bring what is recorded, compare it with its md5s, and put it into the workspace."""
    check_remote(root, remote)
    outs, store = chosen(tracked(root), targets), objects(root)
    _drop_damaged(outs, root, say)
    listings = frozenset(out.md5 for out in outs if out.md5.endswith(".dir"))
    fetched = _fetched(root, remote, listings, outs, say)
    md5s = _with_entries(outs, store)
    fetched |= _fetched(root, remote, md5s, outs, say)
    say(f"pull: {_amount(fetched, store)} fetched, {len(md5s) - len(fetched):,} were here already.")
    _check_out(root, targets, outs)


def _drop_damaged(outs: Sequence[Out], root: Path, say: Say) -> None:
    """Delete damaged objects of the cache, so that they are fetched again."""
    for file in {problem.file for problem in problems(outs, root) if problem.kind == "object"}:
        say(f"pull: {file} held other bytes than its name says; it is fetched again.")
        file.unlink()


def _fetched(root: Path, remote: str | None, md5s: frozenset[str], outs: Sequence[Out], say: Say) -> frozenset[str]:
    """What was fetched of ``md5s``; UserError where the remote lacks some, or holds other bytes under their names."""
    store = objects(root)
    moved = move(root, remote, "pull", md5s, say)
    altered = {md5 for md5 in moved.md5s if file_hash(place(store, md5), "md5") != md5.removesuffix(".dir")}
    for md5 in altered:
        place(store, md5).unlink()
    if altered:
        named = _named(altered, outs, store)
        raise UserError(
            f"the remote holds other bytes than their names say: {named}. They were not kept. Delete them there, "
            "then whoever has them here runs `make push`."
        )
    if moved.nowhere:
        named = _named(moved.nowhere, outs, store)
        raise UserError(f"neither here nor there: {named}. Whoever made it has to `make push`.")
    return moved.md5s


def _with_entries(outs: Iterable[Out], store: Path) -> frozenset[str]:
    """md5s of ``outs`` and, for folders whose listing is here, of the files in them."""
    return frozenset(md5 for out in outs for md5 in (out.md5, *_entries(out, store)))


def _entries(out: Out, store: Path) -> dict[str, str]:
    """md5 -> path of the files of a folder, as far as the cache knows them."""
    listing = place(store, out.md5)
    if not out.md5.endswith(".dir") or not listing.is_file():
        return {}
    return {entry["md5"]: str(out.path / entry["relpath"]) for entry in json.loads(listing.read_bytes())}


def _named(md5s: Iterable[str], outs: Iterable[Out], store: Path) -> str:
    """The paths that ``md5s`` stand for, with the md5s: what lies under files/md5 on a remote."""
    paths = {md5: path for out in outs for md5, path in ({out.md5: str(out.path)} | _entries(out, store)).items()}
    names = sorted(f"{paths.get(md5, '?')} ({md5})" for md5 in md5s)
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")


def _amount(md5s: frozenset[str], store: Path) -> str:
    size = sum(place(store, md5).stat().st_size for md5 in md5s)
    return f"{len(md5s):,} files ({size / 1e6:,.1f} MB)"


def _check_out(root: Path, targets: Sequence[str], outs: Sequence[Out]) -> None:
    """Put it into the workspace; files that were changed there are left alone, and named."""
    try:
        with Repo(str(root)) as repo:
            repo.checkout(targets=list(targets) or None)
    except (CheckoutError, DvcException) as error:
        raise UserError(f"not all could be put into the workspace: {error}") from error
    absent = sorted(str(out.path) for out in outs if not (root / out.path).exists())
    if absent:
        raise UserError(
            f"fetched, but DVC did not bring it out: {', '.join(absent)}. Does .gitignore hide its .dvc file?"
        )
    found = problems(outs, root)
    if found:
        raise UserError(f"{len(found)} files of the workspace are not as recorded.\n{told(found, root)}")
