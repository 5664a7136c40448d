"""Which documents an appointment needs: attached in the transaction that books, moves or calls it off.

A document that the customer has signed, and that is still valid on the appointment's date, satisfies it; one that they are
asked for already serves all their appointments; only what is missing is prepared anew.
"""

from collections.abc import Iterable
from datetime import datetime

from django.db import connection, transaction
from django.db.models import Q

from appointments.models import Appointment, AppointmentEvent, Program
from signatures import requests
from signatures.models import (
    OPEN_STATES,
    SIGNED_STATES,
    AttachedDocument,
    DocumentTemplate,
    SignatureRequest,
    SigningRules,
    TemplateVersion,
)

CALLED_OFF = "The appointment was cancelled."
SIGNED_BEFORE = "One that was signed before serves the appointment."
NO_LONGER_ASKED = "The program no longer asks for it."
Kind = AppointmentEvent.Kind
_PLACED = {Kind.BOOKED, Kind.RESCHEDULED, Kind.REASSIGNED}

# Every booking asks, and building the query costs more than it.
_ASKS = """
SELECT EXISTS (SELECT FROM signatures_documentrequirement WHERE program_id = %(program)s)
    OR EXISTS (SELECT FROM signatures_attacheddocument WHERE appointment_id = %(appointment)s)
"""


def follow(event: AppointmentEvent) -> None:
    """Attach what is missing, or withdraw what only this appointment needed. Part of the change's transaction."""
    appointment = event.appointment
    if event.kind not in _PLACED and not _changes_whether_it_stands(event):
        return
    with connection.cursor() as cursor:
        cursor.execute(_ASKS, {"program": appointment.program_id, "appointment": appointment.pk})
        if not cursor.fetchone()[0]:
            return
    if appointment.is_cancelled:
        _withdraw(appointment, now=event.at)
        return
    attach(appointment, now=event.at)
    if event.kind == Kind.BOOKED:
        _send_if_asked(appointment, now=event.at)


def _changes_whether_it_stands(event: AppointmentEvent) -> bool:
    return event.kind == Kind.CANCELLED or event.before.get("status") == Appointment.Status.CANCELLED


def program_changed(program: Program, *, now: datetime) -> None:
    """What it asks for was changed: its appointments ahead follow."""
    ahead = Appointment.objects.filter(
        program=program, status=Appointment.Status.SCHEDULED, starts_at__gt=now
    )
    for appointment in ahead.select_related("customer", "facility", "program").order_by("customer_id", "pk"):
        attach(appointment, now=now)


@transaction.atomic
def attach(appointment: Appointment, *, now: datetime) -> list[AttachedDocument]:
    """Bring what is attached to what the program asks for: a row for each document, with the request that fulfils it. What
    staff asked for besides stays."""
    wanted = DocumentTemplate.objects.filter(requirements__program=appointment.program_id, is_active=True)
    versions = {
        version.template_id: version
        for version in TemplateVersion.objects.current()
        .filter(template__in=wanted)
        .select_related("template")
    }
    _lock_documents_of(appointment.customer_id)
    rows = AttachedDocument.objects.filter(appointment=appointment).select_related("request")
    there = {row.template_id: row for row in rows}
    for template_id, version in sorted(versions.items()):
        request = fulfilling(appointment, version.template)
        request = request or requests.prepare(
            version=version,
            customer=appointment.customer,
            facility=appointment.facility,
            appointment=appointment,
            by=None,
            now=now,
        )
        row = there.pop(template_id, None)
        replaced = row.request if row is not None and row.request_id != request.pk else None
        _put(appointment, request, row)
        if replaced is not None:
            _void_if_idle(replaced, reason=SIGNED_BEFORE, now=now)
    for row in there.values():
        _detach_if_unwanted(row, now=now)
    return list(AttachedDocument.objects.filter(appointment=appointment))


