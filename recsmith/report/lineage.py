"""One file that ties a result to the code, the data, the parameters and the runs that it came from."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from recsmith import __version__
from recsmith.files import digest

PACKAGES = (
    "numpy",
    "scipy",
    "torch",
    "torch-geometric",
    "nni",
    "implicit",
    "pyarrow",
    "duckdb",
    "ibis-framework",
    "dvc",
)


def lineage(
    *,
    git: Mapping[str, Any] | None,
    lock: Mapping[str, Any] | None,
    stages: Sequence[str],
    params: Mapping[str, Any],
    requirements: str | None,
    runs: Mapping[str, Any],
    bundle: str | None,
    threads: int,
    data: Mapping[str, Any] | None = None,
    champion_before: Mapping[str, Any] | None = None,
    pins: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """``lineage.json``.

    ``git``: commit and dirty, None outside a repository. ``lock``: dvc.lock as it was read, of which ``stages``
    count, in that order. ``params``: effective parameters by section. ``requirements``: sha256 of the lock of packages.
    ``runs``: run ids by stage. ``bundle``: its digest. ``data``: what was read and its md5. ``champion_before``: who
    served when the data came in; None: nobody. ``pins``: package -> version that the lock of packages names.
    """
    return {
        "recsmith": __version__,
        "bundle": bundle,
        "data": dict(data) if data else None,
        "champion_before": dict(champion_before) if champion_before else None,
        "git": dict(git) if git else None,
        "stages": stage_hashes(lock, stages),
        "params": {"digest": digest(params), "effective": dict(params)},
        "requirements_sha256": requirements,
        "runs": dict(runs),
        "environment": environment(threads),
        "packages_off_the_lock": {
            name: here for name, pin in (pins or {}).items() if (here := installed(name)).partition("+")[0] != pin
        },
    }


def stage_hashes(lock: Mapping[str, Any] | None, stages: Sequence[str]) -> dict[str, Any]:
    """md5 of what each of ``stages`` read and wrote; side files, and stages that the lock does not know, left out."""
    locked = (lock or {}).get("stages") or {}
    sides = ("deps", "outs")
    return {name: {side: _hashes(locked[name].get(side) or ()) for side in sides} for name in stages if name in locked}


def _hashes(entries: Any) -> dict[str, str | None]:
    kept = [entry for entry in entries if not entry["path"].endswith(("/run.json", "/timing.json"))]
    return {entry["path"]: entry.get("md5") for entry in kept}


def environment(threads: int) -> dict[str, Any]:
    """Where it ran, without naming the machine."""
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cpus": os.cpu_count(),
        "threads": threads,
        "packages": {name: installed(name) for name in PACKAGES},
    }


def installed(package: str) -> str:
    """Its version here."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
