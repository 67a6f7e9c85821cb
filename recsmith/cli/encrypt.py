"""``recsmith encrypt``: a bundle, or any file or folder, to one encrypted file."""

from __future__ import annotations

import argparse
from pathlib import Path

from recsmith.errors import UserError
from recsmith.privacy.archive import seal
from recsmith.privacy.keys import from_environment
from recsmith.privacy.sealing import VARIABLE


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("source", type=Path, metavar="SOURCE", help="a bundle, or any file or folder")
    parser.add_argument("out", type=Path, metavar="OUT", help="the encrypted file to write, e.g. bundle.sealed")


def run(args: argparse.Namespace) -> None:
    """Encrypt with the key in RECSMITH_KEY; the source stays."""
    if args.out.exists():
        raise UserError(f"{args.out} is there already; name another file, or remove it.")
    key = from_environment(VARIABLE, "Encryption needs a key.", first=True)
    seal(args.source, args.out, key)
    print(f"{args.out}: {args.out.stat().st_size:,} bytes, encrypted with the key {key.fingerprint}")
