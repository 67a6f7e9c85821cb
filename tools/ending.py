"""How a command of the team ends: a plain message, and an exit status that says how it went."""

from __future__ import annotations

import sys
from collections.abc import Callable

from recsmith.errors import UserError
from recsmith.output import say
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
            say(f"{name}: {error}", sys.stderr)
            return FAILED
        except KeyboardInterrupt:
            say(f"{name}: interrupted; {interrupted}", sys.stderr)
            return INTERRUPTED
