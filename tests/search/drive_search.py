"""A search as a process of its own: ``drive_search.py DATA WORK OUT JSON``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from searches import task

from recsmith.errors import UserError
from recsmith.search import choose, drive


def main(data: Path, work: Path, out: Path, values: str) -> None:
    """Search through NNI and write the outs of the stage."""
    described = task(data, work, **json.loads(values))
    answers = drive.search(described, work, lambda text: print(text, flush=True))
    rows = choose.candidates(described, answers, [])
    choose.write(out, described, rows, choose.crown(rows, described.budget.metric, 60, 40))


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4])
    except UserError as error:
        sys.exit(str(error))
