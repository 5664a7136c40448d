"""The certificate that seals documents: the organisation's own from a PKCS #12 file, or else one made here on first use.

What is wrong with it is told as CertificateProblem: signing goes on, and sealing waits until somebody has set it right.
"""

import fcntl
import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from asn1crypto import keys, pkcs12
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import pkcs12 as pkcs12_files
from cryptography.x509.oid import NameOID
from django.conf import settings

from appointments.branding import brand

OWN_FILE = "seal.p12"
OWN_YEARS = 10
# Clocks of several machines differ.
BACKDATED = timedelta(days=1)
SOON = timedelta(days=30)
# RFC 5280, upper bounds of names.
NAME_LIMIT = 64
SMALLEST_RSA = 2048
SIGNS_ONLY = {
    "key_cert_sign": False,
    "crl_sign": False,
    "key_encipherment": False,
    "data_encipherment": False,
    "key_agreement": False,
    "encipher_only": False,
    "decipher_only": False,
}


class CertificateProblem(Exception):
    """Nothing can be sealed. The text says what an administrator has to do."""


@dataclass(frozen=True)
class Certificate:
    """`certificate`, `key` and `chain` are in the form pyHanko's signers take; `sha256` is the certificate's fingerprint."""

    certificate: asn1_x509.Certificate
    key: keys.PrivateKeyInfo
    chain: tuple[asn1_x509.Certificate, ...]
    sha256: bytes
    not_before: datetime
    not_after: datetime
    is_own_making: bool

    @property
    def name(self) -> str:
        return str(
            self.certificate.subject.native.get("common_name") or self.certificate.subject.human_friendly
        )

    @property
    def fingerprint(self) -> str:
        """As readers of PDFs show it."""
        return self.sha256.hex(":").upper()

    def expires_soon(self, now: datetime) -> bool:
        return now <= self.not_after < now + SOON


def current(*, now: datetime) -> Certificate:
    """The one to seal with. Raises CertificateProblem."""
    found = given() or _read(_own_made(now), "", is_own_making=True)
    _demand_time(found, now)
    return found


def given() -> Certificate | None:
    """The one that settings name, whether or not it is valid now. Raises CertificateProblem."""
    if not settings.SEALING_CERTIFICATE_FILE:
        return None
    path, passphrase = Path(settings.SEALING_CERTIFICATE_FILE), settings.SEALING_CERTIFICATE_PASSPHRASE
    return _read(path, passphrase, is_own_making=False)


def at_hand(*, now: datetime) -> Certificate | None:
    """The same, but none is made: nothing, where the first seal will make one. Raises CertificateProblem."""
    return current(now=now) if settings.SEALING_CERTIFICATE_FILE or _own_file().exists() else None


def problem(*, now: datetime) -> str:
    """Why nothing can be sealed, or nothing."""
    try:
        at_hand(now=now)
    except CertificateProblem as found:
        return str(found)
    return ""


def _demand_time(found: Certificate, now: datetime) -> None:
    instead = (
        f"Remove {_own_file()}: another is made."
        if found.is_own_making
        else f"Put one that is valid at {settings.SEALING_CERTIFICATE_FILE}: nothing need be restarted."
    )
    if now > found.not_after:
        raise CertificateProblem(f"The sealing certificate expired on {found.not_after:%Y-%m-%d}. {instead}")
    if now < found.not_before:
        start = f"{found.not_before:%Y-%m-%d %H:%M} UTC"
        raise CertificateProblem(
            f"The sealing certificate is not valid before {start}. Check this machine’s clock, or else: {instead}"
        )


# ------------------------------------------------------------------------------------------- reading

_kept: dict[tuple[str, str, int, int], Certificate] = {}


def _read(path: Path, passphrase: str, *, is_own_making: bool) -> Certificate:
    """Read again only when the file has changed."""
    try:
        state = path.stat()
        version = (str(path), passphrase, state.st_mtime_ns, state.st_size)
        if version not in _kept:
            loaded = _loaded(path.read_bytes(), passphrase, path, is_own_making=is_own_making)
            _kept.clear()
            _kept[version] = loaded
        return _kept[version]
    except FileNotFoundError:
        what = f"There is no sealing certificate at {path}."
        raise CertificateProblem(f"{what} Put it there, or change SEALING_CERTIFICATE_FILE.") from None
    except OSError as error:
        what = f"The sealing certificate {path} cannot be read: {error.strerror}."
        raise CertificateProblem(f"{what} Let the user that runs SecureCare read it.") from error


