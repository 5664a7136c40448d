"""Booking online: one form, one booking, however often and however fast it is sent."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from django.db import connection, transaction
from django.utils.translation import get_language

from appointments import links as appointment_links
from appointments.customers import register_online
from appointments.models import Appointment, AppointmentLink, Customer, StaffMember
from portal import holds, times
from portal.fairness import fairest
from portal.models import OnlineBooking
from portal.times import Search
from reminders import consent
from reminders.consent import Origin
from reminders.models import Source
from scheduling import booking, rules
from scheduling.availability import OpenTime, serving
from scheduling.booking import BookingRefused, Contact
from scheduling.rules import Placement
from securecare import links

MANAGE = AppointmentLink.Purpose.MANAGE
# Those that speak of one staff member, which says little to whoever takes anyone.
_OF_ONE = {"not_working", "outside_hours"}


@dataclass(frozen=True)
class Person:
    """Who it is for, as typed by a visitor. `phone` in E.164 is for texts, which `consent` allows in the words it was shown in;
    both may be empty, and only together."""

    given_name: str
    family_name: str
    date_of_birth: date
    email: str
    phone: str = ""
    consent: str = ""

    @property
    def name(self) -> str:
        return f"{self.given_name} {self.family_name}"


def token_of(submission: str) -> str:
    """The token of the link to what this submission booked."""
    return links.token_from(submission, purpose=MANAGE)


def booked_by(submission: str) -> bool:
    """Whether this submission has booked already."""
    return OnlineBooking.objects.filter(submission=links.digest(submission)).exists()


def stands_at(starts_at: datetime, *, submission: str) -> bool:
    """Whether what this submission booked begins then, and was not cancelled."""
    booked = OnlineBooking.objects.filter(submission=links.digest(submission))
    return booked.filter(
        appointment__starts_at=starts_at, appointment__status=Appointment.Status.SCHEDULED
    ).exists()


def book_online(
    *,
    submission: str,
    search: Search,
    starts_at: datetime,
    person: Person | None,
    origin: Origin,
    now: datetime,
) -> OnlineBooking:
    """Book for the signed-in customer of the search, else for `person`: with the staff member of the search, or with whoever
    is free and has the least to do. `submission` is the secret of the form; sent again, it answers with what it booked.

    The consent to texts is written with the booking or not at all. Raises BookingRefused.
    """
    with transaction.atomic():
        _hold_submission(submission)
        earlier = _found(submission)
        if earlier is not None:
            return earlier
        customer = search.customer or _register(search, person)
        if person is not None and person.phone and not consent.was_stopped(person.phone):
            _record_consent(person, customer, origin, now)
        appointment = _book_with_first(search, starts_at, customer, person, now)
        appointment_links.issue(appointment=appointment, purpose=MANAGE, now=now, token=token_of(submission))
        made = OnlineBooking.objects.create(
            submission=links.digest(submission),
            appointment=appointment,
            at=now,
            ip=origin.ip,
            user_agent=origin.user_agent[:200],
        )
    holds.release(facility=search.program.facility_id, visitor=search.visitor)
    return made


def takers(search: Search, starts_at: datetime, *, now: datetime) -> list[OpenTime]:
    """Who can be booked at this time, in the order in which to try them: whom the visitor holds, then the fairest."""
    own = holds.held_by(search.visitor, facility=search.program.facility_id, now=now, at=starts_at)
    ordered = fairest(times.offered_at(search, starts_at, now=now), program=search.program)
    return sorted(ordered, key=lambda offer: offer.staff.pk != own)


def why_not(
    search: Search, starts_at: datetime, *, customer: Customer | None, now: datetime
) -> BookingRefused:
    """What stands in the way at a time that nobody can be booked at, or moved to; held by another visitor, it is as good as
    taken."""
    moving = search.moving
    staff = search.staff or (moving.staff if moving else next(iter(serving(search.program)), None))
    if staff is None:
        return rules.taken()
    who = customer or Customer()
    place = Placement(who, staff, search.program, starts_at, search.minutes, None, now, moving=moving)
    try:
        rules.check_shape(place)
        rules.check_customer_may(place)
        if customer is not None:
            rules.check(place)
    except BookingRefused as refusal:
        return rules.taken() if search.staff is None and refusal.code in _OF_ONE else refusal
    return rules.taken()


def _hold_submission(submission: str) -> None:
    """Until the transaction ends, nobody else books with this form."""
    with connection.cursor() as cursor:
        digest = links.digest(submission).hex()
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 1))", [digest])


_FOUND = "SELECT * FROM portal_onlinebooking WHERE submission = %s"


def _found(submission: str) -> OnlineBooking | None:
    found: Iterable[OnlineBooking] = OnlineBooking.objects.raw(_FOUND, [links.digest(submission)])
    return next(iter(found), None)


def _register(search: Search, person: Person | None) -> Customer:
    if person is None:
        raise ValueError("Nobody is signed in, and nobody was named.")
    return register_online(
        given_name=person.given_name,
        family_name=person.family_name,
        date_of_birth=person.date_of_birth,
        email=person.email,
        phone=person.phone,
        facility=search.program.facility,
        language=(get_language() or "").partition("-")[0],
    )


def _record_consent(person: Person, customer: Customer, origin: Origin, now: datetime) -> None:
    """Before the booking, whose notices ask whether the number may be texted; undone with it if it is refused.

    A phone that ended texts itself is asked by START, not by whoever enters its number.
    """
    consent.record(
        phone=person.phone,
        granted=True,
        source=Source.PORTAL_BOOKING,
        wording=person.consent,
        now=now,
        customer=customer,
        origin=origin,
    )


def _book_with_first(
    search: Search, starts_at: datetime, customer: Customer, person: Person | None, now: datetime
) -> Appointment:
    """With the first who is still free when it is their turn. Any refusal ends it that would meet the next one too."""
    passed_on = {"taken"} if search.staff else {"taken", *_OF_ONE}
    last = None
    for staff in _candidates(search, starts_at, now):
        try:
            return booking.book(
                customer=customer,
                staff=staff,
                program=search.program,
                starts_at=starts_at,
                minutes=search.minutes,
                by=None,
                now=now,
                contact=_contact(customer, person),
            )
        except BookingRefused as refusal:
            if refusal.code not in passed_on:
                raise
            last = rules.taken() if search.staff is None else refusal
    raise last or why_not(search, starts_at, customer=customer, now=now)


def _candidates(search: Search, starts_at: datetime, now: datetime) -> Iterator[StaffMember]:
    """A chosen staff member needs no search: booking them says what stands in the way, but for the holds of others. Neither
    does whom the visitor holds."""
    if search.staff is None:
        yield from _held(search, starts_at, now)
        # What bars the customer is a matter for the booking, which says why.
        yield from (offer.staff for offer in takers(replace(search, customer=None), starts_at, now=now))
    elif not _is_held(search, search.staff, starts_at, now):
        yield search.staff


def _held(search: Search, starts_at: datetime, now: datetime) -> Iterable[StaffMember]:
    """Whom the visitor holds at this time; nobody else is in the way then."""
    staff = holds.held_by(search.visitor, facility=search.program.facility_id, now=now, at=starts_at)
    return StaffMember.objects.raw(_STAFF, [staff]) if staff else ()


_STAFF = "SELECT * FROM appointments_staffmember WHERE id = %s"


def _is_held(search: Search, staff: StaffMember, starts_at: datetime, now: datetime) -> bool:
    theirs = times.held(search, now).get(staff.pk, ())
    ends_at = starts_at + timedelta(minutes=search.minutes)
    return any(start < ends_at and end > starts_at for start, end in theirs)


def _contact(customer: Customer, person: Person | None) -> Contact | None:
    """What was typed, wherever the record does not say the very same: no page may show how a record that was merely
    recognized spells it."""
    if person is None:
        return None
    return Contact(
        contact_name="" if person.name == customer.full_name else person.name,
        contact_email="" if person.email == customer.email else person.email,
        contact_phone="" if person.phone == customer.phone else person.phone,
        # A number on a record that was merely recognized may be anybody's.
        no_texts=not person.phone,
    )
