"""Quality against what serving weighs."""

from __future__ import annotations

import altair as alt

from recsmith.report import labels
from recsmith.report.charts.style import PLAIN, WINNER, Rows, Spec, colours, data, spec
from recsmith.report.search.inputs import SearchInputs


def front(search: SearchInputs) -> Spec | None:
    """Each whole candidate by its bytes; those that no other beats in quality, bytes and cost stand out."""
    text = {(trial.number, trial.name): trial.text for trial in search.rows}
    rows: Rows = [
        {
            "bytes": int(row["bytes"]),
            "cost": int(row["cost"]),
            "value": float(row["metric"]),
            "label": text.get((int(row["number"]), row["name"]), row["name"]),
            "group": "on the front" if row["on_front"] == "1" else "beaten by another",
        }
        for row in search.pareto
    ]
    if len(rows) < 2:
        return None
    metric = labels.metric(search.metric)
    chart = (
        alt.Chart(data(rows))
        .mark_point(filled=True, size=90, opacity=0.9)
        .encode(
            alt.X(
                "bytes:Q",
                title="bytes that serve (log scale)",
                scale=alt.Scale(type="log", nice=False, padding=24),
                axis=alt.Axis(format="~s", tickCount=5),
            ),
            alt.Y("value:Q", title=f"{metric} on validation", scale=alt.Scale(zero=False, padding=12)),
            color=colours({"on the front": WINNER, "beaten by another": PLAIN}),
            tooltip=[
                alt.Tooltip("label:N", title="architecture"),
                alt.Tooltip("value:Q", title=metric, format=".4f"),
                alt.Tooltip("bytes:Q", format=","),
                alt.Tooltip("cost:Q", title="multiply-adds", format=","),
            ],
        )
    )
    return spec(chart, 300)
