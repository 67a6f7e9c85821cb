"""Messages without secrets: what the environment holds as keys and passwords is blotted out where text leaves."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote, urlsplit

NAMES = re.compile(r"(^|_)(KEY|TOKEN|SECRET|PASSWORD|PASSWD|PGPASSWORD|DSN)($|_)", re.IGNORECASE)
"""Variables whose values are secrets."""
ADDRESSES = ("RECSMITH_ALERTS", "RECSMITH_DATABASE")
"""Variables whose values are secrets where they are addresses: whoever knows a webhook may post there."""
SHORTEST = 6
"""Shorter values would blot out ordinary words."""
TOKEN = re.compile(r"[\w~+-]{16,}")
"""What in an address is no word of a language: a key that its path or its query holds."""
IN_ADDRESS = re.compile(r"(?<=://)([^\s/:@'\"]*):([^\s/'\"]+)(?=@)")
"""User and password in an address."""
IN_WORDS = re.compile(r"\bpassword\s*=\s*'?([^\s'&]+)", re.IGNORECASE)
"""A password in the other form that PostgreSQL's addresses have."""
BLOT = "***"


def values(environment: Mapping[str, str]) -> list[str]:
    """The secrets in ``environment``, longest first; an address counts as a whole, and its password and keys alone."""
    found = set()
    for name, value in environment.items():
        if NAMES.search(name):
            found.update((value, *_passwords(value)))
        elif name in ADDRESSES and "://" in value:
            found.update((value, *_passwords(value), *TOKEN.findall(value), *TOKEN.findall(unquote(value))))
    return sorted((value for value in found if len(value) >= SHORTEST), key=len, reverse=True)


def _passwords(value: str) -> Iterator[str]:
    for address in IN_ADDRESS.finditer(value):
        yield from (address[2], unquote(address[2]))
    yield from (word[1] for word in IN_WORDS.finditer(value))
    try:
        password = urlsplit(value).password
    except ValueError:
        return
    if password:
        yield from (password, unquote(password))


def redact(text: str) -> str:
    """``text`` with every secret of the environment, and every password in an address, blotted out."""
    for value in values(os.environ):
        text = text.replace(value, BLOT)
    return IN_ADDRESS.sub(rf"\1:{BLOT}", text)


class Blotted:
    """A stream that redacts what is written to it; everything else is the stream's own."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write ``text`` without secrets."""
        self._stream.write(redact(text))
        return len(text)

    def writelines(self, lines: Any) -> None:
        """As for any stream."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def blotted() -> Iterator[None]:
    """While this holds, nothing that Python writes to stdout or stderr shows a secret, tracebacks included."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (stream and Blotted(stream) for stream in before)
    yield
    sys.stdout, sys.stderr = before  # not where something is raised: its traceback is still to be written


def blot() -> None:
    """As :func:`blotted`, for the rest of the process."""
    sys.stdout, sys.stderr = (stream and Blotted(stream) for stream in (sys.stdout, sys.stderr))
