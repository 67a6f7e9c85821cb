"""An SMTP server on this machine, as small as one gets: it takes every mail and keeps it."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage

ANSWERS = {b"EHLO": b"250-here\r\n250 AUTH PLAIN", b"AUTH": b"235 welcome", b"QUIT": b"221 bye"}


@contextmanager
def mailbox() -> Iterator[tuple[int, list[EmailMessage], list[bytes]]]:
    """Its port, the mails that came, and what clients said before each (login, sender, recipients)."""
    mails: list[EmailMessage] = []
    said: list[bytes] = []

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.say(b"220 here")
            for line in self.rfile:
                said.append(line.strip())
                if line.upper().startswith(b"DATA"):
                    self.say(b"354 go on")
                    mails.append(self.mail())
                self.say(ANSWERS.get(line[:4].upper(), b"250 fine"))

        def say(self, line: bytes) -> None:
            self.wfile.write(line + b"\r\n")

        def mail(self) -> EmailMessage:
            lines = iter(self.rfile.readline, b".\r\n")
            mail = message_from_bytes(b"".join(lines), policy=policy.default)
            assert isinstance(mail, EmailMessage)
            return mail

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1], mails, said
        server.shutdown()
