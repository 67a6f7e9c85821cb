"""A log of who was forgotten and what was removed: appended to, never with an id, chained so that changes show."""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from recsmith.errors import UserError
from recsmith.files import write_text
from recsmith.privacy.keys import Key

CHAIN = "chain"


def append(path: Path, entry: Mapping[str, Any], key: Key) -> None:
    """Add an entry; its chain is an HMAC over it and the chain before it."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    lines = text.splitlines()
    before = json.loads(lines[-1])[CHAIN] if lines else ""
    whole = {"number": len(lines) + 1, **entry, "key": key.fingerprint}
    write_text(path, text + _line({**whole, CHAIN: _chain(before, whole, key)}) + "\n")


def read(path: Path) -> list[dict[str, Any]]:
    """All entries; none where there is no log. UserError names the line that is no entry."""
    entries = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines() if path.exists() else (), start=1):
        try:
            entries.append(dict(json.loads(line)))
        except (ValueError, TypeError) as error:
            raise UserError(f"{path}, line {number} is no entry of the audit log: it was altered.") from error
    return entries


def verify(path: Path, people: frozenset[str], key: Key) -> int:
    """The number of entries, once every chain holds and the log and the list of forgotten ``people`` name the same.

    Raises UserError that names the first line that was altered, left out or put in, or says that lines are missing.
    """
    entries, before = read(path), ""
    for number, entry in enumerate(entries, start=1):
        chain = entry.pop(CHAIN, "")
        if entry.get("key") != key.fingerprint:
            raise UserError(
                f"{path}, line {number} was written under the key {entry.get('key')}, and {key.variable} holds the key "
                f"{key.fingerprint}: set it to that one."
            )
        if entry.get("number") != number or not hmac.compare_digest(str(chain), _chain(before, entry, key)):
            raise UserError(f"{path}, line {number} was altered, or a line before it is missing or was put in.")
        before = str(chain)
    if {entry["person"] for entry in entries} != people:
        raise UserError(f"{path} and the list of forgotten people differ: lines at the end of the log are missing.")
    return len(entries)


def _line(value: Mapping[str, Any]) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def _chain(before: str, entry: Mapping[str, Any], key: Key) -> str:
    return hmac.digest(key.derived("audit"), (before + _line(entry)).encode(), "sha256").hex()
