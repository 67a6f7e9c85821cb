"""Colours that read on light and on dark ground, and what all charts share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import altair as alt

WINNER, FILTER, GNN, PLAIN, WARN = "#1f9e8f", "#1f9e8f", "#6f7bdc", "#8d95a1", "#d1792f"
FAMILIES = {"item filter": FILTER, "graph network": GNN}
ROW = 30
"""Height of one row of a dot plot, in pixels."""

Spec = dict[str, Any]
Rows = list[dict[str, Any]]


def data(rows: Rows) -> alt.InlineData:
    """Rows as a chart's own data."""
    return alt.InlineData(values=rows)


def spec(chart: alt.TopLevelMixin, height: int) -> Spec:
    """A chart as wide as its place on the page."""
    value = chart.properties(width="container", height=height, background="transparent").to_dict()
    value.pop("$schema", None)
    value.pop("config", None)
    return {**value, "autosize": {"type": "fit-x", "contains": "padding"}}


def colours(named: Mapping[str, str], title: str | None = None, *, legend: bool = True) -> alt.Color:
    """Colour by field ``group``, each name with its own."""
    scale = alt.Scale(domain=list(named), range=list(named.values()))
    return alt.Color(
        "group:N", scale=scale, legend=alt.Legend(title=title, orient="top", symbolOpacity=1) if legend else None
    )


def whole(last: int, most: int = 12) -> list[int]:
    """Places of at most about ``most`` ticks on an axis of whole numbers from 1 to ``last``."""
    step = max(1, -(-last // most))
    return sorted({1, *range(step, last + 1, step)})


def rule_at(value: float, label: str, *, vertical: bool = True) -> Any:
    """A dashed line with a word beside it."""
    rows = data([{"at": value, "label": label}])
    place = alt.X("at:Q") if vertical else alt.Y("at:Q")
    line = alt.Chart(rows).mark_rule(strokeDash=[5, 4], color=WARN, strokeWidth=1.5).encode(place)
    offset = {"y": 0, "dy": -8, "dx": 4, "align": "right"} if vertical else {"x": 4, "dy": -7, "align": "left"}
    return line + alt.Chart(rows).mark_text(color=WARN, fontSize=12, **offset).encode(place, text="label:N")
