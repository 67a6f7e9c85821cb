"""``recsmith fetch``: bring the data of the parameters to ``data/raw``, and what earlier searches left."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from recsmith.config.ingest import Ingest
from recsmith.config.read import read_section
from recsmith.config.retrain import INCUMBENT
from recsmith.config.search import EARLIER, RESULTS, Search
from recsmith.config.sections import check
from recsmith.locks import check_present
from recsmith.output import say
from recsmith.retrain.incumbent import ensure
from recsmith.search.earlier import bring
from recsmith.sources.fetch import fetch


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("--params", type=Path, default=Path("params.yaml"), help="parameter file (params.yaml)")


def run(args: argparse.Namespace) -> None:
    """Check all parameters, then fetch into the folder that holds them; ``RECSMITH_MIRROR`` is looked up first."""
    check(args.params)
    check_present(args.params.parent)
    root = args.params.parent
    bring(read_section(args.params, "search", Search).warm_start, root, Path(RESULTS), root / EARLIER)
    ensure(root / INCUMBENT)
    params = read_section(args.params, "ingest", Ingest)
    fetch(params, root, os.environ.get("RECSMITH_MIRROR"), say)
