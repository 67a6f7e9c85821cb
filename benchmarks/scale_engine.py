"""What the engine does with a graph, as ``benchmarks.scale`` measures it; heavy imports come before the clock."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks.scale_line import Found, measuring
from recsmith.config.base import Run

DIMENSION, LAYERS, BATCH, FAN_OUT = 64, 2, 4096, (10, 10)
STEPS = 20
"""Of the sampled epoch."""
RANKED = 2000
FILTERED = 500
"""Users whose lists are ranked: with vectors, and by a filter, whose rows are thousands of times as long."""


def filtering(folder: Path, size: int, run: Run) -> Found:
    """A linear item filter, and the lists of ``FILTERED`` users by it."""
    from recsmith.engine.fit import FitSettings, fit
    from recsmith.engine.rank.evaluate import evaluate
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

    from recsmith.engine.batch.neighbourhood import Neighbourhood
    from recsmith.engine.batch.sampling import Sampler
    from recsmith.engine.network.gnn import Network
    from recsmith.engine.train.objective import Objective
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

    from recsmith.engine.rank.evaluate import evaluate
    from recsmith.engine.vectors import vectors

    fit_graph, valid = _opened(folder, RANKED)
    torch.manual_seed(run.seed)
    users, items = (torch.randn(n, DIMENSION) for n in (fit_graph.n_users, fit_graph.n_items))
    with measuring() as found:
        metrics = evaluate(vectors(users, items, fit_graph), fit_graph, valid, [20], run.memory_mb)
    return {**found, "users": len(valid.users), **_rounded(metrics)}


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
