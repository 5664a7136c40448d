"""Asking for a signature, and taking that back."""

from datetime import datetime

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from appointments.models import Appointment, Customer, Facility
from reminders.models import Message
from signatures import evidence, links
from signatures.evidence import Caller
from signatures.models import (
    OPEN_STATES,
    EventKind,
    SignatureRequest,
    SignedDocument,
    Signer,
    SignerRole,
    TemplateVersion,
)
from signatures.models.request import REASON_LIMIT

RELATED = (
    "customer",
    "facility",
    "template",
    "version",
    "appointment__facility",
    "appointment__staff",
    "appointment__program",
    "appointment__customer",
)
State = SignatureRequest.State
SUPERSEDED = "A newer one took its place."


class RequestRefused(Exception):
    """It cannot be asked for, or no longer taken back; the message says what to do."""


@transaction.atomic
def prepare(
    *,
    version: TemplateVersion,
    customer: Customer,
    facility: Facility,
    by: User | None,
    now: datetime,
    appointment: Appointment | None = None,
    supersedes: SignedDocument | None = None,
) -> SignatureRequest:
    """A request in this version, not sent yet, with its signers in order. Raises RequestRefused."""
    if version.is_draft:
        raise RequestRefused("Publish the document first: a draft cannot be signed.")
    try:
        with transaction.atomic():
            request = SignatureRequest.objects.create(
                customer=customer,
                facility=facility,
                appointment=appointment,
                template=version.template,
                version=version,
                supersedes=supersedes,
                created_at=now,
                created_by=by,
            )
    except IntegrityError as error:
        raise RequestRefused(
            f"{customer} has been asked for “{version.template}” already. Send that again, or void it first."
        ) from error
    for place, role in enumerate(version.signers, start=1):
        _add_signer(request, place=place, role=role)
    evidence.record(
        request,
        kind=EventKind.CREATED,
        now=now,
        caller=Caller(by=by),
        template=version.template.title,
        version=version.number,
        appointment=str(appointment.reference) if appointment else None,
        supersedes=str(supersedes.reference) if supersedes else None,
    )
    return request


def _add_signer(request: SignatureRequest, *, place: int, role: str) -> None:
    customer, appointment = request.customer, request.appointment
    signer = Signer(request=request, place=place, role=role)
    if role == SignerRole.CUSTOMER:
        signer.name = customer.full_name
        # What is on record comes first: an address that somebody typed when booking online may be another person's.
        signer.email = customer.email or (appointment.email if appointment else "")
        signer.phone = customer.phone or (appointment.phone if appointment else "")
    elif role == SignerRole.STAFF and appointment is not None:
        signer.staff, signer.name = appointment.staff, appointment.staff.display_name
    signer.save()


@transaction.atomic
def renew(*, version: TemplateVersion, by: User, now: datetime) -> None:
    """A newer version holds: those that nobody has seen or been sent yet are asked for in it. Whoever was named stays named."""
    waiting = SignatureRequest.objects.filter(template=version.template_id, state=State.PREPARED)
    for found in waiting.exclude(version=version).order_by("pk"):
        request = locked(found)
        seen = request.events.exclude(kind=EventKind.CREATED).exists()
        if request.state != State.PREPARED or seen or request.signers.exclude(links=None).exists():
            continue
        _ask_in(request, version, by=by, now=now)


def _ask_in(request: SignatureRequest, version: TemplateVersion, *, by: User, now: datetime) -> None:
    named = {signer.role: signer for signer in request.signers.all()}
    request.signers.all().delete()
    request.version = version
    request.save(update_fields=["version"])
    for place, role in enumerate(version.signers, start=1):
        if role in named:
            named[role].pk, named[role].place = None, place
            named[role].save(force_insert=True)
        else:
            _add_signer(request, place=place, role=role)
    evidence.record(
        request,
        kind=EventKind.CREATED,
        now=now,
        caller=Caller(by=by),
        template=version.template.title,
        version=version.number,
    )


def name_second_party(*, signer: Signer, name: str, email: str, phone: str, by: User, now: datetime) -> None:
    """Who signs beside the customer, and how to reach them. Raises RequestRefused."""
    with transaction.atomic():
        locked(signer.request)
        changed = Signer.objects.filter(pk=signer.pk, role=SignerRole.SECOND, signed_at=None).update(
            name=name, email=email, phone=phone
        )
        if not changed:
            raise RequestRefused("They have signed already.")
        # A link that went to somebody else must not sign for them.
        links.revoke_all([signer], now=now)
    signer.refresh_from_db()


def void(*, request: SignatureRequest, reason: str, by: User | None, now: datetime) -> None:
    """Take it back: its links say so from now on, and messages that wait are not sent. Raises RequestRefused."""
    with transaction.atomic():
        current = locked(request)
        if current.state not in OPEN_STATES:
            raise RequestRefused(
                f"It is {current.get_state_display().lower()} already."
                + (" Ask for a new one that takes its place." if current.is_signed else "")
            )
        close(current, state=State.VOIDED, reason=reason, by=by, now=now)
        evidence.record(
            current, kind=EventKind.VOIDED, now=now, caller=Caller(by=by), reason=current.closed_reason
        )
    request.refresh_from_db()


def close(
    request: SignatureRequest, *, state: str, reason: str = "", by: User | None = None, now: datetime
) -> None:
    """Nobody is to sign it any more: for callers that hold its lock. Messages that wait to ask for it alone are closed."""
    request.state, request.closed_at, request.closed_by = state, now, by
    request.closed_reason = reason[:REASON_LIMIT]
    request.save(update_fields=["state", "closed_at", "closed_by", "closed_reason"])
    waiting = Message.objects.filter(signature_links__signers__request=request, handed_over_at=None)
    still_asked = Signer.objects.filter(request__state__in=OPEN_STATES, links__message__isnull=False)
    needed = waiting.filter(signature_links__signers__in=still_asked)
    Message.objects.filter(pk__in=list(waiting.exclude(pk__in=needed).values_list("pk", flat=True))).close(
        reason="The documents are no longer asked for.", now=now
    )


def locked(request: SignatureRequest) -> SignatureRequest:
    """Its present state, for this transaction alone to change."""
    rows = SignatureRequest.objects.select_for_update(of=("self",), no_key=True)
    return rows.select_related(*RELATED).get(pk=request.pk)
