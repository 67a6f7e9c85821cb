"""``recsmith recommend``: top-k lists from a bundle, for known users or for a history."""

from __future__ import annotations

import argparse
import csv
from dataclasses import replace
from pathlib import Path

import numpy as np

from recsmith.cli._bundles import add_bundle, add_key, number, opened, some, warn
from recsmith.cli._columns import listed
from recsmith.errors import UserError
from recsmith.privacy.pseudonyms import stored
from recsmith.serving.arrow import write_parquet
from recsmith.serving.bundle import Answer, Bundle, Lists
from recsmith.serving.inverted import words
from recsmith.serving.strings import Strings
from recsmith.tables.columns import ITEM, USER


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_bundle(parser)
    parser.add_argument("--users", help="the word all, or a file of user ids (one a line, or a column user_id)")
    add_key(parser)
    parser.add_argument(
        "--history",
        help="item ids of somebody new, oldest first, separated by commas (in quotes where one holds a comma)",
    )
    for name, text in (("--allow", "recommend none but these items"), ("--block", "recommend none of these items")):
        parser.add_argument(name, type=Path, metavar="FILE", help=f"{text} (one id a line, or a column {ITEM})")
    parser.add_argument("--k", type=number, default=20, help="items in a list (default: 20)")
    parser.add_argument("--out", type=Path, help="Parquet file to write; needed with --users")


def run(args: argparse.Namespace) -> None:
    """Answer for users or for one history."""
    if (args.users is None) == (args.history is None):
        raise UserError("give either --users (all, or a file) or --history (item ids), and not both.")
    if args.users is not None and args.out is None:
        raise UserError("--users needs --out FILE.parquet; lists of many users do not go to the screen.")
    with opened(args.bundle) as bundle:
        if args.k > len(bundle.items):
            warn(f"k = {args.k} is more than the {len(bundle.items)} items of the catalogue; lists end sooner.")
            args.k = len(bundle.items)
        if bundle.model.index is not None and args.allow is None:
            warn(f"approximate: {words(bundle.manifest['index'])}; lists of several users are exact.")
        if args.users is not None:
            _users(bundle, args)
        else:
            _history(bundle, args)


def _users(bundle: Bundle, args: argparse.Namespace) -> None:
    lists = bundle.recommend(None, args.k, **_filters(args)) if args.users == "all" else _given(bundle, args)
    if lists.unknown:
        warn(f"unknown users, who get the popularity list ({len(lists.unknown)}): {some(lists.unknown)}")
    if lists.without_history:
        warn(f"{lists.without_history} users have no history and get the popularity list.")
    _write(bundle, lists, args.out)
    print(f"{len(lists.users):,} users, {np.count_nonzero(lists.items >= 0):,} recommendations in {args.out}")


def _given(bundle: Bundle, args: argparse.Namespace) -> Lists:
    """Lists under the ids that were given, whatever the bundle knows these people by."""
    ids = listed(Path(args.users), USER, "--users takes a file or the word all")
    known = stored(ids, bundle.users, args.key_variable)
    lists = bundle.recommend(known, args.k, **_filters(args))
    unknown = set(lists.unknown)
    missing = tuple(name for name, place in zip(ids, known, strict=True) if place in unknown)
    return replace(lists, users=Strings.of(ids), unknown=missing)


def _history(bundle: Bundle, args: argparse.Namespace) -> None:
    given = _items(args.history)
    answer = bundle.recommend_history(given, args.k, **_filters(args))
    if answer.unknown:
        warn(f"unknown items, left aside ({len(answer.unknown)}): {some(answer.unknown)}")
    if answer.untouched:
        warn(f"{len(answer.untouched)} items were touched by nobody and say nothing: {some(answer.untouched)}")
    if answer.popularity:
        warn(f"{'The history is empty' if not given else 'Nothing of the history helps'}: this is the popularity list.")
    if args.out is not None:
        _write_answer(bundle, answer, args.out)
    _show(bundle, answer)


def _items(text: str) -> list[str]:
    """Ids separated by commas, each once, as in a line of CSV."""
    try:
        cells = next(csv.reader([text], skipinitialspace=True), [])
    except csv.Error as error:
        raise UserError(f"--history is no list of ids separated by commas: {error}.") from error
    return list(dict.fromkeys(filter(None, cells)))


def _filters(args: argparse.Namespace) -> dict[str, list[str] | None]:
    """The items that may be, and those that may not be recommended; None where nothing was said."""
    files = {"allow": args.allow, "block": args.block}
    return {
        name: None if file is None else listed(file, ITEM, f"--{name} takes a file of item ids")
        for name, file in files.items()
    }


def _write(bundle: Bundle, lists: Lists, out: Path) -> None:
    rows, columns = np.nonzero(lists.items >= 0)
    write_parquet(
        out,
        {
            "user_id": lists.users.take(rows),
            "item_id": bundle.items.take(lists.items[rows, columns]),
            "rank": (columns + 1).astype(np.int32),
            "score": lists.scores[rows, columns],
        },
    )


def _write_answer(bundle: Bundle, answer: Answer, out: Path) -> None:
    places = answer.items[answer.items >= 0]
    ranks = np.arange(1, len(places) + 1, dtype=np.int32)
    write_parquet(out, {"item_id": bundle.items.take(places), "rank": ranks, "score": answer.scores[: len(places)]})


def _show(bundle: Bundle, answer: Answer) -> None:
    print(f"{'rank':>4}  {'score':>10}  item")
    for rank, place in enumerate(answer.items[answer.items >= 0].tolist()):
        print(f"{rank + 1:>4}  {answer.scores[rank]:>10.4f}  {bundle.label(place)}")
