"""One stage of ``benchmarks.scale`` in a process of its own: ``python -m benchmarks.scale_stages STAGE FOLDER SIZE``.

Prints one line of JSON: ``seconds`` of the work without imports and what else is measured, or why it was sized out.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import psutil

from benchmarks.generated import generate
from recsmith.config.base import Run
from recsmith.errors import SizedOut, UserError

Found = dict[str, Any]
RAW = "raw.parquet"
DIMENSION, LAYERS, BATCH, FAN_OUT = 64, 2, 4096, (10, 10)
STEPS = 20
"""Of the sampled epoch."""
RANKED = 2000
FILTERED = 500
"""Users whose lists are ranked: with vectors, and by a filter, whose rows are thousands of times as long."""


@contextmanager
def measuring() -> Iterator[Found]:
    """Yield what will hold ``seconds`` of the block, and the megabytes that were resident before it (``base_mb``)."""
    found: Found = {"base_mb": round(psutil.Process().memory_info().rss / 2**20, 1)}
    start = time.perf_counter()
    yield found
    found["seconds"] = round(time.perf_counter() - start, 4)


def generating(folder: Path, size: int, run: Run) -> Found:
    """The log that all else starts from."""
    with measuring() as found:
        generate(folder / RAW, size, run.seed)
    return {**found, "bytes": (folder / RAW).stat().st_size}


def ingest(folder: Path, size: int, run: Run) -> Found:
    """As the stage does it."""
    from recsmith.config.ingest import Ingest
    from recsmith.sources.registry import read
    from recsmith.sources.write import describe, write, write_description

    params = Ingest(source="files", path=RAW, format="parquet")
    with measuring() as found:
        tables = read(params, folder)
        described = describe(params, folder, tables)
        write(tables, folder / "ingest", run)
        write_description(described, folder / "ingest")
    return {**found, "users": described["counts"]["users"]}


def validate(folder: Path, size: int, run: Run) -> Found:
    """As the stage does it, without its page."""
    from recsmith.config.validate import Validate
    from recsmith.tables.connect import engine
    from recsmith.validation.gate import inspect

    with measuring() as found, engine(run.threads, run.memory_mb) as backend:
        report = inspect(backend, folder / "ingest", Validate())
    return {**found, "failed": [finding.name for finding in report.findings if not finding.success]}


def split(folder: Path, size: int, run: Run) -> Found:
    """As the stage does it."""
    from recsmith.config.split import Split
    from recsmith.tables.connect import engine
    from recsmith.tables.seal import split_files

    with measuring() as found, engine(run.threads, run.memory_mb) as backend:
        audit = split_files(backend, folder / "ingest", folder / "split", Split(), run.seed)
    return {**found, "rows": {name: part["rows"] for name, part in audit["splits"].items()}}


def graph(folder: Path, size: int, run: Run) -> Found:
    """As the stage does it."""
    from recsmith.config.graph import Graph
    from recsmith.graph.build import build_files

    with measuring() as found:
        stats = build_files(folder / "split", folder / "ingest", folder / "graph", Graph())
    return {**found, "users": stats["users"], "items": stats["items"], "edges": stats["refit"]["edges"]}


def filtering(folder: Path, size: int, run: Run) -> Found:
    """A linear item filter, and the lists of ``FILTERED`` users by it."""
    from recsmith.engine.evaluate import evaluate
    from recsmith.engine.fit import FitSettings, fit
    from recsmith.model.architecture import Filter

    fit_graph, valid = _opened(folder, FILTERED)
    with measuring() as found:
        fitted = fit(Filter(kind="linear"), fit_graph, FitSettings(device="cpu", threads=run.threads))
        metrics = evaluate(fitted.model, fit_graph, valid, [20], run.memory_mb)
    return {**found, "users": len(valid.users), **_rounded(metrics)}


def epoch(folder: Path, size: int, run: Run) -> Found:
    """One epoch of LightGCN on the whole graph."""
    from recsmith.engine.fit import FitSettings, fit
    from recsmith.model.architecture import Gnn

    fit_graph, _ = _opened(folder, 1)
    architecture = Gnn(operators=("lightgcn",) * LAYERS, dimension=DIMENSION)
    # One step sees the whole graph whatever its batch: as many pairs as half a second of propagation is worth.
    batch = max(BATCH, fit_graph.n_edges // 50)
    settings = FitSettings(
        device="cpu", threads=run.threads, memory_mb=run.memory_mb, epochs=1, batch_size=batch, seed=run.seed
    )
    with measuring() as found:
        fitted = fit(architecture, fit_graph, settings)
    return {**found, "batch": batch, "loss": round(fitted.history[-1]["loss"], 5)}


def sampled(folder: Path, size: int, run: Run) -> Found:
    """``STEPS`` steps of LightGCN on drawn neighbourhoods, and how long an epoch of them would take."""
    import numpy as np
    import torch

    from recsmith.engine.gnn import Network
    from recsmith.engine.neighbourhood import Neighbourhood
    from recsmith.engine.objective import Objective
    from recsmith.engine.sampling import Sampler
    from recsmith.model.architecture import Gnn

    (fit_graph, _), cpu = _opened(folder, 1), torch.device("cpu")
    architecture = Gnn(operators=("lightgcn",) * LAYERS, dimension=DIMENSION)
    torch.manual_seed(run.seed)
    with measuring() as found:
        sampler = Sampler(fit_graph, architecture, BATCH, run.seed, cpu, mapped=True)
        neighbourhood = Neighbourhood(fit_graph, FAN_OUT, run.seed, features=False)
        objective = Objective(architecture, Network(architecture, neighbourhood.directed.n_nodes), fit_graph)
        optimizer, nodes = torch.optim.Adam(objective.parameters(), fused=True), []
        for batch in islice(sampler.epoch(), STEPS):
            view = neighbourhood.view(batch)
            optimizer.zero_grad()
            objective(view, batch).backward()
            optimizer.step()
            nodes.append(len(view.gather.counts))
    epoch_seconds = round(found["seconds"] / len(nodes) * len(sampler.users) / BATCH, 1)
    return {**found, "steps": len(nodes), "epoch_seconds": epoch_seconds, "nodes_in_view": int(np.mean(nodes))}


def ranking(folder: Path, size: int, run: Run) -> Found:
    """The top 20 of all items for ``RANKED`` users with vectors of dimension ``DIMENSION``, and every metric."""
    import torch

    from recsmith.engine.evaluate import evaluate
    from recsmith.engine.vectors import vectors

    fit_graph, valid = _opened(folder, RANKED)
    torch.manual_seed(run.seed)
    users, items = (torch.randn(n, DIMENSION) for n in (fit_graph.n_users, fit_graph.n_items))
    with measuring() as found:
        metrics = evaluate(vectors(users, items, fit_graph), fit_graph, valid, [20], run.memory_mb)
    return {**found, "users": len(valid.users), **_rounded(metrics)}


STAGES: dict[str, Callable[[Path, int, Run], Found]] = {
    "generate": generating,
    "ingest": ingest,
    "validate": validate,
    "split": split,
    "graph": graph,
    "filter": filtering,
    "epoch": epoch,
    "sampled steps": sampled,
    "ranking": ranking,
}


def _opened(folder: Path, users: int) -> tuple[Any, Any]:
    """The graph, memory-mapped, and what the first so many users of valid are expected to like."""
    import numpy as np

    from recsmith.graph.graph import Graph
    from recsmith.graph.relevant import Relevant

    fit_graph, valid = Graph.load(folder / "graph" / "fit"), Relevant.load(folder / "graph" / "valid")
    chosen = valid.users[:users]
    last = int(chosen[-1]) + 1
    indptr = np.minimum(valid.indptr, valid.indptr[last])
    cold = np.where(np.arange(len(valid.cold)) < last, valid.cold, 0).astype(np.int32)
    return fit_graph, Relevant(indptr, np.asarray(valid.indices[: indptr[-1]]), cold)


def _rounded(metrics: dict[str, float]) -> Found:
    return {name: round(metrics[name], 4) for name in ("recall@20", "ndcg@20")}


def main() -> None:
    """Run one stage."""
    parser = argparse.ArgumentParser("python -m benchmarks.scale_stages")
    parser.add_argument("stage", choices=STAGES)
    parser.add_argument("folder", type=Path)
    parser.add_argument("size", type=int)
    parser.add_argument("run", type=json.loads, help="the section run as JSON")
    args = parser.parse_args()
    run = Run(**args.run)
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(run.threads)
    try:
        found = STAGES[args.stage](args.folder, args.size, run)
    except SizedOut as error:
        found = {"sized_out": str(error)}
    except UserError as error:
        sys.exit(str(error))
    print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
