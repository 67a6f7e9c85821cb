"""How the best grew: with trials, epochs and seconds, and of several strategies at equal budget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
import numpy as np

from recsmith.report import labels
from recsmith.report.charts.style import FAMILIES, PLAIN, WARN, Rows, Spec, colours, data, spec, whole
from recsmith.report.search.inputs import SearchInputs, Trial

HEIGHT = 320
SPENT = {"trial": "trials", "epochs": "epochs, each trial up to its best one", "seconds": "seconds of trials"}
"""What a curve may run against."""


def regret(search: SearchInputs, over: str) -> Spec | None:
    """The best so far against what was spent, trials as dots, baselines as lines; None where nothing was spent."""
    rows = curve(search.trials, over)
    metric, dots = labels.metric(search.metric), [row for row in rows if row["value"] is not None]
    if not dots or not rows[-1]["spent"]:
        return None
    ends = span([*(row["value"] for row in dots), *search.baselines.values()])
    lines = _Lines({name: value for name, value in search.baselines.items() if value >= ends[0]}, over == "trial")
    first, last = float(over == "trial"), rows[-1]["spent"]
    x = alt.X(
        "spent:Q",
        title=SPENT[over],
        axis=_axis(over, len(rows)),
        scale=alt.Scale(nice=False, padding=14, domain=[first, last * lines.room]),
    )
    scale = alt.Scale(zero=False, clamp=True, nice=False, domain=ends)
    y = alt.Y("value:Q", title=f"{metric} on validation", scale=scale)
    seen = {name: colour for name, colour in GROUPS.items() if any(row["group"] == name for row in dots)}
    tip = [alt.Tooltip("trial:Q"), alt.Tooltip("label:N", title="architecture"), *_tip(metric)]
    step = alt.Chart(data([row for row in rows if row["best"] is not None]))
    layers: list[Any] = [
        *lines.layers(first, last, ends),
        step.mark_line(interpolate="step-after", color=PLAIN, strokeWidth=2).encode(x, alt.Y("best:Q")),
        alt.Chart(data(dots)).mark_point(filled=True, size=80, opacity=0.9).encode(x, y, colours(seen), tooltip=tip),
    ]
    return spec(alt.layer(*layers), HEIGHT)


PART, HEIR = "a part of the budget", "weights of an earlier trial"
GROUPS = {**FAMILIES, "blend": "#b3589a", PART: PLAIN, HEIR: "#8a6d3b"}


def curve(trials: Sequence[Trial], over: str) -> Rows:
    """A row a trial: what had been spent when it ended, its metric, and the best so far of those measured whole."""
    rows: Rows = []
    spent, best = 0.0, None
    for trial in trials:
        spent += {"trial": 1.0, "epochs": trial.epochs, "seconds": trial.seconds or 0.0}[over]
        best = max((value for value in (best, trial.final) if value is not None), default=None)
        group = PART if trial.fidelity < 1 else HEIR if trial.parent else labels.family(trial.family)
        shown = {"trial": trial.number, "label": trial.text, "group": group}
        rows.append({"spent": round(spent, 3), "value": trial.value, "best": best, **shown})
    return rows


def _axis(over: str, trials: int) -> alt.Axis:
    return alt.Axis(values=whole(trials), format="d") if over == "trial" else alt.Axis(tickCount=6)


def _tip(metric: str) -> list[alt.Tooltip]:
    return [
        alt.Tooltip("value:Q", title=metric, format=".4f"),
        alt.Tooltip("best:Q", title="best so far", format=".4f"),
    ]


def span(values: Sequence[float]) -> list[float]:
    """From where an axis goes to where; what lies far below the better three quarters does not stretch it."""
    low, quarter, high = (float(np.quantile(values, share)) for share in (0, 0.25, 1)) if values else (0.0, 0.0, 1.0)
    bottom = max(low, quarter - 1.5 * (high - quarter))
    room = 0.06 * (high - bottom) or 0.01
    return [bottom - room, high + room]


@dataclass(frozen=True)
class _Lines:
    """Baselines as dashed lines, ``named`` to the right of the last trial."""

    baselines: Mapping[str, float]
    named: bool

    @property
    def room(self) -> float:
        """By how much names make the axis longer."""
        return 1.2 if self.named and self.baselines else 1.0

    def layers(self, first: float, last: float, ends: Sequence[float]) -> list[Any]:
        """From ``first`` to ``last`` of the axis across, whose other axis goes from ``ends[0]`` to ``ends[1]``."""
        if not self.baselines:
            return []
        places = apart(list(self.baselines.values()), 17 / HEIGHT * (ends[1] - ends[0]))
        rows: Rows = [
            {"at": value, "text": place, "from": first, "to": last, "label": f"{labels.model(name)} {value:.4f}"}
            for (name, value), place in zip(self.baselines.items(), places, strict=True)
        ]
        base = alt.Chart(data(rows)).encode(tooltip=[alt.Tooltip("label:N", title="baseline")])
        rules = base.mark_rule(strokeDash=[5, 4], color=WARN, strokeWidth=1.2, opacity=0.8)
        text = base.mark_text(color=WARN, fontSize=12, align="left", dx=10).encode(alt.X("to:Q"), alt.Y("text:Q"))
        drawn = [rules.encode(alt.X("from:Q"), alt.Y("at:Q"), x2="to:Q")]
        return [*drawn, text.encode(text="label:N")] if self.named else drawn


def apart(values: Sequence[float], gap: float) -> list[float]:
    """Places near ``values``, in the same order from low to high, no two nearer than ``gap``."""
    order = np.argsort(values, kind="stable")
    places, last = np.array(values, float), -np.inf
    for number in order:
        last = places[number] = max(places[number], last + gap)
    return [float(place) for place in places]


def strategies(rows: Sequence[Mapping[str, Any]], metric: str, trials: int) -> Spec | None:
    """Mean over seeds of each strategy's best so far after so many whole trials, and the range of its seeds.

    ``rows`` are those of ``benchmarks.search``: ``strategy``, ``seed`` and ``curve``, pairs of whole trials spent and
    the best by then. None where no run found anything.
    """
    table = means(rows, trials)
    if not table:
        return None
    found = list(dict.fromkeys(point["group"] for point in table))
    x = alt.X("spent:Q", title="whole trials", axis=alt.Axis(values=whole(trials), format="d"))
    y = alt.Y("mean:Q", title=f"best {labels.metric(metric)} on validation", scale=alt.Scale(zero=False))
    colour = alt.Color(
        "group:N",
        sort=found,
        scale=alt.Scale(scheme="tableau20" if len(found) > 10 else "tableau10"),
        legend=alt.Legend(title=None, orient="top", columns=6, symbolOpacity=1),
    )
    base = alt.Chart(data(table)).encode(x, color=colour)
    tip = ["group:N", "spent:Q", *(alt.Tooltip(f"{name}:Q", format=".4f") for name in ("mean", "low", "high"))]
    band = base.mark_area(interpolate="step-after", opacity=0.12).encode(alt.Y("low:Q"), alt.Y2("high:Q"))
    line = base.mark_line(interpolate="step-after", strokeWidth=2).encode(y, tooltip=tip)
    return spec(alt.layer(band, line), 420)


def means(rows: Sequence[Mapping[str, Any]], trials: int) -> Rows:
    """The points of ``strategies``: mean, lowest and highest of the seeds of a strategy after each whole trial."""
    found: dict[str, list[Any]] = {}
    for row in rows:
        if row["curve"]:
            found.setdefault(str(row["strategy"]), []).append(row["curve"])
    return [point for name, curves in found.items() for point in _means(name, curves, trials)]


def _means(name: str, curves: Sequence[Any], trials: int) -> Rows:
    """Points from the first at which every seed has a whole trial."""
    rows: Rows = []
    for spent in range(1, trials + 1):
        reached = [max((value for at, value in one if at <= spent + 1e-9), default=None) for one in curves]
        known = [value for value in reached if value is not None]
        if len(known) == len(reached):
            spread = {"mean": float(np.mean(known)), "low": min(known), "high": max(known)}
            rows.append({"group": name, "spent": spent, **spread})
    return rows
