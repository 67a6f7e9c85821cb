"""SSH remotes whose host key is checked; DVC itself accepts any host."""

from __future__ import annotations

import asyncio
import shlex
from pathlib import Path
from typing import Any

import asyncssh
from dvc.fs import known_implementations
from dvc_ssh import SSHFileSystem
from fsspec.asyn import sync
from sshfs.spec import SSHFileSystem as Connection

CONNECT_SECONDS = 20
LOGIN_SECONDS = 60


class CheckedHosts(SSHFileSystem):
    """DVC's file system over SSH; a host whose key ``known_hosts`` (or ``~/.ssh/config``) does not hold is refused."""

    def _prepare_credentials(self, **config: Any) -> dict[str, Any]:
        limits = {"connect_timeout": CONNECT_SECONDS, "login_timeout": LOGIN_SECONDS}
        return super()._prepare_credentials(**config) | limits | {"known_hosts": ()}


def check_hosts() -> None:
    """From here on, every SSH remote of this process is checked."""
    known_implementations["ssh"]["class"] = f"{CheckedHosts.__module__}.{CheckedHosts.__name__}"


def forget_connections() -> None:
    """Let the next use of a remote connect anew."""
    Connection.clear_instance_cache()


def free_bytes(fs: SSHFileSystem, path: str) -> int | None:
    """What is free for us where ``path`` lies or will lie; None where the server does not tell."""
    connection: Any = fs.fs

    async def ask() -> int:
        async with connection._pool.get() as channel:
            space = await channel.statvfs(path)
        return space.bavail * space.frsize

    try:
        return sync(connection.loop, ask)
    except (asyncssh.Error, OSError):
        return None


def refusal(host: str, port: int | None) -> str:
    """What to say of a host whose key is not accepted: new or changed, its fingerprint, and how to accept it."""
    name = f"[{host}]:{port}" if port and port != 22 else host
    scan = f"ssh-keyscan {f'-p {port} ' if port else ''}{shlex.quote(host)} >> ~/.ssh/known_hosts"
    now = _fingerprint(host, port)
    if _is_known(host, port):
        return (
            f"the host key of {name} CHANGED: it is {now} and known_hosts holds another. Somebody may be in between. "
            f"Ask who runs the host; only where the new key is right: ssh-keygen -R {shlex.quote(name)} && {scan}"
        )
    return (
        f"the host key of {name} is unknown: {now}. Compare it with what whoever runs the host says; "
        f"where it is right, accept it: {scan}"
    )


def _fingerprint(host: str, port: int | None) -> str:
    try:
        key = asyncio.run(asyncssh.get_server_host_key(host, port or ()))
    except (asyncssh.Error, OSError) as error:
        return f"not readable now ({error})"
    return f"{key.get_algorithm()} {key.get_fingerprint()}" if key else "none"


def _is_known(host: str, port: int | None) -> bool:
    file = Path.home() / ".ssh/known_hosts"
    if not file.is_file():
        return False
    keys = asyncssh.match_known_hosts(str(file), host, "", port if port != 22 else None)
    return any(keys)