def fulfilling(appointment: Appointment, template: DocumentTemplate) -> SignatureRequest | None:
    """The customer's signed request that is still valid on the appointment's date, unless they are asked to replace it; or else
    their open one."""
    theirs = SignatureRequest.objects.filter(customer=appointment.customer_id, template=template)
    unexpired = Q(document__valid_until__isnull=True) | Q(document__valid_until__gte=appointment.local_date)
    signed = theirs.filter(unexpired, state__in=SIGNED_STATES).order_by("-closed_at")
    asked = theirs.filter(state__in=OPEN_STATES).first()
    return asked if asked is not None and asked.supersedes_id else signed.first() or asked


def attach_request(appointment: Appointment, request: SignatureRequest) -> None:
    """Have this request fulfil its document for the appointment, in place of another."""
    there = AttachedDocument.objects.filter(appointment=appointment, template=request.template_id).first()
    _put(appointment, request, there)


def replace(old: SignatureRequest, new: SignatureRequest) -> None:
    """All appointments that the old one was to serve are served by the new one."""
    AttachedDocument.objects.filter(request=old).update(request=new)


def _put(appointment: Appointment, request: SignatureRequest, there: AttachedDocument | None) -> None:
    if there is None:
        AttachedDocument.objects.create(
            appointment=appointment, template_id=request.template_id, request=request
        )
    elif there.request_id != request.pk:
        there.request = request
        there.save(update_fields=["request"])


def _detach_if_unwanted(row: AttachedDocument, *, now: datetime) -> None:
    """What a program asked for and asks for no more. What staff asked for, or has been begun or sent, stays."""
    request = row.request
    if request.state == SignatureRequest.State.PREPARED and request.created_by_id is None:
        row.delete()
        _void_if_idle(request, reason=NO_LONGER_ASKED, now=now)


def _withdraw(appointment: Appointment, *, now: datetime) -> None:
    """What nobody has signed yet and no other appointment ahead needs is asked for no more."""
    rows = AttachedDocument.objects.filter(appointment=appointment).select_related("request")
    for row in rows:
        _void_if_idle(row.request, reason=CALLED_OFF, now=now)


def _void_if_idle(request: SignatureRequest, *, reason: str, now: datetime) -> None:
    others = AttachedDocument.objects.filter(request=request).exclude(
        appointment__status=Appointment.Status.CANCELLED
    )
    begun = request.signers.filter(signed_at__isnull=False)
    if request.is_open and not others.exists() and not begun.exists():
        requests.void(request=request, reason=reason, by=None, now=now)


def _send_if_asked(appointment: Appointment, *, now: datetime) -> None:
    from signatures import sending  # sending reads what is attached

    if SigningRules.objects.filter(program=appointment.program_id, sends_on_booking=True).exists():
        sending.send(requests=to_send(appointment), by=None, now=now)


def to_send(appointment: Appointment) -> list[SignatureRequest]:
    """Those of its documents that nobody has been sent yet."""
    rows = SignatureRequest.objects.filter(attachments__appointment=appointment, state="prepared")
    return list(rows.select_related(*requests.RELATED).order_by("pk"))


def counts(appointments: Iterable[int]) -> dict[int, tuple[int, int]]:
    """By appointment, of those that need documents: how many of them are signed, and how many there are."""
    with connection.cursor() as cursor:
        cursor.execute(_COUNTS, [list(appointments)])
        return {pk: (signed, wanted) for pk, signed, wanted in cursor.fetchall()}


_COUNTS = """
SELECT attached.appointment_id, count(*) FILTER (WHERE request.state IN ('signed', 'sealed')), count(*)
  FROM signatures_attacheddocument attached
  JOIN signatures_signaturerequest request ON request.id = attached.request_id
 WHERE attached.appointment_id = ANY(%s)
 GROUP BY attached.appointment_id
"""
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 5))"


def _lock_documents_of(customer: int) -> None:
    """Two bookings of one customer at once prepare each document once."""
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, [f"documents of customer {customer}"])
