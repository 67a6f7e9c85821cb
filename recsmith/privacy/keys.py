"""Keys from the environment: never stored, told apart by a fingerprint."""

from __future__ import annotations

import hashlib
import hmac
import os
from dataclasses import dataclass, field
from functools import cached_property

from recsmith.errors import UserError

SHORTEST = 16
"""Characters of a key; what is shorter can be guessed from what it made."""
MAKE = 'python -c "import secrets; print(secrets.token_hex(32))"'
STRETCH = {"n": 2**15, "r": 8, "p": 1, "maxmem": 2**26}
"""scrypt (RFC 7914): about a tenth of a second and 32 MB for each guess."""


@dataclass(frozen=True)
class Key:
    """The value of an environment variable; all that is made with it comes from :meth:`derived`."""

    variable: str
    secret: bytes = field(repr=False)

    @cached_property
    def _stretched(self) -> bytes:
        # The salt is fixed: equal ids must get equal pseudonyms, and one stretching has to do for thousands of files.
        return hashlib.scrypt(self.secret, salt=b"recsmith-1", dklen=32, **STRETCH)

    def derived(self, purpose: str) -> bytes:
        """32 bytes for one purpose; those of another say nothing about them."""
        return hmac.digest(self._stretched, purpose.encode(), "sha256")

    @cached_property
    def fingerprint(self) -> str:
        """8 hex digits by which the key is known; they do not lead back to it."""
        return self.derived("fingerprint")[:4].hex()


def from_environment(variable: str, why: str, *, first: bool = False) -> Key:
    """The key that ``variable`` holds; UserError says ``why`` it is needed where it is missing, or that it is short.

    Where this may be the ``first`` use of a key the error tells how one is made; elsewhere a new one would not fit.
    """
    value = os.environ.get(variable, "")
    if not value:
        raise UserError(
            f"{why} Set the environment variable {variable} to the key{f' ({MAKE} makes one)' if first else ''}."
        )
    if len(value) < SHORTEST:
        raise UserError(
            f"The key in {variable} has {len(value)} characters and can be guessed; at least {SHORTEST} are due"
            + (f" ({MAKE} makes one)." if first else ".")
        )
    return Key(variable, value.encode())
