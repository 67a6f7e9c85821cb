"""What two switches of a search are worth at equal budget, seed by seed.

``python -m benchmarks.search_worth inherit --data ml-100k --params benchmarks/settings/search_worth.yaml``: random
search whose networks begin from the weights of the nearest one, then the same without, for as many epochs as the first
took with all that it trained again. ``python -m benchmarks.search_worth warm-start --table FILE --source FILE``:
searches replayed over a table, with and without the best of a search over another data set's table.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.common import arguments, data_of, limited_threads, measured_on, run, sections, table, write_json
from benchmarks.regret import compared, regrets
from benchmarks.runs import Run, searched
from benchmarks.table import Table, lay_out
from recsmith.errors import UserError
from recsmith.search import choose, plain
from recsmith.search.meta import best_of
from recsmith.search.rescore import refit
from recsmith.search.task import Task, task_of

PUBLISHED = 4
ARMS = {"nothing": (False, 0), "earlier": (True, 0), "published": (False, PUBLISHED), "both": (True, PUBLISHED)}
"""What is tried first: settings of the earlier search, and so many published ones."""
EARLY = 5
"""Trials after which searches are compared first."""
SOURCE_TRIALS = 40
"""Of the earlier search."""
MANY = 1000
"""More trials than any budget of epochs allows."""


def main() -> None:
    """Search with and without, print, write."""
    args = parsed()
    with limited_threads(sections(args.params).run.threads), tempfile.TemporaryDirectory() as folder:
        SWITCHES[args.switch](args, Path(folder))


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = arguments("search_worth", __doc__)
    parser.add_argument("switch", choices=SWITCHES)
    parser.add_argument("--seeds", type=int, default=3, help="pairs of searches (3)")
    parser.add_argument("--epochs", type=int, default=100, help="inherit: of all trials of one search (100)")
    parser.add_argument("--table", type=Path, metavar="FILE", help="warm-start: where the searches are replayed")
    parser.add_argument("--source", type=Path, metavar="FILE", help="warm-start: the other data set's table")
    parser.add_argument("--trials", type=int, default=12, help="warm-start: of each search (12)")
    parser.add_argument("--strategy", default="tpe", help="warm-start: who proposes (tpe)")
    return parser.parse_args()


@dataclass
class Spent:
    """What came of a search within a budget of epochs."""

    strategy: str
    """``on`` or ``off``, under which runs are compared."""
    seed: int
    trials: int
    epochs: int
    """Of all trials, and of what was trained again."""
    best_valid: float | None
    """Of a network that was trained from its own start."""
    promised: float
    """The highest that any trial reached, heirs too."""
    seconds: float


def inherit(args: argparse.Namespace, folder: Path) -> None:
    """Pairs of searches on one data set, the second with what the first took."""
    found: list[Spent] = []
    with data_of(args) as data:
        for seed in range(1, args.seeds + 1):
            found.append(_spent(_task(args, data.folder, folder, seed, args.epochs, heirs=True), seed))
            found.append(_spent(_task(args, data.folder, folder, seed, found[-1].epochs, heirs=False), seed))
            rows = [vars(one) for one in found]
            pairs = compared(found, against="off")
            _write(args, {"data": data.name, "epochs": args.epochs, "rows": rows, "against_off": pairs})
            print(table(list(rows[0]), [list(row.values()) for row in rows[-2:]]), flush=True)
    print(f"\n{table(list(pairs[0]), [list(pair.values()) for pair in pairs])}")


def _task(args: argparse.Namespace, data: Path, folder: Path, seed: int, epochs: int, *, heirs: bool) -> Task:
    given = sections(args.params)
    values = {"strategy": "random", "published": 0, "trials": MANY, "total_epochs": epochs, "inherit": heirs}
    search, settings = given.search.model_copy(update=values), given.run.model_copy(update={"seed": seed})
    graphs, work = data / "graph", folder / f"{seed}-{heirs}"
    return task_of(search, settings, graphs / "fit", graphs / "valid", work, spectra=folder / "spectra")


def _spent(task: Task, seed: int) -> Spent:
    started, metric = time.perf_counter(), task.budget.metric
    answers = plain.search(task)
    before = choose.candidates(task, answers, [])
    after = refit(task, before, lambda text: None)
    again = [new.record.trained for old, new in zip(before, after, strict=True) if old.record is not new.record]
    return Spent(
        strategy="on" if task.inherit else "off",
        seed=seed,
        trials=len(answers),
        epochs=sum(answer.epochs for answer in answers) + sum(again),
        best_valid=max((value for row in after if (value := row.final(metric)) is not None), default=None),
        promised=max(answer.value for answer in answers),
        seconds=round(time.perf_counter() - started, 1),
    )


def warm_start(args: argparse.Namespace, folder: Path) -> None:
    """Searches over one table that try different things first."""
    if args.table is None or args.source is None:
        raise UserError("warm-start is replayed: give --table FILE and --source FILE (benchmarks/tables).")
    target, source = Table.load(args.table).narrowed(), Table.load(args.source).narrowed()
    runs = list(_replayed(args, target, source, folder))
    best = max(row.metrics[target.search.metric] for row in target.rows if row.status == "done")
    pairs = [pair for after in (EARLY, args.trials) for pair in _compared(runs, after)]
    about = {"data": target.data, "source": source.data, "strategy": args.strategy, "trials": args.trials}
    rows = [one.row() for one in runs]
    _write(args, {**about, "best_known": best, "rows": rows, "compared": pairs})
    print(regrets(rows, best, args.trials))
    print(f"\n{table(list(pairs[0]), [list(pair.values()) for pair in pairs])}")


def _compared(runs: Sequence[Run], after: int) -> Iterator[dict[str, Any]]:
    """Each arm minus the one that does without its earlier search, by the best of the first ``after`` trials."""
    cut = [replace(one, curve=[point for point in one.curve if point[0] <= after]) for one in runs]
    for arm, without in (("earlier", "nothing"), ("both", "published"), ("published", "nothing")):
        for pair in compared([one for one in cut if one.strategy in (arm, without)], against=without):
            yield {"trials": after, "arm": arm, "minus": without, **dict(list(pair.items())[1:])}


def _replayed(args: argparse.Namespace, target: Table, source: Table, folder: Path) -> Iterator[Run]:
    for seed in range(1, args.seeds + 1):
        there = source.task(folder / "source", args.strategy, SOURCE_TRIALS, seed)
        lay_out(source, there)
        answers = plain.search(there)
        found = best_of(choose.candidates(there, answers, []), there.budget.metric, answers)
        here = target.task(folder / "target", args.strategy, args.trials, seed)
        lay_out(target, here)
        make = partial(_with, here, [one.knobs for one in found])
        yield from (searched(arm, seed, make) for arm in ARMS)


def _with(task: Task, settings: list[dict[str, Any]], arm: str, seed: int) -> Task:
    earlier, published = ARMS[arm]
    return task.model_copy(update={"earlier": tuple(settings) if earlier else (), "published": published})


def _write(args: argparse.Namespace, result: dict[str, Any]) -> None:
    if args.json is not None:
        write_json(args.json, {"switch": args.switch, "seeds": args.seeds, **result} | measured_on())


SWITCHES: dict[str, Callable[[argparse.Namespace, Path], None]] = {"inherit": inherit, "warm-start": warm_start}


if __name__ == "__main__":
    run(main)
