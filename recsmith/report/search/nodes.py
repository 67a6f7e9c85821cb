"""What the modules and connections of a supernet contribute."""

from __future__ import annotations

import altair as alt

from recsmith.report import labels
from recsmith.report.charts.style import GNN, ROW, WARN, Rows, Spec, colours, data, spec
from recsmith.report.inputs import Row

MOST = 30


def contributions(scores: list[Row]) -> Spec | None:
    """Bars of how much the loss grows without each, the largest first; None where no supernet was trained."""
    rows: Rows = [
        {"name": name(row), "delta": row["delta"], "group": "helps" if row["delta"] > 0 else "harms"} for row in scores
    ]
    rows = sorted(rows, key=lambda row: -row["delta"])[:MOST]
    if not rows:
        return None
    chart = (
        alt.Chart(data(rows))
        .mark_bar(height=14, cornerRadiusEnd=3, opacity=0.85)
        .encode(
            alt.Y("name:N", sort=None, title=None, axis=alt.Axis(ticks=False, domain=False, labelLimit=260)),
            alt.X("delta:Q", title="loss without it minus loss with it"),
            color=colours({"helps": GNN, "harms": WARN}),
            tooltip=["name:N", alt.Tooltip("delta:Q", format="+.4f")],
        )
    )
    return spec(chart, ROW * len(rows))


def name(row: Row) -> str:
    """``layer 2: GraphSAGE``, or ``embeddings → layer 2``."""
    if row["kind"] == "module":
        return f"layer {row['node']}: {labels.OPERATORS.get(row['operator'], row['operator'])}"
    source, _, target = row["node"].partition("->")
    return f"{_place(source)} → {_place(target)}"


def _place(number: str) -> str:
    return "embeddings" if number == "0" else f"layer {number}"
