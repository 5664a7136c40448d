"""The only way in and out of the sealed PDFs: each encrypted under a key of its own, which the key ring seals.

So a document is written once and never again: when keys are rotated, only the small row with its key moves.
"""

import base64
import secrets
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from securecare.encryption import KEY_BYTES, NONCE_BYTES, CannotOpen, Sealed, key_ring
from securecare.rotation import SealedTable
from signatures.models import DocumentKey, SignedDocument

VERSION = b"\x01"


class CopyUnreadable(CannotOpen):
    """The stored copy cannot be opened: it was damaged, belongs to another document, or its key is missing."""


@dataclass(frozen=True)
class Locked:
    """What is stored: `content` in the document's row, `key` as the fields of its DocumentKey."""

    content: bytes
    key: dict[str, Any]


def lock(pdf: bytes, reference: UUID) -> Locked:
    """Encrypt the PDF of the document with this reference: it opens as no other's."""
    key, nonce = secrets.token_bytes(KEY_BYTES), secrets.token_bytes(NONCE_BYTES)
    content = VERSION + nonce + AESGCM(key).encrypt(nonce, pdf, _associated(reference))
    sealed = key_ring().seal(base64.b64encode(key).decode(), place=_place(reference))
    return Locked(content, asdict(sealed))


def open_copy(document: SignedDocument) -> bytes:
    """The PDF. Raises CopyUnreadable."""
    stored = bytes(document.content)
    try:
        cipher = AESGCM(base64.b64decode(_open_key(document.key)))
        if stored[:1] != VERSION:
            raise CopyUnreadable("The stored copy has an unknown form.")
        nonce, body = stored[1 : 1 + NONCE_BYTES], stored[1 + NONCE_BYTES :]
        return cipher.decrypt(nonce, body, _associated(document.reference))
    except DocumentKey.DoesNotExist as error:
        raise CopyUnreadable("Its key is missing.") from error
    except (InvalidTag, ValueError) as error:
        raise CopyUnreadable("The stored copy was changed, or belongs to another document.") from error
    except CopyUnreadable:
        raise
    except CannotOpen as error:
        raise CopyUnreadable(str(error)) from error


def reseal(key: DocumentKey) -> bool:
    """Seal the same key under the current one. False if somebody changed it meanwhile. Raises CannotOpen."""
    fields = asdict(key_ring().seal(_open_key(key), place=_place(key.document.reference)))
    return bool(DocumentKey.objects.filter(pk=key.pk, ciphertext=key.ciphertext).update(**fields))


def sealed_table() -> SealedTable:
    return SealedTable(
        called="signed documents",
        model=DocumentKey,
        reseal=reseal,
        name_of=lambda key: f"key of signed document {key.document.reference}",
        related=("document",),
    )


def _open_key(key: DocumentKey) -> str:
    stored = Sealed(bytes(key.ciphertext), bytes(key.salt), key.key_id)
    return key_ring().open(stored, place=_place(key.document.reference))


def _place(reference: UUID) -> tuple[str, ...]:
    return ("signed-document-key", str(reference))


def _associated(reference: UUID) -> bytes:
    return b"securecare/signed-document/v1/" + reference.bytes
