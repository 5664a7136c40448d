"""Making the final copy of what everybody has signed: rendered, sealed, encrypted and stored, once.

Nothing is stored before all of it is: a worker that dies on the way leaves the row claimed, and another begins anew. What is
wrong with the certificate makes sealing wait, and uses up no attempts; signing goes on.
"""

import calendar
import hashlib
import logging
from collections.abc import Callable, Iterable
from copy import copy
from datetime import date, datetime, timedelta

from django.db import InterfaceError, OperationalError, close_old_connections, transaction

from appointments.branding import brand
from securecare import localtime
from signatures import answers as stored
from signatures import certificate, content, evidence, rendering, requests, seal, sending, vault
from signatures.certificate import Certificate, CertificateProblem
from signatures.models import (
    DocumentKey,
    EventKind,
    RequestState,
    Sealing,
    SignatureEvent,
    SignatureRequest,
    SignedDocument,
)
from signatures.rendering import CannotRender

logger = logging.getLogger(__name__)

WAITS_FOR_CERTIFICATE = timedelta(minutes=5)
REASON = "Sealed by the organization after all signatures"


def seal_request(sealing_id: int, *, clock: Callable[[], datetime]) -> None:
    """Carry out one row, if it is due and nobody else's."""
    row = Sealing.objects.claim(sealing_id, now=clock())
    if row is None:
        return
    try:
        _carry_out(row, clock=clock)
    except (CertificateProblem, CannotRender) as problem:
        row.put_off(until=clock() + WAITS_FOR_CERTIFICATE, reason=str(problem))
    except Exception as error:
        logger.exception("Request %s could not be sealed", row.request_id)
        if isinstance(error, (OperationalError, InterfaceError)):
            close_old_connections()
        row.retry_later(error=f"{type(error).__name__}: {error}", now=clock())


def try_again(sealing: Sealing, *, now: datetime) -> bool:
    """A person has it tried once more from the beginning. False if it is not given up, or done meanwhile."""
    given_up = Sealing.objects.filter(pk=sealing.pk, state=Sealing.State.GIVEN_UP)
    return bool(
        given_up.update(state=Sealing.State.PENDING, settled_at=None, attempts=0, due_at=now, queued_at=None)
    )


def _carry_out(row: Sealing, *, clock: Callable[[], datetime]) -> None:
    request = SignatureRequest.objects.select_related(*requests.RELATED, "supersedes").get(pk=row.request_id)
    if request.state == RequestState.SEALED:
        row.finish(now=clock())
        return
    by = certificate.current(now=clock())
    events = evidence.of(request)
    given = {signer.place: stored.read(signer) for signer in request.signers.select_related("request")}
    pdf = rendering.signed(request, answers=given, events=events)
    sealed = seal.seal_pdf(pdf, certificate=by, reason=REASON, name=brand().name)
    _store(row, request, sealed, by=by, events=events, now=clock())


@transaction.atomic
def _store(
    row: Sealing,
    request: SignatureRequest,
    sealed: bytes,
    *,
    by: Certificate,
    events: Iterable[SignatureEvent],
    now: datetime,
) -> None:
    """All or nothing, and only while the row is still ours."""
    current = requests.locked(request)
    if not copy(row).finish(
        now=now
    ):  # a copy, for the row is still ours if this transaction comes to nothing
        return
    document = _document(current, sealed, by=by, last=list(events)[-1], now=now)
    locked = vault.lock(sealed, document.reference)
    document.content = locked.content
    document.save(force_insert=True)
    DocumentKey.objects.create(document=document, **locked.key)
    evidence.record(
        current,
        kind=EventKind.SEALED,
        now=now,
        document=str(document.reference),
        sha256=bytes(document.sealed_sha256).hex(),
        certificate=by.sha256.hex(),
    )
    current.state = RequestState.SEALED
    current.save(update_fields=["state"])
    sending.send_copy(document, now=now)


def _document(
    request: SignatureRequest, sealed: bytes, *, by: Certificate, last: SignatureEvent, now: datetime
) -> SignedDocument:
    signed_at = request.closed_at
    assert signed_at is not None  # noqa: S101 - the database holds it for every state but open ones
    return SignedDocument(
        request=request,
        customer=request.customer,
        appointment=request.appointment,
        version=request.version,
        title=request.template.title,
        signed_at=signed_at,
        sealed_at=now,
        valid_until=_valid_until(request, signed_at),
        shown_sha256=content.digest(request.version, request.facts),
        sealed_sha256=hashlib.sha256(sealed).digest(),
        evidence_digest=bytes(last.digest),
        certificate_sha256=by.sha256,
        is_timestamped=seal.has_timestamps(),
        size=len(sealed),
        supersedes=request.supersedes,
    )


def _valid_until(request: SignatureRequest, signed_at: datetime) -> date | None:
    """So many months after the date on which it was signed at the facility, or the last day of a shorter month."""
    months = request.template.valid_months
    if months is None:
        return None
    signed_on = localtime.local_date(signed_at, request.facility.zone)
    year, month = divmod(signed_on.year * 12 + signed_on.month - 1 + months, 12)
    return date(year, month + 1, min(signed_on.day, calendar.monthrange(year, month + 1)[1]))
