"""Signed documents as sealing leaves them, and what somebody could do to them who owns the database and its keys."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from io import BytesIO
from typing import Any

import pypdfium2
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import signers
from pyhanko.sign.fields import MDPPerm, SigSeedSubFilter
from pyhanko.sign.timestamps import DummyTimeStamper

from signatures import certificate, evidence, vault
from signatures.models import DocumentKey, EventKind, SignatureRequest, SignedDocument
from tests.factories import NOW
from tests.signatures import papers

SEALED_AT = NOW + timedelta(minutes=10)


@cache
def pdf(pages: int = 1) -> bytes:
    made, buffer = pypdfium2.PdfDocument.new(), BytesIO()
    for _ in range(pages):
        made.new_page(595, 842)
    made.save(buffer)
    return buffer.getvalue()


def seal(
    unsealed: bytes,
    *,
    by: certificate.Certificate | None = None,
    stamped_by: certificate.Certificate | None = None,
    **options: Any,
) -> bytes:
    """Under a seal as PAdES has it, which forbids all changes; with a timestamp, where somebody gives one."""
    by = by or certificate.current(now=SEALED_AT)
    signer = signers.SimpleSigner(signing_cert=by.certificate, signing_key=by.key, cert_registry=None)
    wanted = signers.PdfSignatureMetadata(
        **{
            "field_name": "Seal",
            "subfilter": SigSeedSubFilter.PADES,
            "certify": True,
            "docmdp_permissions": MDPPerm.NO_CHANGES,
            **options,
        }
    )
    writer = IncrementalPdfFileWriter(BytesIO(unsealed))
    stamps = DummyTimeStamper(stamped_by.certificate, stamped_by.key) if stamped_by else None
    pdf_signer = signers.PdfSigner(wanted, signer=signer, timestamper=stamps)
    # pyHanko runs an event loop, and so does Playwright in the thread of a test.
    with ThreadPoolExecutor(1) as beside:
        sealing = beside.submit(pdf_signer.sign_pdf, writer)
        return bytes(sealing.result().getvalue())


def document(
    *,
    request: SignatureRequest | None = None,
    sealed: bytes | None = None,
    now: datetime = SEALED_AT,
    fields: dict[str, Any] | None = None,
    **request_fields: Any,
) -> SignedDocument:
    """The row with its key and evidence. `fields` are what is recorded instead of the truth."""
    request = request or papers.signed(**request_fields)
    sealed = sealed or seal(pdf())
    made = SignedDocument(
        **{
            "request": request,
            "customer": request.customer,
            "appointment": request.appointment,
            "version": request.version,
            "title": request.template.title,
            "signed_at": request.closed_at,
            "sealed_at": now,
            "shown_sha256": bytes(32),
            "sealed_sha256": hashlib.sha256(sealed).digest(),
            "evidence_digest": evidence.of(request)[-1].digest,
            "certificate_sha256": certificate.current(now=now).sha256,
            "size": len(sealed),
            **(fields or {}),
        }
    )
    locked = vault.lock(sealed, made.reference)
    made.content = locked.content
    made.save()
    DocumentKey.objects.create(document=made, **locked.key)
    evidence.record(
        request,
        kind=EventKind.SEALED,
        now=now,
        document=str(made.reference),
        sha256=hashlib.sha256(sealed).hexdigest(),
        certificate=bytes(made.certificate_sha256).hex(),
    )
    SignatureRequest.objects.filter(pk=request.pk).update(state="sealed")
    return made


def put(on: SignedDocument, changed: bytes, *, with_digest: bool = False) -> SignedDocument:
    """Another PDF in its place, encrypted as it should be: only what it says can tell."""
    locked = vault.lock(changed, on.reference)
    papers.tamper("UPDATE signatures_signeddocument SET content = %s WHERE id = %s", locked.content, on.pk)
    DocumentKey.objects.filter(document=on).update(**locked.key)
    if with_digest:
        told = hashlib.sha256(changed).digest()
        papers.tamper("UPDATE signatures_signeddocument SET sealed_sha256 = %s WHERE id = %s", told, on.pk)
    return SignedDocument.objects.get(pk=on.pk)


def revised(sealed: bytes) -> bytes:
    """With one more revision appended, as any PDF editor saves."""
    writer = IncrementalPdfFileWriter(BytesIO(sealed))
    writer.root["/Lang"] = generic.pdf_string("es")
    writer.update_root()
    changed = BytesIO()
    writer.write(changed)
    return changed.getvalue()


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def with_other_key(one: certificate.Certificate, other: certificate.Certificate) -> certificate.Certificate:
    """The certificate of one, but the key of another: a forger's."""
    return replace(one, key=other.key)
