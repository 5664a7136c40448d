"""A made-up organisation of any size, put in by bulk inserts and SQL."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import connection

from appointments.models import Customer, Facility, Organisation, Program, StaffMember
from appointments.models.organisation import Role
from scheduling.models import Shift

DAY = date(2026, 12, 1)
OPENS = datetime(2026, 12, 1, 14, 0, tzinfo=UTC)  # 9:00 in New York
NOW = datetime(2026, 11, 30, 15, 0, tzinfo=UTC)
PASSWORD = "measured-in-milliseconds"


EVERYONE = slice(None)
SLOTS_A_DAY = 10


@dataclass(frozen=True)
class Place:
    facility: Facility
    program: Program
    staff: list[StaffMember]
    customers: list[Customer]
    user: User


def create(name: str, *, staff: int, customers: int) -> Place:
    """A facility with everyone at work from 9 to 17, seven days a week, one program, and a manager who signs in."""
    Organisation.current()
    facility = Facility.objects.create(name=name, time_zone="America/New_York")
    people = StaffMember.objects.bulk_create(
        StaffMember(display_name=f"Provider {number:03} {name}") for number in range(staff)
    )
    facility.staff.add(*people, _manager(name))
    _set_hours(facility, people)
    program = Program.objects.create(facility=facility, name="Counseling", default_minutes=30)
    program.staff.add(*people)
    user = User.objects.get(username=name)
    return Place(facility, program, people, _customers(facility, customers), user)


def _manager(name: str) -> StaffMember:
    user = User.objects.create_user(username=name, password=PASSWORD)
    return StaffMember.objects.create(
        user=user, display_name=f"Manager {name}", role=Role.MANAGER, takes_appointments=False
    )


def _set_hours(facility: Facility, people: list[StaffMember]) -> None:
    Shift.objects.bulk_create(
        Shift(
            staff=member,
            facility=facility,
            weekday=weekday,
            starts=time(9),
            ends=time(17),
            valid_from=date(2020, 1, 1),
        )
        for member in people
        for weekday in range(7)
    )


def _customers(facility: Facility, count: int) -> list[Customer]:
    made = Customer.objects.bulk_create(
        Customer(given_name="Customer", family_name=f"Number {number:04}") for number in range(count)
    )
    known = Customer.facilities.through
    known.objects.bulk_create(known(customer=customer, facility=facility) for customer in made)
    return made


_FILL = """
INSERT INTO appointments_appointment
    (reference, customer_id, staff_id, facility_id, program_id, starts_at, ends_at, status, public_note, revision,
     version, placed_at, outside_hours, cancel_reason)
SELECT gen_random_uuid(), who.customer, who.staff, %(facility)s, %(program)s, at, at + interval '30 minutes',
       %(status)s, CASE WHEN slot %% 3 = 0 THEN 'Bring the letter from the benefits office.' ELSE '' END, 0, 0,
       at - interval '7 days', false, ''
  FROM unnest(%(staff)s::bigint[], %(customers)s::bigint[]) AS who(staff, customer),
       generate_series(0, %(days)s - 1) AS day,
       generate_series(0, %(slots)s - 1) AS slot,
       LATERAL (SELECT %(first)s + day * interval '1 day' + slot * interval '45 minutes' AS at) AS times
"""


def fill(
    place: Place,
    *,
    staff: slice = EVERYONE,
    slots: int,
    days: int = 1,
    first: datetime = OPENS,
    status: str = "scheduled",
) -> int:
    """Give these people `slots` appointments of 30 minutes a day, 45 minutes apart; how many there are."""
    people = place.staff[staff]
    who: dict[str, Any] = {
        "staff": [member.pk for member in people],
        "customers": [customer.pk for customer in place.customers[staff]][: len(people)],
        "facility": place.facility.pk,
        "program": place.program.pk,
    }
    with connection.cursor() as cursor:
        cursor.execute(_FILL, {**who, "days": days, "slots": slots, "first": first, "status": status})
        return int(cursor.rowcount)


def fill_years(places: Sequence[Place], *, rows: int) -> None:
    """About so many appointments on the days before and after, half and half, for the same people."""
    days = rows // sum(2 * len(place.staff) * SLOTS_A_DAY for place in places)
    before, after = OPENS - timedelta(days=days), OPENS + timedelta(days=1)
    with _without_exclusion_constraints():
        for place in places:
            fill(place, slots=SLOTS_A_DAY, days=days, first=before, status="completed")
            fill(place, slots=SLOTS_A_DAY, days=days, first=after)


@contextmanager
def _without_exclusion_constraints() -> Iterator[None]:
    """A million rows go in ten times as fast, and are checked all at once at the end."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint "
            "WHERE contype = 'x' AND conrelid = 'appointments_appointment'::regclass"
        )
        constraints = cursor.fetchall()
        for name, _ in constraints:
            cursor.execute(f"ALTER TABLE appointments_appointment DROP CONSTRAINT {name}")
        yield
        for name, definition in constraints:
            cursor.execute(f"ALTER TABLE appointments_appointment ADD CONSTRAINT {name} {definition}")
        cursor.execute("VACUUM ANALYZE appointments_appointment")
