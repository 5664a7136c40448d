"""Bookings: free slots, and eight clients after each slot."""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import uuid4

from django.db import connection, transaction

from appointments.models import Appointment
from bench import database, organisation
from bench.organisation import NOW, OPENS, Place
from bench.report import Row
from bench.timing import CLIENTS, Load, together
from scheduling import booking
from scheduling.booking import BookingRefused

BOOKED = "booked"
STAFF = 50
SLOTS_A_DAY = 16
SLOT = timedelta(minutes=30)
REFUSALS = frozenset({"taken", "customer_busy"})


def rows(*, runs: int, quick: bool) -> Iterator[Row]:
    place = organisation.create("bookings", staff=STAFF, customers=4000)
    each = 60 if quick else 200
    rate = floor(place, each).per_second
    rates = [free(place, each).per_second for _ in range(runs)]
    yield Row(
        "bookings committed, free slots, 8 clients", "bookings/s", rates, floor=rate, landing=300, aim=800
    )
    for slots in (60,) if quick else (60, 1000, 10_000):
        repeats = 1 if slots > 1000 else runs
        rate = _race(place, _insert_if_free, min(slots, 1000)).per_second
        loads = [_race(place, book, slots) for _ in range(repeats)]
        yield _verdict(slots, loads, rate)
        yield Row(f"race, {slots:,} slots: p99", "ms", [load.p99_ms for load in loads], aim=25)


def floor(place: Place, each: int) -> Load:
    """The row, its event and a commit for free slots: nothing is checked but by the database."""
    return _free(place, _insert, each)


def free(place: Place, each: int) -> Load:
    """What the desk does, each client in slots of its own."""
    return _free(place, book, each)


def _verdict(slots: int, loads: list[Load], floor: float) -> Row:
    rates = [load.per_second for load in loads]
    outcomes = Counter(outcome for load in loads for outcome in load.outcomes)
    unexpected = set(outcomes) - REFUSALS - {BOOKED}
    if outcomes[BOOKED] != slots * len(loads) or unexpected:
        raise RuntimeError(f"The race over {slots} slots ended wrong: {dict(outcomes)}.")
    return Row(
        f"race, {slots:,} slots, 8 clients on each: one winner each",
        "attempts/s",
        rates,
        floor=floor,
        aim=1000,
    )


Attempt = Callable[[Place, int, int, datetime], str]


def _free(place: Place, attempt: Attempt, each: int) -> Load:
    """Every client books slots of its own, with staff whom the others book too."""
    database.empty()
    staff = len(place.staff)

    def work(client: int) -> Iterator[Callable[[], str]]:
        for number in range(client, each * CLIENTS, CLIENTS):
            yield partial(attempt, place, number % staff, number, slot_at(number // staff))

    load = together(work)
    if set(load.outcomes) != {BOOKED}:
        raise RuntimeError(f"Free slots were refused: {Counter(load.outcomes)}.")
    return load


def _race(place: Place, attempt: Attempt, slots: int) -> Load:
    """All clients go through the same slots in the same order, each with customers of its own."""
    database.empty()

    def work(client: int) -> Iterator[Callable[[], str]]:
        for number in range(slots):
            member = number % STAFF
            yield partial(attempt, place, member, client * STAFF + member, slot_at(number // STAFF))

    load = together(work)
    _check_record(slots)
    return load


def _check_record(slots: int) -> None:
    connection.close()
    live = Appointment.objects.live()
    periods = live.values("staff_id", "starts_at").distinct().count()
    if (live.count(), periods) != (slots, slots):
        raise RuntimeError(f"{live.count()} appointments hold {periods} of {slots} slots.")


def slot_at(number: int) -> datetime:
    return OPENS + timedelta(days=number // SLOTS_A_DAY) + SLOT * (number % SLOTS_A_DAY)


def book(place: Place, staff: int, customer: int, starts_at: datetime) -> str:
    """What the desk does, with all that a booking checks and records."""
    try:
        booking.book(
            customer=place.customers[customer % len(place.customers)],
            staff=place.staff[staff],
            program=place.program,
            starts_at=starts_at,
            minutes=30,
            by=place.user,
            now=NOW,
        )
    except BookingRefused as refusal:
        return refusal.code
    return BOOKED


_APPOINTMENT = """
INSERT INTO appointments_appointment
    (reference, customer_id, staff_id, facility_id, program_id, starts_at, ends_at, status, public_note, revision,
     version, placed_at, outside_hours, cancel_reason)
VALUES (%s, %s, %s, %s, %s, %s, %s, 'scheduled', '', 0, 0, %s, false, '')
RETURNING id
"""
_EVENT = """
INSERT INTO appointments_appointmentevent
    (appointment_id, kind, at, actor, by_id, before, after, overrides, reason, revision, version)
VALUES (%s, 'booked', %s, 'staff', %s, '{}', '{"status": "scheduled"}', '{}', '', 0, 0)
"""


def _insert(place: Place, staff: int, customer: int, starts_at: datetime) -> str:
    with transaction.atomic(), connection.cursor() as cursor:
        _write(cursor, place, staff, customer, starts_at)
    return BOOKED


def _insert_if_free(place: Place, staff: int, customer: int, starts_at: datetime) -> str:
    """The floor of the race: lock the staff member's row, look, write."""
    member = place.staff[staff].pk
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM appointments_staffmember WHERE id = %s FOR NO KEY UPDATE", [member])
        cursor.execute(
            "SELECT 1 FROM appointments_appointment WHERE staff_id = %s AND starts_at < %s AND ends_at > %s",
            [member, starts_at + SLOT, starts_at],
        )
        if cursor.fetchone():
            return "taken"
        _write(cursor, place, staff, customer, starts_at)
    return BOOKED


def _write(cursor: Any, place: Place, staff: int, customer: int, starts_at: datetime) -> None:
    ids = (place.customers[customer % len(place.customers)].pk, place.staff[staff].pk)
    cursor.execute(
        _APPOINTMENT,
        [uuid4(), *ids, place.facility.pk, place.program.pk, starts_at, starts_at + SLOT, NOW],
    )
    cursor.execute(_EVENT, [cursor.fetchone()[0], NOW, place.user.pk])
