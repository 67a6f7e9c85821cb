"""What Prefect costs around ``dvc repro``, and how soon an alert arrives: ``python -m benchmarks.flow [--root DIR]``.

Works in a fresh clone on the demo (or in DIR, a workspace where the line has run); prints a table, writes JSON.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from benchmarks.common import ROOT, measured_on, table, write_json
from benchmarks.service import Service, receiver, up

RESULTS = ROOT / "benchmarks" / "results" / "flow.json"
FORCED = ["ingest", "validate"]
SMALL = {"ingest": {"source": "demo"}, "search": {"preset": "tiny", "trials": 2}}


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser("python -m benchmarks.flow", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--root", type=Path, help="a workspace where the line has run (default: a fresh clone)")
    with _workspace(parser.parse_args().root) as root:
        found = measure(root)
    write_json(RESULTS, measured_on() | {"seconds": found})
    print(table(["what", "seconds"], [[name.replace("_", " "), value] for name, value in found.items()]))


def measure(root: Path) -> dict[str, float]:
    """Seconds of everything, in the order in which it is measured."""
    env = os.environ | {"PYTHONPATH": str(root), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    nothing, forced = ["dvc", "repro"], ["dvc", "repro", "--force", "--single-item", *FORCED]
    subprocess.run(nothing, cwd=root, env=env, check=True)
    found = {
        "dvc_nothing_changed": timed(nothing, root, env),
        "flow_temporary_server_nothing_changed": timed([sys.executable, "-m", "flows.pipeline"], root, env),
    }
    with receiver() as alerts:
        start = time.perf_counter()
        with up(root, env, RECSMITH_ALERTS=alerts.url) as service:
            found["up"] = time.perf_counter() - start
            found["run_nothing_changed"] = run(service)
            found["run_forced"] = run(service, stages=FORCED, force=True)
            found["dvc_forced"] = timed(forced, root, env)
            change(root, {"validate": {"min_users": 10**9}})
            failed = service.run("pipeline/pipeline", stages=["validate"])
            service.finished(failed)
            arrived, _ = alerts.wait("data rejected")
            told = service.said(failed, "validate: ")["timestamp"]
            found["alert_after_the_failure"] = arrived - datetime.fromisoformat(told).timestamp()
            start = time.perf_counter()
        found["down"] = time.perf_counter() - start
    found["overhead_nothing_changed"] = found["run_nothing_changed"] - found["dvc_nothing_changed"]
    found["overhead_forced"] = found["run_forced"] - found["dvc_forced"]
    return {name: round(value, 2) for name, value in found.items()}


def timed(command: list[str], root: Path, env: dict[str, str]) -> float:
    """Seconds of a command that must go well."""
    start = time.perf_counter()
    subprocess.run(command, cwd=root, env=env, check=True)
    return time.perf_counter() - start


def run(service: Service, **request: Any) -> float:
    """Seconds from asking for a run to its end; what it waits for its worker is in it."""
    start = time.perf_counter()
    state = service.finished(service.run("pipeline/pipeline", **request))
    if state["type"] != "COMPLETED":
        sys.exit(f"the run ended {state['name']}: {state['message']}")
    return time.perf_counter() - start


@contextmanager
def _workspace(given: Path | None) -> Iterator[Path]:
    """The given workspace as it was, or a clone where the line has run once."""
    if given is not None:
        before = (given / "params.yaml").read_text(encoding="utf-8")
        try:
            yield given.resolve()
        finally:
            (given / "params.yaml").write_text(before, encoding="utf-8")
        return
    with tempfile.TemporaryDirectory() as parent:
        root = Path(parent) / "clone"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(root)], check=True)
        change(root, SMALL)
        env = os.environ | {"PYTHONPATH": str(root), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
        for command in ([sys.executable, "-m", "recsmith", "fetch"], ["dvc", "repro"]):
            subprocess.run(command, cwd=root, env=env, check=True)
        yield root


def change(root: Path, overrides: dict[str, dict[str, Any]]) -> None:
    """Merge values into the sections of params.yaml."""
    path, yaml = root / "params.yaml", YAML()
    values = yaml.load(path.read_text(encoding="utf-8"))
    for section, knobs in overrides.items():
        values[section].update(knobs)
    with path.open("w", encoding="utf-8") as handle:
        yaml.dump(values, handle)


if __name__ == "__main__":
    main()
