"""The only way to change an appointment.

Each operation locks what it needs (staff members in id order, then the customer, then the appointment), checks the rules,
saves, records one event and calls `follow`, in one transaction. Admin, portal, grid and commands all come here.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple
from uuid import uuid4

from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction

from appointments import private_notes
from appointments.models import Appointment, AppointmentEvent, Case, Customer, Program, StaffMember
from appointments.models.appointment import PRIVATE_NOTE_LIMIT, PUBLIC_NOTE_LIMIT
from scheduling import record, rules
from scheduling.record import stranded_or_scheduled
from scheduling.rules import COOL_DOWN, OUTSIDE_HOURS, BookingRefused, Placement
from signatures import standing

__all__ = [
    "COOL_DOWN",
    "OUTSIDE_HOURS",
    "UNSIGNED",
    "BookingRefused",
    "ChangeRefused",
    "Contact",
    "NotSigned",
    "StaleAppointment",
    "book",
    "cancel",
    "edit_notes",
    "mark",
    "reassign",
    "reschedule",
]

Status = Appointment.Status
Kind = AppointmentEvent.Kind

UNSIGNED = "unsigned"
MOVABLE = frozenset({Status.SCHEDULED, Status.PENDING_REASSIGNMENT, Status.ARRIVED})
MARKS: dict[str, frozenset[str]] = {
    Status.SCHEDULED: frozenset({Status.ARRIVED, Status.COMPLETED, Status.NO_SHOW}),
    Status.PENDING_REASSIGNMENT: frozenset({Status.ARRIVED, Status.COMPLETED, Status.NO_SHOW}),
    Status.ARRIVED: frozenset({Status.SCHEDULED, Status.COMPLETED, Status.NO_SHOW}),
    Status.COMPLETED: frozenset({Status.SCHEDULED, Status.ARRIVED, Status.NO_SHOW}),
    Status.NO_SHOW: frozenset({Status.SCHEDULED, Status.ARRIVED, Status.COMPLETED}),
    Status.CANCELLED: frozenset({Status.SCHEDULED}),
}


class Contact(NamedTuple):
    """Where it differs from the customer's record: what whoever booked online gave."""

    contact_name: str = ""
    contact_email: str = ""
    contact_phone: str = ""
    no_texts: bool = False


class ChangeRefused(Exception):
    """The appointment's status does not allow this; the message says what to do instead."""


class NotSigned(ChangeRefused):
    """The program holds arrivals until its documents are signed. `missing` are the titles of those that are not."""

    def __init__(self, missing: list[str]) -> None:
        super().__init__(
            f"Not signed yet: {', '.join(missing)}. Have that signed first, or mark it all the same."
        )
        self.missing = missing


class StaleAppointment(Exception):
    """Somebody changed the appointment meanwhile; `appointment` is its present state."""

    def __init__(self, appointment: Appointment) -> None:
        super().__init__("Someone changed this appointment in the meantime.")
        self.appointment = appointment


def book(
    *,
    customer: Customer,
    staff: StaffMember,
    program: Program,
    starts_at: datetime,
    minutes: int,
    by: User | None,
    now: datetime,
    case: Case | None = None,
    public_note: str = "",
    private_note: str = "",
    overrides: Iterable[str] = frozenset(),
    contact: Contact | None = None,
) -> Appointment:
    """Book an appointment. `by` is the acting user, None for the customer; `overrides` name the rules staff set aside;
    `contact` is how to reach the customer about it, as given when booking online.

    Raises BookingRefused; PermissionDenied for a private note the user may not write; ValueError for a case of somebody else.
    """
    _check_notes(public_note, private_note)
    if case is not None and case.customer_id != customer.pk:
        raise ValueError("The case belongs to another customer.")
    contact = contact or Contact()
    place = Placement(customer, staff, program, starts_at, minutes, by, now, frozenset(overrides))
    rules.check_shape(place)
    rules.check_free(place)
    with _constraints_as_refusals(), transaction.atomic():
        _lock(staff=[staff], customer=customer.pk)
        outside, used = rules.check(place)
        appointment = Appointment.objects.create(
            reference=uuid4(),
            customer=customer,
            staff=staff,
            facility=program.facility,
            program=program,
            case=case,
            starts_at=starts_at,
            ends_at=place.ends_at,
            public_note=public_note,
            placed_at=now,
            outside_hours=outside,
            **contact._asdict(),
        )
        if private_note:
            private_notes.write(appointment=appointment, text=private_note, by=by, now=now)
        record.add(
            appointment,
            kind=Kind.BOOKED,
            before={},
            by=by,
            now=now,
            overrides=used,
            private_note_changed=bool(private_note),
        )
    return appointment


