"""The lineage of a bundle: found by the bundle's digest, told to a person."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from recsmith.config.sections import SECTIONS
from recsmith.errors import UserError
from recsmith.files import read_json


def find(digest: str, places: Iterable[Path]) -> tuple[Path, dict[str, Any]] | None:
    """The first file among ``places`` that is the lineage of the bundle ``digest`` (its first characters will do)."""
    for place in places:
        if place.is_file():
            found = read_json(place)
            if str(found.get("bundle") or "").startswith(digest):
                return place, found
    return None


def told(found: Mapping[str, Any]) -> str:
    """A lineage as lines for a person; what it does not know is said."""
    return "\n".join(f"{name + ':':<18}{text}" for name, text in _lines(found))


def _lines(found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "bundle", found.get("bundle") or "unknown"
    yield "commit", _commit(found.get("git"))
    yield "data", _data(found.get("data"))
    params = found.get("params") or {}
    yield "parameters", f"{params.get('digest', 'unknown')} (all of them: --json)"
    yield "packages", _packages(found)
    yield "champion before", _champion(found.get("champion_before"))
    environment = found.get("environment") or {}
    yield "made with", f"Python {environment.get('python', '?')}, {environment.get('threads', '?')} threads"
    runs = found.get("runs") or {}
    for stage, run in sorted(runs.items(), key=lambda named: list(SECTIONS).index(named[0])):
        flow, mirror = run.get("flow_run") or "none", run.get("wandb") or "none"
        yield stage, f"run {run.get('run')}, flow run {flow}, W&B run {mirror}"


def _commit(git: Mapping[str, Any] | None) -> str:
    if not git:
        return "unknown (made outside of a git repository)"
    return git["commit"] + (", with uncommitted changes" if git.get("dirty") else "")


def _data(data: Mapping[str, Any] | None) -> str:
    if not data:
        return "unknown"
    numbers = (data.get("counts") or {}).items()
    counts = ", ".join(
        f"{count:,} {name.replace('_', ' ')}" for name, count in numbers if isinstance(count, int) and count
    )
    parts = [f"{data.get('name')} in {data.get('path')}", f"md5 {data.get('md5') or 'unknown'}", counts]
    if data.get("until"):
        parts.append(f"until {data['until']}")
    if data.get("stand_in"):
        parts.append("THE DEMO STANDS IN")
    return "; ".join(filter(None, parts))


def _packages(found: Mapping[str, Any]) -> str:
    lock = found.get("requirements_sha256")
    other = ", ".join(f"{name} {version}" for name, version in (found.get("packages_off_the_lock") or {}).items())
    return (f"requirements.lock {lock}" if lock else "unknown") + (f", but for {other}" if other else "")


def _champion(champion: Mapping[str, Any] | None) -> str:
    if not champion:
        return "nobody"
    return f"version {champion['version']}, bundle {champion.get('digest') or 'unknown'}"


def need(digest: str, places: Iterable[Path]) -> tuple[Path, dict[str, Any]]:
    """As `find`; UserError where none of ``places`` is it."""
    places = list(places)
    found = find(digest, places)
    if found is None:
        looked = ", ".join(str(place) for place in places if place.is_file()) or "no lineage.json anywhere"
        raise UserError(
            f"no lineage of bundle {digest} is here (looked at: {looked}). "
            f"`make verify BUNDLE={digest}` looks through the whole history of git."
        )
    return found
