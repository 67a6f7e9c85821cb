"""Authenticated encryption of streams: AES-256-GCM in chunks.

A sealed file is a header (magic, version, kind, fingerprint of the key, salt) and chunks of ``CHUNK`` bytes with a tag
each. The key of a file is derived from ours and its whole header, so that an altered header opens nothing. The nonce of
a chunk is its number and whether it is the last (STREAM: Hoang, Reyhanitabar, Rogaway and Vizár 2015, doi:10.1007/
978-3-662-47989-6_24), so that chunks cannot be left out, doubled, reordered or cut off without notice.
"""

from __future__ import annotations

import hmac
import os
import struct
from dataclasses import dataclass
from typing import IO, Literal

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from recsmith.errors import UserError
from recsmith.privacy.keys import Key, from_environment

VARIABLE = "RECSMITH_KEY"
MAGIC = b"recsmith-sealed\0"
VERSION = 1
HEADER = struct.Struct(f">{len(MAGIC)}sBB4s16s")
"""Magic, version, kind, fingerprint of the key, salt."""
CHUNK = 1 << 20
TAG = 16
KINDS = ("file", "folder")
Kind = Literal["file", "folder"]


@dataclass(frozen=True)
class Header:
    """What a sealed file says of itself before it is opened."""

    kind: Kind
    fingerprint: str
    raw: bytes


class Sealer:
    """A file object that encrypts what is written to it; :meth:`close` ends the stream and not the file below."""

    def __init__(self, target: IO[bytes], key: Key, kind: Kind = "file") -> None:
        fingerprint = bytes.fromhex(key.fingerprint)
        header = HEADER.pack(MAGIC, VERSION, KINDS.index(kind), fingerprint, os.urandom(16))
        target.write(header)
        self._target, self._cipher = target, _cipher(key, header)
        self._held, self._number = bytearray(), 0

    def write(self, data: bytes) -> int:
        """Take bytes; whole chunks are written, but the last one waits for :meth:`close`."""
        self._held += data
        while len(self._held) > CHUNK:
            self._chunk(bytes(self._held[:CHUNK]), last=False)
            del self._held[:CHUNK]
        return len(data)

    def close(self) -> None:
        """Write the last chunk, which says that it is the last."""
        self._chunk(bytes(self._held), last=True)

    def _chunk(self, data: bytes, *, last: bool) -> None:
        self._target.write(self._cipher.encrypt(_nonce(self._number, last=last), data, None))
        self._number += 1


class Opener:
    """A file object that decrypts; nothing is handed out before it is proven. Raises UserError that names ``shown``."""

    def __init__(self, source: IO[bytes], key: Key, shown: str) -> None:
        self.header = header(source, shown)
        check(self.header, key, shown)
        self._source, self._shown, self._cipher = source, shown, _cipher(key, self.header.raw)
        self._held, self._number = bytearray(), 0
        self._next: bytes | None = source.read(CHUNK + TAG)

    def read(self, size: int = -1) -> bytes:
        """The next ``size`` bytes, fewer only at the end; all that is left where ``size`` is negative."""
        while self._next is not None and (size < 0 or len(self._held) < size):
            self._chunk(self._next)
        taken = bytes(self._held if size < 0 else self._held[:size])
        del self._held[: len(taken)]
        return taken

    def _chunk(self, sealed: bytes) -> None:
        following = self._source.read(CHUNK + TAG)
        try:
            self._held += self._cipher.decrypt(_nonce(self._number, last=not following), sealed, None)
        except InvalidTag as error:
            raise UserError(
                f"{self._shown} was altered or cut off after it was encrypted (chunk {self._number}); nothing of it "
                "is used. Bring back a good copy."
            ) from error
        self._number, self._next = self._number + 1, following or None


def header(source: IO[bytes], shown: str) -> Header:
    """The header of a sealed file; UserError where it is none, or one of a newer Recsmith."""
    raw = source.read(HEADER.size)
    if len(raw) < HEADER.size or not raw.startswith(MAGIC):
        raise UserError(f"{shown} is not encrypted by Recsmith, or its first bytes are damaged.")
    _, version, kind, fingerprint, _ = HEADER.unpack(raw)
    if version != VERSION or kind >= len(KINDS):
        raise UserError(
            f"{shown} is of version {version}, kind {kind}, and this Recsmith opens version {VERSION}, kinds 0 and 1: "
            "it is damaged, or a newer Recsmith made it."
        )
    return Header(KINDS[kind], fingerprint.hex(), raw)


def is_sealed(start: bytes) -> bool:
    """Whether a file that starts so is a sealed one."""
    return start.startswith(MAGIC)


def check(found: Header, key: Key, shown: str) -> None:
    """UserError unless ``key`` is the one that sealed it, by the fingerprints."""
    if found.fingerprint != key.fingerprint:
        raise UserError(
            f"{shown} is encrypted with the key {found.fingerprint}, and {key.variable} holds the key "
            f"{key.fingerprint}. Set {key.variable} to the key {found.fingerprint}."
        )


def key_for(shown: str, found: Header) -> Key:
    """The key of the environment that opens ``shown``; UserError where it is missing or another one."""
    key = from_environment(VARIABLE, f"{shown} is encrypted with the key {found.fingerprint}.")
    check(found, key, shown)
    return key


def _cipher(key: Key, header: bytes) -> AESGCM:
    return AESGCM(hmac.digest(key.derived("encryption"), header, "sha256"))


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])
