"""How a command of the team ends: a plain message, and an exit status that says how it went."""

from __future__ import annotations

import sys
from collections.abc import Callable

from recsmith.errors import UserError
from recsmith.privacy.secrets import blotted

FAILED, INTERRUPTED = 1, 130


def ended(name: str, work: Callable[[], int | None], interrupted: str) -> int:
    """The exit status of ``work``; 1 after an error in plain words, 130 after an interruption.

    ``interrupted`` says what an interruption leaves and how to go on. Nothing that is printed shows a secret.
    """
    with blotted():
        try:
            return work() or 0
        except UserError as error:
            print(f"{name}: {error}", file=sys.stderr)
            return FAILED
        except KeyboardInterrupt:
            print(f"{name}: interrupted; {interrupted}", file=sys.stderr)
            return INTERRUPTED


def say(text: str) -> None:
    """Print at once: each step may take long."""
    print(text, flush=True)
