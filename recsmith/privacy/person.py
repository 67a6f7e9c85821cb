"""Somebody to be found in files: the names that they have there, and the columns in which a name means a person."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from recsmith.config.ingest import FileSpec
from recsmith.privacy.pseudonyms import Pseudonyms
from recsmith.tables import columns as c

PEOPLE = frozenset({c.SOURCE_USER, c.TARGET_USER})
"""Our own columns of user ids."""
MIXED = re.compile(r"[^\W\d].*[\d@.:_+-]|[\d@.:_+-].*[^\W\d]")


@dataclass(frozen=True)
class Person:
    """An id with its pseudonym, and the names of columns that hold user ids (ours and those of the source)."""

    names: frozenset[str]
    columns: frozenset[str] = PEOPLE

    @cached_property
    def distinctive(self) -> frozenset[str]:
        """Names that can be searched for in any text: ``5`` is a person in one column and a rating in the next.

        Long ones are, and those of 6 characters that mix letters with digits or signs; ``nobody`` is a word.
        """
        return frozenset(name for name in self.names if len(name) >= 12 or (len(name) >= 6 and MIXED.search(name)))

    @cached_property
    def words(self) -> re.Pattern[bytes] | None:
        """The distinctive names as whole words in bytes; None where there are none."""
        if not self.distinctive:
            return None
        names = b"|".join(re.escape(name.encode()) for name in sorted(self.distinctive))
        return re.compile(rb"(?<![A-Za-z0-9_-])(?:" + names + rb")(?![A-Za-z0-9_-])")


def person(name: str, pseudonyms: Pseudonyms, specs: Iterable[FileSpec] = ()) -> Person:
    """Whoever has the id ``name``; ``specs`` say what the source calls its columns of people."""
    mapped = {spec.columns[key] for spec in specs for key in PEOPLE if key in spec.columns}
    return Person(frozenset({name, pseudonyms.of(name)}), PEOPLE | {one for one in mapped if not one.isdigit()})
