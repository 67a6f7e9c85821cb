"""``recsmith decrypt``: what ``recsmith encrypt`` made, back to a file or a folder."""

from __future__ import annotations

import argparse
from pathlib import Path

from recsmith.errors import UserError
from recsmith.privacy.archive import unseal


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("source", type=Path, metavar="SEALED", help="an encrypted file")
    parser.add_argument("out", type=Path, metavar="OUT", help="the file or folder to write")


def run(args: argparse.Namespace) -> None:
    """Decrypt with the key in RECSMITH_KEY, whole or not at all."""
    if args.out.exists():
        raise UserError(f"{args.out} is there already; name another place, or remove it.")
    unseal(args.source, args.out)
    print(f"{args.out} is decrypted and whole")
