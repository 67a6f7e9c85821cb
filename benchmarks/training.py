"""Sparse products against their alternatives, and seconds a step of training, on graphs of two sizes.

``python -m benchmarks.training [--threads 2] [--interactions FILE]``: FILE holds a user and its items in each line
(LightGCN text); without it the graphs are drawn at random with a skew like that of real catalogues. CPU time is shown
beside wall time, since other processes on the machine change the latter.
"""

from __future__ import annotations

import argparse
import resource
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from recsmith.engine.fit import FitSettings, fit
from recsmith.engine.network.gnn import needed_bytes
from recsmith.engine.sparse.adjacency import Adjacency
from recsmith.graph.graph import Graph, from_edges
from recsmith.model.architecture import Gnn
from recsmith.model.names import EDGE_READERS, HEADED, OPERATORS
from recsmith.operators import operator

SIZES = {"small": (600, 10_000, 80_000), "gowalla-like": (30_000, 41_000, 810_000)}
TRAINED = {
    "lightgcn bpr": Gnn(),
    "lightgcn softmax": Gnn(loss="sampled_softmax", negatives=64),
    "sage": Gnn(operators=("sage", "sage")),
    "gat": Gnn(operators=("gat", "gat")),
}


def drawn(users: int, items: int, edges: int) -> Graph:
    """A graph whose items are as popular as 1 / rank, and users as active as 1 / sqrt(rank)."""
    rng = np.random.default_rng(1)
    activity, popularity = 1 / np.sqrt(np.arange(1, users + 1)), 1 / np.arange(1, items + 1)
    of_users = rng.choice(users, 2 * edges, p=activity / activity.sum())
    of_items = rng.choice(items, 2 * edges, p=popularity / popularity.sum())
    keys = rng.permutation(np.unique(of_users.astype(np.int64) * items + of_items))[:edges]
    return from_edges(keys // items, keys % items, users, items)


def read(path: Path) -> Graph:
    """A graph from LightGCN text."""
    lines = [np.array(line.split(), dtype=np.int64) for line in path.read_text(encoding="utf-8").splitlines()]
    users = np.concatenate([np.full(len(line) - 1, line[0]) for line in lines])
    items = np.concatenate([line[1:] for line in lines])
    return from_edges(users, items, int(users.max()) + 1, int(items.max()) + 1)


def timed(name: str, action: Callable[[], object], repeats: int) -> None:
    """Print the best wall and CPU milliseconds of ``action``."""
    action()
    rounds = []
    for _ in range(repeats):
        wall, cpu = time.perf_counter(), time.process_time()
        action()
        rounds.append((time.perf_counter() - wall, time.process_time() - cpu))
    best = np.min(rounds, axis=0) * 1000
    print(f"  {name:34s} wall {best[0]:9.1f} ms   cpu {best[1]:9.1f} ms", flush=True)


def products(graph: Graph) -> None:
    """The product of the normalised adjacency with (N, 64), four ways."""
    matrix, given = Adjacency(graph).symmetric.forward, torch.randn(graph.n_users + graph.n_items, 64)
    n = len(given)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        short = torch.sparse_csr_tensor(matrix.indptr, matrix.indices, matrix.values, (n, n))
        long = torch.sparse_csr_tensor(matrix.indptr.long(), matrix.indices.long(), matrix.values, (n, n))
    target = torch.repeat_interleave(torch.arange(n), matrix.indptr.diff().long())
    source = matrix.indices.long()
    timed("embedding_bag, int32 (ours)", lambda: matrix.times(given), 7)
    timed("torch CSR, int32", lambda: short @ given, 7)
    timed("torch CSR, int64", lambda: long @ given, 7)

    def messages() -> torch.Tensor:
        return torch.zeros_like(given).index_add_(0, target, given[source] * matrix.values[:, None])

    timed("gather and index_add", messages, 2)


def operators(graph: Graph) -> None:
    """One forward and backward pass of every operator, with heads and attributes of edges where it has them."""
    adjacency, given = Adjacency(graph), torch.randn(graph.n_users + graph.n_items, 64, requires_grad=True)
    weight = torch.randn_like(given)
    cases: list[tuple[str, dict[str, int]]] = [(name, {}) for name in OPERATORS]
    cases += [(name, {"heads": 4}) for name in HEADED] + [(name, {"edge_dimension": 8}) for name in EDGE_READERS]
    for name, knobs in cases:
        layer = operator(name, 64, n_events=len(graph.events), **knobs)
        label = " ".join([name, *(f"{knob} {value}" for knob, value in knobs.items())])
        timed(label, lambda layer=layer: (layer(given, adjacency) * weight).sum().backward(), 3)


def training(graph: Graph, batch_sizes: tuple[int, ...], threads: int) -> None:
    """Seconds an epoch, by the difference of one and two epochs, so that preparation does not count."""
    fit(TRAINED["gat"], drawn(30, 30, 60), FitSettings(device="cpu", threads=threads, epochs=1))
    for name, architecture in TRAINED.items():
        for batch_size in batch_sizes:
            settings = FitSettings(device="cpu", threads=threads, batch_size=batch_size, memory_mb=10**6)
            spent = [_spent(architecture, graph, replace(settings, epochs=epochs)) for epochs in (1, 2)]
            wall, cpu = np.subtract(spent[1], spent[0])
            needed = needed_bytes(architecture, graph.n_users + graph.n_items, graph.n_edges, batch_size) / 2**20
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
            print(
                f"  {name:17s} batch {batch_size:6d}  an epoch: wall {wall:7.2f} s  cpu {cpu:7.2f} s   "
                f"estimate {needed:6.0f} MB, process so far {peak:6.0f} MB",
                flush=True,
            )


def _spent(architecture: Gnn, graph: Graph, settings: FitSettings) -> tuple[float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    fit(architecture, graph, settings)
    return time.perf_counter() - wall, time.process_time() - cpu


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--interactions", type=Path, help="LightGCN text to train on in place of drawn graphs")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    named = given.interactions
    graphs = {named.name: lambda: read(named)} if named else {n: lambda s=s: drawn(*s) for n, s in SIZES.items()}
    for name, make in graphs.items():
        graph = make()
        sizes = f"{graph.n_users:,} users, {graph.n_items:,} items, {graph.n_edges:,} edges"
        print(f"{name}: {sizes}, {given.threads} threads", flush=True)
        training(graph, (4096, 16384), given.threads)
        products(graph)
        operators(graph)


if __name__ == "__main__":
    main()
