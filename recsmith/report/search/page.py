"""``search.html``: one file with its script, style and data inside; it loads nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from recsmith.model.architecture import architecture
from recsmith.report import labels, numbers
from recsmith.report.charts.style import Spec
from recsmith.report.rendering import as_script, environment, vega
from recsmith.report.search import words
from recsmith.report.search.diagram import parts
from recsmith.report.search.front import front
from recsmith.report.search.inputs import SearchInputs, plain
from recsmith.report.search.nodes import contributions
from recsmith.report.search.parallel import parallel
from recsmith.report.search.regret import SPENT, regret, strategies
from recsmith.report.search.shares import shares
from recsmith.report.search.svg import picture


def search_page(search: SearchInputs) -> str:
    """The page of a finished search."""
    importance = search.importance()
    found = charts(search, importance)
    return (
        environment()
        .get_template("search.html.j2")
        .render(
            search=search,
            winner=search.winner.key if search.winner else None,
            importance=importance,
            words=words,
            labels=labels,
            n=numbers,
            picture=drawn(search.best["architecture"]),
            knobs=knobs(search),
            charts=found,
            specs=as_script(found),
            script=vega(),
        )
    )


def strategies_page(result: Mapping[str, Any], metric: str) -> str:
    """The page of several strategies at equal budget; ``result`` is what ``benchmarks.search`` writes."""
    chart = strategies(result["rows"], metric, result["trials"])
    found = {} if chart is None else {"strategies": chart}
    template = environment().get_template("strategies.html.j2")
    return template.render(result=result, n=numbers, charts=found, specs=as_script(found), script=vega())


def charts(search: SearchInputs, importance: Mapping[str, float]) -> dict[str, Spec]:
    """The specification of every chart that has something to show, by the name of its place."""
    found: dict[str, Spec | None] = {over: regret(search, over) for over in SPENT}
    found |= {"importance": shares(importance)}
    found |= {family: parallel(search, family, importance) for family in ("gnn", "filter")}
    found |= {"front": front(search)}
    found["nodes"] = contributions(search.node_scores)
    return {name: chart for name, chart in found.items() if chart is not None}


def knobs(search: SearchInputs) -> dict[str, str]:
    """The knobs that the winner reads."""
    if search.winner is None or not search.winner.knobs or search.winner.family == "blend":
        return {name: plain(value) for name, value in labels.knobs(search.best["architecture"]).items()}
    return {name: plain(value) for name, value in search.winner.knobs.items() if name != "family"}


def drawn(value: dict[str, Any]) -> str:
    """An architecture as inline SVG."""
    candidate = architecture(value)
    join = "÷ spread, weighed" if candidate.family == "blend" else "weighed"
    return picture(parts(candidate), labels.architecture(value), join)
