"""``recsmith init``: look at a person's own files and write the ``ingest`` section."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from recsmith.config.base import parse
from recsmith.config.edit import parsed, with_key, with_section
from recsmith.config.ingest import Ingest, Privacy
from recsmith.errors import UserError
from recsmith.files import write_text
from recsmith.output import say
from recsmith.sources.guess import Guess, guess
from recsmith.sources.guess_file import Ask, Hints
from recsmith.sources.registry import read
from recsmith.sources.write import counts

TRIED_BYTES = 500 << 20
"""Larger sources are not read whole to try what was guessed."""
IDLE_BYTES = 50 << 20
"""Other files in the folder that are worth a warning, because DVC hashes all of it."""
GENERAL = (
    ("--delimiter", "", "what separates columns, e.g. ',' or '\\t'"),
    ("--header", "yes|no", "whether the first line is names"),
    ("--timestamp-unit", "s|ms|us|ns|iso", "unit of the times"),
)
"""Options for all files, or for one as FILE=VALUE: (option, values, help)."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="your files, or one folder")
    parser.add_argument("--params", type=Path, default=Path("params.yaml"), help="parameter file (params.yaml)")
    parser.add_argument("--yes", action="store_true", help="never ask; where something is not clear, say what and stop")
    parser.add_argument(
        "--column",
        action="append",
        default=[],
        metavar="[FILE:]NAME=COLUMN",
        help="e.g. user_id=customer, or user_id=0",
    )
    parser.add_argument("--role", action="append", default=[], metavar="FILE=ROLE", help="e.g. tags.csv=ignore")
    parser.add_argument("--event", action="append", default=[], metavar="FILE=EVENT", help="e.g. test.tsv=buy")
    for option, choices, text in GENERAL:
        metavar = f"[FILE=]{choices or 'D'}"
        parser.add_argument(option, action="append", default=[], metavar=metavar, help=text)


def run(args: argparse.Namespace) -> None:
    """Guess, try, write; nothing is written where anything is unclear or cannot be read."""
    root = args.params.parent
    doubts: list[str] = []
    ask = terminal if sys.stdin.isatty() and not args.yes else collecting(doubts)
    try:
        found = guess(args.files, hints(args), ask, lambda path: written(path, root))
    except UserError as error:
        raise _unclear(doubts) if doubts else error from error
    if doubts:
        raise _unclear(doubts)
    for line in found.said:
        say(line)
    params = parse(found.ingest, Ingest, "ingest")
    _try(params, root, found)
    _write(args.params, found)
    _warn(found)
    say(f"\nWrote section ingest of {args.params}. Next: `recsmith fetch`, then `dvc repro` (or `make run`).")


def _unclear(doubts: list[str]) -> UserError:
    return UserError("this cannot be known from the files:\n" + "\n".join(f"- {doubt}" for doubt in doubts))


def hints(args: argparse.Namespace) -> Hints:
    """The options as what was said beforehand."""
    columns: dict[str, dict[str, str]] = {}
    for given in args.column:
        left, _, column = given.partition("=")
        file, _, name = left.rpartition(":")
        if not name or not column:
            raise UserError(f"--column {given!r}: [FILE:]NAME=COLUMN is due, e.g. user_id=customer.")
        columns.setdefault(file, {})[name] = column
    said = [_general(getattr(args, option[2:].replace("-", "_")), option, choices) for option, choices, _ in GENERAL]
    return Hints(columns, _pairs(args.role, "--role"), _pairs(args.event, "--event"), *said)


def _general(given: Sequence[str], option: str, choices: str) -> dict[str, str]:
    """File (or '' for all) -> value, of options such as ``--header no`` and ``--header a.csv=no``."""
    found = {}
    for text in given:
        file, _, value = text.rpartition("=")
        if not value or (choices and value not in choices.split("|")):
            raise UserError(f"{option} {text!r}: [FILE=]{choices or 'what separates columns'} is due.")
        found[Path(file).name] = "\t" if value in ("\\t", "tab") else value
    return found


def _pairs(given: Sequence[str], option: str) -> dict[str, str]:
    pairs = [text.partition("=") for text in given]
    for text, (file, _, value) in zip(given, pairs, strict=True):
        if not file or not value:
            raise UserError(f"{option} {text!r}: FILE=VALUE is due.")
    return {Path(file).name: value for file, _, value in pairs}


def terminal(question: str, options: Sequence[str], option: str) -> str:
    """Ask until one of the options is named by its number or itself; Enter takes the first."""
    say(f"\n{question}")
    for number, text in enumerate(options, start=1):
        say(f"  {number}. {text}")
    while True:
        try:
            answer = input(f"[1-{len(options)}, Enter for 1] ").strip()
        except EOFError as error:
            raise UserError(f"no answer. It can be said beforehand with {option}.") from error
        if answer in options:
            return answer
        if not answer or (answer.isdigit() and 1 <= int(answer) <= len(options)):
            return options[int(answer or 1) - 1]


def collecting(doubts: list[str]) -> Ask:
    """An ask that only notes what it was asked, and goes on with the likeliest."""

    def ask(question: str, options: Sequence[str], option: str) -> str:
        if not any(doubt.endswith(f" {option}") for doubt in doubts):
            doubts.append(f"{question} Possible: {', '.join(options)}. Say it with {option}")
        return options[0]

    return ask


def written(path: Path, root: Path) -> str:
    """A path as the parameters hold it: relative where it is inside the project."""
    absolute, base = path.resolve(), root.resolve()
    return str(absolute.relative_to(base)) if absolute.is_relative_to(base) else str(absolute)


def _try(params: Ingest, root: Path, found: Guess) -> None:
    """Read the source, so that what is wrong with it is known now."""
    size = sum(path.stat().st_size for path in found.files)
    if size > TRIED_BYTES:
        say(f"{size / 2**20:,.0f} MB: not read whole now; the ingest stage will.")
        return
    tables = read(params, root)
    for note in tables.notes:
        say(note)
    kept = counts(tables)
    say(f"Read: {kept['interactions']:,} interactions of {kept['users']:,} users with {kept['items']:,} items.")


def _write(path: Path, found: Guess) -> None:
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    privacy = (parsed(before).get("ingest") or {}).get("privacy")
    text = with_section(before, "ingest", found.ingest | ({"privacy": privacy} if _asks(privacy) else {}))
    split = parsed(before).get("split") or {}
    needed = dict(found.split)
    if not needed and split.get("method") == "given":
        needed = {"method": "per_user_temporal"}
    for key, value in needed.items():
        if split.get(key) != value:
            text = with_key(text, "split", key, value)
            say(f"Set split.{key}: {value}, because {_because(key, value)}.")
    parsed(text)
    write_text(path, text)


def _asks(privacy: Any) -> bool:
    """Whether the section before asked for anything that another source must not lose."""
    return bool(privacy) and parse(privacy, Privacy, "ingest.privacy") != Privacy()


def _because(key: str, value: str) -> str:
    if key == "target_event":
        return "the test file holds nothing else"
    reasons = {"given": "your files say what is train and test", "random": "your files have no times"}
    return reasons.get(value, "your files give no split")


def _warn(found: Guess) -> None:
    if found.where.is_dir():
        used = {path.resolve() for path in found.files}
        idle = sum(p.stat().st_size for p in found.where.rglob("*") if p.is_file() and p.resolve() not in used)
        if idle > IDLE_BYTES:
            say(
                f"Warning: {found.where} holds {idle / 2**20:,.0f} MB in files that are not read. DVC hashes the whole "
                "folder to see changes; put the files that are read into a folder of their own."
            )
