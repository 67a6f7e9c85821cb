"""``recsmith embed``: the vectors of users and items as Parquet."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from recsmith.cli._bundles import add_bundle, opened, warn
from recsmith.serving.arrow import write_parquet
from recsmith.serving.bundle import Bundle
from recsmith.serving.strings import Strings


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_bundle(parser)
    parser.add_argument("--out", type=Path, required=True, help="Parquet file to write (columns kind, id, vector)")


def run(args: argparse.Namespace) -> None:
    """Write items, then users; users without a history have no vector and are left out."""
    with opened(args.bundle) as bundle:
        _write(bundle, args.out)


def _write(bundle: Bundle, out: Path) -> None:
    items, users = bundle.embed()
    filled = np.flatnonzero(np.diff(bundle.histories.indptr))
    if len(filled) < len(users):
        warn(f"{len(users) - len(filled)} users have no history and no vector; they are left out.")
    kinds = Strings.of(("item", "user")).take(np.repeat([0, 1], [len(items), len(filled)]))
    ids = Strings.joined(bundle.items, bundle.users.take(filled))
    write_parquet(out, {"kind": kinds, "id": ids, "vector": np.concatenate([items, users[filled]])})
    print(f"{len(items):,} items and {len(filled):,} users, {items.shape[1]} numbers each, in {out}")
