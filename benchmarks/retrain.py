"""Retraining over successive windows of a log: quality left as it was, trained cold and gone on with; epochs, seconds.

Everything up to ``--first`` is the past; the rest is cut into windows of equal numbers of events, each tested with what
is known before it. The first window is the same for all three, so that averages are over the later ones.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from benchmarks.common import arguments, data_of, limited_threads, measured_on, run, sections, table, write_json
from recsmith.engine.fit import FitSettings
from recsmith.files import read_json
from recsmith.model.architecture import Gnn, architecture, describe
from recsmith.retrain.decay import WAYS, Replay, Row

SETTING = Gnn(operators=("lightgcn", "lightgcn"), dimension=32, learning_rate=0.01)
"""What is trained unless ``--architecture`` says otherwise."""
HEADER = ("way", "metric", "sd over seeds", "epochs", "seconds")


def main() -> None:
    """Replay, print a table, write JSON."""
    parser = arguments("retrain", __doc__)
    parser.set_defaults(data="demo")
    parser.add_argument("--architecture", type=Path, metavar="FILE", help="JSON of one (a LightGCN of two layers)")
    parser.add_argument("--windows", type=int, default=5)
    parser.add_argument("--first", type=float, default=0.5, help="share of the events before the first window (0.5)")
    parser.add_argument("--seeds", type=int, default=3, metavar="N", help="repeats with seeds 1 to N (3)")
    args = parser.parse_args()
    given = sections(args.params)
    winner = architecture(read_json(args.architecture), str(args.architecture)) if args.architecture else SETTING
    train = {"max_epochs": given.train.max_epochs, "patience": given.train.patience}
    values: dict[str, Any] = {**given.run.model_dump(), **train, "metric": given.search.metric}
    settings = FitSettings(**values)
    with limited_threads(given.run.threads), data_of(args) as data:
        events = pq.read_table(data.folder / "ingest/interactions.parquet")
        print(f"{data.name}: {events.num_rows:,} events, {args.windows} windows, {describe(winner)}", flush=True)
        repeats = []
        for seed in range(1, args.seeds + 1):
            replay = Replay(events, args.windows, args.first, replace(settings, seed=seed))
            repeats.append(list(replay.rows(winner)))
            print(table(HEADER, summary([repeats[-1]])), flush=True)
    shown = summary(repeats)
    print(table(HEADER, shown))
    document = {
        **measured_on(),
        "data": {"name": data.name, "events": events.num_rows, "windows": args.windows, "first": args.first},
        "architecture": winner.model_dump(mode="json"),
        "settings": {"metric": settings.metric, **train, "threads": settings.threads},
        "summary": [dict(zip(("way", "value", "deviation", "epochs", "seconds"), row, strict=True)) for row in shown],
        "repeats": [[asdict(row) for row in rows] for rows in repeats],
    }
    if args.json:
        write_json(args.json, document)


def summary(repeats: Sequence[Sequence[Row]]) -> list[list[Any]]:
    """A row a way: metric (its standard deviation over repeats), epochs and seconds, averaged over later windows."""
    found: dict[str, list[tuple[float, float, float]]] = defaultdict(list)
    for rows in repeats:
        for way in WAYS:
            later = [row for row in rows if row.way == way and row.window > 1]
            if later:
                value, epochs, seconds = (
                    statistics.fmean(getattr(row, name) for row in later) for name in ("value", "epochs", "seconds")
                )
                found[way].append((value, epochs, seconds))
    return [
        [
            way,
            statistics.fmean(values),
            statistics.stdev(values) if len(values) > 1 else None,
            *map(statistics.fmean, rest),
        ]
        for way, repeated in found.items()
        for values, *rest in [tuple(zip(*repeated, strict=True))]
    ]


if __name__ == "__main__":
    run(main)
