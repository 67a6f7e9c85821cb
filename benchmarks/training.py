"""Sparse products, operators and epochs of training, each beside its alternatives: ``python -m benchmarks.training``.

Without ``--data`` the graphs are drawn at random with a skew like that of real catalogues, a small one and one of the
size of Gowalla. CPU time is shown beside wall time, since other processes on the machine change the latter.
"""

from __future__ import annotations

import resource
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from benchmarks import common
from recsmith.engine.fit import FitSettings, fit
from recsmith.engine.network.gnn import needed_bytes
from recsmith.engine.sparse.adjacency import Adjacency
from recsmith.graph.graph import Graph, from_edges
from recsmith.model.architecture import Gnn
from recsmith.model.names import EDGE_READERS, HEADED, OPERATORS
from recsmith.operators import operator

SIZES = {"small": (600, 10_000, 80_000), "gowalla-like": (30_000, 41_000, 810_000)}
BATCHES = (4096, 16384)
TRAINED = {
    "lightgcn bpr": Gnn(),
    "lightgcn softmax": Gnn(loss="sampled_softmax", negatives=64),
    "sage": Gnn(operators=("sage", "sage")),
    "gat": Gnn(operators=("gat", "gat")),
}
COLUMNS = ("part", "what", "wall_ms", "cpu_ms", "estimate_mb", "process_peak_mb")

Row = dict[str, Any]


def drawn(users: int, items: int, edges: int) -> Graph:
    """A graph whose items are as popular as 1 / rank, and users as active as 1 / sqrt(rank)."""
    rng = np.random.default_rng(1)
    activity, popularity = 1 / np.sqrt(np.arange(1, users + 1)), 1 / np.arange(1, items + 1)
    of_users = rng.choice(users, 2 * edges, p=activity / activity.sum())
    of_items = rng.choice(items, 2 * edges, p=popularity / popularity.sum())
    keys = rng.permutation(np.unique(of_users.astype(np.int64) * items + of_items))[:edges]
    return from_edges(keys // items, keys % items, users, items)


def timed(part: str, what: str, action: Callable[[], object], repeats: int) -> Row:
    """The best wall and CPU milliseconds of ``action``, which is called once before."""
    action()
    rounds = []
    for _ in range(repeats):
        wall, cpu = time.perf_counter(), time.process_time()
        action()
        rounds.append((time.perf_counter() - wall, time.process_time() - cpu))
    wall, cpu = np.min(rounds, axis=0) * 1000
    return {"part": part, "what": what, "wall_ms": round(wall, 2), "cpu_ms": round(cpu, 2)}


def products(graph: Graph) -> Iterator[Row]:
    """The product of the normalised adjacency with (N, 64), four ways."""
    matrix, given = Adjacency(graph).symmetric.forward, torch.randn(graph.n_users + graph.n_items, 64)
    n = len(given)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        short = torch.sparse_csr_tensor(matrix.indptr, matrix.indices, matrix.values, (n, n))
        long = torch.sparse_csr_tensor(matrix.indptr.long(), matrix.indices.long(), matrix.values, (n, n))
    target = torch.repeat_interleave(torch.arange(n), matrix.indptr.diff().long())
    source = matrix.indices.long()
    yield timed("product", "embedding_bag, int32 (ours)", lambda: matrix.times(given), 7)
    yield timed("product", "torch CSR, int32", lambda: short @ given, 7)
    yield timed("product", "torch CSR, int64", lambda: long @ given, 7)

    def messages() -> torch.Tensor:
        return torch.zeros_like(given).index_add_(0, target, given[source] * matrix.values[:, None])

    yield timed("product", "gather and index_add", messages, 2)


def operators(graph: Graph) -> Iterator[Row]:
    """One forward and backward pass of every operator, with heads and attributes of edges where it has them."""
    adjacency, given = Adjacency(graph), torch.randn(graph.n_users + graph.n_items, 64, requires_grad=True)
    weight = torch.randn_like(given)
    cases: list[tuple[str, dict[str, int]]] = [(name, {}) for name in OPERATORS]
    cases += [(name, {"heads": 4}) for name in HEADED] + [(name, {"edge_dimension": 8}) for name in EDGE_READERS]
    for name, knobs in cases:
        layer = operator(name, 64, n_events=len(graph.events), **knobs)
        label = " ".join([name, *(f"{knob} {value}" for knob, value in knobs.items())])
        yield timed("operator", label, lambda layer=layer: (layer(given, adjacency) * weight).sum().backward(), 3)


def training(graph: Graph, threads: int) -> Iterator[Row]:
    """An epoch, by the difference of one and two epochs, so that preparation does not count."""
    fit(TRAINED["gat"], drawn(30, 30, 60), FitSettings(device="cpu", threads=threads, epochs=1))
    for name, architecture in TRAINED.items():
        for batch_size in BATCHES:
            settings = FitSettings(device="cpu", threads=threads, batch_size=batch_size, memory_mb=10**6)
            spent = [_spent(architecture, graph, replace(settings, epochs=epochs)) for epochs in (1, 2)]
            wall, cpu = np.subtract(spent[1], spent[0]) * 1000
            needed = needed_bytes(architecture, graph.n_users + graph.n_items, graph.n_edges, batch_size)
            yield {
                "part": "epoch",
                "what": f"{name}, batch {batch_size}",
                "wall_ms": round(wall),
                "cpu_ms": round(cpu),
                "estimate_mb": round(needed / 2**20),
                "process_peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10),
            }


def _spent(architecture: Gnn, graph: Graph, settings: FitSettings) -> tuple[float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    fit(architecture, graph, settings)
    return time.perf_counter() - wall, time.process_time() - cpu


def measured(name: str, graph: Graph, threads: int) -> list[Row]:
    """All parts on one graph."""
    print(f"{name}: {graph.n_users:,} users, {graph.n_items:,} items, {graph.n_edges:,} edges, {threads} threads")
    torch.set_num_threads(threads)
    rows = [*training(graph, threads), *products(graph), *operators(graph)]
    print(common.table(COLUMNS, [[row.get(column) for column in COLUMNS] for row in rows]), flush=True)
    return [{"graph": name, **row} for row in rows]


def main() -> None:
    """Measure, print, write."""
    args = common.arguments("training", __doc__).parse_args()
    threads, rows = common.sections(args.params).run.threads, list[Row]()
    if args.data:
        with common.data_of(args) as data:
            rows += measured(data.name, data.fit, threads)
    else:
        for name, size in SIZES.items():
            rows += measured(name, drawn(*size), threads)
    if args.json:
        common.write_json(args.json, {**common.measured_on(), "threads": threads, "rows": rows})


if __name__ == "__main__":
    common.run(main)
