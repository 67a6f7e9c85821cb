"""What each of a person's files is for, and which event its rows are."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import cast, get_args

from recsmith.config.ingest import Role
from recsmith.errors import UserError, unknown
from recsmith.sources import meanings
from recsmith.sources.guess_file import Ask, Hints
from recsmith.sources.look import Look
from recsmith.tables import columns as c

IGNORE = "ignore"
PARTS = {"train": "train", "training": "train", "valid": "valid", "val": "valid", "validation": "valid", "dev": "valid"}
PARTS |= {"test": "test", "testing": "test"}
SIDES = {
    "social": ("trust", "social", "friend", "network", "trustnetwork", "follow", "follows"),
    "knowledge": ("kg", "knowledge", "triple"),
    "items": ("item", "movie", "product", "book", "song", "track", "artist", "business"),
    "users": ("user", "customer", "member"),
}
"""Words in the names of files without a header."""


def words(path: Path) -> list[str]:
    """The words of a file's name, in the singular."""
    return [
        word[:-1] if word.endswith("s") and len(word) > 3 else word for word in re.findall("[a-z]+", path.name.lower())
    ]


def roles(looks: Sequence[Look], hints: Hints, ask: Ask, said: list[str]) -> dict[Path, Role]:
    """Role of each file that is to be read."""
    found = {seen.path: hints.roles.get(seen.path.name) or _role(seen, hints) for seen in looks}
    by_path = {seen.path: seen for seen in looks}
    _somebody_acts(found, by_path, ask)
    _parts(found, hints, said)
    _rivals(found, by_path, ask)
    left = [path.name for path, role in found.items() if role in (None, IGNORE)]
    if left:
        untold = [path.name for path, role in found.items() if role is None]
        how = f" Where it should be read, say what it holds, e.g. --role {untold[0]}=items." if untold else ""
        said.append(f"Left out: {', '.join(left)}.{how}")
    return {path: cast(Role, role) for path, role in found.items() if role not in (None, IGNORE)}


def checked(role: str) -> None:
    """UserError where this is no role."""
    if role not in (*get_args(Role), IGNORE):
        raise unknown("--role", role, (*get_args(Role), IGNORE))


def _role(seen: Look, hints: Hints) -> str | None:
    """What the columns say, or without a header the name of the file."""
    if seen.format == "lightgcn":
        return "interactions" if any(word in PARTS for word in words(seen.path)) else None
    if not seen.names:
        return None
    if {c.USER, c.ITEM} <= set(hints.columns.get(seen.path.name, {})):
        return "interactions"
    if seen.header is not False:
        users, items = hints.called(c.USER), hints.called(c.ITEM)
        return meanings.role_of([c.USER if n in users else c.ITEM if n in items else n for n in seen.names])
    sides = [role for role, names in SIDES.items() if set(names) & set(words(seen.path))]
    return sides[0] if sides else "interactions" if len(seen.names) > 1 else None


def _somebody_acts(found: dict[Path, str | None], looks: dict[Path, Look], ask: Ask) -> None:
    """At least one file holds interactions: the only one that can, or the one that is named when asked."""
    if any(role in ("interactions", *c.SPLITS) for role in found.values()):
        return
    able = [path for path, seen in looks.items() if len(seen.names) > 1 or seen.format == "lightgcn"]
    able.sort(key=lambda path: -path.stat().st_size)
    if not able:
        raise UserError(_nothing(list(looks.values())))
    chosen = able[0].name
    if len(able) > 1:
        columns = "; ".join(f"{path.name}: {', '.join(looks[path].names[:12])}" for path in able)
        question = f"No file's columns say user and item. Which file holds the interactions? {columns}"
        chosen = ask(question, [path.name for path in able], f"--role {chosen}=interactions")
    found[next(path for path in able if path.name == chosen)] = "interactions"


def _nothing(looks: Sequence[Look]) -> str:
    lines = [f"{seen.path.name}: {seen.lines[0][:100]!r}" for seen in looks if seen.lines]
    return (
        "no file could be read as a table of interactions: no delimiter gives every line the same number of columns. "
        f"First lines: {'; '.join(lines) or 'none that is text'}. --delimiter says it where you know it."
    )


def _parts(found: dict[Path, str | None], hints: Hints, said: list[str]) -> None:
    """Names such as train, valid and test are a given split, where there is a test; all other files are then train."""
    acting = [path for path, role in found.items() if role == "interactions" and path.name not in hints.roles]
    part = {path: next((PARTS[word] for word in words(path) if word in PARTS), None) for path in acting}
    if "test" not in part.values():
        return
    others = [path for path in acting if part[path] is None]
    if others and "train" not in part.values():
        said.append(f"{', '.join(path.name for path in others)} is taken as train, because there is a test file.")
        part |= dict.fromkeys(others, "train")
    if "train" in part.values():
        found.update({path: role for path, role in part.items() if role})


def _rivals(found: dict[Path, str | None], looks: dict[Path, Look], ask: Ask) -> None:
    """Several files of interactions are all read where they are of one make or of different events; else one is."""
    acting = [path for path, role in found.items() if role == "interactions"]
    makes = {(looks[path].format, looks[path].names) for path in acting}
    if len(acting) < 2 or len(makes) == 1 or all(_event(path) for path in acting):
        return
    rated = sorted(acting, key=lambda path: not meanings.matches(looks[path].names, meanings.WEIGHTS))
    names = [path.name for path in rated]
    columns = "; ".join(f"{path.name}: {', '.join(looks[path].names[:12])}" for path in rated)
    question = f"Several files have users and items. Which one holds the interactions? {columns}"
    chosen = ask(question, names, " ".join(f"--role {name}=ignore" for name in names[1:]))
    found.update({path: IGNORE for path in acting if path.name != chosen})


def _event(path: Path) -> str | None:
    return next((word for word in words(path) if word in meanings.DEEDS), None)


def events(roles: dict[Path, Role], looks: Sequence[Look], hints: Hints, ask: Ask) -> dict[Path, str]:
    """Event of each file of interactions, where their names tell them apart; asked for the one that does not say."""
    own = {seen.path for seen in looks if meanings.matches(seen.names, meanings.EVENTS)}
    acting = [path for path, role in roles.items() if role in ("interactions", *c.SPLITS) and path not in own]
    named = {path: hints.events.get(path.name) or _event(path) for path in acting}
    kinds = list(dict.fromkeys(event for event in named.values() if event))
    if len(kinds) < 2:
        return {path: hints.events[path.name] for path in acting if path.name in hints.events}
    return {path: event or _asked(path, kinds, ask) for path, event in named.items()}


def _asked(path: Path, kinds: list[str], ask: Ask) -> str:
    options = list(reversed(kinds))
    return ask(f"{path.name}: which event are its rows?", options, f"--event {path.name}={options[0]}")
