"""Cost against size on generated graphs: ``python -m benchmarks.scale --json OUT [--sizes 1e5,1e6,1e7] [--short]``.

Every stage of every size runs in a process of its own, whose memory (the whole process tree) is sampled. What takes
more than ``--memory-gb`` or ``--stage-seconds`` is ended and written down as sized out, with the reason, and so is what
needs it. The exponent is the slope of log cost over log size at the three largest sizes: 1 is linear. That of memory is
of what the work adds to the memory that the imported libraries take.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil

from benchmarks import common
from benchmarks.growth import Row, exponents, line, shown
from benchmarks.scale_stages import STAGES
from recsmith.config.base import Run
from recsmith.errors import UserError
from stages._resources import tree_memory

ROOT = Path(__file__).resolve().parent.parent
SIZES, SHORT = "1e5,1e6,1e7,1e8", "1e5,3e5"
NEEDS = {
    "ingest": "generate",
    "validate": "ingest",
    "split": "ingest",
    "graph": "split",
    **dict.fromkeys(("filter", "epoch", "sampled steps", "ranking"), "graph"),
}
SAMPLE_SECONDS = 0.05


def measure(stage: str, folder: Path, size: int, run: Run, limits: tuple[float, float]) -> Row:
    """One stage of one size: ``seconds`` (its own), ``wall`` and ``peak_mb`` of its process, or ``sized_out``.

    ``limits`` are megabytes and seconds. UserError where the stage fails.
    """
    words = [sys.executable, "-m", "benchmarks.scale_stages", stage, str(folder), str(size), run.model_dump_json()]
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as told:
        start = time.perf_counter()
        child = subprocess.Popen(words, cwd=ROOT, stdout=out, stderr=told, start_new_session=True)
        peak, reason = _watch(child, limits)
        row = {"stage": stage, "size": size, "wall": round(time.perf_counter() - start, 2), "peak_mb": peak}
        if reason:
            return {**row, "sized_out": reason}
        for file in (out, told):
            file.seek(0)
        if child.returncode:
            raise UserError(f"Stage {stage} of {size:,} interactions failed: {told.read()[-2000:]}")
        return {**row, **json.loads(out.read().splitlines()[-1])}


def _watch(child: subprocess.Popen[Any], limits: tuple[float, float]) -> tuple[float, str | None]:
    """Peak resident megabytes until the child ends, and why it was ended where it was."""
    process, start, peak, reason = psutil.Process(child.pid), time.perf_counter(), 0.0, None
    try:
        while child.poll() is None and reason is None:
            peak = max(peak, tree_memory(process) / 2**20)
            seconds = time.perf_counter() - start
            if peak > limits[0]:
                reason = f"more than {limits[0] / 1024:.3g} GB after {seconds:.0f} s"
            elif seconds > limits[1]:
                reason = f"more than {limits[1]:.0f} s"
            time.sleep(SAMPLE_SECONDS)
    finally:
        if child.poll() is None:
            os.killpg(child.pid, 9)
        child.wait()
    return round(peak, 1), reason


def scale(sizes: Sequence[int], run: Run, limits: tuple[float, float], stages: Sequence[str]) -> list[Row]:
    """A row for each size and stage, told as it is measured; files of a size are removed when it is done."""
    rows: list[Row] = []
    for size in sizes:
        with tempfile.TemporaryDirectory(prefix="recsmith-scale-") as folder:
            out: dict[str, str] = {}
            for stage in stages:
                row = _one(stage, Path(folder), size, run, limits, out)
                rows.append(row)
                print(_told(row), flush=True)
    return rows


def _one(stage: str, folder: Path, size: int, run: Run, limits: tuple[float, float], out: dict[str, str]) -> Row:
    """``out``: what was sized out so far of this size, with the reason."""
    needed = NEEDS.get(stage)
    if needed in out:
        row = {"stage": stage, "size": size, "sized_out": f"needs {needed}, which was sized out"}
    else:
        row = measure(stage, folder, size, run, limits)
    if "sized_out" in row:
        out[stage] = row["sized_out"]
    return row


def _told(row: Row) -> str:
    start = f"{row['size']:>12,} {row['stage']:13}"
    if "sized_out" in row:
        return f"{start} sized out: {row['sized_out']}"
    return f"{start} {row['seconds']:>9.2f} s {row['peak_mb']:>9,.0f} MB"


def sizes_of(text: str) -> list[int]:
    """``1e5,3e5`` as numbers, ordered; UserError where one is none or is too small to split."""
    try:
        sizes = sorted({int(float(word)) for word in text.split(",")})
    except ValueError as error:
        raise UserError(f"--sizes {text}: numbers with commas between are due, as in {SIZES}.") from error
    if sizes[0] < 1000:
        raise UserError(f"--sizes {text}: at least 1000 interactions are due.")
    return sizes


def parser() -> argparse.ArgumentParser:
    """The arguments of all benchmarks, and those of this one."""
    found = common.arguments("scale", __doc__)
    found.add_argument("--sizes", default=SIZES, help=f"interactions, default {SIZES}")
    found.add_argument("--short", action="store_true", help=f"--sizes {SHORT}")
    found.add_argument("--last", choices=STAGES, default=list(STAGES)[-1], help="the last stage that is measured")
    found.add_argument("--memory-gb", type=float, default=16.0, help="a stage that takes more is sized out")
    found.add_argument("--stage-seconds", type=float, default=1500.0, help="a stage that takes longer is sized out")
    return found


def main() -> None:
    """Measure, print, write."""
    args = parser().parse_args()
    if args.data or args.split or args.format != "auto":
        raise UserError("benchmarks.scale generates its data: --data, --format and --split have no effect here.")
    run = common.sections(args.params).run
    stages = list(STAGES)[: list(STAGES).index(args.last) + 1]
    sizes, limits = sizes_of(SHORT if args.short else args.sizes), (args.memory_gb * 1024, args.stage_seconds)
    rows = scale(sizes, run, limits, stages)
    print(shown(rows))
    for row in line(rows):
        print(f"ingest to graph, {row['size']:,} interactions: {row['seconds']:,.1f} s, {row['peak_mb']:,.0f} MB")
    if args.json:
        values = {"rows": rows, "exponents": exponents(rows), "line": line(rows), "run": run.model_dump(mode="json")}
        common.write_json(args.json, {**common.measured_on(), **values})


if __name__ == "__main__":
    common.run(main)
