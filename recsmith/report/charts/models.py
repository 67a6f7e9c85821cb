"""Models side by side."""

from __future__ import annotations

import altair as alt

from recsmith.report import labels
from recsmith.report.charts.style import PLAIN, ROW, WARN, WINNER, Rows, Spec, colours, data, rule_at, spec
from recsmith.report.inputs import Inputs

GROUPS = {"the searched winner": WINNER, "baselines": PLAIN}


def _group(name: str) -> str:
    return "the searched winner" if name in ("full", "bundle") else "baselines"


def _models(y: str = "model:N", order: list[str] | None = None) -> alt.Y:
    return alt.Y(y, sort=order, title=None, axis=alt.Axis(labelLimit=180, ticks=False, domain=False, labelPadding=10))


def comparison(inputs: Inputs, metric: str) -> Spec:
    """Every model's average with its interval, best first; the oracle as a line."""
    rows: Rows = [
        {
            "model": labels.model(name),
            "value": model["test"][metric],
            "low": model["interval"][metric][0],
            "high": model["interval"][metric][1],
            "group": _group(name),
        }
        for name, model in inputs.models.items()
    ]
    rows.sort(key=lambda row: -row["value"])
    base = alt.Chart(data(rows)).encode(y=_models(order=[row["model"] for row in rows]))
    tip = _tip(labels.metric(metric))
    x = alt.X(
        "low:Q", title=f"{labels.metric(metric)} on the test", scale=alt.Scale(zero=False), axis=alt.Axis(tickCount=5)
    )
    bars = base.mark_rule(strokeWidth=3, opacity=0.45).encode(x, x2="high:Q", color=colours(GROUPS), tooltip=tip)
    points = base.mark_point(filled=True, size=110, opacity=1).encode(x="value:Q", color=colours(GROUPS), tooltip=tip)
    chart = alt.layer(bars, points)
    best = (inputs.metrics.get("oracle") or {}).get(metric)
    if best:
        chart = alt.layer(bars, points, rule_at(best, "best anyone could reach"))
    return spec(chart, ROW * len(rows))


def _tip(title: str, digits: str = ".4f") -> list[alt.Tooltip]:
    return [
        alt.Tooltip("model:N", title="model"),
        alt.Tooltip("value:Q", title=title, format=digits),
        alt.Tooltip("low:Q", title="from", format=digits),
        alt.Tooltip("high:Q", title="to", format=digits),
    ]


def differences(inputs: Inputs, metric: str) -> Spec:
    """How much the exact winner is above each baseline, user by user, with the interval of the difference."""
    rows: Rows = [
        {
            "model": labels.model(name),
            "value": paired[metric]["difference"],
            "low": paired[metric]["interval"][0],
            "high": paired[metric]["interval"][1],
            "p": paired[metric]["p"],
        }
        for name, paired in inputs.metrics["paired"].get("full", {}).items()
        if metric in paired
    ]
    rows.sort(key=lambda row: -row["value"])
    base = alt.Chart(data(rows)).encode(y=_models(order=[row["model"] for row in rows]))
    tip = [*_tip("difference", "+.4f"), alt.Tooltip("p:Q", title="p", format=".3f")]
    sure = "datum.low > 0 ? 'above' : datum.high < 0 ? 'below' : 'not told apart'"
    names = {"above": WINNER, "not told apart": PLAIN, "below": WARN}
    x = alt.X("low:Q", title=f"{labels.metric(metric)}: winner minus baseline", axis=alt.Axis(format="+", tickCount=7))
    coloured = base.transform_calculate(group=sure)
    bars = coloured.mark_rule(strokeWidth=3, opacity=0.45).encode(x, x2="high:Q", color=colours(names), tooltip=tip)
    points = coloured.mark_point(filled=True, size=110, opacity=1).encode(
        x="value:Q", color=colours(names), tooltip=tip
    )
    zero = alt.Chart(data([{"at": 0}])).mark_rule(color=PLAIN, strokeWidth=1).encode(x="at:Q")
    return spec(alt.layer(zero, bars, points), ROW * max(len(rows), 2))


def links(inputs: Inputs) -> Spec | None:
    """AUC and average precision of telling test pairs from sampled non-pairs; None where no pair has a score."""
    names = {"auc": "AUC", "average_precision": "average precision", "accuracy": "accuracy"}
    rows: Rows = [
        {"model": labels.model(name), "group": title, "value": model["link"][key]}
        for name, model in inputs.models.items()
        for key, title in names.items()
        if model.get("link") and model["link"].get(key) is not None
    ]
    if not rows:
        return None
    order = list(
        dict.fromkeys(row["model"] for row in sorted(rows, key=lambda row: (row["group"] != "AUC", -row["value"])))
    )
    colour = colours({"AUC": WINNER, "average precision": "#6f7bdc", "accuracy": WARN})
    chart = (
        alt.Chart(data(rows))
        .mark_point(filled=True, size=100, opacity=0.9)
        .encode(
            alt.X("value:Q", title=None, scale=alt.Scale(zero=False), axis=alt.Axis(tickCount=7)),
            _models(order=order),
            color=colour,
            tooltip=[
                alt.Tooltip("model:N"),
                alt.Tooltip("group:N", title="what"),
                alt.Tooltip("value:Q", format=".4f"),
            ],
        )
    )
    return spec(chart, ROW * len(order))


def by_activity(inputs: Inputs, metric: str) -> Spec | None:
    """The headline metric by how much each user had done before; None with fewer than two slices."""
    rival = None if inputs.strongest == inputs.twin else inputs.strongest
    shown = [name for name in ("full", rival, "popularity") if name in inputs.models]
    slices = list(dict.fromkeys(str(row["slice"]) for row in inputs.slices))
    if len(slices) < 2:
        return None
    palette = dict(
        zip(map(labels.model, dict.fromkeys(shown)), (WINNER, WARN, PLAIN) if rival else (WINNER, PLAIN), strict=False)
    )
    rows: Rows = [
        {
            "slice": row["slice"],
            "value": float(row[metric]),
            "users": int(row["users"]),
            "group": labels.model(str(row["model"])),
        }
        for row in inputs.slices
        if row["model"] in shown
    ]
    base = alt.Chart(data(rows)).encode(
        alt.X("slice:O", sort=slices, title="interactions before the test", axis=alt.Axis(labelAngle=0)),
        alt.Y("value:Q", title=labels.metric(metric)),
        color=colours(palette),
        tooltip=["group:N", "slice:N", alt.Tooltip("value:Q", format=".4f"), alt.Tooltip("users:Q", format=",")],
    )
    return spec(alt.layer(base.mark_line(strokeWidth=2), base.mark_point(filled=True, size=80, opacity=1)), 260)
