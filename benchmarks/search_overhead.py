"""What a search costs beside its fits: ``python -m benchmarks.search_overhead [--data demo] [--json OUT]``.

The same seeded proposals of the preset ``tiny``, fitted in the driver's process and as processes of NNI's service. A
trial's own fit is what fitting and ranking take in the driver's process, with everything loaded. Seconds of processors
stand beside those of the clock, which a busy machine stretches.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.common import ROOT, arguments, data_of, measured_on, run, table, write_json
from recsmith.config.base import Run
from recsmith.config.search import Search
from recsmith.search.task import task_of

MARKS = {"in process": 1.0, "as a process": 8.0, "driver_mb": 500.0}
"""Seconds a trial beyond its fit, and what the driver may hold after all trials."""


def main() -> None:
    """Measure, print, write."""
    parser = arguments("search_overhead", __doc__)
    parser.set_defaults(data="demo")
    parser.add_argument("--trials", type=int, default=200, help="in the driver's process (default: 200)")
    parser.add_argument("--processes", type=int, default=10, help="as processes (default: 10)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as work, data_of(args) as data:
        graph = data.folder / "graph"
        inside = _measured("in process", args.trials, graph, Path(work))
        outside = _measured("as a process", args.processes, graph, Path(work))
    rows = [_row(found, inside) for found in (inside, outside)]
    load = [round(value, 2) for value in os.getloadavg()]
    print(table(list(rows[0]), [list(row.values()) for row in rows]))
    print(f"load average {load} on {os.cpu_count()} cores; marks: {MARKS}")
    if args.json:
        write_json(args.json, measured_on() | {"load_average": load, "marks": MARKS, "rows": rows})


def _measured(how: str, trials: int, graph: Path, work: Path) -> dict[str, Any]:
    """What :mod:`benchmarks.search_driven` prints of a search of its own process and folder."""
    search = Search(preset="tiny", strategy="random", trials=trials, max_epochs=2)
    place = work / how.replace(" ", "-")
    task = task_of(search, Run(threads=1, device="cpu"), graph / "fit", graph / "valid", place)
    command = [sys.executable, "-m", "benchmarks.search_driven", how, str(task.save(place)), str(place)]
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, cwd=ROOT, env=env)
    return json.loads(done.stdout.splitlines()[-1])


def _row(found: dict[str, Any], inside: dict[str, Any]) -> dict[str, Any]:
    """``found`` without the fits of the same trials ``inside`` the driver's process."""
    trials = found["trials"]
    beyond = (found["seconds"] - sum(inside["fits"][:trials])) / trials
    cpu = (found["cpu"] - sum(inside["fits_cpu"][:trials])) / trials
    numbers = {"seconds": round(found["seconds"], 1), "beyond_fit": round(beyond, 3), "cpu_beyond_fit": round(cpu, 3)}
    return {"how": found["how"], "trials": trials, **numbers, "driver_mb": round(found["driver_mb"])}


if __name__ == "__main__":
    run(main)
