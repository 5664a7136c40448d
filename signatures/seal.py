"""The organisation's seal on a PDF (PAdES): it covers the whole file and forbids every later change.

A simple electronic signature of its signers stands on the pages; the seal shows that nothing was changed since. It claims no more
(eIDAS 25 and 26: the key is the organisation's, not the signer's).
"""

from io import BytesIO

from django.conf import settings
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import signers
from pyhanko.sign.fields import MDPPerm, SigSeedSubFilter
from pyhanko.sign.timestamps import HTTPTimeStamper
from pyhanko_certvalidator.registry import SimpleCertificateStore

from signatures.certificate import Certificate

FIELD = "Seal"
TIMESTAMP_SECONDS = 10


def seal_pdf(pdf: bytes, *, certificate: Certificate, reason: str, name: str) -> bytes:
    """The PDF under a seal. With a timestamp authority set, raises its error if that gives no timestamp."""
    chain = SimpleCertificateStore()
    chain.register_multiple(certificate.chain)
    signer = signers.SimpleSigner(
        signing_cert=certificate.certificate, signing_key=certificate.key, cert_registry=chain
    )
    wanted = signers.PdfSignatureMetadata(
        field_name=FIELD,
        name=name,
        reason=reason,
        md_algorithm="sha256",
        subfilter=SigSeedSubFilter.PADES,
        certify=True,
        docmdp_permissions=MDPPerm.NO_CHANGES,
    )
    sealed = signers.PdfSigner(wanted, signer=signer, timestamper=_timestamper()).sign_pdf(
        IncrementalPdfFileWriter(BytesIO(pdf))
    )
    return bytes(sealed.getvalue())


def has_timestamps() -> bool:
    """Whether each seal made now carries a timestamp."""
    return bool(settings.SEALING_TIMESTAMP_URL)


def _timestamper() -> HTTPTimeStamper | None:
    address = settings.SEALING_TIMESTAMP_URL
    return HTTPTimeStamper(address, timeout=TIMESTAMP_SECONDS) if address else None
