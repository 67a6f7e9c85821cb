"""The page: one HTML file with its script, style and data inside; it loads nothing."""

from __future__ import annotations

from recsmith.report import labels, numbers, tables, words
from recsmith.report.charts.page import charts
from recsmith.report.inputs import Inputs
from recsmith.report.rendering import as_script, environment, vega


def page(inputs: Inputs) -> str:
    """``report.html``."""
    found = charts(inputs)
    return (
        environment()
        .get_template("report.html.j2")
        .render(
            inputs=inputs,
            models=inputs.models,
            words=words,
            labels=labels,
            n=numbers,
            tables=tables,
            tiles=tiles(inputs),
            charts=found,
            specs=as_script(found),
            script=vega(),
        )
    )


def card(inputs: Inputs) -> str:
    """``model_card.md``."""
    template = environment(html=False).get_template("model_card.md.j2")
    return template.render(inputs=inputs, words=words, labels=labels, n=numbers, tables=tables)


def tiles(inputs: Inputs) -> list[dict[str, str]]:
    """The four numbers at the top."""
    used, exported = words.model_bytes(inputs)
    rival = inputs.strongest
    query = inputs.timing.get("evaluate", {}).get("bundle_query", {})
    metric = labels.metric(inputs.headline)
    first = [
        {
            "value": numbers.score(inputs.models["full"]["test"][inputs.headline], 3),
            "label": f"{metric} on the sealed test",
        }
    ]
    if rival is not None:
        first.append(
            {"value": _relative(inputs, rival), "label": f"against {labels.model(rival)}, the strongest baseline"}
        )
    ratio = f", {exported / used:.1f}× smaller than fp32" if used and exported else ""
    return [
        *first,
        {"value": numbers.size(used), "label": f"of model to serve{ratio}"},
        {
            "value": numbers.milliseconds(query.get("p50_ms")),
            "label": f"an answer (p99 {numbers.milliseconds(query.get('p99_ms'))})",
        },
    ]


def _relative(inputs: Inputs, rival: str) -> str:
    base = inputs.models[rival]["test"][inputs.headline]
    difference = inputs.models["full"]["test"][inputs.headline] - base
    if difference == 0:
        return "even"
    return numbers.signed_percent(difference / base) if base else numbers.signed(difference)
