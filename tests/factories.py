"""Small builders with believable defaults. Everything is keyword-only, saved, and may be overridden."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import count
from typing import Any

from django.contrib.auth.models import User

from appointments.models import Appointment, Case, Customer, Facility, Program, StaffMember
from scheduling import booking
from scheduling.models import Closure, ExtraShift, Shift, TimeOff
from securecare import localtime

_number = count(1)

# A Monday, 9:00 in New York (EST). Tests that need "now" pass one; this is the usual one.
NOW = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
TODAY = date(2026, 11, 23)
PASSWORD = "correct-horse-battery"


def facility(**fields: Any) -> Facility:
    n = next(_number)
    return Facility.objects.create(**{"name": f"Facility {n}", "time_zone": "America/New_York", **fields})


def user(**fields: Any) -> User:
    n = next(_number)
    password = fields.pop("password", PASSWORD)
    return User.objects.create_user(**{"username": f"user{n}", "password": password, **fields})


def staff(*, at: Facility | list[Facility] | None = None, **fields: Any) -> StaffMember:
    n = next(_number)
    if "user" not in fields:
        fields["user"] = user()
    member = StaffMember.objects.create(**{"display_name": f"Staff {n}", **fields})
    places = at if isinstance(at, list) else [at] if at else []
    member.facilities.set(places)
    return member


def program(*, at: Facility, staff: list[StaffMember] | StaffMember = (), **fields: Any) -> Program:  # type: ignore[assignment]
    n = next(_number)
    made = Program.objects.create(**{"facility": at, "name": f"Program {n}", "default_minutes": 30, **fields})
    made.staff.set([staff] if isinstance(staff, StaffMember) else staff)
    return made


def customer(*, at: Facility | None = None, **fields: Any) -> Customer:
    n = next(_number)
    defaults = {
        "given_name": "Ada",
        "family_name": f"Nguyen {n}",
        "date_of_birth": date(1991, 4, 12),
        "email": f"ada{n}@example.org",
        "phone": f"+1212555{n % 10000:04d}",
    }
    made = Customer.objects.create(**{**defaults, **fields})
    if at:
        made.facilities.add(at)
    return made


def case(*, of: Customer, by: User, **fields: Any) -> Case:
    n = next(_number)
    return Case.objects.create(
        **{"customer": of, "reference": f"C-{n:05d}", "opened_at": NOW, "opened_by": by, **fields}
    )


def shift(*, staff: StaffMember, at: Facility, **fields: Any) -> Shift:
    defaults = {"weekday": 0, "starts": time(9), "ends": time(17), "valid_from": date(2020, 1, 1)}
    return Shift.objects.create(staff=staff, facility=at, **{**defaults, **fields})


def week(*, staff: StaffMember, at: Facility, days: range = range(7), **fields: Any) -> list[Shift]:
    """The same shift on every one of `days`."""
    return [shift(staff=staff, at=at, weekday=day, **fields) for day in days]


def extra_shift(*, staff: StaffMember, at: Facility, **fields: Any) -> ExtraShift:
    defaults = {"date": TODAY, "starts": time(9), "ends": time(17)}
    return ExtraShift.objects.create(staff=staff, facility=at, **{**defaults, **fields})


def time_off(*, staff: StaffMember, **fields: Any) -> TimeOff:
    first = fields.pop("first_day", TODAY)
    return TimeOff.objects.create(staff=staff, first_day=first, **{"last_day": first, **fields})


def closure(*, at: Facility, **fields: Any) -> Closure:
    return Closure.objects.create(facility=at, **{"date": TODAY, "reason": "Holiday", **fields})


def at(day: date, hour: int, minute: int = 0, zone: str = "America/New_York") -> datetime:
    """The UTC instant of a wall time."""
    return localtime.resolve(day, time(hour, minute), zone)


def appointment(
    *,
    starts_at: datetime | None = None,
    staff: StaffMember | None = None,
    program: Program | None = None,
    customer: Customer | None = None,
    by: User | None = None,
    minutes: int = 30,
    now: datetime = NOW,
    **fields: Any,
) -> Appointment:
    """Booked the way every appointment is booked. Makes whatever it is not given, with hours all week."""
    make_facility = facility
    make_staff, make_program, make_customer = globals()["staff"], globals()["program"], globals()["customer"]
    place = program.facility if program else make_facility()
    if staff is None:
        staff = make_staff(at=place)
        week(staff=staff, at=place)
    if program is None:
        place = staff.facilities.first() or place
        program = make_program(at=place, staff=staff)
    return booking.book(
        customer=customer or make_customer(at=program.facility),
        staff=staff,
        program=program,
        starts_at=starts_at or NOW + timedelta(hours=2),
        minutes=minutes,
        by=by or staff.user,
        now=now,
        **fields,
    )
