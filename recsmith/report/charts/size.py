"""How small, how fast, at what price: recipes of compression against quality on valid."""

from __future__ import annotations

from typing import Any

import altair as alt

from recsmith.report import labels
from recsmith.report.charts.style import GNN, PLAIN, WARN, WINNER, Rows, Spec, colours, data, rule_at, spec
from recsmith.report.inputs import Inputs
from recsmith.report.shape import ALL, losses

EXPORT, CHOSEN, FRONT, TRIED = "fp32 export", "chosen", "on the front", "tried"
GROUPS = {CHOSEN: WINNER, FRONT: GNN, TRIED: PLAIN, EXPORT: WARN}
AXES = {
    "bytes": ("bytes of the model (log scale)", "~s", ","),
    "cost": ("multiply-adds of an average query (log scale)", "~s", ","),
    "p99_ms": ("p99 in milliseconds, measured (log scale)", "~g", ".3f"),
}
"""Title, format of the axis and of the tooltip, by what recipes are weighed by."""

PART, OVER = "by activity", "loses over twice as much"
LOSERS = {ALL: WINNER, PART: PLAIN, OVER: WARN}
NOTICED = 0.01
"""A loss below which no slice is pointed at."""


def against(inputs: Inputs, what: str) -> Spec | None:
    """Quality on valid with its interval against bytes, cost or measured latency; None where nothing has that."""
    rows: Rows = [{**row, "group": _group(row)} for row in inputs.pareto if row.get(what)]
    if not rows:
        return None
    metric, (title, axis, tip) = labels.metric(inputs.metric), AXES[what]
    y = {"title": f"{metric} on validation", "scale": alt.Scale(zero=False, padding=16)}
    base = alt.Chart(data(rows)).encode(
        alt.X(
            f"{what}:Q",
            title=title,
            scale=alt.Scale(type="log", nice=False, padding=24),
            axis=alt.Axis(format=axis, tickCount=5),
        ),
        tooltip=[
            alt.Tooltip("recipe:N"),
            alt.Tooltip(f"{what}:Q", title=what.replace("_", " "), format=tip),
            *(alt.Tooltip(f"{key}:Q", title=name, format=".4f") for key, name in _shown(metric).items()),
        ],
    )
    size = alt.condition(f"datum.group == '{CHOSEN}'", alt.value(220), alt.value(90))
    bars = base.mark_rule(strokeWidth=2, opacity=0.35).encode(alt.Y("low:Q", **y), y2="high:Q", color=colours(GROUPS))
    points = base.mark_point(filled=True, opacity=0.95).encode(alt.Y("value:Q", **y), color=colours(GROUPS), size=size)
    chosen = base.transform_filter("datum.chosen").mark_text(dy=-16, fontSize=12, color=WINNER)
    layers: list[Any] = [bars, points, chosen.encode(alt.Y("value:Q", **y), text="recipe:N")]
    if inputs.gate is not None:
        layers.append(rule_at(inputs.gate, "gate", vertical=False))
    return spec(alt.layer(*layers), 300)


def _shown(metric: str) -> dict[str, str]:
    return {"value": metric, "low": "from", "high": "to"}


def _group(row: dict[str, Any]) -> str:
    if row["chosen"]:
        return CHOSEN
    return EXPORT if row["export"] else FRONT if row["front"] else TRIED


def lost(inputs: Inputs) -> Spec | None:
    """What users of each activity lose by the chosen recipe, against the fp32 export; None where nothing was noted."""
    found = losses(inputs.choice)
    if not found:
        return None
    most = max(2 * (found[0]["lost"] or 0.0), NOTICED)
    rows: Rows = [{**row, "group": _loser(row, most)} for row in found if row["lost"] is not None]
    base = alt.Chart(data(rows)).encode(
        alt.Y("slice:N", sort=None, title=None, axis=alt.Axis(ticks=False, domain=False, labelPadding=10)),
        alt.X(
            "lost:Q",
            title=f"share of {labels.metric(inputs.choice['metric'])} on validation that is lost",
            axis=alt.Axis(format="+.1%", tickCount=6),
        ),
        color=colours(LOSERS),
        tooltip=[
            alt.Tooltip("slice:N", title="users"),
            alt.Tooltip("users:Q", title="how many", format=","),
            alt.Tooltip("before:Q", title="fp32 export", format=".4f"),
            alt.Tooltip("after:Q", title="chosen recipe", format=".4f"),
            alt.Tooltip("lost:Q", title="lost", format="+.2%"),
        ],
    )
    return spec(base.mark_bar(height=14, cornerRadiusEnd=3), 30 * len(rows) + 10)


def _loser(row: dict[str, Any], most: float) -> str:
    if row["slice"] == ALL:
        return ALL
    return OVER if row["lost"] > most else PART
