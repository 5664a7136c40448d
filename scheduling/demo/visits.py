"""Sample visits in the database: booked, changed, confirmed and settled by the domain's own verbs, each at its own time."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.contrib.auth.models import User

from appointments.models import Appointment, AppointmentEvent
from scheduling import booking
from scheduling.booking import BookingRefused
from scheduling.demo.days import CANCELLED, NO_SHOW, Visit
from scheduling.demo.directory import Directory
from securecare import localtime

NO_SHOW_AFTER = timedelta(minutes=20)
CONFIRMATION_OPENS = timedelta(days=3)
Status = Appointment.Status
Mark = tuple[str, datetime, User]


def book_all(visits: list[Visit], directory: Directory, *, now: datetime) -> list[Appointment]:
    """Book a date's visits. Whatever the rules refuse is left out: someone was faster.

    Cancelled visits come first: their slots were free again when others were booked into them.
    """
    made = []
    for visit in sorted(visits, key=lambda visit: visit.ending != CANCELLED):
        if directory.knows(visit):
            try:
                made.append(_book(visit, directory, now))
            except BookingRefused:
                continue
    return made


def _book(visit: Visit, directory: Directory, now: datetime) -> Appointment:
    customer = directory.customers[visit.customer]
    booked_at = min(visit.starts_at - visit.booked_before, now - visit.booked_before / 60)
    by = _booker(visit, directory)
    later = localtime.QUARTER_HOUR if visit.moved else timedelta()
    made = booking.book(
        customer=customer,
        staff=directory.staff[visit.staff],
        program=directory.program(visit.offer),
        starts_at=visit.starts_at + later,
        minutes=visit.minutes - int(later / timedelta(minutes=1)),
        by=by,
        now=booked_at,
        case=directory.open_cases.get(customer.pk) if visit.on_case else None,
        public_note=visit.public_note,
        private_note=visit.private_note,
    )
    changed_at = booked_at + (min(visit.starts_at, now) - booked_at) * 0.6
    if visit.moved:
        booking.reschedule(
            appointment=made, starts_at=visit.starts_at, minutes=visit.minutes, by=by, now=changed_at
        )
    if visit.ending == CANCELLED:
        by = _canceller(visit, directory, changed_at)
        booking.cancel(appointment=made, reason=visit.cancel_reason, by=by, now=changed_at)
    return made


def _booker(visit: Visit, directory: Directory) -> User | None:
    if visit.booked_online:
        return None
    return directory.user(visit.staff) if visit.private_note else directory.desk(visit)


def _canceller(visit: Visit, directory: Directory, at: datetime) -> User | None:
    """The customer who booked online, while the program lets them; else the desk they called."""
    notice = timedelta(hours=directory.program(visit.offer).min_notice_hours)
    in_time = visit.starts_at - at >= notice
    return None if visit.booked_online and in_time else directory.desk(visit)


def are_recorded(visits: list[Visit], directory: Directory) -> bool:
    """Whether most of these visits were once booked, whatever became of the appointments."""
    booked = AppointmentEvent.objects.filter(
        kind=AppointmentEvent.Kind.BOOKED,
        after__starts_at__in=[visit.starts_at.isoformat() for visit in visits],
    )
    found = set(booked.values_list("after__starts_at", "after__staff"))
    known = [visit for visit in visits if directory.knows(visit)]
    count = sum((v.starts_at.isoformat(), directory.staff[v.staff].pk) in found for v in known)
    return count * 2 > len(known)


def catch_up(visits: list[Visit], directory: Directory, *, now: datetime) -> None:
    """What happened by `now` to those of the visits that nobody else has touched: confirmed, arrived, completed, not come."""
    pairs = list(_untouched(visits, directory))
    confirmed = [appointment for appointment, visit in pairs if _confirm(appointment, visit, now)]
    Appointment.objects.bulk_update(confirmed, ["email_confirmed_at", "phone_confirmed_at"], batch_size=500)
    for appointment, visit in pairs:
        for status, at, by in _marks(visit, directory, now):
            booking.mark(appointment=appointment, status=status, by=by, now=at)


def _untouched(visits: list[Visit], directory: Directory) -> Iterator[tuple[Appointment, Visit]]:
    planned = {
        (directory.staff[visit.staff].pk, visit.starts_at, directory.customers[visit.customer].pk): visit
        for visit in visits
        if visit.ending != CANCELLED and directory.knows(visit)
    }
    starts = [visit.starts_at for visit in planned.values()]
    if not starts:
        return
    waiting = Appointment.objects.filter(status=Status.SCHEDULED, starts_at__range=(min(starts), max(starts)))
    for appointment in waiting.select_related("customer", "staff", "facility", "program"):
        key = appointment.staff_id, appointment.starts_at, appointment.customer_id
        visit = planned.get(key)
        if visit is not None and appointment.version == int(visit.moved):
            yield appointment, visit


def _confirm(appointment: Appointment, visit: Visit, now: datetime) -> bool:
    """Stamp the channels by which the customer has answered since they could; whether any is stamped."""
    first_day = appointment.local_date - CONFIRMATION_OPENS
    opens = localtime.day_bounds(first_day, appointment.facility.zone)[0]
    answered = max(opens + timedelta(hours=9), appointment.placed_at) + visit.booked_before / 12
    if answered > min(now, appointment.starts_at):
        return False
    if visit.confirms_by_email and appointment.customer.email:
        appointment.email_confirmed_at = appointment.email_confirmed_at or answered
    if visit.confirms_by_phone and appointment.customer.phone:
        appointment.phone_confirmed_at = appointment.phone_confirmed_at or answered - visit.early
    return bool(appointment.email_confirmed_at or appointment.phone_confirmed_at)


def _marks(visit: Visit, directory: Directory, now: datetime) -> Iterator[Mark]:
    """The statuses the visit has gone through by now."""
    if visit.ending == NO_SHOW:
        if visit.starts_at + NO_SHOW_AFTER <= now:
            yield Status.NO_SHOW, visit.starts_at + NO_SHOW_AFTER, directory.desk(visit)
        return
    arrived, done = visit.starts_at - visit.early, visit.ends_at - visit.early / 2
    if arrived <= now and (visit.arrival_noted or done > now):
        yield Status.ARRIVED, arrived, directory.desk(visit)
    if done <= now:
        yield Status.COMPLETED, done, directory.user(visit.staff)
