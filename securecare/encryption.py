"""Sealing of short texts: HKDF-SHA256 with a salt of its own for every write, AES-256-GCM, a ring of keys with ids.

A sealed text opens only in the place it was sealed for: the associated data names the key, the salt, and the record and
field that `place` identifies, so a ciphertext moved to another row or field is refused. Keys are looked up by exact id;
there is no trial decryption. Limits and sources: NIST SP 800-38D, RFC 5869.
"""

import base64
import binascii
import secrets
from dataclasses import dataclass, field
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

VERSION = b"\x01"
SALT_BYTES = 32
NONCE_BYTES = 12
KEY_BYTES = 32
KEY_ID_LIMIT = 16


class CannotOpen(Exception):
    """The sealed text cannot be read here: unknown key, wrong place, or changed bytes."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """What is stored. `ciphertext` is version, nonce and AES-GCM output; it holds nothing in plaintext."""

    ciphertext: bytes
    salt: bytes
    key_id: str


@dataclass(frozen=True, slots=True)
class KeyRing:
    """Keys by id. The current one seals; all of them open."""

    current: str
    keys: dict[str, bytes] = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> "KeyRing":
        """Read "id:base64 of 32 bytes, id:…"; the first is current. Raises ImproperlyConfigured, naming what is wrong."""
        keys: dict[str, bytes] = {}
        for entry in filter(None, (part.strip() for part in text.split(","))):
            key_id, _, encoded = entry.partition(":")
            if not key_id or len(key_id.encode()) > KEY_ID_LIMIT or key_id in keys:
                raise ImproperlyConfigured(
                    f"NOTE_KEY_RING: key id {key_id!r} is empty, too long or used twice."
                )
            keys[key_id] = _decode_key(key_id, encoded)
        if not keys:
            raise ImproperlyConfigured("NOTE_KEY_RING holds no key.")
        return cls(current=next(iter(keys)), keys=keys)

    def seal(self, text: str, *, place: tuple[str, ...]) -> Sealed:
        """Seal for one place, for example `("private-note", reference)`, with the current key, a new salt and nonce."""
        salt = secrets.token_bytes(SALT_BYTES)
        nonce = secrets.token_bytes(NONCE_BYTES)
        cipher = self._cipher(self.current, salt, place)
        body = cipher.encrypt(nonce, text.encode(), _associated(self.current, salt, place))
        return Sealed(VERSION + nonce + body, salt, self.current)

    def open(self, sealed: Sealed, *, place: tuple[str, ...]) -> str:
        """Raises CannotOpen."""
        ciphertext = bytes(sealed.ciphertext)
        salt = bytes(sealed.salt)
        if sealed.key_id not in self.keys:
            raise CannotOpen(f"The key ring has no key {sealed.key_id!r}.")
        if ciphertext[:1] != VERSION or len(ciphertext) <= 1 + NONCE_BYTES or len(salt) != SALT_BYTES:
            raise CannotOpen("The sealed text has an unknown form.")
        nonce, body = ciphertext[1 : 1 + NONCE_BYTES], ciphertext[1 + NONCE_BYTES :]
        cipher = self._cipher(sealed.key_id, salt, place)
        try:
            return cipher.decrypt(nonce, body, _associated(sealed.key_id, salt, place)).decode()
        except (InvalidTag, UnicodeDecodeError) as error:
            raise CannotOpen("The sealed text does not belong here or was changed.") from error

    def _cipher(self, key_id: str, salt: bytes, place: tuple[str, ...]) -> AESGCM:
        info = _join(b"securecare/sealed/v1", place[0].encode())
        return AESGCM(HKDF(SHA256(), KEY_BYTES, salt=salt, info=info).derive(self.keys[key_id]))


@lru_cache(maxsize=8)
def _ring(text: str) -> KeyRing:
    return KeyRing.parse(text)


def key_ring() -> KeyRing:
    """The ring of `settings.NOTE_KEY_RING`."""
    return _ring(settings.NOTE_KEY_RING)


def _decode_key(key_id: str, encoded: str) -> bytes:
    try:
        key = base64.b64decode(encoded.encode(), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise ImproperlyConfigured(f"NOTE_KEY_RING: key {key_id!r} is not base64.") from error
    if len(key) != KEY_BYTES:
        raise ImproperlyConfigured(f"NOTE_KEY_RING: key {key_id!r} has {len(key)} bytes, not {KEY_BYTES}.")
    return key


def _join(*parts: bytes) -> bytes:
    """Length-prefixed concatenation: no two lists of parts give the same bytes."""
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def _associated(key_id: str, salt: bytes, place: tuple[str, ...]) -> bytes:
    return _join(VERSION, key_id.encode(), salt, *(part.encode() for part in place))
