"""What happened on the way: search, training, compression, time."""

from __future__ import annotations

from typing import Any

import altair as alt

from recsmith.report import labels
from recsmith.report.charts.style import (
    FAMILIES,
    GNN,
    PLAIN,
    WARN,
    WINNER,
    Rows,
    Spec,
    colours,
    data,
    rule_at,
    spec,
    whole,
)
from recsmith.report.inputs import Inputs


def search(inputs: Inputs) -> Spec | None:
    """Each trial's metric by family, the best so far, the best baseline; None without a finished trial."""
    rows: Rows = [
        {**trial, "group": labels.family(str(trial["family"]))} for trial in inputs.trials if trial["value"] is not None
    ]
    if not rows:
        return None
    best = [row for row in inputs.trials if row["best"] is not None]
    seen = {name: colour for name, colour in FAMILIES.items() if any(row["group"] == name for row in rows)}
    x = alt.X(
        "trial:Q",
        title="trial",
        axis=alt.Axis(values=whole(len(inputs.trials)), format="d"),
        scale=alt.Scale(nice=False, padding=14),
    )
    y = alt.Y("value:Q", title=f"{labels.metric(inputs.metric)} on validation", scale=alt.Scale(zero=False))
    tip = [alt.Tooltip("trial:Q"), alt.Tooltip("label:N", title="architecture"), alt.Tooltip("value:Q", format=".4f")]
    points = alt.Chart(data(rows)).mark_point(filled=True, size=110, opacity=0.95)
    step = alt.Chart(data(best)).mark_line(interpolate="step-after", color=PLAIN, strokeWidth=1.5)
    layers: list[Any] = [step.encode(x, alt.Y("best:Q")), points.encode(x, y, color=colours(seen), tooltip=tip)]
    baseline = best_baseline(inputs)
    if baseline is not None:
        layers.append(rule_at(baseline[1], f"best baseline: {labels.model(baseline[0])}", vertical=False))
    return spec(alt.layer(*layers), 300)


def best_baseline(inputs: Inputs) -> tuple[str, float] | None:
    """The baseline that was best on valid, and its metric."""
    values = [
        (str(record["name"]), float(record["metrics"][inputs.metric]))
        for record in inputs.records
        if inputs.metric in record.get("metrics", {})
    ]
    return max(values, key=lambda pair: pair[1], default=None)


def training(inputs: Inputs, field: str) -> Spec | None:
    """One curve over the epochs of candidate and final model; None where nothing was trained in epochs."""
    rows: Rows = [
        {"epoch": row["epoch"], "value": row[field], "group": row["run"]}
        for row in inputs.training
        if row.get(field) is not None
    ]
    if not rows:
        return None
    names, last = list(dict.fromkeys(str(row["group"]) for row in rows)), max(int(row["epoch"]) for row in rows)
    title = "loss" if field == "loss" else f"{labels.metric(field)} on validation"
    base = alt.Chart(data(rows)).encode(
        alt.X("epoch:Q", title="epoch", axis=alt.Axis(values=whole(last), format="d"), scale=alt.Scale(nice=False)),
        alt.Y("value:Q", title=title, scale=alt.Scale(zero=False)),
        color=colours(dict(zip(names, (GNN, WINNER, WARN, PLAIN), strict=False))),
        tooltip=[alt.Tooltip("epoch:Q"), alt.Tooltip("value:Q", format=".4f"), alt.Tooltip("group:N", title="run")],
    )
    return spec(alt.layer(base.mark_line(strokeWidth=2), base.mark_point(filled=True, size=26, opacity=1)), 240)


def timing(inputs: Inputs) -> Spec | None:
    """Seconds of each stage; None where none was measured."""
    rows: Rows = [
        {"stage": name, "seconds": value["seconds"], "memory": value.get("peak_memory_mb")}
        for name, value in inputs.timing.items()
        if value.get("seconds") is not None
    ]
    if not rows:
        return None
    base = alt.Chart(data(rows)).encode(
        alt.Y(
            "stage:N",
            sort=[row["stage"] for row in rows],
            title=None,
            axis=alt.Axis(ticks=False, domain=False, labelPadding=10),
        ),
        alt.X("seconds:Q", title="seconds"),
        tooltip=[
            "stage:N",
            alt.Tooltip("seconds:Q", format=",.1f"),
            alt.Tooltip("memory:Q", title="peak MB", format=",.0f"),
        ],
    )
    text = base.mark_text(align="left", dx=6, color=PLAIN, fontSize=12).encode(
        text=alt.Text("seconds:Q", format=",.1f")
    )
    return spec(alt.layer(base.mark_bar(color=GNN, opacity=0.8, cornerRadiusEnd=3, height=14), text), 26 * len(rows))
