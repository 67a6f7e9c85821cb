"""Exact scan and inverted lists of a large catalogue: ``python -m benchmarks.index [--items 3e6] [--json OUT]``.

Made vectors, items and people around the same centres, in int8 (nothing is trained). The library builds the index and
measures its recall; both bundles are packed, and a process with numpy and the scorer's library alone, on one thread,
answers people from each, one after another.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import limited_threads, measured_on, run, table, write_json
from benchmarks.compress import alone
from recsmith.compress import pack
from recsmith.compress.index import K, indexed
from recsmith.compress.quantised import quantise
from recsmith.config.compress import Index
from recsmith.serving.model import Batch, ServingModel
from recsmith.serving.tables import Table

SPREAD = 0.4
"""Of the numbers around a centre, whose own have the spread 1."""
HISTORY = 8
"""Items that each person touched."""
CHUNK = 1 << 18
SEED = 7
COLUMNS = ("items", "kind", "lists", "probes", f"recall@{K}", "model_mb", "resident_mb", "p50_cpu_ms", "p99_cpu_ms")


def made(items: int, people: int, columns: int, centres: int) -> tuple[ServingModel, Batch]:
    """A model of so many items and people, and histories drawn by chance."""
    rng = np.random.default_rng(SEED)
    middles = rng.normal(size=(centres, columns)).astype(np.float32)

    def around(count: int) -> np.ndarray:
        noise = rng.standard_normal((count, columns), np.float32)
        return middles[rng.integers(0, centres, count)] + np.float32(SPREAD) * noise

    parts = [quantise(around(min(CHUNK, items - start))) for start in range(0, items, CHUNK)]
    scale = np.concatenate([part.scale for part in parts if part.scale is not None])
    stored = Table(np.concatenate([part.values for part in parts]), scale)
    touched = np.sort(rng.integers(0, items, (people, HISTORY)), axis=1).astype(np.int32)
    batch = Batch(HISTORY * np.arange(people + 1), touched.ravel(), None, np.arange(people))
    return ServingModel(np.ones(items, np.uint8), stored, user_vectors=Table(around(people))), batch


def rows(model: ServingModel, histories: Batch, params: Index, work: Path) -> list[dict[str, Any]]:
    """What is said of the exact scan and of the index, and what a process alone measured of both."""
    start = time.perf_counter()
    found = indexed(model, histories, params, SEED)
    exact = {"kind": "exact", f"recall@{K}": 1.0}
    said = found.said | {"build_s": time.perf_counter() - start}
    both = [(replace(model, index=None), exact), *([(found.model, said)] if found.model.index else [])]
    return [_row(one, words, histories, work / words["kind"]) for one, words in both]


def _row(model: ServingModel, said: dict[str, Any], histories: Batch, folder: Path) -> dict[str, Any]:
    people = pack.People([f"u{n}" for n in range(len(histories))], histories)
    pack.write(folder, model, [f"i{n}" for n in range(model.n_items)], people, {"index": said})
    measured = alone(folder, folder.with_suffix(".npy"), 1)
    memory = {"model_mb": model.model_bytes / 2**20, "resident_mb": measured["resident_bytes"] / 2**20}
    return {"items": model.n_items, **said, **memory, **measured}


def main() -> None:
    """Make, measure, print, write."""
    parser = argparse.ArgumentParser("python -m benchmarks.index", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--items", type=float, default=3e6, help="in the catalogue (default: 3e6)")
    parser.add_argument("--people", type=int, default=400, help="who are answered (default: 400)")
    parser.add_argument("--columns", type=int, default=64, help="numbers of a vector (default: 64)")
    parser.add_argument("--centres", type=int, default=1000, help="that vectors lie around (default: 1000)")
    parser.add_argument("--recall", type=float, default=Index().recall, help="that the index must find")
    parser.add_argument("--json", type=Path, metavar="OUT", help="where the results are written")
    args = parser.parse_args()
    with limited_threads(1), tempfile.TemporaryDirectory(prefix="recsmith-index-") as work:
        model, histories = made(int(args.items), args.people, args.columns, args.centres)
        found = rows(model, histories, Index(kind="ivf", recall=args.recall), Path(work))
    print(table(COLUMNS, [[row.get(name) for name in COLUMNS] for row in found]))
    if args.json:
        settings = {"columns": args.columns, "centres": args.centres, "people": args.people, "spread": SPREAD}
        write_json(args.json, measured_on() | settings | {"rows": found})


if __name__ == "__main__":
    run(main)
