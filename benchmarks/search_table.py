"""Train every candidate of a small space: ``python -m benchmarks.search_table --data DIR --out FILE``.

``benchmarks.search --table FILE`` replays searches over the result in seconds. ``--prepare GRAPHS`` stops once graph
and settings lie in a folder; ``--graphs GRAPHS`` goes on from there with torch, scipy, pydantic and torch_geometric
alone, so that it can run on another machine. Candidates that FILE holds are kept: run it again, and it goes on.
"""

from __future__ import annotations

import argparse
import multiprocessing
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from functools import lru_cache
from pathlib import Path
from typing import Any

from benchmarks.machine import measured_on
from benchmarks.table import Row, Table
from recsmith.engine.fit import FitSettings, fit
from recsmith.engine.rank.evaluate import evaluate
from recsmith.errors import SizedOut, UserError
from recsmith.files import digest
from recsmith.graph.graph import Graph
from recsmith.graph.relevant import Relevant
from recsmith.search.attempt import FAILURES
from recsmith.search.task import Task, fit_values, task_of
from recsmith.search.tree import proposals

SETTINGS = Path(__file__).with_name("settings") / "search_table.yaml"
TABLE = "table.json"
"""Beside the graphs: the table before its first row."""
SAVED_SECONDS = 10.0
"""The least time between two writes of the table."""


def main() -> None:
    """Prepare, evaluate, or both."""
    args = parsed()
    if args.prepare:
        return print(prepared(args, args.prepare))
    with tempfile.TemporaryDirectory(prefix="recsmith-table-") as parent:
        if args.graphs is None:
            args.graphs = Path(parent) / "graphs"
            print(prepared(args, args.graphs), flush=True)
        print(report(evaluated(args), args.out))


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser("python -m benchmarks.search_table", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data", help="a folder, a file, or a name, as every benchmark takes it")
    parser.add_argument("--format", default="auto", help="of the data; auto looks as `recsmith init` does")
    parser.add_argument("--split", help="default: what the source needs, else that of --params")
    parser.add_argument("--params", type=Path, metavar="FILE", help="sections ingest, split and graph of the data")
    parser.add_argument("--space", type=Path, metavar="FILE", default=SETTINGS, help=f"run, search ({SETTINGS.name})")
    parser.add_argument("--prepare", type=Path, metavar="GRAPHS", help="write graph and settings there, and stop")
    parser.add_argument("--graphs", type=Path, metavar="GRAPHS", help="what --prepare wrote")
    parser.add_argument("--out", type=Path, metavar="FILE", help="the table (JSON)")
    parser.add_argument("--workers", type=int, default=1, help="processes that train at the same time (1)")
    parser.add_argument("--device", default="auto", help="cpu, cuda, auto (default)")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="begin no candidate after so long")
    args = parser.parse_args()
    if not args.prepare and not args.out:
        parser.error("--out FILE or --prepare GRAPHS is due")
    return args


def prepared(args: argparse.Namespace, folder: Path) -> str:
    """Write graph, valid and the empty table of the data into ``folder``; gives what a person should know."""
    # Imported late: reading data needs packages that training does without.
    from benchmarks.common import loaded, sections
    from recsmith.files import replacing

    space = sections(args.space)
    with loaded(args.data, args.format, args.split, sections(args.params)) as data, replacing(folder) as aside:
        for part in ("fit", "valid"):
            shutil.copytree(data.folder / "graph" / part, aside / part)
        table = Table(data=data.name, search=space.search, run=space.run, graph=data.fit.hash)
        table.over(table.space.knobs).save(aside / TABLE)
    return f"{table.data}: {data.fit.n_edges:,} edges, {table.space.size} candidates, in {folder}"


def evaluated(args: argparse.Namespace) -> Table:
    """The table with a row for every candidate, as far as the time went; written as it grows."""
    table = Table.load(args.graphs / TABLE)
    if args.out.exists():
        table = table.model_copy(update={"rows": Table.load(args.out).rows})
    rows = {digest(row.proposal): row for row in table.rows}
    todo = [one for one in proposals(table.space.tree) if digest(one) not in rows]
    saved = 0.0
    for row in trained(args, todo):
        rows[digest(row.proposal)] = row
        if time.monotonic() - saved > SAVED_SECONDS:
            saved = time.monotonic()
            _written(table, rows, args.out)
            print(f"{len(rows)} of {table.space.size}", flush=True)
    return _written(table, rows, args.out)


def _written(table: Table, rows: dict[str, Row], path: Path) -> Table:
    """The table with these rows, in the order of the space."""
    kept = [rows[name] for one in proposals(table.space.tree) if (name := digest(one)) in rows]
    table = table.model_copy(update={"rows": tuple(kept), "measured_on": measured_on()})
    table.save(path)
    return table


def trained(args: argparse.Namespace, todo: list[dict[str, Any]]) -> Iterator[Row]:
    """Rows as they come from the workers."""
    end = time.monotonic() + 60 * args.minutes
    with ProcessPoolExecutor(args.workers, multiprocessing.get_context("spawn")) as pool:
        waiting = [pool.submit(row_of, str(args.graphs), args.device, one) for one in todo]
        for done in as_completed(waiting):
            if time.monotonic() > end:
                _dropped(waiting)
            if not done.cancelled():
                yield done.result()


def _dropped(waiting: list[Future[Row]]) -> None:
    for one in waiting:
        one.cancel()


def row_of(graphs: str, device: str, proposal: dict[str, Any]) -> Row:
    """Train one candidate; what fails is a row that says why."""
    started = time.perf_counter()
    try:
        row = _trained(graphs, device, proposal)
    except SizedOut as error:
        row = Row(proposal=proposal, status="sized_out", error=str(error))
    except FAILURES:
        row = Row(proposal=proposal, status="failed", error=traceback.format_exc())
    return row.model_copy(update={"seconds": round(time.perf_counter() - started, 3)})


def _trained(graphs: str, device: str, proposal: dict[str, Any]) -> Row:
    table, task, graph, valid = _opened(graphs, device)
    settings = FitSettings(**fit_values(task))
    fitted = fit(table.space.architecture(proposal), graph, settings, valid)
    metrics = evaluate(fitted.model, graph, valid, task.budget.cutoffs, task.memory_mb)
    curve = {row["epoch"]: row[settings.metric] for row in fitted.history if settings.metric in row}
    return Row(proposal=proposal, metrics=metrics, epochs=fitted.epochs, curve=curve)


@lru_cache(maxsize=1)
def _opened(graphs: str, device: str) -> tuple[Table, Task, Graph, Relevant]:
    """What all candidates of a worker share."""
    folder = Path(graphs)
    table = Table.load(folder / TABLE)
    run = table.run.model_copy(update={"device": device})
    task = task_of(table.search, run, folder / "fit", folder / "valid", folder)
    return table, task, Graph.load(folder / "fit"), Relevant.load(folder / "valid")


def report(table: Table, out: Path) -> str:
    """What a person should see."""
    values = sorted(row.metrics[table.search.metric] for row in table.rows if row.status == "done")
    failures = sum(row.status != "done" for row in table.rows)
    spread = f"{table.search.metric} {values[0]:.4f} to {values[-1]:.4f}" if values else "nothing was trained"
    return f"{len(table.rows)} of {table.space.size} candidates, {failures} without a result, {spread}: {out}"


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.exit(str(error))
