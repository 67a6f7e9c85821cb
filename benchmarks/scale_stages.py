"""One stage of ``benchmarks.scale`` in its own process: ``python -m benchmarks.scale_stages STAGE FOLDER SIZE RUN``.

Prints one line of JSON: ``seconds`` of the work without imports and what else is measured, or why it was sized out.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.scale_engine import epoch, filtering, ranking, sampled
from benchmarks.scale_line import Found, generating, graph, ingest, split, validate
from recsmith.config.base import Run
from recsmith.errors import SizedOut, UserError

STAGES: dict[str, Callable[[Path, int, Run], Found]] = {
    "generate": generating,
    "ingest": ingest,
    "validate": validate,
    "split": split,
    "graph": graph,
    "filter": filtering,
    "epoch": epoch,
    "sampled steps": sampled,
    "ranking": ranking,
}


def main() -> None:
    """Run one stage."""
    parser = argparse.ArgumentParser("python -m benchmarks.scale_stages")
    parser.add_argument("stage", choices=STAGES)
    parser.add_argument("folder", type=Path)
    parser.add_argument("size", type=int)
    parser.add_argument("run", type=json.loads, help="the section run as JSON")
    args = parser.parse_args()
    run = Run(**args.run)
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(run.threads)
    try:
        found = STAGES[args.stage](args.folder, args.size, run)
    except SizedOut as error:
        found = {"sized_out": str(error)}
    except UserError as error:
        sys.exit(str(error))
    print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
