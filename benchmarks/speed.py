"""Recsmith beside what a user would pick instead: seconds an epoch and a full ranking, memory, quality for the time.

``python -m benchmarks.speed [--data gowalla --format lightgcn] [--minutes 10] [--tools recsmith,pyg,implicit,recbole]
--json OUT``. Each tool runs alone, one after the other, in a process of its own (RecBole in an environment of its own,
which is made at first use), with the same threads, trains on the same pairs (train and valid) for the same wall-clock
time, negative sampling included, reading excluded, and ranks all items by its own evaluator. All train LightGCN with
3 layers, 64 dimensions and batches of 4,096, but for the filter and ALS, which are fitted once. Nothing is chosen on
test: the last state counts. NDCG is that of our metrics on the tool's top-20 lists.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import Data, arguments, data_of, measured_on, run, sections, table, write_json
from benchmarks.peers.launch import PEERS, Peer, PeerFailed, Say, measure
from recsmith.engine.rank.metrics import evaluate_lists
from recsmith.errors import UserError, unknown
from recsmith.graph.graph import Graph
from recsmith.graph.relevant import Relevant

COLUMNS = ("tool", "epoch_s", "rank_s", "peak_mb", "ndcg_10min")
K = 20
SETTING = {"batch_size": 4096, "layers": 3, "dimension": 64, "k": K}


def rows(data: Data, tools: list[str], task: dict[str, Any], say: Say, keep: Any) -> list[dict[str, Any]]:
    """A row for each peer of ``tools``; ``keep`` is told the rows after each of them."""
    found: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="recsmith-speed-") as parent:
        folder, test = Path(parent), data.test()
        task = task | hand_over(folder, data.refit, test)
        for peer in (peer for tool in tools for peer in PEERS[tool]):
            found.append(row(peer, folder, task, test, say))
            keep(found)
    return found


def hand_over(folder: Path, graph: Graph, test: Relevant) -> dict[str, Any]:
    """Write the pairs that every tool reads; the sizes of the task.

    Only users and pairs that the catalogue knows are handed over; cold test items are counted when lists are scored.
    """
    known = graph.binary.tocoo()
    np.save(folder / "train.npy", np.stack([known.row, known.col], 1).astype(np.int64))
    users = np.repeat(np.arange(graph.n_users), np.diff(test.indptr))
    np.save(folder / "test.npy", np.stack([users, test.indices], 1).astype(np.int64))
    return {"n_users": graph.n_users, "n_items": graph.n_items}


def row(peer: Peer, folder: Path, task: dict[str, Any], test: Relevant, say: Say) -> dict[str, Any]:
    """What one peer did, or why it did not."""
    say(f"{peer.tool}: starts")
    try:
        measured, lists = measure(peer, folder, task, say)
    except PeerFailed as error:
        say(f"{peer.tool}: {error}")
        return {**dict.fromkeys(COLUMNS), "tool": peer.tool, "failed": str(error)}
    users = np.flatnonzero(np.diff(test.indptr))
    shortened = {name: round(value, 3) if isinstance(value, float) else value for name, value in measured.items()}
    quality = evaluate_lists(lists, users, test, [K])[f"ndcg@{K}"]
    return {"tool": peer.tool, **shortened, "ndcg_10min": quality, "minutes": task["seconds"] / 60}


def report(found: list[dict[str, Any]]) -> str:
    """The table, what each number is of, and how Recsmith compares with RecBole where both ran."""
    lines = [table(COLUMNS, [[row.get(name) for name in COLUMNS] for row in found]), ""]
    lines += [f"{row['tool']}: {row['failed'] if row.get('failed') else row['state']}" for row in found]
    return "\n".join([*lines, *(f"{name}: {value:.2f}" for name, value in against_recbole(found).items())])


def against_recbole(found: list[dict[str, Any]]) -> dict[str, float]:
    """How many times faster and better than RecBole's LightGCN Recsmith's is, and its best row for the same time."""
    by_tool = {row["tool"]: row for row in found if not row.get("failed")}
    ours, theirs = by_tool.get("recsmith LightGCN"), by_tool.get("RecBole LightGCN")
    if ours is None or theirs is None:
        return {}
    best = max(row["ndcg_10min"] for tool, row in by_tool.items() if tool.startswith("recsmith"))
    return {
        "epoch, times faster than RecBole": theirs["epoch_s"] / ours["epoch_s"],
        "full ranking, times faster than RecBole": theirs["rank_s"] / ours["rank_s"],
        "NDCG of LightGCN, times RecBole's": _ratio(ours["ndcg_10min"], theirs["ndcg_10min"]),
        "NDCG of Recsmith's best, times RecBole's": _ratio(best, theirs["ndcg_10min"]),
    }


def _ratio(above: float, below: float) -> float:
    return above / below if below else math.inf


def tools_of(text: str) -> list[str]:
    """Names from a list with commas; UserError for one that is unknown."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in PEERS:
            raise unknown("--tools", name, PEERS)
    return names


def _arguments() -> argparse.Namespace:
    parser = arguments("speed", __doc__)
    parser.set_defaults(data="gowalla")
    parser.add_argument("--tools", default=",".join(PEERS), help=f"any of {', '.join(PEERS)} (default: all)")
    parser.add_argument("--minutes", type=float, default=10.0, help="wall-clock time that each tool trains")
    parser.add_argument("--threads", type=int, help="of every tool (default: those of --params)")
    return parser.parse_args()


def main() -> None:
    """Measure, print, write; what has been measured is written after each tool."""
    args = _arguments()
    tools, threads = tools_of(args.tools), args.threads or sections(args.params).run.threads
    if not args.minutes > 0:
        raise UserError(f"--minutes {args.minutes}: each tool trains for more than 0 minutes.")
    with data_of(args) as data:
        header = measured_on() | {"dataset": data.name, "threads": threads, "minutes": args.minutes, **SETTING}

        def keep(found: list[dict[str, Any]]) -> None:
            if args.json:
                write_json(args.json, {**header, "rows": found, "against_recbole": against_recbole(found)})

        task = {**SETTING, "seconds": args.minutes * 60, "threads": threads, "seed": 7}
        print(report(rows(data, tools, task, _progress, keep)))


def _progress(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    run(main)
