"""Secrets that stand in an address: 256 random bits each, of which only a digest is kept.

What a link is for (its purpose, the row it names, until when) lies beside the digest in the table of whoever made it.
"""

import base64
import hashlib
import hmac
import secrets

from django.conf import settings

TOKEN_BYTES = 32


def new_token() -> str:
    return secrets.token_urlsafe(TOKEN_BYTES)


def token_from(seed: str, *, purpose: str) -> str:
    """The one token that belongs to `seed`, itself an unguessable secret: who asks twice gets the same link."""
    return base64.urlsafe_b64encode(keyed_digest(seed, purpose=purpose)).rstrip(b"=").decode()


def digest(token: str) -> bytes:
    """What is stored and looked up in place of the token."""
    return hashlib.sha256(token.encode()).digest()


def keyed_digest(text: str, *, purpose: str) -> bytes:
    """For what a plain digest would give away, such as six digits, and for what must not be forged. Bound to its purpose."""
    key = hmac.digest(settings.SECRET_KEY.encode(), b"securecare/" + purpose.encode(), "sha256")
    return hmac.digest(key, text.encode(), "sha256")
