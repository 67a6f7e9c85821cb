"""What the commands share that are made of actions, of which one at a time changes something."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from recsmith.errors import UserError

LOCKS = Path(".work/locks")
SECONDS = 5.0


def add_actions(parser: argparse.ArgumentParser, actions: Mapping[str, str]) -> None:
    """The action, what each does, and the parameter file."""
    width = max(map(len, actions))
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = "\n".join(f"{name:{width}} {text}" for name, text in actions.items())
    parser.add_argument("action", choices=actions)
    parser.add_argument("--params", type=Path, default=Path("params.yaml"), help="parameter file (params.yaml)")


@contextmanager
def alone(root: Path, name: str, what: str) -> Iterator[None]:
    """Hold the lock ``name`` of the workspace; UserError where another process is changing ``what``."""
    lock = root / LOCKS / f"{name}.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(lock, timeout=SECONDS):
            yield
    except Timeout as error:
        raise UserError(f"another process is changing {what}. Wait for it, then run again.") from error
