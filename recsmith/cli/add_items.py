"""``recsmith add-items``: a bundle that also knows new items, from their first interactions."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from recsmith.cli._bundles import add_key, some, warn
from recsmith.cli._columns import rows
from recsmith.compress import pack
from recsmith.compress.new_items import Arrivals, extended
from recsmith.errors import UserError
from recsmith.privacy.pseudonyms import stored
from recsmith.serving.bundle import Bundle, load
from recsmith.tables.columns import ITEM, USER

COMPUTED = {"format", "version", "recsmith", "items", "users", "rank", "model_bytes", "fold_in", "parts", "digest"}
"""What packing says of a bundle by itself."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="folder of the bundle")
    parser.add_argument("file", type=Path, metavar="FILE", help=f"CSV, TSV or Parquet with columns {USER} and {ITEM}")
    parser.add_argument("--out", type=Path, required=True, metavar="NEW", help="folder of the new bundle")
    add_key(parser)


def run(args: argparse.Namespace) -> None:
    """Add what is new, pack whole or not at all, say what was left aside."""
    if args.out.resolve() == args.bundle.resolve():
        raise UserError(f"--out {args.out} is the bundle itself; name another folder.")
    bundle, touched = load(args.bundle), rows(args.file, (USER, ITEM), f"FILE has the columns {USER} and {ITEM}")
    users, items = [user for user, _ in touched], [item for _, item in touched]
    names, new = arrivals(bundle, stored(users, bundle.users, args.key_variable), items)
    model, histories = extended(bundle.model, bundle.histories.everybody(), new)
    kept = {name: value for name, value in bundle.manifest.items() if name not in COMPUTED}
    kept["parents"] = [bundle.manifest["digest"], *kept.get("parents", [])]
    titles = None if bundle.titles is None else [*bundle.titles, *[""] * len(names)]
    people = pack.People(list(bundle.users), histories)
    pack.write(args.out, model, [*bundle.items, *names], people, kept, titles)
    print(f"{len(names):,} new items from {len(new.users):,} interactions in {args.out}")


def arrivals(bundle: Bundle, users: list[str], items: list[str]) -> tuple[list[str], Arrivals]:
    """The new items by name, and who of the bundle's people with a history touched them."""
    who, known = bundle.users.find(users), bundle.items.find(items) >= 0
    if known.any():
        warn(f"{np.count_nonzero(known)} rows name items that the bundle knows; they wait for the next training.")
    strangers = (who < 0) | (np.append(np.diff(bundle.histories.indptr), 0)[who] == 0)
    if (strangers & ~known).any():
        unheard = [users[row] for row in np.flatnonzero(strangers & ~known)]
        warn(f"{len(unheard)} rows of users without a history in the bundle are left aside: {some(unheard)}")
    taken = np.flatnonzero(~known & ~strangers)
    names = list(dict.fromkeys(items[row] for row in taken))
    if not names:
        raise UserError("The file has no new item that somebody with a history in the bundle touched.")
    number = {name: place for place, name in enumerate(names)}
    return names, Arrivals(who[taken], np.array([number[items[row]] for row in taken]), len(names))
