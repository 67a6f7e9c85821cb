"""Batches for a night in the tiny workspace: good ones, one that the door refuses, one that validate refuses."""

from __future__ import annotations

from collections.abc import Iterable

DECEMBER_31 = 1_703_980_800
HEAD = "user_id,item_id,timestamp,event"
BAD = f"{HEAD}\nu01,p01,99,view\n"


def more_events() -> str:
    """What anybody would take."""
    return _batch(f"u{1 + n % 50:02d},p{1 + n * 7 % 80:02d},{DECEMBER_31 + 60 * n},view" for n in range(120))


def flood() -> str:
    """What passes the door, and makes most users have next to no history."""
    return _batch(f"new{n},p{1 + n % 80:02d},{DECEMBER_31 + 60 * n},view" for n in range(400))


def _batch(rows: Iterable[str]) -> str:
    return "\n".join([HEAD, *rows]) + "\n"
