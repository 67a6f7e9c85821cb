"""Writes the results table of README.md from the metrics files of the last run."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from recsmith.errors import UserError
from recsmith.files import write_text
from tools.results import Results, load

README = Path("README.md")
PLACE = re.compile(r"(<!-- results -->\n).*?(<!-- /results -->)", re.DOTALL)


def table(results: Results) -> str:
    """The section between the marks."""
    return f"{results.markdown}\n\n{' '.join(results.notes())}\n"


def fill(text: str, results: Results) -> str:
    """``text`` with the section between the marks replaced; UserError where the marks are missing."""
    filled, count = PLACE.subn(lambda match: match[1] + table(results) + match[2], text)
    if count != 1:
        raise UserError(f"{README} needs one pair of marks <!-- results --> and <!-- /results -->; it has {count}.")
    return filled


def main() -> None:
    """Rewrite README.md."""
    try:
        write_text(README, fill(README.read_text(encoding="utf-8"), load()))
    except UserError as error:
        sys.exit(f"readme: {error}")


if __name__ == "__main__":
    main()
