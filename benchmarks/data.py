"""Any data that ingest reads as the graphs of a benchmark, by the project's own ingest, split and graph code."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from recsmith.cli.init import collecting
from recsmith.config.base import Run, Section, parse
from recsmith.config.graph import Graph as GraphParams
from recsmith.config.ingest import Ingest
from recsmith.config.search import Search
from recsmith.config.split import Split
from recsmith.config.train import Train
from recsmith.errors import UserError
from recsmith.evaluation.truth import relevant_pairs
from recsmith.graph.build import build_files
from recsmith.graph.graph import Graph
from recsmith.graph.maps import load
from recsmith.graph.relevant import Relevant
from recsmith.sources import lightgcn, recbole, registry, write
from recsmith.sources.fetch import fetch
from recsmith.sources.guess import guess, needed_split
from recsmith.sources.guess_file import Hints
from recsmith.tables.columns import ITEM, TIMESTAMP, USER
from recsmith.tables.connect import engine
from recsmith.tables.demands import TEMPORAL
from recsmith.tables.seal import split_files
from stages._stage import DATA

FORMATS = ("auto", *registry.FORMATS, "sql")
BUILT_IN = ("demo", "ml-latest-small")
"""Data sets that are known by name alone."""


class Sections(Section):
    """A parameter file as far as benchmarks read it; what it leaves out takes the defaults of the sections."""

    run: Run = Run()
    split: Split = Split()
    graph: GraphParams = GraphParams()
    search: Search = Search()
    train: Train = Train()
    ingest: Ingest | None = None


@dataclass(frozen=True)
class Data:
    """What may be learnt from, what is chosen by, and, once the choice is made, what is measured on.

    Shapes: fit (train) and refit (train + valid) over the same ids; users (U,), items (I,) original ids.
    """

    name: str
    folder: Path
    """Of the files behind it, as the line writes them: ``ingest``, ``split``, ``graph``."""
    split: str
    """The method that parted it."""
    fit: Graph
    refit: Graph
    valid: Relevant
    users: pa.Array
    items: pa.Array

    def test(self) -> Relevant:
        """The sealed pairs; nothing opens them before this is called."""
        return relevant_pairs(load(self.folder / "split" / "test.parquet"), self.users, self.items)

    def ids(self, users: np.ndarray, lists: np.ndarray) -> tuple[pa.Array, pa.Array, np.ndarray]:
        """Original ids of lists: user and item of each entry, and its place from 1; -1 entries are left out.

        Shapes: users (n,), lists (n, K) -> three of (at most n K,).
        """
        rows, columns = np.nonzero(lists >= 0)
        of_users, of_items = pa.array(np.asarray(users)[rows]), pa.array(lists[rows, columns])
        return self.users.take(of_users), self.items.take(of_items), (columns + 1).astype(np.int32)


@contextmanager
def loaded(data: str | None, form: str, method: str | None, given: Sections) -> Iterator[Data]:
    """``data`` (a folder, a file or a name) read, split and built in a folder that is removed at the end."""
    with tempfile.TemporaryDirectory(prefix="recsmith-benchmark-") as parent:
        yield prepared(Path(parent), data, form, method, given)


def prepared(folder: Path, data: str | None, form: str, method: str | None, given: Sections) -> Data:
    """``data`` read, split and built in ``folder``.

    Without ``data`` the section ``ingest`` of the parameters says what is read. UserError where it cannot be.
    """
    params, needed = source(data, form, given.ingest)
    # Files of one's own lie relative to the present folder; what is fetched is fetched aside.
    root = Path() if params.source in ("files", "sql") else folder
    fetch(params, root, os.environ.get("RECSMITH_MIRROR"), lambda text: None)
    tables = registry.read(params, root)
    write.write(tables, folder / "ingest")
    timed = not tables.interactions[TIMESTAMP].null_count
    return _built(Path(data or params.path).name, folder, given, _split(given.split, needed, method, timed))


def _built(name: str, folder: Path, given: Sections, params: Split) -> Data:
    with engine(given.run.threads, given.run.memory_mb) as backend:
        split_files(backend, folder / "ingest", folder / "split", params, given.run.seed)
    graphs = folder / "graph"
    build_files(folder / "split", folder / "ingest", graphs, given.graph)
    fit, refit = Graph.load(graphs / "fit"), Graph.load(graphs / "refit")
    users, items = (
        load(graphs / f"{table}.parquet")[key].combine_chunks() for table, key in (("users", USER), ("items", ITEM))
    )
    return Data(name, folder, params.method, fit, refit, Relevant.load(graphs / "valid"), users, items)


def _split(params: Split, needed: dict[str, str], method: str | None, timed: bool) -> Split:
    """The method that was asked for, else what the source needs (no times: random), else the parameters'."""
    untimed = {} if timed or params.method not in TEMPORAL else {"method": "random"}
    values = {**params.model_dump(), **untimed, **needed, **({"method": method} if method else {})}
    return parse(values, Split, "split")


def source(data: str | None, form: str, described: Ingest | None) -> tuple[Ingest, dict[str, str]]:
    """The ``ingest`` section for ``data`` and the keys of ``split`` that it needs."""
    if data is None:
        if described is None:
            raise UserError("--data is due (a folder, a file or a name), or --params with a section ingest.")
        return described, needed_split(described.files) if described.files else {}
    if data in BUILT_IN and not Path(data).exists():
        return parse({"source": data}, Ingest, "ingest"), {}
    where = place(data)
    if described is not None and described.files:
        return described.model_copy(update={"path": str(where)}), needed_split(described.files)
    if form in ("lightgcn", "recbole"):
        specs = (lightgcn if form == "lightgcn" else recbole).found(where)
        values = {"source": "files", "path": str(where), "format": form}
        return parse(values, Ingest, "ingest"), needed_split(specs, untimed=form == "lightgcn")
    return _guessed(where, form)


def place(data: str) -> Path:
    """The folder or file: as it is, or one of that name among the mirror's or in ``data``."""
    mirror = os.environ.get("RECSMITH_MIRROR") or "."
    tried = [Path(data), Path(mirror) / data, DATA / data]
    for path in tried:
        if path.exists():
            return path
    raise UserError(f"--data {data!r} is no file, folder or named data set; tried {', '.join(map(str, tried))}.")


def _guessed(where: Path, form: str) -> tuple[Ingest, dict[str, str]]:
    """As ``recsmith init`` does; UserError says what it would have asked."""
    doubts: list[str] = []
    found = guess([where], Hints(), collecting(doubts), str)
    if doubts:
        raise UserError(
            f"{where} cannot be read without being told more:\n- " + "\n- ".join(doubts) + "\nWrite the section "
            "ingest with these options of `recsmith init`, then give that file as --params."
        )
    params = parse(found.ingest, Ingest, "ingest")
    guessed = "sql" if params.source == "sql" else params.format
    if form not in ("auto", guessed):
        raise UserError(f"--format {form}, but {where} looks like {guessed}. Known: {', '.join(FORMATS)}.")
    return params, found.split
