"""What all benchmarks share: arguments, data, memory, tables and JSON."""

from __future__ import annotations

import argparse
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, get_args

import psutil

from benchmarks.data import FORMATS, Data, Sections, loaded
from benchmarks.machine import ROOT, measured_on
from recsmith.config.base import parse
from recsmith.config.read import read_sections
from recsmith.config.split import Split
from recsmith.errors import UserError
from recsmith.files import write_json
from stages._resources import limited_threads, tree_memory
from stages._stage import known_sections

__all__ = [
    "ROOT",
    "Data",
    "Sections",
    "arguments",
    "data_of",
    "limited_threads",
    "loaded",
    "measured_on",
    "peak_memory",
    "run",
    "sections",
    "table",
    "write_json",
]

METHODS = get_args(Split.model_fields["method"].annotation)
SAMPLE_SECONDS = 0.1


def arguments(name: str, text: str | None) -> argparse.ArgumentParser:
    """The arguments of every benchmark; ``text`` is its docstring."""
    parser = argparse.ArgumentParser(f"python -m benchmarks.{name}", description=(text or "").split("\n")[0])
    parser.add_argument("--data", help="a folder, a file, or a name: demo, ml-latest-small, a folder of the mirror")
    parser.add_argument("--format", choices=FORMATS, default="auto", help="auto looks as `recsmith init` does")
    parser.add_argument("--split", choices=METHODS, help="default: what the source needs, else that of --params")
    parser.add_argument("--params", type=Path, metavar="FILE", help="sections run, split, graph, ... (params.yaml)")
    parser.add_argument("--json", type=Path, metavar="OUT", help="where the results are written")
    return parser


def sections(path: Path | None) -> Sections:
    """The parameter file as far as all benchmarks read it; defaults without one."""
    values = known_sections(read_sections(path)) if path else {}
    read = {name: value for name, value in values.items() if value and name in Sections.model_fields}
    return parse(read, Sections, str(path))


@contextmanager
def data_of(args: argparse.Namespace) -> Iterator[Data]:
    """The data that the arguments name, for as long as the context lasts."""
    with loaded(args.data, args.format, args.split, sections(args.params)) as data:
        yield data


def run(main: Callable[[], None]) -> None:
    """Call ``main``; what was given and cannot be used ends in one plain message."""
    try:
        main()
    except UserError as error:
        sys.exit(str(error))


@contextmanager
def peak_memory() -> Iterator[Callable[[], float]]:
    """Yield a function that answers the peak resident megabytes of this process and all it started, since the start.

    Sampled ten times a second; ends with the context.
    """
    process, stop = psutil.Process(), threading.Event()
    peak = [tree_memory(process)]

    def sample() -> None:
        while not stop.wait(SAMPLE_SECONDS):
            peak[0] = max(peak[0], tree_memory(process))

    thread = threading.Thread(target=sample, daemon=True)
    thread.start()
    try:
        yield lambda: round(max(peak[0], tree_memory(process)) / 2**20, 1)
    finally:
        stop.set()
        thread.join()


def table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Rows under a header, columns aligned; numbers to the right, None as ``-``."""
    texts = [[_text(value) for value in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(header, *texts, strict=True)]
    right = [all(isinstance(row[n], int | float | None) for row in rows) for n in range(len(header))]
    lines = [list(header), ["-" * width for width in widths], *texts]
    return "\n".join("  ".join(map(_padded, line, widths, right)).rstrip() for line in lines)


def _text(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.4f}" if abs(value) < 1 else f"{value:,.1f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _padded(text: str, width: int, right: bool) -> str:
    return text.rjust(width) if right else text.ljust(width)
