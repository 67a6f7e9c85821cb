"""Trials of a family through their knobs: parallel coordinates (Inselberg 1985)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import numpy as np

from recsmith.report import labels
from recsmith.report.charts.style import PLAIN, WINNER, Rows, Spec, data, spec
from recsmith.report.search.inputs import SearchInputs, Trial, Value, plain

MOST = 9
"""Axes."""
TICKS = 8
"""Values that are written on an axis."""
UNREAD = -0.16
"""Where a trial crosses the axis of a knob that it does not read."""
JITTER = 0.022
"""Lines of equal values lie side by side within this distance."""


def parallel(search: SearchInputs, family: str, found: Mapping[str, float]) -> Spec | None:
    """A line a trial of a family through the values of its knobs; None with fewer than two to compare.

    ``found`` is the importance of each knob, which decides on the axes where there are many.
    """
    trials = [trial for trial in search.comparable if trial.family == family]
    values = axes(trials, found)
    if len(trials) < 2 or not values:
        return None
    rows = [row for trial in trials for row in line(trial, values)]
    x = alt.X(
        "knob:N",
        sort=list(map(_title, values)),
        title=None,
        scale=alt.Scale(padding=0.5),
        axis=alt.Axis(labelAngle=0, orient="top", domain=False, ticks=False, grid=True, labelPadding=10),
    )
    return spec(alt.layer(_lines(rows, trials, x, labels.metric(search.metric)), *_marks(values, trials, x)), 360)


def axes(trials: Sequence[Trial], found: Mapping[str, float]) -> dict[str, list[Value]]:
    """Knob -> its values in order; of at most ``MOST`` knobs that vary, the most important, then the most read."""
    names = dict.fromkeys(name for trial in trials for name in trial.knobs)
    read = {name: [trial.knobs[name] for trial in trials if name in trial.knobs] for name in names}
    varied = [name for name in names if len(set(read[name])) > 1]
    kept = sorted(varied, key=lambda name: (-found.get(name, 0.0), -len(read[name])))[:MOST]
    return {name: ordered(set(read[name])) for name in varied if name in kept}


def ordered(values: set[Value]) -> list[Value]:
    """Numbers ascending, all else by name."""
    numbers = all(isinstance(value, int | float) for value in values)
    return sorted(values) if numbers else sorted(values, key=str)


def line(trial: Trial, values: Mapping[str, list[Value]]) -> Rows:
    """Where a trial crosses each axis: values evenly spaced from 0 to 1, ``UNREAD`` where it does not read the knob."""
    shift = JITTER * (2 * ((trial.number * 0.618034) % 1) - 1)
    shown = {"trial": trial.number, "label": trial.text, "value": trial.value}
    return [
        {"knob": _title(name), "at": at, "place": round(_place(trial.knobs.get(name), given) + shift, 4), **shown}
        for at, (name, given) in enumerate(values.items())
    ]


def _place(value: Value | None, values: Sequence[Value]) -> float:
    return UNREAD if value is None else values.index(value) / (len(values) - 1)


def _title(name: str) -> str:
    return name.replace("_", " ")


def _lines(rows: Rows, trials: Sequence[Trial], x: alt.X, metric: str) -> Any:
    """The lines, the best one thick; the one under the pointer stands out."""
    best = max(trials, key=lambda trial: trial.value or 0.0).number
    hover = alt.selection_point(on="pointerover", clear="pointerout", fields=["trial"], empty=False)
    faint = float(np.clip(12 / len(trials), 0.25, 0.8))
    loud = f"datum.trial == {best}"
    y = alt.Y("place:Q", axis=None, scale=alt.Scale(domain=[UNREAD - 0.06, 1.06]))
    return (
        alt.Chart(data(rows))
        .mark_line(interpolate="monotone")
        .encode(
            x,
            y,
            detail="trial:N",
            order="at:Q",
            color=_colour([row["value"] for row in rows], metric),
            strokeWidth=alt.when(hover).then(alt.value(5)).when(loud).then(alt.value(4)).otherwise(alt.value(1.6)),
            opacity=alt.when(hover).then(alt.value(1)).when(loud).then(alt.value(1)).otherwise(alt.value(faint)),
            tooltip=["trial:Q", alt.Tooltip("label:N", title="architecture"), alt.Tooltip("value:Q", title=metric)],
        )
        .add_params(hover)
    )


def _colour(values: Sequence[float], metric: str) -> alt.Color:
    """From grey to the winner's colour over the better three quarters; the rest is grey."""
    domain = [float(np.quantile(values, 0.25)), float(np.quantile(values, 0.7)), max(values)]
    legend = alt.Legend(title=f"{metric} on validation", orient="bottom", gradientLength=260, format=".3f")
    return alt.Color(
        "value:Q",
        scale=alt.Scale(domain=domain, range=[PLAIN, "#c9a227", WINNER], clamp=True, interpolate="rgb"),
        legend=legend,
    )


def _marks(values: Mapping[str, list[Value]], trials: Sequence[Trial], x: alt.X) -> list[Any]:
    """The values on the axes, at most ``TICKS`` of each written out."""
    rows: Rows = []
    for name, given in values.items():
        step = -(-len(given) // TICKS)
        rows += [
            {"knob": _title(name), "place": _place(value, given), "label": plain(value)} for value in given[::step]
        ]
        if any(name not in trial.knobs for trial in trials):
            rows.append({"knob": _title(name), "place": UNREAD, "label": "not read"})
    base = alt.Chart(data(rows)).encode(x, alt.Y("place:Q"))
    dots = base.mark_point(filled=True, size=26, color=PLAIN, opacity=1)
    return [dots, base.mark_text(align="left", dx=7, fontSize=12, fontWeight=600).encode(text="label:N")]
