"""Recall and NDCG at 20 of what valid chooses, on any data: ``python -m benchmarks.quality --data DIR --json OUT``.

The choice is made on train and valid, refitted on both, and written with its lists; only then is test opened. Papers
on fixed splits choose on test: what that would have given among the same finalists stands beside it, marked
``selected_on_test`` and used for nothing.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from benchmarks.choice import Candidate, Choice, K, of_one, of_space
from benchmarks.common import (
    Data,
    Sections,
    arguments,
    data_of,
    limited_threads,
    measured_on,
    peak_memory,
    run,
    sections,
    table,
    write_json,
)
from recsmith.config.search import Search
from recsmith.engine.rank.evaluate import evaluate
from recsmith.engine.rank.metrics import evaluate_lists
from recsmith.engine.rank.ranking import top_scored
from recsmith.files import read_json, replacing
from recsmith.graph.relevant import Relevant
from recsmith.model.architecture import architecture, describe

PRESETS = get_args(Search.model_fields["preset"].annotation)
SHOWN = (f"recall@{K}", f"ndcg@{K}")
RESULTS = Path(".work/benchmarks")


class Watch:
    """Seconds by name."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = {}

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.spent[name] = round(time.perf_counter() - start, 2)


def main() -> None:
    """Choose, refit, write, and only then measure on test."""
    args = parsed()
    given = chosen_space(sections(args.params), args.search)
    watch = Watch()
    with limited_threads(given.run.threads), peak_memory() as peak, opened(args, watch) as data:
        out = args.json or RESULTS / f"quality-{data.name}.json"
        with watch("choice"):
            choice = choose(args, data, given)
        result, lists = recommended(choice, data, given, watch, out)
        result |= measured_on() | {"peak_mb": peak()}
        write_json(out, result)
        test = data.test()
        found = evaluate_lists(lists[test.users], test.users, test, [K])
        result |= {"chosen_on_valid": shown(found), "seconds": round(sum(watch.spent.values()), 1)}
        write_json(out, result)
        with watch("best_on_test"):
            result |= {"best_on_test": best_on_test(choice, found, data, test, given.run.memory_mb)}
        write_json(out, result | {"seconds_of": watch.spent, "peak_mb": peak()})
    print(report(result, out))


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = arguments("quality", __doc__)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--architecture", type=Path, metavar="FILE", help="JSON of one architecture")
    what.add_argument("--search", choices=PRESETS, default="filters", help="preset of the space (default: filters)")
    parser.add_argument("--minutes", type=float, default=14.0, help="how long the choice may take (14)")
    parser.add_argument("--trials", type=int, default=60, help="how many candidates are tried at most (60)")
    return parser.parse_args()


def chosen_space(given: Sections, preset: str) -> Sections:
    """The parameters with the preset that the command line names."""
    return given.model_copy(update={"search": given.search.model_copy(update={"preset": preset})})


@contextmanager
def opened(args: argparse.Namespace, watch: Watch) -> Iterator[Data]:
    """The data; what reading it takes is noted."""
    context = data_of(args)
    with watch("load"):
        data = context.__enter__()
    try:
        yield data
    finally:
        context.__exit__(None, None, None)


def choose(args: argparse.Namespace, data: Data, given: Sections) -> Choice:
    """What train and valid say."""
    say = print
    say(f"{data.name}: {data.refit.n_users:,} users, {data.refit.n_items:,} items, {data.refit.n_edges:,} interactions")
    if args.architecture:
        one = architecture(read_json(args.architecture), str(args.architecture))
        return of_one(one, data, given, args.minutes, say)
    return of_space(data, given, args.trials, args.minutes, say)


def recommended(
    choice: Choice, data: Data, given: Sections, watch: Watch, out: Path
) -> tuple[dict[str, Any], np.ndarray]:
    """Everything that is known before test is opened, and the lists of all users, which are written too."""
    winner, top = choice.winner, out.with_suffix(".top.parquet")
    print(f"chosen: {describe(winner.architecture)}", flush=True)
    with watch("fit"):
        model = choice.fitted(winner, data.refit).model
    with watch("evaluate"):
        everyone = np.arange(data.refit.n_users)
        lists, scores = top_scored(model, everyone, K, data.refit, memory_mb=given.run.memory_mb)
    write_top(top, data, lists, scores)
    result = {
        "dataset": data.name,
        "split": data.split,
        "users": data.refit.n_users,
        "items": data.refit.n_items,
        "interactions": data.refit.n_edges,
        "chosen_on_valid": None,
        "best_on_test": None,
        "top": str(top),
        "architecture": winner.architecture.model_dump(mode="json"),
        "epochs": winner.epochs,
        "valid": winner.valid,
        "tried": choice.tried,
        "finalists": [finalist(one) for one in choice.finalists],
        "seconds": round(sum(watch.spent.values()), 1),
        "seconds_of": watch.spent,
    }
    return result, lists


def finalist(one: Candidate) -> dict[str, Any]:
    """What valid says of a candidate."""
    return {"description": describe(one.architecture), "epochs": one.epochs, "valid": shown(one.valid)}


def write_top(path: Path, data: Data, lists: np.ndarray, scores: np.ndarray) -> None:
    """The lists in original ids, as ``recsmith recommend`` writes them."""
    users, items, ranks = data.ids(np.arange(len(lists)), lists)
    columns = {"user_id": users, "item_id": items, "rank": pa.array(ranks), "score": pa.array(scores[lists >= 0])}
    with replacing(path) as aside:
        pyarrow.parquet.write_table(pa.table(columns), aside, compression="zstd")


def best_on_test(choice: Choice, winner: dict[str, float], data: Data, test: Relevant, memory_mb: int) -> Any:
    """The finalist that is best on test, as papers count; nothing follows from it."""
    best, metrics = choice.winner, winner
    for other in choice.finalists[1:]:
        model = choice.fitted(other, data.refit).model
        found = evaluate(model, data.refit, test, [K], memory_mb)
        if found[SHOWN[1]] > metrics[SHOWN[1]]:
            best, metrics = other, found
    named = {"description": describe(best.architecture), "architecture": best.architecture.model_dump(mode="json")}
    return {**shown(metrics), **named, "selected_on_test": True}


def shown(metrics: dict[str, float]) -> dict[str, float]:
    """The headline metrics, as far as they were measured."""
    return {name: metrics[name] for name in SHOWN if name in metrics}


def report(result: dict[str, Any], out: Path) -> str:
    """What a person should see."""
    rows = [[name, *(result[key][metric] for metric in SHOWN)] for name, key in ROWS]
    spent = ", ".join(f"{name} {seconds:,.1f} s" for name, seconds in result["seconds_of"].items())
    lines = [f"{spent}; peak memory {result['peak_mb']:,.0f} MB", f"results: {out}, lists: {result['top']}"]
    return "\n".join([table([result["dataset"], *SHOWN], rows), *lines])


ROWS = (("chosen on valid", "chosen_on_valid"), ("best on test (selected on test)", "best_on_test"))


if __name__ == "__main__":
    run(main)
