"""Whether an SSH server is who it should be, and what to say of one that is not."""

from __future__ import annotations

import asyncio
import shlex
from pathlib import Path

import asyncssh

KNOWN_HOSTS = "~/.ssh/known_hosts"


def refusal(host: str, port: int | None, file: str = KNOWN_HOSTS) -> str:
    """What to say of a host whose key is not accepted: new or changed, its fingerprint, and how to accept it."""
    name = f"[{host}]:{port}" if port and port != 22 else host
    scan = f"ssh-keyscan {f'-p {port} ' if port else ''}{shlex.quote(host)} >> {file}"
    now = _fingerprint(host, port)
    if _is_known(host, port, Path(file).expanduser()):
        remove = f"ssh-keygen {'' if file == KNOWN_HOSTS else f'-f {file} '}-R {shlex.quote(name)}"
        return (
            f"the host key of {name} CHANGED: it is {now} and known_hosts holds another. Somebody may be in between. "
            f"Ask who runs the host; only where the new key is right: {remove} && {scan}"
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


def _is_known(host: str, port: int | None, file: Path) -> bool:
    if not file.is_file():
        return False
    keys = asyncssh.match_known_hosts(str(file), host, "", port if port != 22 else None)
    return any(keys)
