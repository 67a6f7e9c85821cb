"""Vega for the page of ``dvc plots show``, so that it opens without a network."""

from __future__ import annotations

from pathlib import Path

import vl_convert

from recsmith.files import write_text

SCRIPT = Path(".work/vega.js")
GLOBALS = "window.vegaEmbed = vegaEmbed; window.vega = vega; window.vegaLite = vegaLite;"


def main() -> None:
    """Write the script that ``.dvc/plots.html`` loads, once."""
    if not SCRIPT.exists():
        write_text(SCRIPT, vl_convert.javascript_bundle(GLOBALS))


if __name__ == "__main__":
    main()
