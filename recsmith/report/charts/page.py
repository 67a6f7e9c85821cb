"""Which charts stand where on the page."""

from __future__ import annotations

from recsmith.report.charts import audience, models, runs, size
from recsmith.report.charts.style import Spec
from recsmith.report.inputs import Inputs


def charts(inputs: Inputs) -> dict[str, Spec]:
    """The specification of every chart that has something to show, by the name of its place."""
    top = f"ndcg@{inputs.cutoff}"
    found: dict[str, Spec | None] = {
        "models_first": models.comparison(inputs, top),
        "models_second": models.comparison(inputs, inputs.second),
        "differences": models.differences(inputs, inputs.headline) if inputs.strongest else None,
        "activity": models.by_activity(inputs, inputs.headline),
        "links": models.links(inputs),
        "search": runs.search(inputs),
        "loss": runs.training(inputs, "loss"),
        "learning": runs.training(inputs, inputs.metric),
        "pareto": size.against(inputs, "bytes"),
        "recipe_cost": size.against(inputs, "cost"),
        "recipe_latency": size.against(inputs, "p99_ms"),
        "recipe_losses": size.lost(inputs),
        "timing": runs.timing(inputs),
        "popularity": audience.popularity(inputs),
        "lorenz": audience.lorenz(inputs),
    }
    return {name: chart for name, chart in found.items() if chart is not None}
