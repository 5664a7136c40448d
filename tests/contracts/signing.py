"""Signatures as the providers document them, in code of our own: none of their helpers, which the product uses to check.

Twilio: https://www.twilio.com/docs/usage/security. SendGrid: its signed event webhook.
"""

import base64
import hmac
import time
from collections.abc import Iterable, Mapping
from hashlib import sha1
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

SIGNATURE = "X-Twilio-Email-Event-Webhook-Signature"
TIMESTAMP = "X-Twilio-Email-Event-Webhook-Timestamp"


def twilio_signature(url: str, params: Mapping[str, Any], token: str) -> str:
    """`X-Twilio-Signature` of a form: the address, then each name and value in the order of names. A list is a repeated
    field, whose different values follow in order."""
    text = url + "".join(name + value for name in sorted(params) for value in _values(params[name]))
    return base64.b64encode(hmac.new(token.encode(), text.encode(), sha1).digest()).decode()


def _values(given: Any) -> Iterable[str]:
    return sorted(set(given)) if isinstance(given, list | tuple) else [given]


def new_sendgrid_key() -> tuple[ec.EllipticCurvePrivateKey, str]:
    """A key pair; the public one as SendGrid shows it: base64 of its DER."""
    private = ec.generate_private_key(ec.SECP256R1())
    public = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return private, base64.b64encode(public).decode()


def sendgrid_headers(
    body: bytes, private_key: ec.EllipticCurvePrivateKey, timestamp: str | int | None = None
) -> dict[str, str]:
    """The headers of a signed post of events: ECDSA with SHA-256 over the timestamp and the bytes as they are sent."""
    stamp = str(int(time.time()) if timestamp is None else timestamp)
    signature = private_key.sign(stamp.encode() + body, ec.ECDSA(SHA256()))
    return {SIGNATURE: base64.b64encode(signature).decode(), TIMESTAMP: stamp}
