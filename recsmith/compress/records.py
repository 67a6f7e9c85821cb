"""What is written down about the choice: a table of all recipes and the one that was taken."""

from __future__ import annotations

import csv
from io import StringIO
from pathlib import Path
from typing import Any

from recsmith.compress.choose import Row, pareto
from recsmith.compress.judge import Judge
from recsmith.files import write_json, write_text

COLUMNS = (
    "recipe",
    "trial",
    "form",
    "precision",
    "sparsity",
    "pruner",
    "block",
    "bytes_a_row",
    "epochs",
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


def write_table(path: Path | str, rows: list[Row], chosen: Row, *, timed: bool = False) -> None:
    """``pareto.csv``: a line a recipe, the forms of the fp32 export first, with every metric on valid.

    Measured milliseconds are in it where the choice depends on them (``timed``).
    """
    front, text = pareto(rows), StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*COLUMNS, *sorted(rows[0].metrics)])
    for row in rows:
        marks = [int(any(row is other for other in front)), int(row is chosen)]
        measured = repr(row.p99_ms) if timed else ""
        numbers = [row.bytes, repr(row.ratio), repr(row.retained), *map(repr, row.interval), row.cost, measured, *marks]
        metrics = [repr(row.metrics[name]) for name in sorted(row.metrics)]
        writer.writerow([row.name, row.trial, *_knobs(row).values(), *numbers, *metrics])
    write_text(path, text.getvalue())


def write_choice(
    path: Path | str,
    rows: list[Row],
    chosen: Row,
    judge: Judge,
    export: int,
    final: int,
    *,
    timed: bool = False,
) -> None:
    """``choice.json``: the recipe, its metrics on valid beside those of the exact candidate and of its fp32 export, and
    the bytes that the final model takes (``chosen``) and would take in fp32 (``export``).

    What was chosen by measured milliseconds (``timed``) may be chosen otherwise the next time.
    """
    choice = {
        "recipe": {"name": chosen.name, **_knobs(chosen)},
        "metric": judge.metric,
        "metrics": chosen.metrics,
        "exact": judge.exact,
        "export": rows[0].metrics,
        "retained": chosen.retained,
        "bytes": {"chosen": final, "export": export},
        "ratio": export / final,
        "slices": {"chosen": chosen.slices, "export": rows[0].slices, "users": judge.slice_users},
        "reproducible": not timed,
    }
    write_json(path, choice)


def _knobs(row: Row) -> dict[str, Any]:
    knobs = row.recipe.knobs
    return {
        "form": row.recipe.form,
        "precision": knobs.precision,
        "sparsity": knobs.sparsity,
        "pruner": row.pruner,
        "block": knobs.block,
        "bytes_a_row": knobs.bytes_a_row,
        "epochs": knobs.tune.epochs,
    }
