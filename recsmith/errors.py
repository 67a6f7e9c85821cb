"""Errors that are meant for the person at the keyboard."""

from __future__ import annotations

from collections.abc import Iterable


class UserError(Exception):
    """Something that the user gave cannot be used; the message says what, what is allowed, and what to change.

    Entry points print the message without a traceback and exit with ``status``.
    """

    status = 1


class Unreachable(UserError):
    """A server that was asked does not answer: trying again may help (the status is that of ``EX_TEMPFAIL``)."""

    status = 75


class SizedOut(UserError):
    """A candidate is refused before it starts: it would not fit into ``run.memory_mb``; the message gives the bytes."""


def unknown(where: str, given: object, known: Iterable[str]) -> UserError:
    """For a name that is not in a list, as in ``params.yaml: search.strategy = 'Tpe' is unknown. Known: ...``."""
    return UserError(f"{where} = {given!r} is unknown. Known: {', '.join(sorted(known))}.")
