"""What went wrong with a remote, in words: what it is, what to do, and whether it may pass by itself."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import asyncssh
from dvc.fs import AuthError
from fsspec.asyn import FSTimeoutError

from recsmith.errors import UserError
from recsmith.hosts import refusal
from tools.remotes.ssh import free_bytes

FULL = (errno.ENOSPC, errno.EDQUOT)
FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)
UNREACHABLE = (ConnectionError, TimeoutError, FSTimeoutError, socket.gaierror, asyncssh.ConnectionLost)
NO_ROUTE = (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN)
LITTLE = 1 << 20
"""A server that refuses to write says only "Failure"; with less than this free, it is full."""


@dataclass(frozen=True)
class Where:
    """A remote, as its errors are explained with."""

    name: str
    url: str
    odb: Any

    def __str__(self) -> str:
        return f"remote {self.name!r} ({self.url})"


class Passing(UserError):
    """It may pass by itself: trying again makes sense."""


def explained(error: Exception, where: Where, *, pulling: bool) -> Exception:
    """The first cause of ``error`` that we have words for as a UserError; ``error`` itself where there is none."""
    told = (_explained(cause, where, pulling) for cause in _causes(error))
    return next((trouble for trouble in told if trouble), error)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _explained(error: BaseException, where: Where, pulling: bool) -> UserError | None:
    number = error.errno if isinstance(error, OSError) else None
    if isinstance(error, asyncssh.HostKeyNotVerifiable | asyncssh.KeyExchangeFailed):
        return UserError(f"{where}: {refusal(where.odb.fs.fs_args['host'], where.odb.fs.fs_args.get('port'))}")
    if isinstance(error, asyncssh.PermissionDenied | AuthError) or (isinstance(error, PermissionError) and not number):
        return _login(where)
    if number in FULL or isinstance(error, asyncssh.SFTPNoSpaceOnFilesystem | asyncssh.SFTPQuotaExceeded):
        return _full_here(error) if pulling else _full_there(where)
    if number in FORBIDDEN or isinstance(error, asyncssh.SFTPPermissionDenied | asyncssh.SFTPWriteProtect):
        return _forbidden(where, error)
    if isinstance(error, UNREACHABLE) or number in NO_ROUTE:
        said = str(error) or type(error).__name__
        return Passing(f"{where} cannot be reached ({said}). Is it up, the network there, the address right?")
    if isinstance(error, asyncssh.SFTPFailure) and not pulling and _has_no_room(where):
        return _full_there(where)
    return None


def _login(where: Where) -> UserError:
    key = f"dvc remote modify --local {where.name} keyfile PATH"
    user = f"dvc remote modify --local {where.name} user NAME"
    return UserError(f"{where} refuses the login. Name the right key ({key}) or user ({user}).")


def _full_here(error: BaseException) -> UserError:
    place = getattr(error, "filename", None) or "the cache"
    return UserError(f"this machine has no room left ({place}). Old results go with dvc gc --workspace; then again.")


def _full_there(where: Where) -> UserError:
    return UserError(f"{where} is full. Free room there (old results: dvc gc --workspace --cloud), then run it again.")


def _forbidden(where: Where, error: BaseException) -> UserError:
    place = getattr(error, "filename", None) or where.odb.path
    return UserError(f"{where}: no permission for {place}. Ask whoever runs it for the right to read and write there.")


def _has_no_room(where: Where) -> bool:
    free = free_bytes(where.odb.fs, where.odb.path) if where.odb.fs.protocol == "ssh" else None
    return free is not None and free < LITTLE