def _loaded(data: bytes, passphrase: str, path: Path, *, is_own_making: bool) -> Certificate:
    key, certificate, chain = _opened(data, passphrase, path)
    if key is None or certificate is None:
        missing = "private key" if key is None else "certificate that belongs to its key"
        raise CertificateProblem(
            f"{path} holds no {missing}. Export both together as PKCS #12, and set SEALING_CERTIFICATE_FILE to that file."
        )
    _demand_kind(key, certificate, path)
    der = certificate.public_bytes(serialization.Encoding.DER)
    return Certificate(
        asn1_x509.Certificate.load(der),
        _for_signers(key),
        tuple(asn1_x509.Certificate.load(one.public_bytes(serialization.Encoding.DER)) for one in chain),
        hashlib.sha256(der).digest(),
        certificate.not_valid_before_utc,
        certificate.not_valid_after_utc,
        is_own_making,
    )


def _opened(
    data: bytes, passphrase: str, path: Path
) -> tuple[PrivateKeyTypes | None, x509.Certificate | None, list[x509.Certificate]]:
    try:
        return pkcs12_files.load_key_and_certificates(data, passphrase.encode() or None)
    except (ValueError, TypeError) as error:
        if not _is_pkcs12(data):
            told = f"{path} is not a PKCS #12 file (.p12, .pfx), or was damaged. Export the certificate with its key anew."
        elif passphrase:
            told = f"The passphrase does not open {path}. Correct SEALING_CERTIFICATE_PASSPHRASE."
        else:
            told = f"{path} needs a passphrase. Set SEALING_CERTIFICATE_PASSPHRASE."
        raise CertificateProblem(told) from error


def _is_pkcs12(data: bytes) -> bool:
    try:
        return bool(pkcs12.Pfx.load(data, strict=True)["auth_safe"]["content"].native is not None)
    except (ValueError, TypeError, KeyError):
        return False


def _demand_kind(key: PrivateKeyTypes, certificate: x509.Certificate, path: Path) -> None:
    """What readers of PDFs can check, and a certificate that may sign."""
    is_rsa = isinstance(key, rsa.RSAPrivateKey) and key.key_size >= SMALLEST_RSA
    if not is_rsa and not isinstance(key, ec.EllipticCurvePrivateKey):
        raise CertificateProblem(
            f"The key in {path} is of no kind that PDFs are sealed with. Use one of RSA (2,048 bits or more) or ECDSA."
        )
    if key.public_key() != certificate.public_key():
        raise CertificateProblem(f"The key in {path} is not that of its certificate. Export both together.")
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return
    if not (usage.digital_signature or usage.content_commitment):
        raise CertificateProblem(
            f"The certificate in {path} is not for signing. Ask for one with the key usage “digital signature”."
        )


def _for_signers(key: PrivateKeyTypes) -> keys.PrivateKeyInfo:
    der = key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return keys.PrivateKeyInfo.load(der)


# --------------------------------------------------------------------------------------- own making


def _own_file() -> Path:
    return Path(settings.DATA_DIR) / "signing" / OWN_FILE


def _own_made(now: datetime) -> Path:
    """The file with a certificate of our own making, which is made if there is none. Processes wait for the one that makes it."""
    path = _own_file()
    if path.exists():
        return path
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _alone(path.with_suffix(".lock")):
            if not path.exists():
                _write_whole(path, _made(now))
    except OSError as error:
        what = f"A certificate to seal with cannot be made in {path.parent}: {error.strerror}."
        raise CertificateProblem(
            f"{what} Let SecureCare write there, or set SEALING_CERTIFICATE_FILE."
        ) from error
    return path


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    file = os.open(lock, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
    finally:
        os.close(file)


def _write_whole(path: Path, data: bytes) -> None:
    """For nobody else to read, and never half written: a crash leaves nothing at this path."""
    handle, part = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(part).replace(path)
    except OSError:
        Path(part).unlink(missing_ok=True)
        raise


def _made(now: datetime) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    organisation = brand().name[:NAME_LIMIT]
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation),
            x509.NameAttribute(NameOID.COMMON_NAME, f"{organisation[: NAME_LIMIT - 5]} seal"),
        ]
    )
    start = now.astimezone(UTC) - BACKDATED
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=365 * OWN_YEARS))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(
            x509.KeyUsage(digital_signature=True, content_commitment=True, **SIGNS_ONLY), critical=True
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return pkcs12_files.serialize_key_and_certificates(
        OWN_FILE.encode(), key, certificate, None, serialization.NoEncryption()
    )
