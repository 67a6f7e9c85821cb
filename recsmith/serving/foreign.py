"""What is said of parts that do not fit together though their checksums hold."""

from __future__ import annotations

from recsmith.errors import UserError


def foreign(what: str) -> UserError:
    """The error that says ``what`` is wrong, as in no bundle that Recsmith wrote."""
    return UserError(f"{what}; the bundle was not written by Recsmith.")
