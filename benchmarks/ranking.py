"""Full ranking against the product that it cannot do without, against torch.topk and against implicit.

``python -m benchmarks.ranking [--data gowalla --format lightgcn] [--dimension 64] [--threads 2] [--repeats 3]
--json OUT``. Everybody ranks the same drawn vectors for all users with a test item. The contenders take turns and the
medians count, with CPU seconds beside wall-clock seconds, since other processes on the machine change the latter.
"the product alone" writes the scores of a block of users, as many as ours, into one plain array again and again.
"""

from __future__ import annotations

import argparse
import multiprocessing
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from benchmarks.common import arguments, data_of, measured_on, peak_memory, run, sections, table, write_json
from recsmith.engine.rank.evaluate import evaluate
from recsmith.engine.rank.ranking import REUSED_SCORES, block_rows, blocks, scorer
from recsmith.engine.vectors import Vectors, vectors
from recsmith.graph.graph import Graph
from recsmith.graph.relevant import Relevant

CUTOFFS = (1, 5, 10, 20)
MEMORY_MB = 2000
ALONE, ALIGNED = "the product alone", "the product into aligned rows, as ours"
OURS = "Recsmith, every metric"


@dataclass(frozen=True)
class Case:
    """What is ranked: drawn vectors, everybody's history, what is relevant."""

    graph: Graph
    relevant: Relevant
    dimension: int
    threads: int

    @property
    def model(self) -> Vectors:
        """Normal vectors from a fixed seed."""
        draw = torch.Generator().manual_seed(7)
        users = torch.randn(self.graph.n_users, self.dimension, generator=draw)
        return vectors(users, torch.randn(self.graph.n_items, self.dimension, generator=draw), self.graph)


def contenders(case: Case) -> dict[str, Callable[[], object]]:
    """What is timed, by name; every one works on blocks of as many users."""
    model, users = case.model, case.relevant.users
    rows = block_rows(model.n_items, MEMORY_MB, REUSED_SCORES)
    plain, items = torch.empty(rows, model.n_items), model.item_vectors.T
    chosen = [(torch.from_numpy(users[start:stop]), stop - start) for start, stop in blocks(len(users), rows)]

    def product() -> None:
        for block, n in chosen:
            torch.mm(model.user_vectors[block], items, out=plain[:n])

    def fresh() -> None:
        for block, _ in chosen:
            torch.mm(model.user_vectors[block], items)

    def aligned() -> None:
        score = scorer(model, rows)
        for block, _ in chosen:
            score(block.numpy())

    def plain_top() -> None:
        for block, n in chosen:
            torch.topk(torch.mm(model.user_vectors[block], items, out=plain[:n]), min(20, model.n_items), dim=1)

    return {
        ALONE: product,
        "the product into fresh arrays": fresh,
        ALIGNED: aligned,
        "the product and torch.topk (20)": plain_top,
        OURS: lambda: ranked(case, model),
        "implicit recommend (20)": implicitly(case, model),
    }


def ranked(case: Case, model: Vectors) -> dict[str, float]:
    """Ours: masked, ranked, hits, every metric at every cut-off."""
    return evaluate(model, case.graph, case.relevant, CUTOFFS, MEMORY_MB)


def implicitly(case: Case, model: Vectors) -> Callable[[], np.ndarray]:
    """implicit's ``recommend`` of the same vectors: lists (n, 20)."""
    from implicit.cpu.als import AlternatingLeastSquares

    with threadpool_limits(1, "blas"):  # it warns of more when it is made; ranking is measured as users would call it
        given: Any = AlternatingLeastSquares(factors=model.item_vectors.shape[1], num_threads=case.threads)
    given.user_factors, given.item_factors = model.user_vectors.numpy(), model.item_vectors.numpy()
    users, seen = case.relevant.users, case.graph.binary

    def recommend() -> np.ndarray:
        # its threads share the users; BLAS threads below them would only get in each other's way
        with threadpool_limits(1, "blas"):
            return given.recommend(users, seen[users], N=min(20, model.n_items))[0]

    return recommend


