"""The booking rules: what may be placed where. Each refusal has a code and words for the person who asked.

Sources: design of the product. Staff may set aside `outside_hours` and `cool_down`, which the record keeps; customers none.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import connection

from appointments.branding import brand
from appointments.models import Appointment, Customer, Program, StaffMember
from appointments.models.appointment import LONGEST
from scheduling import hours as working_hours
from scheduling.hours import Fit
from securecare import localtime

OUTSIDE_HOURS = "outside_hours"
COOL_DOWN = "cool_down"
OVERRIDABLE = frozenset({OUTSIDE_HOURS, COOL_DOWN})

CODES = frozenset(
    [
        "taken",
        "customer_busy",
        "not_working",
        "outside_hours",
        "cool_down",
        "not_public",
        "too_soon",
        "too_far",
        "past",
        "closed",
        "off_grid",
    ]
)


class BookingRefused(Exception):
    """A rule says no. `code` is one of CODES, `message` is for the person, `first_allowed` a local date if waiting helps."""

    def __init__(self, code: str, message: str, *, first_allowed: date | None = None) -> None:
        if code not in CODES:
            raise ValueError(f"{code} is not a refusal code.")
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.first_allowed = first_allowed

    def __str__(self) -> str:
        return self.message

    @property
    def is_overridable(self) -> bool:
        """Whether staff may set this rule aside."""
        return self.code in OVERRIDABLE


def taken() -> BookingRefused:
    return BookingRefused("taken", "This time was just taken. Choose another time.")


def customer_busy() -> BookingRefused:
    return BookingRefused("customer_busy", f"The {brand().customer} already has an appointment at this time.")


@dataclass(frozen=True)
class Placement:
    """One customer, one staff member, one program, one period: what a booking or a move asks for."""

    customer: Customer
    staff: StaffMember
    program: Program
    starts_at: datetime
    minutes: int
    by: User | None
    now: datetime
    overrides: frozenset[str] = frozenset()
    moving: Appointment | None = None

    @classmethod
    def of(cls, appointment: Appointment, *, by: User | None, now: datetime) -> "Placement":
        """Where the appointment is now."""
        a = appointment
        return cls(a.customer, a.staff, a.program, a.starts_at, a.minutes, by, now, moving=a)

    @property
    def ends_at(self) -> datetime:
        return self.starts_at + timedelta(minutes=self.minutes)

    @property
    def by_customer(self) -> bool:
        return self.by is None

    @property
    def day(self) -> date:
        return localtime.local_date(self.starts_at, self.program.facility.zone)

    def others(self) -> Any:
        """Live appointments besides the one that moves."""
        live = Appointment.objects.live().order_by()
        return live.exclude(pk=self.moving.pk) if self.moving else live


def check(place: Placement) -> tuple[bool, list[str]]:
    """Every rule, under the locks. Returns whether it lies outside hours, and the rules that were set aside."""
    _check_staff_available(place)
    if place.by_customer:
        check_customer_may(place)
    check_free(place)
    outside, used = _check_hours(place)
    return outside, used + _check_cool_down(place)


def objections(place: Placement) -> list[BookingRefused]:
    """Every refusal that `place` would meet as things stand, the overridable ones included. No locks: a forecast for the form."""
    found: list[BookingRefused] = []
    for rule in (check_shape, check_free, _check_hours, _check_cool_down):
        try:
            rule(place)
        except BookingRefused as refusal:
            found.append(refusal)
            if rule is check_shape:
                break
    return found


def check_shape(place: Placement) -> None:
    """What needs no lock: quarter hours, length, and that the staff member serves the program. Raises BookingRefused."""
    if place.starts_at.tzinfo is None:
        raise ValueError("starts_at must be an aware instant.")
    if not localtime.is_on_quarter_hour(place.starts_at, place.program.facility.zone):
        raise BookingRefused("off_grid", "Appointments start on the quarter hour: :00, :15, :30 or :45.")
    if place.minutes <= 0:
        raise BookingRefused("off_grid", "The appointment must end after it starts.")
    if place.minutes % 15 or timedelta(minutes=place.minutes) > LONGEST:
        raise BookingRefused("off_grid", "The length must be a multiple of 15 minutes, at most 24 hours.")
    _check_staff_available(place)
    if not place.program.is_served_by(place.staff):
        raise _not_serving(place)


def _check_staff_available(place: Placement) -> None:
    if not (place.staff.is_active and place.staff.takes_appointments):
        raise _not_serving(place)


def _not_serving(place: Placement) -> BookingRefused:
    return BookingRefused(
        "not_working",
        f"{place.staff} does not serve {place.program} at {place.program.facility}. Choose another staff member.",
    )


# Runs twice for every booking, and for every attempt at a slot that is gone: plain SQL, one row. Null if nothing overlaps.
_OVERLAPPING = """
SELECT bool_or(staff_id = %(staff)s)
  FROM appointments_appointment
 WHERE (staff_id = %(staff)s OR customer_id = %(customer)s) AND status <> 'cancelled'
   AND starts_at > %(earliest)s AND starts_at < %(end)s AND ends_at > %(start)s
   AND id IS DISTINCT FROM %(moving)s
