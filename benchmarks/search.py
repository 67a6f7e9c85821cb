"""Strategies side by side at equal budget: ``python -m benchmarks.search --data DIR --trials 40 --seeds 5 --json OUT``.

Each strategy searches with the same seeds, and each trial is trained; with ``--table FILE`` what training gave is read
from what ``benchmarks.search_table`` wrote. A trial of a part of the budget costs that part. Prints the best that each
found on valid, regret curves, and the paired difference of each to random search.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, get_args

from benchmarks.common import arguments, data_of, limited_threads, measured_on, run, sections, table, write_json
from benchmarks.regret import compared, regrets
from benchmarks.runs import Make, Run, searched
from benchmarks.table import Table, lay_out
from recsmith.config.search import Search
from recsmith.errors import UserError, unknown
from recsmith.files import write_text
from recsmith.report.search.page import strategies_page
from recsmith.search.space import SearchSpace
from recsmith.search.strategies import STRATEGIES
from recsmith.search.strategies.halving import SHARES
from recsmith.search.task import Task, task_of

ALL = "random,tpe,evolution,grid,hyperband,bohb,reinforce,ppo,pso,regularized_evolution,enas,darts,one_shot_random"
PRESETS = get_args(Search.model_fields["preset"].annotation)
REFINED = "+refine"
"""Ends the names of refined runs."""
EVERYBODY = 2**31
"""More valid users than anybody has: every candidate is measured on all of them."""


def main() -> None:
    """Search with every strategy and seed, print, write."""
    args = parsed()
    names = known(args.strategies.split(","))
    with limited_threads(sections(args.params).run.threads), opened(args) as (about, make):
        runs: list[Run] = []
        make, names = (both(make, args.refine), [*names, *map(refined, names)]) if args.refine else (make, names)
        for seed in range(1, args.seeds + 1):
            for name in names:
                runs.append(searched(name, seed, make))
                print(runs[-1].line(), flush=True)
                written(args, about, runs)
    print(f"\n{report(written(args, about, runs))}")


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = arguments("search", __doc__)
    parser.add_argument("--table", type=Path, metavar="FILE", help="replay over this table instead of training")
    parser.add_argument("--search", choices=PRESETS, help="preset of the space; default: that of --params, else small")
    parser.add_argument("--strategies", default=ALL, help="names with commas between them; default: all")
    parser.add_argument("--refine", type=float, metavar="SHARE", help="run each also with search.refine at this share")
    parser.add_argument("--html", type=Path, metavar="OUT", help="where a page with the curves is written")
    parser.add_argument("--trials", type=int, default=12, help="whole trials of each run (12)")
    parser.add_argument("--seeds", type=int, default=1, help="runs of each strategy (1)")
    return parser.parse_args()


def known(names: list[str]) -> list[str]:
    """``names``; UserError where one is no strategy."""
    stray = next((name for name in names if name not in STRATEGIES), None)
    if stray is not None:
        raise unknown("--strategies", stray, STRATEGIES)
    return names


def refined(name: str) -> str:
    """What the refined runs of a strategy are called."""
    return f"{name}{REFINED}"


def both(make: Make, share: float) -> Make:
    """Tasks of strategies and of their refined selves; what both try is trained once, and known to the second."""

    def made(name: str, seed: int) -> Task:
        strategy = name.removesuffix(REFINED)
        return make(strategy, seed).model_copy(update={"refine": 0.0 if strategy == name else share})

    return made


@contextmanager
def opened(args: argparse.Namespace) -> Iterator[tuple[dict[str, Any], Make]]:
    """What is searched, in words, and what makes the task of a strategy and a seed."""
    with tempfile.TemporaryDirectory(prefix="recsmith-search-") as folder:
        if args.table is not None:
            yield replayed(Table.load(args.table).narrowed(), Path(folder), args.trials)
        else:
            with data_of(args) as data:
                make = trained(args, data.folder, Path(folder))
                task = make("random", 1)
                size = SearchSpace(task.space).size
                yield {"data": data.name, "metric": task.budget.metric, "replayed": False, "space": size}, make


def replayed(stored: Table, folder: Path, trials: int) -> tuple[dict[str, Any], Make]:
    """Searches over a table; its rows are laid out once for each seed."""
    stored.candidates()
    values = [row.metrics[stored.search.metric] for row in stored.rows if row.status == "done"]
    about = {
        "data": stored.data,
        "metric": stored.search.metric,
        "replayed": True,
        "space": stored.space.size,
        "best_known": max(values),
    }
    laid: set[int] = set()

    def make(name: str, seed: int) -> Task:
        if STRATEGIES[name].driver == "one_shot":
            raise UserError(f"{name} trains shared weights, and a table holds no graph: measure it with --data.")
        task = stored.task(folder, name, trials, seed)
        if seed not in laid:
            lay_out(stored, task, SHARES)
            laid.add(seed)
        return task

    return about, make


def trained(args: argparse.Namespace, data: Path, folder: Path) -> Make:
    """Searches whose trials are trained, each run in a folder of its own."""
    given, graphs = sections(args.params), data / "graph"
    preset = {"preset": args.search} if args.search else {}
    alike = {"trials": args.trials, "valid_users": EVERYBODY, "published": 0}
    search = given.search.model_copy(update={**preset, **alike})

    def make(name: str, seed: int) -> Task:
        ours, run = search.model_copy(update={"strategy": name}), given.run.model_copy(update={"seed": seed})
        return task_of(
            ours, run, graphs / "fit", graphs / "valid", folder / f"{name}-{seed}", spectra=folder / "spectra"
        )

    return make


def written(args: argparse.Namespace, about: dict[str, Any], runs: list[Run]) -> dict[str, Any]:
    """The results so far, in the file too where one is asked for."""
    best = max((run.best_valid for run in runs if run.best_valid is not None), default=0.0)
    result = {"trials": args.trials, "seeds": args.seeds, "best_known": best, **about}
    result |= {"rows": [run.row() for run in runs], "against_random": compared(runs)}
    if args.refine:
        result |= {"refine": args.refine, "against_unrefined": against_unrefined(runs)}
    if args.json is not None:
        write_json(args.json, result | measured_on())
    if args.html is not None:
        write_text(args.html, strategies_page(result, result["metric"]))
    return result


def against_unrefined(runs: list[Run]) -> list[dict[str, Any]]:
    """For every strategy, the mean of its refined runs' best minus its own with the same seeds."""
    names = dict.fromkeys(run.strategy.removesuffix(REFINED) for run in runs)
    pairs = (compared([run for run in runs if run.strategy in (name, refined(name))], name) for name in names)
    return [row for found in pairs for row in found]


HEAD = ("strategy", "seed", "trials_done", "best_valid", "seconds", "error")


def report(result: dict[str, Any]) -> str:
    """What a person should see."""
    rows = [[row[name] for name in HEAD] for row in result["rows"]]
    parts = [table(HEAD, rows), regrets(result["rows"], result["best_known"], result["trials"])]
    parts += [
        _pairs("minus random", result["against_random"]),
        _pairs("minus unrefined", result.get("against_unrefined", [])),
    ]
    return "\n\n".join(part for part in parts if part)


def _pairs(title: str, rows: list[dict[str, Any]]) -> str:
    return table([title, *list(rows[0])[1:]], [list(row.values()) for row in rows]) if rows else ""


if __name__ == "__main__":
    run(main)
