"""The results of the last run as a table: for the console, and for the README."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recsmith.errors import UserError
from recsmith.files import read_json

DATA = Path("data")
TITLES = {"full": "winner", "bundle": "winner, compressed"}
HEADER = ("model", "what it is", "NDCG", "recall", "bytes", "ms a user")


@dataclass(frozen=True)
class Results:
    """What evaluate and compress left behind."""

    metrics: dict[str, Any]
    timing: dict[str, Any]
    sizes: dict[str, int]
    source: dict[str, Any]
    cutoff: int

    def rows(self) -> list[tuple[str, ...]]:
        """One line a model, the winner and its compressed form first, then the baselines from best to worst."""
        models = self.metrics["models"]
        others = [name for name in models if name not in TITLES]
        others.sort(key=lambda name: -models[name]["test"].get(f"ndcg@{self.cutoff}", -1.0))
        return [self._row(name, models[name]) for name in (*TITLES, *others) if name in models]

    def _row(self, name: str, model: dict[str, Any]) -> tuple[str, ...]:
        title, what = TITLES.get(name, name), str(model.get("note") or model.get("architecture") or model["family"])
        scores = [self._score(model, metric) for metric in ("ndcg", "recall")]
        size = self.sizes.get({"full": "export", "bundle": "chosen"}.get(name, ""))
        taken = self.timing.get("ranking_ms", {}).get(name)
        speed = "-" if taken is None else f"{taken / max(self.metrics['users'], 1):.3f}"
        return (title, what, *scores, "-" if size is None else f"{size:,}", speed)

    def _score(self, model: dict[str, Any], metric: str) -> str:
        value = model["test"].get(f"{metric}@{self.cutoff}")
        return "-" if value is None else f"{value:.4f}"

    def header(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(f"{name}@{self.cutoff}" if name in ("NDCG", "recall") else name for name in HEADER)

    def notes(self) -> list[str]:
        """What one has to know to read the table."""
        query = self.timing.get("bundle_query", {})
        notes = [
            f"{self.metrics['users']:,} users of the sealed test; averages over all of them, cold items are misses."
        ]
        notes.append("Bytes: tensors of the model; the winner's as its fp32 export.")
        if query:
            notes.append(f"One call of the bundle: {query['p50_ms']:.2f} ms (99 %: {query['p99_ms']:.2f} ms).")
        if self.source.get("stand_in"):
            notes.append(f"THE BUILT-IN DEMO STANDS IN, this is not real data: {self.source.get('reason')}.")
        return notes


def load(data: Path = DATA) -> Results:
    """Read the files of the last run; UserError where there was none."""
    if not (data / "evaluate/metrics.json").exists():
        raise UserError("there are no results yet: `make run` makes them.")
    metrics = read_json(data / "evaluate/metrics.json")
    cutoffs = {int(name.partition("@")[2]) for name in metrics["models"]["full"]["test"]}
    return Results(
        metrics=metrics,
        timing=read_json(data / "evaluate/timing.json"),
        sizes=read_json(data / "compress/choice.json")["bytes"],
        source=read_json(data / "ingest/source.json"),
        cutoff=20 if 20 in cutoffs else max(cutoffs),
    )


def plain(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """A table for the console; numbers to the right."""
    widths = [max(len(row[column]) for row in (header, *rows)) for column in range(len(header))]
    return "\n".join(_line(row, widths) for row in (header, tuple("-" * width for width in widths), *rows))


def _line(row: tuple[str, ...], widths: list[int]) -> str:
    cells = [
        cell.ljust(width) if column < 2 else cell.rjust(width)
        for column, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]
    return "  ".join(cells).rstrip()


def markdown(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """A table for the README."""
    marks = ["---"] * 2 + ["---:"] * (len(header) - 2)
    return "\n".join(f"| {' | '.join(row)} |" for row in (header, marks, *rows))


def main() -> None:
    """Print the table, its notes, and where the report lies."""
    try:
        results = load()
    except UserError as error:
        sys.exit(f"results: {error}")
    print("\n" + plain(results.header(), results.rows()) + "\n")
    print("\n".join(results.notes()))
    print(f"Report: {(DATA / 'report/report.html').resolve()}")


if __name__ == "__main__":
    main()
