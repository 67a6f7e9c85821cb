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
OF_S3 = {"botocore.exceptions.HTTPClientError": "unreachable", "botocore.exceptions.NoCredentialsError": "login"}
"""Named, since what speaks S3 is installed only where it is used."""
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
    number, of_s3 = error.errno if isinstance(error, OSError) else None, _of_s3(error)
    if isinstance(error, asyncssh.HostKeyNotVerifiable | asyncssh.KeyExchangeFailed):
        return UserError(f"{where}: {refusal(where.odb.fs.fs_args['host'], where.odb.fs.fs_args.get('port'))}")
    refused = isinstance(error, PermissionError) and not number
    if isinstance(error, asyncssh.PermissionDenied | AuthError) or refused or of_s3 == "login":
        return _login(where)
    if isinstance(error, FileNotFoundError) and "bucket does not exist" in str(error):
        return UserError(f"{where}: the bucket does not exist. Make it, or correct .dvc/config.")
    if number in FULL or isinstance(error, asyncssh.SFTPNoSpaceOnFilesystem | asyncssh.SFTPQuotaExceeded):
        return _full_here(error) if pulling else _full_there(where)
    if number in FORBIDDEN or isinstance(error, asyncssh.SFTPPermissionDenied | asyncssh.SFTPWriteProtect):
        return _forbidden(where, error)
    if isinstance(error, UNREACHABLE) or number in NO_ROUTE or of_s3 == "unreachable":
        said = str(error) or type(error).__name__
        return Passing(f"{where} cannot be reached ({said}). Is it up, the network there, the address right?")
    if isinstance(error, asyncssh.SFTPFailure) and not pulling and _has_no_room(where):
        return _full_there(where)
    return None


def _of_s3(error: BaseException) -> str | None:
    names = (f"{kind.__module__}.{kind.__qualname__}" for kind in type(error).__mro__)
    return next((OF_S3[name] for name in names if name in OF_S3), None)


def _login(where: Where) -> UserError:
    if where.odb.fs.protocol == "s3":
        profile = f"a profile (dvc remote modify --local {where.name} profile NAME)"
        return UserError(
            f"{where} refuses the login. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name {profile}."
        )
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
