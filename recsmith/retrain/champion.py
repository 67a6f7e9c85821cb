"""The champion: what serves, how it came to, and what served before it.

``history.json`` is the truth: a version counts from the moment it is named there, and ``current`` is a copy of the one
named last. Every step is whole or not at all; where a writer was killed between two, :func:`open_champion` ends what it
began.
"""

from __future__ import annotations

import getpass
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import Field

from recsmith.config.base import Section, parse
from recsmith.errors import UserError
from recsmith.files import read_json, remove_asides, replacing, write_json
from recsmith.retrain.exchange import exchange
from recsmith.retrain.incumbent import BUNDLE
from recsmith.serving import manifest
from recsmith.serving.bundle import load

HISTORY, CURRENT, VERSIONS = "history.json", "current", "versions"


def _now() -> str:
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _who() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container may have a user without a name
        return f"uid {os.getuid()}"


class Entry(Section):
    """One decision."""

    number: int
    action: Literal["promoted", "kept", "rolled back"]
    version: int
    """Of the champion after it."""
    digest: str
    """Of that champion's bundle."""
    reason: str
    when: str = Field(default_factory=_now)
    who: str = Field(default_factory=_who)
    run: str | None = Field(default_factory=lambda: os.environ.get("RECSMITH_RUN"))
    """The pipeline run that made the challenger."""
    events: str | None = None
    """Of the event log that it was made from."""
    search: str | None = None
    """Hash of the search's result that it was trained from."""
    challenger: str | None = None
    """Digest of the challenger's bundle."""
    metric: str | None = None
    values: dict[str, float] = Field(default_factory=dict)
    """The metric of challenger and champion on the newest sealed test."""
    difference: float | None = None
    interval: tuple[float, float] | None = None
    lead: float | None = None
    """The challenger's metric as a multiple of the best baseline's."""
    reopens: bool = False
    """Whether the search is to be opened again."""


class History(Section):
    """What ``history.json`` holds, the newest decision last."""

    entries: tuple[Entry, ...] = ()

    @property
    def version(self) -> int:
        """The champion's version; 0 where there is none."""
        return self.entries[-1].version if self.entries else 0

    @property
    def digest(self) -> str | None:
        return self.entries[-1].digest if self.entries else None

    @property
    def decided(self) -> str | None:
        """The event log that was decided on last; a rollback decides on none."""
        return next((entry.events for entry in reversed(self.entries) if entry.events), None)

    @property
    def reopening(self) -> bool:
        """Whether the last contest opened the search again and none has followed: that search is still to come."""
        contests = [entry for entry in self.entries if entry.action != "rolled back"]
        return bool(contests) and contests[-1].reopens

    @property
    def newest(self) -> int:
        """The highest version that was ever promoted."""
        return max((entry.version for entry in self.entries), default=0)


@dataclass(frozen=True)
class Challenger:
    """Where the files of a challenger lie: name in the version -> file or folder; one is the bundle."""

    files: Mapping[str, Path]

    @property
    def digest(self) -> str:
        """Of its bundle, once all checksums hold; UserError where it is damaged."""
        return load(self.files[BUNDLE]).manifest["digest"]


def read_history(folder: Path) -> History:
    """The decisions so far."""
    path = folder / HISTORY
    return parse(read_json(path), History, str(path)) if path.exists() else History()


def open_champion(folder: Path) -> History:
    """As :func:`read_history`, for the only writer: what a killed one left undone is ended."""
    history = read_history(folder)
    for place in (folder, folder / VERSIONS):
        if place.is_dir():
            remove_asides(place)
    for path in (folder / VERSIONS).glob("*"):
        if int(path.name) > history.newest:
            shutil.rmtree(path)
    if history.version and _digest(folder / CURRENT / BUNDLE) != history.digest:
        _serve(folder, history.version)
    return history


def version_of(folder: Path, version: int) -> Path:
    """The files of a version."""
    return folder / VERSIONS / str(version)


def promote(folder: Path, history: History, challenger: Challenger, entry: Entry, keep: int) -> History:
    """Make ``challenger`` the champion, as ``entry`` says.

    Raises UserError where its bundle is not whole, before or after it was copied; the champion stays then.
    """
    if challenger.digest != entry.digest:
        raise UserError(
            f"the bundle is {challenger.digest[:12]}, and {entry.digest[:12]} was judged. Run the line again."
        )
    target = version_of(folder, entry.version)
    with replacing(target) as aside:
        aside.mkdir()
        for name, source in challenger.files.items():
            if source.exists():
                (shutil.copytree if source.is_dir() else shutil.copy2)(source, aside / name)
        load(aside / BUNDLE)
    history = decide(folder, history, entry)
    _serve(folder, entry.version)
    _forget_old(folder, history, keep)
    return history


def decide(folder: Path, history: History, entry: Entry) -> History:
    """Write a decision down."""
    history = History(entries=(*history.entries, entry))
    write_json(folder / HISTORY, history.model_dump(mode="json"))
    return history


def rollback(folder: Path, history: History, version: int | None) -> History:
    """Let an earlier version serve again (None: the champion before this one); UserError where its files are gone."""
    kept = versions(folder)
    if version is None:
        version = before(history)
    if version is None or version not in kept:
        known = ", ".join(map(str, kept)) or "none"
        raise UserError(f"there is no version {version or 'before this one'} to go back to. Kept: {known}.")
    if version == history.version:
        raise UserError(f"version {version} is the champion already.")
    digest = load(version_of(folder, version) / BUNDLE).manifest["digest"]
    reason = f"by hand, from version {history.version}"
    entry = Entry(number=len(history.entries) + 1, action="rolled back", version=version, digest=digest, reason=reason)
    history = decide(folder, history, entry)
    _serve(folder, version)
    return history


def before(history: History) -> int | None:
    """The champion before the present one was promoted."""
    promoted = [entry.version for entry in history.entries if entry.action == "promoted"]
    return max((version for version in promoted if version < history.version), default=None)


def versions(folder: Path) -> list[int]:
    """Versions whose files are kept."""
    return sorted(int(path.name) for path in (folder / VERSIONS).glob("*") if path.name.isdigit())


def _serve(folder: Path, version: int) -> None:
    """Put a version in the place of ``current``: whoever reads there finds the one or the other, and whole."""
    current = folder / CURRENT
    with tempfile.TemporaryDirectory(prefix=f".{CURRENT}.", dir=folder) as beside:
        new = Path(beside, CURRENT)
        shutil.copytree(version_of(folder, version), new)
        load(new / BUNDLE)
        if current.exists():
            exchange(new, current)
        else:
            os.replace(new, current)


def _digest(bundle: Path) -> str | None:
    """The digest of a bundle; None where it is not whole."""
    try:
        return manifest.read(bundle)["digest"] if load(bundle) else None
    except UserError:
        return None


def _forget_old(folder: Path, history: History, keep: int) -> None:
    kept = [version for version in versions(folder) if version != history.version]
    for version in kept[: max(0, len(kept) - keep + 1)]:
        shutil.rmtree(version_of(folder, version))
