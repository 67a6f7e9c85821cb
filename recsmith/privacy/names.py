"""Names that only the key reads: what an encrypted remote calls an object says nothing about its content."""

from __future__ import annotations

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from recsmith.privacy.keys import Key

PLACE = b"name of an object"


class Names:
    """md5s, those of folders (``.dir``) included, to names of 66 hex digits and back.

    AES-256-SIV (RFC 5297): an md5 has one name under a key, so that it is found without a list, and a name can be read
    by whoever has the key, so that all there is can be listed. Nobody else can make or read one.
    """

    def __init__(self, key: Key) -> None:
        self._cipher = AESSIV(key.derived("names, authentication") + key.derived("names, encryption"))

    def name(self, md5: str) -> str:
        """The name of an object."""
        digest, _, folder = md5.partition(".")
        return self._cipher.encrypt(bytes([bool(folder)]) + bytes.fromhex(digest), [PLACE]).hex()

    def md5(self, name: str) -> str | None:
        """The md5 that ``name`` stands for; None where it is no name under this key."""
        try:
            kind, *digest = self._cipher.decrypt(bytes.fromhex(name), [PLACE])
        except (InvalidTag, ValueError):
            return None
        return bytes(digest).hex() + (".dir" if kind else "")
