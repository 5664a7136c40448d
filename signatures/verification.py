"""Whether signed documents are still what was signed: their bytes, their seal, and the evidence of how they came to be.

Nothing is asked of the network, and no authority's word is taken: a copy is sound if it is, byte for byte, what was recorded
when it was sealed, all of it is under one seal that holds, and that seal was made with the certificate that was recorded.
A certificate that has expired since changes nothing.
"""

import hashlib
from collections.abc import Iterator
from io import BytesIO

from asn1crypto import parser
from django.db.models import Prefetch, QuerySet, prefetch_related_objects
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import (
    EmbeddedPdfSignature,
    PdfSignatureStatus,
    SignatureCoverageLevel,
    validate_pdf_signature,
)
from pyhanko_certvalidator import ValidationContext

from signatures import evidence, vault
from signatures.models import EventKind, SignatureEvent, SignedDocument

# Held in memory at once: each may have 10 MB.
BATCH = 10


def verify(document: SignedDocument, *, seal: bool = True) -> list[str]:
    """What is wrong with it, in words: nothing, if it is sound. Without `seal`, only digests are compared, which is fast."""
    prefetch_related_objects([document], _with_evidence())
    return [*_copy_problems(document, seal=seal), *_evidence_problems(document)]


def verify_all(
    documents: QuerySet[SignedDocument], *, seal: bool = True
) -> Iterator[tuple[SignedDocument, list[str]]]:
    """Each with what is wrong with it, from the oldest on."""
    last = 0
    while batch := list(_loaded(documents).filter(pk__gt=last)[:BATCH]):
        for document in batch:
            yield document, verify(document, seal=seal)
        last = batch[-1].pk


def _loaded(documents: QuerySet[SignedDocument]) -> QuerySet[SignedDocument]:
    return documents.select_related("key", "request").prefetch_related(_with_evidence()).order_by("pk")


def _with_evidence() -> "Prefetch[str]":
    events = SignatureEvent.objects.select_related("request", "signer").order_by("number")
    return Prefetch("request__events", queryset=events)


# ----------------------------------------------------------------------------------------- the copy


def _copy_problems(document: SignedDocument, *, seal: bool) -> Iterator[str]:
    try:
        pdf = vault.open_copy(document)
    except vault.CopyUnreadable as error:
        yield f"The stored copy cannot be opened. {error}"
        return
    if hashlib.sha256(pdf).digest() != bytes(document.sealed_sha256):
        yield "The copy is not the one that was sealed: its SHA-256 differs from the one recorded."
    if seal:
        yield from seal_problems(
            pdf,
            certificate_sha256=bytes(document.certificate_sha256),
            is_timestamped=document.is_timestamped,
        )


def seal_problems(pdf: bytes, *, certificate_sha256: bytes, is_timestamped: bool = False) -> list[str]:
    """What is wrong with the seal of a PDF, whatever is recorded of its bytes."""
    try:
        return list(_seal_problems(pdf, certificate_sha256, is_timestamped))
    except Exception:  # a damaged PDF may fail anywhere in its reader
        return ["The seal cannot be read: the copy was damaged or changed."]


def _seal_problems(pdf: bytes, certificate_sha256: bytes, is_timestamped: bool) -> Iterator[str]:
    reader = PdfFileReader(BytesIO(pdf))
    seals = reader.embedded_signatures
    if len(seals) != 1:
        yield f"It has {len(seals)} seals, and should have one." if seals else "It has no seal."
    if not seals:
        return
    status = _status(seals[0])
    yield from _broken(status)
    if _is_padded_with_something(seals[0].pkcs7_content):
        yield "The seal is broken: something was written into the room beside it."
    if status.coverage != SignatureCoverageLevel.ENTIRE_FILE:
        yield _what_was_added(reader, seals[0])
    if status.signing_cert.sha256 != certificate_sha256:
        yield "It was sealed with another certificate than the one recorded."
    if is_timestamped:
        yield from _timestamp_problems(status)


def _status(seal: EmbeddedPdfSignature) -> PdfSignatureStatus:
    roots = [seal.signer_cert]  # whose certificate it is, is a matter of its recorded digest
    return validate_pdf_signature(seal, ValidationContext(trust_roots=roots, allow_fetching=False))


def _is_padded_with_something(contents: bytes) -> bool:
    """A seal cannot cover the place that holds it: what is left of that place is zeros."""
    return any(contents[parser.peek(contents) :])


def _broken(status: PdfSignatureStatus) -> Iterator[str]:
    if not status.intact:
        yield "The seal is broken: what it covers was changed."
    elif not status.valid:
        yield "The seal is broken: it was not made by the key of its certificate."
    if not status.docmdp_ok:
        yield "It was changed after sealing, which its seal forbids."


def _what_was_added(reader: PdfFileReader, seal: EmbeddedPdfSignature) -> str:
    if reader.xrefs.total_revisions > seal.signed_revision + 1:
        return "A revision was appended after sealing."
    return "The seal does not cover the entire file: bytes were appended after sealing."


def _timestamp_problems(status: PdfSignatureStatus) -> Iterator[str]:
    stamp = status.timestamp_validity
    if stamp is None:
        yield "The timestamp is missing."
    elif not (stamp.intact and stamp.valid):
        yield "The timestamp is broken."


# ------------------------------------------------------------------------------------- the evidence


def _evidence_problems(document: SignedDocument) -> Iterator[str]:
    events = list(document.request.events.all())
    yield from evidence.breaks(events)
    if bytes(document.evidence_digest) not in {bytes(event.digest) for event in events}:
        yield "The evidence is not the one that was sealed."
        return
    sealed = [event for event in events if event.kind == EventKind.SEALED]
    if not sealed:
        yield "The evidence does not say that it was sealed."
    elif {event.detail.get("sha256") for event in sealed} != {bytes(document.sealed_sha256).hex()}:
        yield "The evidence says that another copy was sealed."
