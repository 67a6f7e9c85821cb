"""The drift report as one small page: a table and bars, nothing loaded from anywhere."""

from __future__ import annotations

from html import escape

from recsmith.retrain.drift import Report

STYLE = """body { font: 15px/1.5 system-ui, sans-serif; margin: 2em auto; max-width: 60em; color: #222 }
table { border-collapse: collapse } td, th { padding: .25em .8em; text-align: left; border-bottom: 1px solid #ddd }
.drifted { color: #b00020; font-weight: 600 } svg text { font: 11px system-ui, sans-serif }"""
WIDTH, ROW, LABEL = 520, 22, 120
TITLES = {"popularity": "Items", "events": "Events", "hours": "Hour of the day (UTC)"}


def render(report: Report) -> str:
    """The page as HTML."""
    rows = "".join(
        f"<tr class='{'drifted' if finding.drifted else ''}'><td>{finding.name}</td><td>{finding.value:.3f}</td>"
        f"<td>{finding.limit:g}</td><td>{escape(finding.text)}</td></tr>"
        for finding in report.findings
    )
    pictures = "".join(f"<h2>{TITLES[name]}</h2>{_bars(shares)}" for name, shares in report.shares.items())
    return (
        f"<!doctype html><html lang='en'><meta charset='utf-8'><title>Drift</title><style>{STYLE}</style>"
        f"<h1>Drift: {report.rows:,} new events against {report.reference_rows:,} before them</h1>"
        f"<table><tr><th>what</th><th>value</th><th>limit</th><th></th></tr>{rows}</table>"
        f"<p>Bars: share before (grey) and of the new events (blue).</p>{pictures}</html>\n"
    )


def _bars(shares: dict[str, tuple[float, float]]) -> str:
    """Two bars a label."""
    scale = (WIDTH - LABEL - 60) / max((max(pair) for pair in shares.values()), default=1.0)
    parts = []
    for number, (label, (before, new)) in enumerate(shares.items()):
        top = number * ROW
        parts.append(f"<text x='0' y='{top + 14}'>{escape(label[:18])}</text>")
        for offset, value, colour in ((3, before, "#bbb"), (11, new, "#1f77b4")):
            bar = f"<rect x='{LABEL}' y='{top + offset}' width='{value * scale:.1f}' height='7' fill='{colour}'/>"
            parts.append(bar)
        parts.append(f"<text x='{LABEL + max(before, new) * scale + 4:.1f}' y='{top + 14}'>{new:.1%}</text>")
    return f"<svg width='{WIDTH}' height='{max(1, len(shares)) * ROW}' role='img'>{''.join(parts)}</svg>"
