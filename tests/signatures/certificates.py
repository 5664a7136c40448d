"""Certificates as an administrator may hand them over, good and bad."""

import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID

LONG_AGO = datetime(2001, 1, 1, tzinfo=UTC)
FAR_OFF = datetime(2099, 1, 1, tzinfo=UTC)


def certificate(
    key: Any,
    *,
    name: str = "Riverton Services seal",
    not_before: datetime = LONG_AGO,
    not_after: datetime = FAR_OFF,
    may_sign: bool = True,
    issuer: tuple[x509.Certificate, Any] | None = None,
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    by, issuing_key = issuer or (None, key)
    usage = x509.KeyUsage(may_sign, may_sign, not may_sign, *[False] * 6)
    return (
        x509.CertificateBuilder(by.subject if by else subject, subject, key.public_key(), 1234)
        .not_valid_before(not_before)
        .not_valid_after(not_after)
        .add_extension(usage, critical=True)
        .sign(issuing_key, hashes.SHA256())
    )


def pkcs12_bytes(
    *,
    passphrase: str = "",
    key: Any = None,
    chain: list[x509.Certificate] | None = None,
    with_key: bool = True,
    with_certificate: bool = True,
    certificate_of: Any = None,
    **fields: Any,
) -> bytes:
    key = key or ec.generate_private_key(ec.SECP256R1())
    made = certificate(certificate_of or key, **fields) if with_certificate else None
    how = (
        serialization.BestAvailableEncryption(passphrase.encode())
        if passphrase
        else serialization.NoEncryption()
    )
    return pkcs12.serialize_key_and_certificates(b"seal", key if with_key else None, made, chain, how)


_of_all_tests = tempfile.NamedTemporaryFile(suffix=".p12")  # noqa: SIM115 - until the process ends


def of_all_tests() -> str:
    """The path of one that is valid whatever the clock, so that no test makes one beside a running site's data."""
    if not Path(_of_all_tests.name).stat().st_size:
        _of_all_tests.write(pkcs12_bytes())
        _of_all_tests.flush()
    return _of_all_tests.name