def reschedule(
    *,
    appointment: Appointment,
    starts_at: datetime,
    by: User | None,
    now: datetime,
    staff: StaffMember | None = None,
    minutes: int | None = None,
    overrides: Iterable[str] = frozenset(),
    version: int | None = None,
) -> Appointment:
    """Give the appointment another time, and another length or staff member if told. Bumps the revision and clears both
    confirmations. `version` is the one the user saw.

    Raises BookingRefused, ChangeRefused, StaleAppointment.
    """
    goal = staff or appointment.staff
    minutes = appointment.minutes if minutes is None else minutes
    place = Placement(
        appointment.customer,
        goal,
        appointment.program,
        starts_at,
        minutes,
        by,
        now,
        frozenset(overrides),
        appointment,
    )
    rules.check_shape(place)
    with _constraints_as_refusals(), transaction.atomic():
        current = _locked(appointment, version, with_staff=goal)
        if current.status not in MOVABLE:
            raise ChangeRefused(
                f"It is {current.get_status_display().lower()}. Undo that first, or book a new one."
            )
        if (current.starts_at, current.ends_at, current.staff_id) == (starts_at, place.ends_at, goal.pk):
            return _copied(appointment, current)
        outside, used = rules.check(replace(place, moving=current))
        before = record.snapshot(current)
        kind = (
            Kind.REASSIGNED
            if current.starts_at == starts_at and current.staff_id != goal.pk
            else Kind.RESCHEDULED
        )
        current.staff, current.starts_at, current.ends_at = goal, starts_at, place.ends_at
        current.placed_at, current.outside_hours = now, outside
        current.email_confirmed_at = current.phone_confirmed_at = None
        current.revision += 1
        if current.status == Status.PENDING_REASSIGNMENT:
            current.status = Status.SCHEDULED
        record.save(current, kind=kind, before=before, by=by, now=now, overrides=used)
    return _copied(appointment, current)


def reassign(
    *,
    appointment: Appointment,
    staff: StaffMember,
    by: User | None,
    now: datetime,
    overrides: Iterable[str] = frozenset(),
    version: int | None = None,
) -> Appointment:
    """Give the appointment to another staff member at the same time. Raises as `reschedule` does."""
    return reschedule(
        appointment=appointment,
        starts_at=appointment.starts_at,
        staff=staff,
        by=by,
        now=now,
        overrides=overrides,
        version=version,
    )


def cancel(
    *, appointment: Appointment, reason: str, by: User | None, now: datetime, version: int | None = None
) -> Appointment:
    """Cancel; the slot is free at once. A customer is bound by the program's notice, and takes back having confirmed.

    Raises ChangeRefused, StaleAppointment, and BookingRefused(too_soon or past) for a customer.
    """
    with transaction.atomic():
        current = _locked(appointment, version)
        if current.status in (Status.CANCELLED, Status.COMPLETED, Status.NO_SHOW):
            raise ChangeRefused(f"It is already {current.get_status_display().lower()}.")
        if by is None:
            rules.check_notice(current, now)
        before = record.snapshot(current)
        current.status, current.cancelled_at, current.cancel_reason = Status.CANCELLED, now, reason[:200]
        current.arrived_at = current.arrived_by = None
        if by is None:
            current.email_confirmed_at = current.phone_confirmed_at = None
        record.save(current, kind=Kind.CANCELLED, before=before, by=by, now=now, reason=reason)
    return _copied(appointment, current)


def mark(
    *,
    appointment: Appointment,
    status: str,
    by: User,
    now: datetime,
    version: int | None = None,
    overrides: Iterable[str] = frozenset(),
) -> Appointment:
    """Set what happened: arrived, completed, no_show; `scheduled` undoes any of them and a cancellation.

    An undone appointment that no longer fits working hours is pending reassignment again. Raises ChangeRefused, NotSigned unless
    `overrides` set that aside, StaleAppointment, and BookingRefused when an undone cancellation finds its slot taken.
    """
    with _constraints_as_refusals(), transaction.atomic():
        undoes_cancel = appointment.status == Status.CANCELLED
        current = _locked(appointment, version, with_staff=appointment.staff if undoes_cancel else None)
        if status == current.status:
            return _copied(appointment, current)
        if current.is_cancelled and not undoes_cancel:
            raise StaleAppointment(current)
        if status not in MARKS[current.status]:
            raise ChangeRefused(
                f"It is {current.get_status_display().lower()}: that cannot become “{status}”."
            )
        used = _check_signed(current, status, overrides)
        before = record.snapshot(current)
        if current.status == Status.CANCELLED:
            rules.check_free(Placement.of(current, by=by, now=now))
            current.revision += 1  # the customer may have been told that it is off
        current.status = status if status != Status.SCHEDULED else stranded_or_scheduled(current, now)
        current.cancelled_at, current.cancel_reason = None, ""
        _stamp_arrival(current, by, now)
        record.save(current, kind=Kind.MARKED, before=before, by=by, now=now, overrides=used)
    return _copied(appointment, current)


