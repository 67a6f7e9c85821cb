"""What the commands that open a bundle share."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from recsmith.serving.bundle import Bundle, load

DEFAULT = Path("data/compress/bundle")
SHOWN = 10


def add_bundle(parser: argparse.ArgumentParser) -> None:
    """The option that names the bundle."""
    parser.add_argument(
        "--bundle", type=Path, default=DEFAULT, help=f"the bundle, encrypted or not (default: {DEFAULT})"
    )


def add_key(parser: argparse.ArgumentParser) -> None:
    """The option that names the key of pseudonyms."""
    parser.add_argument(
        "--key-variable",
        default="RECSMITH_PSEUDONYM_KEY",
        metavar="NAME",
        help="environment variable with the key, where the bundle knows people by pseudonyms (default: %(default)s)",
    )


@contextmanager
def plain_folder(path: Path) -> Iterator[Path]:
    """The folder of a bundle; a private one for as long as it is used where the bundle is encrypted."""
    if not path.is_file():
        yield path
        return
    from recsmith.privacy.archive import plain  # an open bundle needs numpy alone

    with plain(path) as folder:
        yield folder


@contextmanager
def opened(path: Path) -> Iterator[Bundle]:
    """The bundle, decrypted for as long as it is used where it is encrypted."""
    with plain_folder(path) as folder:
        yield load(folder)


def warn(text: str) -> None:
    """A line on stderr, so that it does not mix with what is asked for."""
    print(text, file=sys.stderr)


def some(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def number(text: str) -> int:
    """A count of at least 1; argparse says what was given."""
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)
