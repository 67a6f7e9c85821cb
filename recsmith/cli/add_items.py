"""``recsmith add-items``: a bundle that also knows new items, from their first interactions."""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import numpy as np

from recsmith.cli._bundles import some, warn
from recsmith.cli._users import DELIMITERS, add_key
from recsmith.compress import pack
from recsmith.compress.new_items import Arrivals, extended
from recsmith.errors import UserError
from recsmith.privacy.pseudonyms import stored
from recsmith.serving.arrow import read_column
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
    bundle, (users, items) = load(args.bundle), pairs(args.file)
    names, new = arrivals(bundle, stored(users, bundle.users, args.key_variable), items)
    model, histories = extended(bundle.model, bundle.histories.everybody(), new)
    kept = {name: value for name, value in bundle.manifest.items() if name not in COMPUTED}
    kept["parents"] = [bundle.manifest["digest"], *kept.get("parents", [])]
    titles = None if bundle.titles is None else [*bundle.titles, *[""] * len(names)]
    people = pack.People(list(bundle.users), histories)
    pack.write(args.out, model, [*bundle.items, *names], people, kept, titles)
    print(f"{len(names):,} new items from {len(new.users):,} interactions in {args.out}")


def pairs(path: Path) -> tuple[list[str], list[str]]:
    """Users and items of a file; UserError where it cannot be read or a column is missing."""
    if path.suffix in (".parquet", ".pq"):
        found = read_column(path, USER), read_column(path, ITEM)
        if len(found[0]) != len(found[1]):
            raise UserError(f"{path} has rows without a {USER} or {ITEM}; take them out.")
        return found
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read: {error}.") from error
    rows = csv.DictReader(text.splitlines(), delimiter=DELIMITERS.get(path.suffix, ","))
    named = rows.fieldnames or ()
    missing = {USER, ITEM} - set(named)
    if missing:
        raise UserError(f"{path} has no column {min(missing)!r}. It has: {', '.join(named) or 'nothing'}.")
    kept = [(row[USER], row[ITEM]) for row in rows if row[USER] and row[ITEM]]
    return [user for user, _ in kept], [item for _, item in kept]


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
