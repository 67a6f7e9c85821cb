"""The results as a table for the console and for the README."""

from __future__ import annotations

from textwrap import wrap
from typing import Any

from recsmith.model.names import BASELINES, cutoffs_of, headline_cutoff
from recsmith.report import labels
from recsmith.report import numbers as n

ORDER = ("full", *BASELINES, "bundle")
"""Winner, baselines, compressed winner."""
WIDEST = 76
"""Characters of a line on what a model is: the table is not much wider than a terminal."""


def result_rows(
    metrics: dict[str, Any], choice: dict[str, Any], timing: dict[str, Any]
) -> tuple[list[str], list[list[str]]]:
    """Head and rows: model, what it is, NDCG, Recall, what was searched for, bytes of the model to serve, ms.

    ``metrics``, ``choice`` and ``timing`` are the contents of evaluate's metrics.json, compress's choice.json and
    evaluate's timing.json. ms: one user's list from the bundle (median), a user's share of ranking everybody elsewhere.
    """
    models = metrics["models"]
    cutoff = headline_cutoff(cutoffs_of(models["full"]["test"]))
    shown = [f"ndcg@{cutoff}", f"recall@{cutoff}"]
    searched = choice.get("metric")
    if searched and searched not in shown:
        shown.append(searched)
    head = ["model", "what", *(labels.metric(name) for name in shown), "bytes", "ms a user"]
    return head, [_row(name, models[name], shown, choice, timing, metrics["users"]) for name in ORDER if name in models]


def _row(
    name: str, model: dict[str, Any], shown: list[str], choice: dict[str, Any], timing: dict[str, Any], users: int
) -> list[str]:
    test, size = model.get("test") or {}, choice.get("bytes") or {}
    taken = (timing.get("ranking_ms") or {}).get(name)
    ms = (timing.get("bundle_query") or {}).get("p50_ms") if name == "bundle" else taken and taken / users
    weight = {"full": size.get("export"), "bundle": size.get("chosen")}.get(name)
    what = model["architecture"] if test else f"left out: {model.get('note')}"
    scores = [n.score(test.get(metric)) for metric in shown]
    return [labels.model(name), what, *scores, n.NONE if weight is None else n.count(weight), n.score(ms, 2)]


def result_table(metrics: dict[str, Any], choice: dict[str, Any], timing: dict[str, Any]) -> str:
    """The rows as aligned text; a long word on what a model is goes on below itself."""
    head, rows = result_rows(metrics, choice, timing)
    rows = [line for row in rows for line in _folded(row)]
    widths = [max(len(row[place]) for row in [head, *rows]) for place in range(len(head))]
    return "\n".join(_line(row, widths) for row in [head, ["-" * width for width in widths], *rows])


def _folded(row: list[str]) -> list[list[str]]:
    model, what, *numbers = row
    first, *more = wrap(what, WIDEST)
    return [[model, first, *numbers], *(["", line, *[""] * len(numbers)] for line in more)]


def _line(row: list[str], widths: list[int]) -> str:
    cells = [
        cell.ljust(width) if place < 2 else cell.rjust(width)
        for place, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]
    return "  ".join(cells).rstrip()


def result_markdown(metrics: dict[str, Any], choice: dict[str, Any], timing: dict[str, Any]) -> str:
    """The rows as a Markdown table."""
    head, rows = result_rows(metrics, choice, timing)
    rule = ["---", "---", *["---:"] * (len(head) - 2)]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in [head, rule, *rows])
