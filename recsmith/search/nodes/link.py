"""One SSH connection to a node, used from plain code; whatever goes wrong is a UserError that names the node."""

from __future__ import annotations

import asyncio
import shlex
import threading
from collections.abc import Awaitable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import asyncssh

from recsmith.config.nodes import Node
from recsmith.errors import UserError
from recsmith.hosts import refusal

CONNECT_SECONDS = 20
SILENCE_SECONDS = 15
SILENCES = 4
"""So many unanswered signs of life end a connection."""
BLOCK = 2**20
T = TypeVar("T")


class NodeLost(Exception):
    """The connection to a node that was there is gone."""


class Link:
    """A connection to ``node``; :meth:`close` it, or end with the process."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.connection = _wait(self._connect())

    async def _connect(self) -> asyncssh.SSHClientConnection:
        node = self.node
        key = self._key()
        try:
            return await asyncssh.connect(
                node.host,
                node.port,
                username=node.user,
                client_keys=[key],
                known_hosts=_hosts(node),
                preferred_auth="publickey",
                agent_path=None,
                config=None,  # NNI connects too and does not read ~/.ssh/config
                connect_timeout=CONNECT_SECONDS,
                login_timeout=CONNECT_SECONDS,
                keepalive_interval=SILENCE_SECONDS,
                keepalive_count_max=SILENCES,
            )
        except asyncssh.HostKeyNotVerifiable as error:
            raise await asyncio.to_thread(_wrong_host, node) from error
        except asyncssh.PermissionDenied as error:
            raise UserError(
                f"search.nodes: {node.name} does not let {node.user} in with {node.key_file}. Add its public half to "
                "~/.ssh/authorized_keys there, or name another key in params.yaml: search.nodes."
            ) from error
        except (OSError, asyncssh.Error, TimeoutError) as error:
            raise UserError(
                f"search.nodes: {node.name} cannot be reached ({str(error) or 'no answer in time'}). Start its SSH "
                "server, mend host and port in params.yaml: search.nodes, or take the node out. Finished trials are "
                "kept."
            ) from error

    def _key(self) -> asyncssh.SSHKey:
        try:
            return asyncssh.read_private_key(str(Path(self.node.key_file).expanduser()))
        except (OSError, asyncssh.KeyImportError) as error:
            raise UserError(
                f"search.nodes: {self.node.name}: key_file {self.node.key_file} cannot be used ({error}). "
                "Name a private key without a passphrase in params.yaml: search.nodes."
            ) from error

    @property
    def host_key(self) -> asyncssh.SSHKey:
        """The key that the server proved to have."""
        key = self.connection.get_server_host_key()
        if key is None:
            raise NodeLost(self.node.name)
        return key

    def run(self, words: list[str], data: Path | None = None) -> tuple[int, str, str]:
        """Exit status, stdout and stderr of a command that is given the file ``data`` to read."""
        return _wait(self._run(shlex.join(words), data))

    async def _run(self, command: str, data: Path | None) -> tuple[int, str, str]:
        try:
            stdin: Any = str(data) if data else asyncssh.DEVNULL
            done = await self.connection.run(command, stdin=stdin, encoding=None)
        except (OSError, asyncssh.Error) as error:
            raise NodeLost(f"{self.node.name}: {error}") from error
        out, err = (
            text.decode(errors="replace") if isinstance(text, bytes) else "" for text in (done.stdout, done.stderr)
        )
        return done.returncode if done.returncode is not None else -1, out, err

    def tunnel(self, port: int) -> int:
        """Let the node reach ``port`` of this machine's loopback; gives the port on the node's loopback."""
        try:
            listener = _wait(self.connection.forward_remote_port("127.0.0.1", 0, "127.0.0.1", port))
        except (OSError, asyncssh.Error) as error:
            raise UserError(
                f"search.nodes: {self.node.name} forwards no port ({error}), and trials there could not report. "
                "Set AllowTcpForwarding yes in its sshd_config."
            ) from error
        return listener.get_port()

    def start(self, words: list[str]) -> Talk:
        """A command that goes on, to be talked with."""
        try:
            return Talk(self.node, _wait(self.connection.create_process(shlex.join(words), encoding=None)))
        except (OSError, asyncssh.Error) as error:
            raise NodeLost(f"{self.node.name}: {error}") from error

    def close(self) -> None:
        """End the connection and what goes through it."""
        self.connection.abort()


class Talk:
    """A running command: frames (length in a line, then so many bytes) go in and come out."""

    def __init__(self, node: Node, process: asyncssh.SSHClientProcess[bytes]) -> None:
        self.node, self.process = node, process

    def ask(self, text: str, seconds: float) -> str:
        """Send a frame and wait for the one that answers it; NodeLost where none comes in time."""
        try:
            return _wait(asyncio.wait_for(self._ask(text.encode()), seconds))
        except (OSError, asyncssh.Error, TimeoutError, asyncio.IncompleteReadError, ValueError) as error:
            raise NodeLost(f"{self.node.name}: {error or 'no answer'}") from error

    def finish(self, text: str, seconds: float) -> None:
        """Send a last frame and wait until the command has ended; NodeLost where it does not."""
        try:
            _wait(asyncio.wait_for(self._finish(text.encode()), seconds))
        except (OSError, asyncssh.Error, TimeoutError) as error:
            raise NodeLost(f"{self.node.name}: {error or 'no answer'}") from error

    async def _finish(self, frame: bytes) -> None:
        self.process.stdin.write(b"%d\n" % len(frame) + frame)
        await self.process.wait_closed()

    async def _ask(self, frame: bytes) -> str:
        self.process.stdin.write(b"%d\n" % len(frame) + frame)
        await self.process.stdin.drain()
        length = int(await self.process.stdout.readline())
        return (await self.process.stdout.readexactly(length)).decode()


def _hosts(node: Node) -> Any:
    """What asyncssh is to compare the server's key with."""
    if not node.host_key:
        return (
            str(Path(node.known_hosts).expanduser()) if Path(node.known_hosts).expanduser().is_file() else ([], [], [])
        )
    try:
        return ([asyncssh.import_public_key(node.host_key)], [], [])
    except asyncssh.KeyImportError as error:
        raise UserError(f"params.yaml: search.nodes: host_key of {node.name} is no public key ({error}).") from error


def _wrong_host(node: Node) -> UserError:
    if node.host_key:
        return UserError(
            f"search.nodes: {node.name} has another key than params.yaml: search.nodes says in host_key. Somebody may "
            "be in between; ask who runs it, and write the new key down only where it is right."
        )
    return UserError(f"search.nodes: {refusal(node.host, node.port, node.known_hosts)}")


@cache
def _loop() -> asyncio.AbstractEventLoop:
    """One loop for all connections, in a thread that ends with the process."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()
    return loop


def _wait(work: Awaitable[T]) -> T:
    async def whole() -> T:
        return await work

    return asyncio.run_coroutine_threadsafe(whole(), _loop()).result()
