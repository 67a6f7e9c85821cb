"""Days as people type them."""

from __future__ import annotations

import argparse
import datetime


def day(text: str) -> datetime.date:
    """A day on a command line; argparse says what was given and what is due."""
    try:
        return datetime.date.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a day such as 2026-01-31") from error
