"""``recsmith similar``: the items most like a given one."""

from __future__ import annotations

import argparse

from recsmith.cli._bundles import add_bundle, number, opened


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_bundle(parser)
    parser.add_argument("--item", required=True, help="id of the item")
    parser.add_argument("--k", type=number, default=10, help="how many (default: 10)")


def run(args: argparse.Namespace) -> None:
    """Print the nearest items by the cosine of their vectors."""
    with opened(args.bundle) as bundle:
        items, cosines = bundle.similar(args.item, min(args.k, len(bundle.items)))
        print(f"{'rank':>4}  {'cosine':>8}  item")
        for rank, (place, cosine) in enumerate(zip(items.tolist(), cosines.tolist(), strict=True), start=1):
            if place >= 0:
                print(f"{rank:>4}  {cosine:>8.4f}  {bundle.label(place)}")
