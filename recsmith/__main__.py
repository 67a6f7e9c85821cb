"""``recsmith COMMAND``: each command imports only what it needs."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from types import ModuleType

from recsmith import __version__
from recsmith.errors import UserError
from recsmith.output import hush
from recsmith.privacy.secrets import blotted

COMMANDS = {
    "fetch": "bring the data of params.yaml to data/raw (mirror, network, or the built-in demo)",
    "init": "look at your own files and write the ingest section of params.yaml",
    "events": "the event log of retraining: make it, add to it, take what is in the inbox",
    "champion": "who serves: show, decide, roll back",
    "night": "what a night of retraining has found out between its steps",
    "decay": "how quality falls without retraining, and what retraining wins back",
    "recommend": "top-k lists from a bundle, for known users or for a history",
    "inspect": "what is in a bundle: tensors, bytes, precision, quality, where it came from",
    "add-items": "a bundle that also knows new items, from their first interactions, without training",
    "export-onnx": "the model of a bundle as ONNX, for other runtimes",
    "similar": "the items most like a given one",
    "lineage": "where a bundle came from: commit, data, parameters, packages, runs, the champion before it",
    "embed": "the vectors of users and items as Parquet",
    "encrypt": "a bundle, or any file or folder, to one encrypted file",
    "decrypt": "an encrypted file back to what it was",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit status is 0, or 1 (75: trying again may help) with a plain message."""
    words = list(sys.argv[1:] if argv is None else argv)
    name = words[0] if words and words[0] in COMMANDS else None
    try:
        parser = _parser(name)
        args = parser.parse_args(words)
        if name is None:
            parser.print_help()
            return 2
        with blotted():
            return _run(name, args)
    except ModuleNotFoundError as error:  # numpy alone opens a bundle; some commands need more
        if error.name is None or error.name.startswith("recsmith"):
            raise
        print(f"recsmith {name}: this needs the package {error.name}, which is not installed here.", file=sys.stderr)
        return 1


def _run(name: str, args: argparse.Namespace) -> int:
    try:
        _command(name).run(args)
        print(end="", flush=True)
    except UserError as error:
        print(f"recsmith {name}: {error}", file=sys.stderr)
        return error.status
    except KeyboardInterrupt:
        print(f"recsmith {name}: interrupted.", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of our output (head, less) left early
        hush()
    except OSError as error:  # a full disk, a missing permission
        print(f"recsmith {name}: {error.filename or 'the output'}: {error.strerror or error}.", file=sys.stderr)
        hush()
        return 1
    return 0


def _parser(chosen: str | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "recsmith", description="From interaction logs to the recommender that wins on them."
    )
    parser.add_argument("--version", action="version", version=f"recsmith {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND")
    for name, text in COMMANDS.items():
        command = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        if name == chosen:
            _command(name).arguments(command)
    return parser


def _command(name: str) -> ModuleType:
    return importlib.import_module(f"recsmith.cli.{name.replace('-', '_')}")


if __name__ == "__main__":
    sys.exit(main())
