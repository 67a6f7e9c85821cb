"""Popularity of what is recommended against that of what is watched."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import numpy as np

from recsmith.report.charts.style import GNN, PLAIN, WINNER, Rows, Spec, colours, data, spec
from recsmith.report.inputs import Inputs

BANDS = (("top 1 %", 0.01), ("next 4 %", 0.05), ("next 15 %", 0.20), ("next 30 %", 0.50), ("last 50 %", 1.0))
NAMES = {"what people chose": PLAIN, "what the bundle recommends": WINNER}


def shares(watched: Sequence[int], counts: Sequence[int]) -> list[float]:
    """The share of ``counts`` on each band of items, bands cut by how often an item is watched (most first)."""
    order = np.argsort(-np.asarray(watched), kind="stable")
    edges = [max(1, round(top * len(order))) for _, top in BANDS]
    total = np.concatenate(([0.0], np.cumsum(np.asarray(counts, np.float64)[order])))
    whole = total[-1] or 1.0
    starts = [0, *edges[:-1]]
    return [float((total[max(stop, start)] - total[start]) / whole) for start, stop in zip(starts, edges, strict=True)]


def popularity(inputs: Inputs) -> Spec | None:
    """Share of choices and of recommendations by popularity band; None where nothing is recommended."""
    if not sum(inputs.watched) or not sum(inputs.recommended):
        return None
    both = zip(NAMES, (inputs.watched, inputs.recommended), strict=True)
    rows: Rows = [
        {"band": band, "group": name, "share": share}
        for name, counts in both
        for (band, _), share in zip(BANDS, shares(inputs.watched, counts), strict=True)
    ]
    chart = (
        alt.Chart(data(rows))
        .mark_bar(cornerRadiusEnd=3)
        .encode(
            alt.X("band:N", sort=[band for band, _ in BANDS], title="items by popularity", axis=alt.Axis(labelAngle=0)),
            alt.Y("share:Q", title="share", axis=alt.Axis(format="%")),
            xOffset=alt.XOffset("group:N", sort=list(NAMES)),
            color=colours(NAMES),
            tooltip=["group:N", "band:N", alt.Tooltip("share:Q", format=".1%")],
        )
    )
    return spec(chart, 280)


def lorenz(inputs: Inputs) -> Spec | None:
    """Lorenz curves: how unequally choices and recommendations fall on the catalogue."""
    if not sum(inputs.watched) or not sum(inputs.recommended):
        return None
    both = zip(NAMES, (inputs.watched, inputs.recommended), strict=True)
    rows: Rows = [{"items": x, "share": y, "group": name} for name, counts in both for x, y in curve(counts)]
    equal = alt.Chart(data([{"items": 0, "share": 0}, {"items": 1, "share": 1}]))
    diagonal = equal.mark_line(strokeDash=[4, 4], color=GNN, strokeWidth=1, opacity=0.7).encode(
        x="items:Q", y="share:Q"
    )
    lines = (
        alt.Chart(data(rows))
        .mark_line(strokeWidth=2.5)
        .encode(
            alt.X("items:Q", title="share of items, least popular first", axis=alt.Axis(format="%")),
            alt.Y("share:Q", title="their share", axis=alt.Axis(format="%")),
            color=colours(NAMES),
            tooltip=["group:N", alt.Tooltip("items:Q", format=".0%"), alt.Tooltip("share:Q", format=".1%")],
        )
    )
    return spec(alt.layer(diagonal, lines), 280)


def curve(counts: Sequence[int], points: int = 101) -> list[tuple[float, float]]:
    """The Lorenz curve of ``counts``: (share of items, least first; their share of the total) at ``points`` places."""
    ordered = np.concatenate(([0.0], np.cumsum(np.sort(np.asarray(counts, np.float64)))))
    places = np.linspace(0.0, 1.0, points)
    at = np.interp(places * len(counts), np.arange(len(ordered)), ordered) / (ordered[-1] or 1.0)
    return [(round(float(x), 6), round(float(y), 6)) for x, y in zip(places, at, strict=True)]
