"""The results of the last run: what the console and the README show."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recsmith.errors import UserError
from recsmith.files import read_json
from recsmith.output import say
from recsmith.report.table import result_markdown, result_table

DATA = Path("data")


@dataclass(frozen=True)
class Results:
    """Contents of the files that evaluate, compress and ingest left behind."""

    metrics: dict[str, Any]
    choice: dict[str, Any]
    timing: dict[str, Any]
    source: dict[str, Any]

    @property
    def text(self) -> str:
        """An aligned table."""
        return result_table(self.metrics, self.choice, self.timing)

    @property
    def markdown(self) -> str:
        """A Markdown table."""
        return result_markdown(self.metrics, self.choice, self.timing)

    def notes(self) -> list[str]:
        """What one has to know to read the table."""
        users, method = self.metrics["users"], self.metrics["split"]["method"]
        notes = [
            f"Data: {self.source['name']}; split: {method}; {users:,} users of the sealed test; cold items are misses.",
            "Bytes: tensors of the model, the winner's as its fp32 export. ms: one call of the bundle (median); "
            "elsewhere a user's share of ranking everybody.",
        ]
        if self.source.get("stand_in"):
            notes.append(f"THE BUILT-IN DEMO STANDS IN, this is not real data: {self.source.get('reason')}.")
        return notes


def load(data: Path = DATA) -> Results:
    """Read the files of the last run; UserError where there was none."""
    if not (data / "evaluate/metrics.json").exists():
        raise UserError("there are no results yet: `make run` makes them.")
    names = ("evaluate/metrics", "compress/choice", "evaluate/timing", "ingest/source")
    return Results(*(read_json(data / f"{name}.json") for name in names))


def main() -> None:
    """Print the table, its notes, and where the report lies."""
    try:
        results = load()
    except UserError as error:
        sys.exit(f"results: {error}")
    say("\n".join(("", results.text, "", *results.notes())))
    say(f"Report: {(DATA / 'report/report.html').resolve()}")


if __name__ == "__main__":
    main()
