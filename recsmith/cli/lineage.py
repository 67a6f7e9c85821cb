"""``recsmith lineage``: where a bundle came from."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator
from pathlib import Path

from recsmith.cli._bundles import DEFAULT
from recsmith.errors import UserError
from recsmith.report.ancestry import need, told
from recsmith.serving.manifest import read

LINE = Path("data/report/lineage.json")
CHAMPION = Path("data/champion")
DIGEST = re.compile(r"[0-9a-f]{8,64}")


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "bundle", nargs="?", default=str(DEFAULT), metavar="BUNDLE", help=f"a folder, or a digest (default: {DEFAULT})"
    )
    parser.add_argument("--json", action="store_true", help="the whole of lineage.json")


def run(args: argparse.Namespace) -> None:
    """Find the lineage by the bundle's digest and print it."""
    folder = Path(args.bundle)
    _, found = need(digest_of(args.bundle), places(folder))
    print(json.dumps(found, indent=2, ensure_ascii=False) if args.json else told(found))


def digest_of(bundle: str) -> str:
    """The digest of a bundle given as folder, or the digest itself (8 characters of it or more)."""
    if Path(bundle).is_dir():
        return read(Path(bundle))["digest"]
    if DIGEST.fullmatch(bundle):
        return bundle
    if bundle == str(DEFAULT):
        raise UserError(f"{DEFAULT} is not there: `make run` makes it. Or name a bundle, by its folder or its digest.")
    raise UserError(f"{bundle!r} is neither the folder of a bundle nor a digest (8 to 64 hexadecimal digits).")


def places(folder: Path) -> Iterator[Path]:
    """Where lineages lie: with the bundle, of the present line, of the champions."""
    if folder.is_dir():
        yield from (folder / "lineage.json", folder.parent / "lineage.json")
        yield folder.parent.parent / "report/lineage.json"
    yield LINE
    yield CHAMPION / "current/lineage.json"
    yield from sorted(CHAMPION.glob("versions/*/lineage.json"))
