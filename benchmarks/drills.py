"""Write the tables that drills ended with to ``results/drills.json``: ``python -m benchmarks.drills [TABLE...]``.

``make drills`` leaves its table in ``.work/drills.json``; several are added up.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.common import ROOT, measured_on, table, write_json

TABLE = ROOT / ".work" / "drills.json"
RESULTS = ROOT / "benchmarks" / "results" / "drills.json"
SIGNALS = ("SIGKILL", "SIGTERM", "SIGSTOP")


def main() -> None:
    """Add up, print, write."""
    parser = argparse.ArgumentParser("python -m benchmarks.drills", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("tables", nargs="*", type=Path, default=[TABLE], help=f"default: {TABLE.relative_to(ROOT)}")
    paths = parser.parse_args().tables
    rows = [row for path in paths for row in json.loads(path.read_text(encoding="utf-8"))]
    found = summed(rows)
    write_json(RESULTS, measured_on() | found)
    print(table(["drill", "what", "outcome", "times"], [list(row.values()) for row in found["outcomes"]]))
    print(f"\n{found['signals']} signals, {found['hurt']} times hurt in {found['seconds']:.0f} s")


def summed(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """How often what was hurt, and what came of it; ``rows`` holds every single one with its seed."""
    counts = Counter((row["drill"], row["what"], row["outcome"]) for row in rows)
    return {
        "hurt": len(rows),
        "signals": sum(row["what"] in SIGNALS for row in rows),
        "seconds": round(sum(row["seconds"] for row in rows), 1),
        "outcomes": [
            {"drill": drill, "what": what, "outcome": outcome, "times": times}
            for (drill, what, outcome), times in sorted(counts.items())
        ],
        "rows": rows,
    }


if __name__ == "__main__":
    main()
