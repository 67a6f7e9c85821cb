"""How much each knob mattered."""

from __future__ import annotations

from collections.abc import Mapping

import altair as alt

from recsmith.report.charts.style import GNN, PLAIN, ROW, Rows, Spec, data, spec


def shares(found: Mapping[str, float]) -> Spec | None:
    """Importance as bars, the largest first; None where nothing is known or nothing explains anything."""
    rows: Rows = [{"knob": name.replace("_", " "), "share": share} for name, share in found.items() if share >= 0.005]
    if not rows:
        return None
    base = alt.Chart(data(rows)).encode(
        alt.Y("knob:N", sort=None, title=None, axis=alt.Axis(ticks=False, domain=False, labelPadding=10)),
        alt.X("share:Q", title="share of what the knobs explain together", axis=alt.Axis(format="%", tickCount=5)),
        tooltip=[alt.Tooltip("knob:N"), alt.Tooltip("share:Q", format=".1%")],
    )
    text = base.mark_text(align="left", dx=6, color=PLAIN, fontSize=12).encode(text=alt.Text("share:Q", format=".0%"))
    return spec(alt.layer(base.mark_bar(color=GNN, opacity=0.85, cornerRadiusEnd=3, height=16), text), ROW * len(rows))