"""


def check_free(place: Placement) -> None:
    """That neither the staff member nor the customer has anything else in the period."""
    with connection.cursor() as cursor:
        cursor.execute(
            _OVERLAPPING,
            {
                "staff": place.staff.pk,
                "customer": place.customer.pk,
                "start": place.starts_at,
                "end": place.ends_at,
                "earliest": place.starts_at - LONGEST,
                "moving": place.moving.pk if place.moving else None,
            },
        )
        staff_is_busy = cursor.fetchone()[0]
    if staff_is_busy is not None:
        raise taken() if staff_is_busy else customer_busy()
    if place.by_customer and place.program.buffer_minutes:
        buffer = timedelta(minutes=place.program.buffer_minutes)
        near = place.others().overlapping(place.starts_at - buffer, place.ends_at + buffer)
        if near.filter(staff=place.staff).exists():
            raise taken()


def check_customer_may(place: Placement) -> None:
    """What binds customers only: public programs, notice, furthest day. Raises BookingRefused."""
    program = place.program
    if not (program.allows_public_booking and program.is_active):
        raise BookingRefused("not_public", "This program is booked by phone or at the desk.")
    if place.moving is not None:
        check_notice(place.moving, place.now)
    if place.starts_at < place.now:
        raise BookingRefused("past", "This time has passed. Choose a later one.")
    if place.starts_at < place.now + timedelta(hours=program.min_notice_hours):
        raise BookingRefused(
            "too_soon",
            f"Please book at least {program.min_notice_hours} hours ahead, or call {program.facility}.",
        )
    furthest = localtime.local_date(place.now, program.facility.zone) + timedelta(
        days=program.max_advance_days
    )
    if place.day > furthest:
        raise BookingRefused("too_far", f"Times can be booked up to {furthest:%B %-d}.")


def check_notice(appointment: Appointment, now: datetime) -> None:
    """That a customer may still move or cancel it. Raises BookingRefused(past or too_soon)."""
    program = appointment.program
    if appointment.starts_at < now:
        raise BookingRefused("past", "This appointment has already begun.")
    if appointment.starts_at < now + timedelta(hours=program.min_notice_hours):
        raise BookingRefused(
            "too_soon",
            f"Changes need at least {program.min_notice_hours} hours' notice. Please call {program.facility}.",
        )


def _check_hours(place: Placement) -> tuple[bool, list[str]]:
    facility = place.program.facility
    rules = working_hours.load(staff=[place.staff.pk], first_day=place.day, last_day=place.day)
    fit = rules.fit(place.staff.pk, facility, place.starts_at, place.ends_at)
    if fit is Fit.INSIDE:
        return False, []
    if fit is Fit.CLOSED:
        raise BookingRefused("closed", f"{facility} is closed on {place.day:%A, %B %-d}.")
    if fit is Fit.NOT_WORKING:
        raise BookingRefused(
            "not_working", f"{place.staff} does not work at {facility} on {place.day:%A, %B %-d}."
        )
    if place.by_customer or OUTSIDE_HOURS not in place.overrides:
        raise BookingRefused("outside_hours", f"This is outside {place.staff}'s working hours.")
    return True, [OUTSIDE_HOURS]


def _check_cool_down(place: Placement) -> list[str]:
    first_allowed = cool_down_ends(place)
    if first_allowed is None:
        return []
    if not place.by_customer and COOL_DOWN in place.overrides:
        return [COOL_DOWN]
    raise BookingRefused(
        "cool_down",
        f"{place.program} needs {place.program.cool_down_days} days between appointments: "
        f"from {first_allowed:%A, %B %-d} on.",
        first_allowed=first_allowed,
    )


def cool_down_ends(place: Placement) -> date | None:
    """The first later local date that the program's cool-down allows this customer, or None if `place` is allowed.

    Counted in local calendar days between dates, in both directions, over every live appointment in the program.
    """
    days = place.program.cool_down_days
    if not days:
        return None
    taken_days = sorted(_program_dates(place))
    day = place.day
    if all(abs((day - other).days) >= days for other in taken_days):
        return None
    for other in taken_days:
        if abs((day - other).days) < days:
            day = other + timedelta(days=days)
    return day


def _program_dates(place: Placement) -> set[date]:
    zone = place.program.facility.zone
    starts = place.others().filter(customer=place.customer, program=place.program)
    return {localtime.local_date(at, zone) for at in starts.values_list("starts_at", flat=True)}