def timed(actions: dict[str, Callable[[], object]], repeats: int) -> list[dict[str, Any]]:
    """Median wall and CPU seconds of each, taking turns, after one round that does not count."""
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in actions}
    for number in range(repeats + 1):
        for name, action in actions.items():
            wall, cpu = time.perf_counter(), time.process_time()
            action()
            if number:
                taken[name].append((time.perf_counter() - wall, time.process_time() - cpu))
    medians = {name: np.median(values, axis=0) for name, values in taken.items()}
    return [
        {"what": name, "seconds": wall, "cpu_seconds": cpu, "to_product": wall / medians[ALONE][0]}
        for name, (wall, cpu) in ((name, value.tolist()) for name, value in medians.items())
    ]


def floor(case: Case) -> dict[str, float]:
    """What cannot be avoided: multiply-adds of the product, bytes of the scores written and read once."""
    pairs = len(case.relevant.users) * case.graph.n_items
    return {"gflop": 2e-9 * pairs * case.dimension, "score_gb_written_and_read": 8e-9 * pairs}


def extra_mb(case: Case) -> float:
    """Peak megabytes of ours above those before it, in a process of its own."""
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as parent, context.Pool(1) as pool:
        case.graph.save(Path(parent) / "graph")
        case.relevant.save(Path(parent) / "relevant")
        return pool.apply(_extra, (parent, case.dimension, case.threads))


def _extra(parent: str, dimension: int, threads: int) -> float:
    torch.set_num_threads(threads)
    graph, relevant = Graph.load(Path(parent) / "graph"), Relevant.load(Path(parent) / "relevant")
    case = Case(graph, relevant, dimension, threads)
    model = case.model
    torch.mm(torch.ones(64, 64), torch.ones(64, 64))
    with peak_memory() as peak:
        before = peak()
        ranked(case, model)
        return peak() - before


def report(case: Case, repeats: int) -> dict[str, Any]:
    """Everything that is measured."""
    torch.set_num_threads(case.threads)
    extra, rows = extra_mb(case), timed(contenders(case), repeats)
    seconds = {row["what"]: row["seconds"] for row in rows}
    ratios = {"to_product": seconds[OURS] / seconds[ALONE], "to_aligned_product": seconds[OURS] / seconds[ALIGNED]}
    sizes = {"users": len(case.relevant.users), "items": case.graph.n_items, "dimension": case.dimension}
    return {**sizes, "rows": rows, "floor": floor(case), "extra_mb": extra, **ratios}


def text(found: dict[str, Any]) -> str:
    """The table and the numbers below it."""
    names = ("what", "seconds", "cpu_seconds", "to_product")
    lines = [f"{found['users']:,} users, {found['items']:,} items, D = {found['dimension']}"]
    lines += [table(names, [[row[name] for name in names] for row in found["rows"]])]
    lines += [f"ours: {found['to_product']:.2f} times {ALONE}, {found['to_aligned_product']:.2f} times {ALIGNED}"]
    lines += [f"peak extra memory of ours: {found['extra_mb']:,.0f} MB"]
    least = found["floor"]
    lines += [f"at least {least['gflop']:.0f} GFLOP and {least['score_gb_written_and_read']:.1f} GB of scores moved"]
    return "\n".join(lines)


def _arguments() -> argparse.Namespace:
    parser = arguments("ranking", __doc__)
    parser.set_defaults(data="gowalla")
    parser.add_argument("--dimension", type=int, default=64)
    parser.add_argument("--threads", type=int, help="of all contenders (default: those of --params)")
    parser.add_argument("--repeats", type=int, default=3)
    return parser.parse_args()


def main() -> None:
    """Measure, print, write."""
    args = _arguments()
    with data_of(args) as data:
        threads = args.threads or sections(args.params).run.threads
        found = report(Case(data.refit, data.test(), args.dimension, threads), args.repeats)
        if args.json:
            write_json(args.json, {**measured_on(), "dataset": data.name, "threads": threads, **found})
    print(text(found))


if __name__ == "__main__":
    run(main)
