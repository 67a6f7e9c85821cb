"""What is written down about the choice: a table of all recipes and the one that was taken."""

from __future__ import annotations

import csv
from io import StringIO
from pathlib import Path
from typing import Any

from recsmith.compress.choose import Row, pareto
from recsmith.files import write_json, write_text

COLUMNS = (
    "recipe",
    "form",
    "precision",
    "sparsity",
    "pruner",
    "bytes",
    "ratio",
    "retained",
    "low",
    "high",
    "cost",
    "p99_ms",
    "pareto",
    "chosen",
)


def write_table(path: Path | str, rows: list[Row], chosen: Row) -> None:
    """``pareto.csv``: a line a recipe, the forms of the fp32 export first, with every metric on valid."""
    front, text = pareto(rows), StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*COLUMNS, *sorted(rows[0].metrics)])
    for row in rows:
        marks = [int(any(row is other for other in front)), int(row is chosen)]
        measured = "" if row.p99_ms is None else repr(row.p99_ms)
        numbers = [row.bytes, repr(row.ratio), repr(row.retained), *map(repr, row.interval), row.cost, measured, *marks]
        metrics = [repr(row.metrics[name]) for name in sorted(row.metrics)]
        writer.writerow([row.name, *_knobs(row).values(), *numbers, *metrics])
    write_text(path, text.getvalue())


def write_choice(
    path: Path | str, rows: list[Row], chosen: Row, exact: dict[str, float], metric: str, export: int, final: int
) -> None:
    """``choice.json``: the recipe, its metrics on valid beside those of the exact candidate and of its fp32 export, and
    the bytes that the final model takes (``chosen``) and would take in fp32 (``export``)."""
    choice = {
        "recipe": {"name": chosen.name, **_knobs(chosen)},
        "metric": metric,
        "metrics": chosen.metrics,
        "exact": exact,
        "export": rows[0].metrics,
        "retained": chosen.retained,
        "bytes": {"chosen": final, "export": export},
        "ratio": export / final,
        "slices": {"chosen": chosen.slices, "export": rows[0].slices},
        "reproducible": chosen.p99_ms is None,
    }
    write_json(path, choice)


def _knobs(row: Row) -> dict[str, Any]:
    knobs = row.recipe.knobs
    return {"form": row.recipe.form, "precision": knobs.precision, "sparsity": knobs.sparsity, "pruner": row.pruner}
