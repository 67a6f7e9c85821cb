"""What all pages are made with: templates, and charts that need nothing from outside."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import vl_convert
from jinja2 import Environment, PackageLoader, StrictUndefined

from recsmith.report.charts.style import Spec


def as_script(specs: dict[str, Spec]) -> str:
    """JSON that cannot end the script element it stands in."""
    return json.dumps(specs, ensure_ascii=False, sort_keys=True, allow_nan=False).replace("<", "\\u003c")


@cache
def vega() -> str:
    """Vega, Vega-Lite and their embedder in one piece."""
    return vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;").replace("</script", "<\\/script")


def environment(*, html: bool = True) -> Environment:
    """The templates of the pages, escaped, or of the card, which is Markdown."""
    loader = PackageLoader("recsmith.report", "templates")
    found = Environment(  # nosec B701: False for the Markdown card alone
        loader=loader,
        autoescape=html,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    found.filters["tojson"] = _pretty
    return found


def _pretty(value: Any) -> str:
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False)