def edit_notes(
    *,
    appointment: Appointment,
    by: User,
    now: datetime,
    public_note: str | None = None,
    private_note: str | None = None,
    version: int | None = None,
    replace_unreadable: bool = False,
) -> Appointment:
    """Change the notes given; None leaves one as it is. Nothing is recorded when nothing changed.

    Raises PermissionDenied, StaleAppointment, private_notes.NoteUnreadable, and ValueError for oversized notes.
    """
    _check_notes(public_note or "", private_note or "")
    with transaction.atomic():
        current = _locked(appointment, version)
        before = record.snapshot(current)
        if public_note is not None:
            current.public_note = public_note
        sealed = private_note is not None and private_notes.write(
            appointment=current, text=private_note, by=by, now=now, replace_unreadable=replace_unreadable
        )
        if sealed or record.snapshot(current) != before:
            record.save(
                current,
                kind=Kind.NOTES_EDITED,
                before=before,
                by=by,
                now=now,
                private_note_changed=bool(sealed),
            )
    return _copied(appointment, current)


def _check_signed(appointment: Appointment, status: str, overrides: Iterable[str]) -> list[str]:
    """What was set aside. Whoever is completed has been there: going back to arrived is none."""
    if status != Status.ARRIVED or appointment.status == Status.COMPLETED:
        return []
    missing = standing.holding_arrival(appointment)
    if missing and UNSIGNED not in overrides:
        raise NotSigned(missing)
    return [UNSIGNED] if missing else []


def _stamp_arrival(appointment: Appointment, by: User, now: datetime) -> None:
    if appointment.status == Status.ARRIVED:
        appointment.arrived_at, appointment.arrived_by = now, by
    elif appointment.status != Status.COMPLETED:
        appointment.arrived_at = appointment.arrived_by = None


def _check_notes(public_note: str, private_note: str) -> None:
    if len(public_note) > PUBLIC_NOTE_LIMIT or len(private_note) > PRIVATE_NOTE_LIMIT:
        raise ValueError(f"Notes are limited to {PUBLIC_NOTE_LIMIT} and {PRIVATE_NOTE_LIMIT} characters.")


_LOCK_STAFF = """
SELECT id, is_active, takes_appointments FROM appointments_staffmember
 WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE
"""


def _lock(*, staff: Iterable[StaffMember], customer: int) -> None:
    """Staff rows in id order, then the customer's: the one order in which anything here waits.

    The staff members are brought to their present state: one may have left while we waited.
    """
    members = {member.pk: member for member in staff}
    with connection.cursor() as cursor:
        cursor.execute(_LOCK_STAFF, [list(members)])
        for pk, is_active, takes_appointments in cursor.fetchall():
            members[pk].is_active, members[pk].takes_appointments = is_active, takes_appointments
        cursor.execute("SELECT FROM appointments_customer WHERE id = %s FOR NO KEY UPDATE", [customer])


def _locked(
    appointment: Appointment, version: int | None, *, with_staff: StaffMember | None = None
) -> Appointment:
    """The appointment's present state under lock, and both staff members and the customer if it is to move.

    Rows that name it may be written meanwhile: whoever plans the messages of a whole program must not wait for one of them.
    """
    if with_staff is not None:
        _lock(staff=[appointment.staff, with_staff], customer=appointment.customer_id)
    related = ("customer", "staff", "facility", "program")
    current = (
        Appointment.objects.select_related(*related)
        .select_for_update(of=("self",), no_key=True)
        .get(pk=appointment.pk)
    )
    moved_away = with_staff is not None and current.staff_id != appointment.staff_id
    if moved_away or (version is not None and current.version != version):
        raise StaleAppointment(current)
    return current


def _copied(appointment: Appointment, current: Appointment) -> Appointment:
    """The caller's own object, brought to the saved state."""
    for field in Appointment._meta.concrete_fields:
        setattr(appointment, field.attname, getattr(current, field.attname))
    appointment.staff = current.staff
    return appointment


class _constraints_as_refusals:
    """The database has the last word on who may be where; its refusal is the booking's."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, IntegrityError):
            if "appointment_staff_in_one_place" in str(error):
                raise rules.taken() from error
            if "appointment_customer_in_one_place" in str(error):
                raise rules.customer_busy() from error
