"""The decay report as CSV and as one page with a picture."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import astuple, fields
from html import escape

from recsmith.retrain.decay import WAYS, Row
from recsmith.retrain.drift_page import STYLE

COLOURS = {"left": "#b00020", "cold": "#1f77b4", "warm": "#2ca02c"}
WORDS = {"left": "left as it was", "cold": "retrained from nothing", "warm": "gone on from the window before"}
WIDTH, HEIGHT, EDGE = 560, 260, 50


def table_csv(rows: Sequence[Row]) -> str:
    """A row a window and a way."""
    text = io.StringIO()
    names = [field.name for field in fields(Row)]
    csv.writer(text, lineterminator="\n").writerows([names, *(astuple(row) for row in rows)])
    return text.getvalue()


def render(rows: Sequence[Row], metric: str, architecture: str) -> str:
    """The page as HTML."""
    body = "".join(
        f"<tr><td>{row.window}</td><td>{WORDS[row.way]}</td><td>{row.value:.4f}</td><td>{row.users:,}</td>"
        f"<td>{row.epochs}</td><td>{row.seconds:.1f}</td></tr>"
        for row in rows
    )
    head = "".join(f"<th>{word}</th>" for word in ("window", "model", metric, "users", "epochs", "seconds"))
    return (
        f"<!doctype html><html lang='en'><meta charset='utf-8'><title>Decay</title><style>{STYLE}</style>"
        f"<h1>Decay without retraining, and what retraining wins back</h1><p>{escape(architecture)}; {metric} on each "
        f"window, which no model has seen.</p>{_picture(rows)}<table><tr>{head}</tr>{body}</table></html>\n"
    )


def _picture(rows: Sequence[Row]) -> str:
    """A line a way."""
    top = max(row.value for row in rows) or 1.0
    last = max(row.window for row in rows)

    def place(row: Row) -> str:
        right = EDGE + (row.window - 1) / max(1, last - 1) * (WIDTH - 2 * EDGE)
        return f"{right:.1f},{HEIGHT - EDGE - row.value / top * (HEIGHT - 2 * EDGE):.1f}"

    parts = [f"<text x='0' y='{EDGE}'>{top:.3f}</text><text x='0' y='{HEIGHT - EDGE}'>0</text>"]
    for number, way in enumerate(way for way in WAYS if any(row.way == way for row in rows)):
        points = " ".join(place(row) for row in rows if row.way == way)
        colour, right = COLOURS[way], EDGE + number * 170
        parts.append(f"<polyline points='{points}' fill='none' stroke='{colour}' stroke-width='2'/>")
        parts.append(f"<text x='{right}' y='{HEIGHT - 10}' fill='{colour}'>{WORDS[way]}</text>")
    return f"<svg width='{WIDTH}' height='{HEIGHT}' role='img'>{''.join(parts)}</svg>"
