"""Graphs of any data in a folder, for ``benchmarks.fit``: ``python -m benchmarks.prepare --data DIR --out DIR``.

Writes ``fit`` (train), ``refit`` (train and valid), ``valid`` and how models are to be fitted (``settings.json``).
"""

from __future__ import annotations

import shutil
from dataclasses import asdict
from pathlib import Path

from benchmarks.choice import settings_of
from benchmarks.common import arguments, data_of, run, sections, write_json
from benchmarks.fit import SETTINGS
from recsmith.files import replacing

PARTS = ("fit", "refit", "valid")


def main() -> None:
    """Read, split, build, and keep the graphs."""
    parser = arguments("prepare", __doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder that the graphs are written to")
    args = parser.parse_args()
    with data_of(args) as data, replacing(args.out) as aside:
        for part in PARTS:
            shutil.copytree(data.folder / "graph" / part, aside / part)
        write_json(aside / SETTINGS, asdict(settings_of(data, sections(args.params))) | {"spectra": None})
        print(f"{data.name}: {data.fit.n_edges:,} edges to fit, {data.refit.n_edges:,} to refit, in {args.out}")


if __name__ == "__main__":
    run(main)
