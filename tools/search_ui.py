"""NNI's web page of the search that runs here, else of the last one: ``make search-ui``."""

from __future__ import annotations

import argparse
import sys
import webbrowser
from pathlib import Path

from recsmith.config.base import parse
from recsmith.config.read import read_sections
from recsmith.config.search import Search
from recsmith.errors import UserError
from recsmith.output import say
from recsmith.search import web_page

HOME = Path(".work/search/nni")


def main() -> None:
    """Print the address and open it where there is a browser; a past search is served until Ctrl-C."""
    argparse.ArgumentParser("python -m tools.search_ui", description=(__doc__ or "").splitlines()[0]).parse_args()
    try:
        _show(HOME.resolve())
    except UserError as error:
        sys.exit(f"search-ui: {error}")
    except KeyboardInterrupt:
        say("")


def _show(home: Path) -> None:
    address = web_page.running(home)
    if address is not None:
        _open(f"the search that runs: {address}", address)
        return
    params = parse(read_sections(Path("params.yaml")).get("search") or {}, Search, "params.yaml: search")
    with web_page.last(home, params.port, say) as page:
        _open(f"the last search: {page.address} until Ctrl-C", page.address)
        page.wait()
    say("The page is closed: a new search has begun. Its own: make search-ui")


def _open(text: str, address: str) -> None:
    say(f"NNI's page of {text}")
    webbrowser.open(address)


if __name__ == "__main__":
    main()
