"""Keyed pseudonyms: HMAC-SHA256 of an id, and in front of it the fingerprint of the key, so that two keys never mix."""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable
from functools import cached_property

from recsmith.errors import UserError
from recsmith.privacy.keys import Key, from_environment

FORM = re.compile(r"ps_([0-9a-f]{8})_[0-9a-f]{32}")


class Pseudonyms:
    """Ids to pseudonyms under one key; a pseudonym of this key stays what it is."""

    def __init__(self, key: Key) -> None:
        self.key = key

    @cached_property
    def _secret(self) -> bytes:
        return self.key.derived("pseudonyms")

    @cached_property
    def _tombstones(self) -> bytes:
        return self.key.derived("tombstones")

    def of(self, name: str) -> str:
        """The pseudonym of an id; UserError where it is the pseudonym of another key."""
        made_by = fingerprint(name)
        if made_by is None:
            return f"ps_{self.key.fingerprint}_{hmac.digest(self._secret, name.encode(), 'sha256')[:16].hex()}"
        self.check(made_by, "The data hold pseudonyms")
        return name

    def tombstone(self, name: str) -> str:
        """What remains of somebody who is forgotten (id or pseudonym): it recognises them and names nobody."""
        return hmac.digest(self._tombstones, self.of(name).encode(), "sha256")[:16].hex()

    def check(self, made_by: str, what: str) -> None:
        """UserError unless ``made_by`` is the fingerprint of our key."""
        if made_by != self.key.fingerprint:
            raise UserError(
                f"{what} of the key {made_by}, and {self.key.variable} holds the key {self.key.fingerprint}: "
                f"pseudonyms of two keys would mix. Set {self.key.variable} to the key {made_by}, or begin anew with "
                "data that this key has made."
            )


def fingerprint(name: str) -> str | None:
    """The fingerprint of the key that made a pseudonym; None where it is none."""
    found = FORM.fullmatch(name)
    return found[1] if found else None


def stored(names: Iterable[str], known: Iterable[str], variable: str) -> list[str]:
    """``names`` as a bundle that knows ``known`` stores them: pseudonyms where it holds pseudonyms.

    Raises UserError where the key is missing or another one; where ids are stored as they are nobody is asked for it.
    """
    made_by = fingerprint(next(iter(known), ""))
    if made_by is None:
        return list(names)
    given = list(names)
    if all(fingerprint(name) == made_by for name in given):
        return given
    why = f"The bundle knows people by pseudonyms of the key {made_by}."
    makers = Pseudonyms(from_environment(variable, why))
    makers.check(made_by, "The bundle holds pseudonyms")
    return [makers.of(name) for name in given]
