"""What the line's winner is worth beside the baselines: ``python -m benchmarks.winners --data NAME,NAME --json OUT``.

Each data set goes through the whole line (``dvc repro evaluate``) in a clone of its own; what stands in its metrics
about the sealed test is read off.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.common import ROOT, measured_on, run, table, write_json
from benchmarks.data import BUILT_IN, place
from benchmarks.flow import change
from recsmith.config.read import read_sections
from recsmith.files import read_json

SETTINGS = ROOT / "benchmarks" / "settings"
METRICS = ("recall@20", "ndcg@20")
COLUMNS = ("data", "model", *METRICS, "ndcg@20 minus this", "interval", "what")


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser("python -m benchmarks.winners", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", required=True, help="names of data sets, a comma between them")
    parser.add_argument("--params", type=Path, default=SETTINGS / "winners.yaml", help="what is changed in params.yaml")
    parser.add_argument("--trials", type=int, help="candidates of each search (default: as --params says)")
    parser.add_argument("--json", type=Path, required=True, metavar="OUT", help="where the results are written")
    args = parser.parse_args()
    settings = read_sections(args.params)
    if args.trials:
        settings["search"]["trials"] = args.trials
    found = read_json(args.json)["data"] if args.json.exists() else {}
    for name in args.data.split(","):
        found[name] = measured(name, settings)
        write_json(args.json, measured_on() | {"data": found})
    print(report(found))


def measured(name: str, settings: dict[str, Any]) -> dict[str, Any]:
    """All models of one data set on its sealed test, and the winner's differences to the others."""
    with tempfile.TemporaryDirectory() as parent:
        root = Path(parent) / "clone"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(root)], check=True)
        bin_folder = Path(sys.executable).parent
        env = os.environ | {"PYTHONPATH": str(root), "PATH": f"{bin_folder}:{os.environ['PATH']}"}
        _describe(name, root, env)
        change(root, settings)
        subprocess.run([sys.executable, "-m", "recsmith", "fetch"], cwd=root, env=env, check=True)
        start = time.perf_counter()
        subprocess.run(["dvc", "repro", "evaluate"], cwd=root, env=env, check=True)
        seconds = round(time.perf_counter() - start, 1)
        return {"settings": settings, "seconds": seconds, **_read(root / "data")}


def _describe(name: str, root: Path, env: dict[str, str]) -> None:
    """Write how the data are read into the clone's params.yaml: by a file of settings, else as ``recsmith init``."""
    if name in BUILT_IN:
        return change(root, {"ingest": {"source": name}})
    known = SETTINGS / f"{name}.yaml"
    sections = read_sections(known) if known.exists() else {}
    if "ingest" in sections:
        read = {"ingest": {**sections["ingest"], "path": str(place(name).resolve())}, "split": sections["split"]}
        return change(root, read)
    asked = [sys.executable, "-m", "recsmith", "init", "--yes", str(place(name).resolve())]
    subprocess.run(asked, cwd=root, env=env, check=True)
    return None


def _read(data: Path) -> dict[str, Any]:
    metrics, best = read_json(data / "evaluate" / "metrics.json"), read_json(data / "search" / "best.json")
    models = {
        model: {"what": found["architecture"], **{name: found["test"][name] for name in METRICS}}
        for model, found in metrics["models"].items()
        if found["test"]
    }
    left_out = {model: found["note"] for model, found in metrics["models"].items() if not found["test"]}
    return {
        "users": metrics["users"],
        "models": models,
        "left_out": left_out,
        "paired": metrics["paired"]["full"],
        "valid": best["valid"],
        "choice": read_json(data / "search" / "trust.json")["choice"],
    }


def report(found: dict[str, dict[str, Any]]) -> str:
    """A line a model, the best first; how far the winner is above it, with an interval."""
    rows = [row for name, one in found.items() for row in _rows(name, one)]
    return table(list(COLUMNS), rows)


def _rows(name: str, one: dict[str, Any]) -> list[Sequence[Any]]:
    rows: list[Sequence[Any]] = []
    for model, values in sorted(one["models"].items(), key=lambda pair: -pair[1][METRICS[1]]):
        paired = one["paired"].get(model, {}).get(METRICS[1])
        apart = [paired["difference"], "{:+.4f} to {:+.4f}".format(*paired["interval"])] if paired else ["", ""]
        rows.append([name, model, *(values[metric] for metric in METRICS), *apart, values["what"]])
    return rows


if __name__ == "__main__":
    run(main)
