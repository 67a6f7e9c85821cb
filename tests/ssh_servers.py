"""An SSH server of our own, on loopback."""

from __future__ import annotations

import getpass
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from workspaces import free_port

SETTINGS = """
ListenAddress 127.0.0.1
Port {port}
HostKey {folder}/host
AuthorizedKeysFile {folder}/user.pub
PidFile none
UsePAM no
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
Subsystem sftp internal-sftp
"""


@dataclass
class Server:
    """An OpenSSH server on loopback with keys of its own, and the home folder of its only client."""

    folder: Path
    port: int
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Of a folder that the client may write."""
        return f"ssh://{getpass.getuser()}@127.0.0.1:{self.port}{self.folder}/store"

    @property
    def env(self) -> dict[str, str]:
        """The client's: a home of its own, no agent."""
        return {"HOME": str(self.folder / "home"), "SSH_AUTH_SOCK": ""}

    def key(self, name: str) -> None:
        """A new key ``name``."""
        for file in self.folder.glob(f"{name}*"):
            file.unlink()
        words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", name]
        subprocess.run(words, cwd=self.folder, check=True)

    def accept(self) -> None:
        """Write the host's key into the client's known_hosts."""
        known = self.folder / "home/.ssh/known_hosts"
        known.parent.mkdir(parents=True, exist_ok=True)
        key = (self.folder / "host.pub").read_text(encoding="utf-8")
        known.write_text(f"[127.0.0.1]:{self.port} {key}", encoding="utf-8")

    def start(self) -> None:
        """Start it and wait until it listens."""
        settings = self.folder / "sshd_config"
        settings.write_text(SETTINGS.format(port=self.port, folder=self.folder), encoding="utf-8")
        log = self.folder / "log"
        command = [daemon(), "-D", "-f", str(settings), "-E", str(log)]
        self.processes.append(subprocess.Popen(command, stdin=subprocess.DEVNULL))
        for _ in range(200):
            if log.exists() and "listening" in log.read_text(encoding="utf-8"):
                return
            time.sleep(0.1)
        pytest.fail(f"sshd does not listen: {log.read_text(encoding='utf-8')}")

    def stop(self) -> None:
        """End it."""
        for process in self.processes:
            process.terminate()
            process.wait()
        self.processes.clear()
        (self.folder / "log").unlink(missing_ok=True)


def daemon() -> str:
    """Where sshd is; the test is skipped, with what is missing, where it is not."""
    found = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
    if found is None or shutil.which("ssh-keygen") is None:
        pytest.skip("sshd is not installed (Debian: openssh-server)")
    return found


@contextmanager
def serving(folder: Path) -> Iterator[Server]:
    """A server that runs; the client has its key and does not know the host yet."""
    daemon()
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # sshd insists on it where it is root
    server = Server(folder, free_port())
    server.folder.mkdir(parents=True)
    for name in ("host", "user"):
        server.key(name)
    server.start()
    try:
        yield server
    finally:
        server.stop()
