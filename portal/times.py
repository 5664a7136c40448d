"""The times a customer may book: the open times of the schedule, within what the program allows customers."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from appointments.models import Appointment, Customer, Program, StaffMember
from portal import holds
from scheduling.availability import OpenTime, open_times
from scheduling.finding import possible
from securecare import localtime


@dataclass(frozen=True)
class Search:
    """What is looked for. `staff` None is any; `customer` is who is signed in or whose appointment is `moving`;
    `visitor` is whose own hold does not stand in the way."""

    program: Program
    staff: StaffMember | None = None
    customer: Customer | None = None
    moving: Appointment | None = None
    visitor: str = ""

    @property
    def minutes(self) -> int:
        return self.moving.minutes if self.moving else self.program.default_minutes


def bookable_days(program: Program, now: datetime) -> tuple[date, date]:
    """The first and the last local date at the program's facility that a customer may book."""
    zone = program.facility.zone
    earliest = now + timedelta(hours=program.min_notice_hours)
    furthest = localtime.local_date(now, zone) + timedelta(days=program.max_advance_days)
    return localtime.local_date(earliest, zone), furthest


def offered(search: Search, *, first_day: date, last_day: date, now: datetime) -> list[OpenTime]:
    """Every time on these local dates that this customer may take, by time, then by staff member's name.

    Inside shifts, clear of appointments, buffer and other visitors' holds; not before the program's notice ends nor beyond its
    furthest day; none at which the customer is busy or that the cool-down forbids, as far as the customer is known.
    """
    program = search.program
    first, last = bookable_days(program, now)
    found = open_times(
        program=program,
        first_day=max(first, first_day),
        last_day=min(last, last_day),
        staff=search.staff,
        now=now + timedelta(hours=program.min_notice_hours),
        minutes=search.minutes,
        ignoring=search.moving,
        held=holds.held(program.facility_id, besides=search.visitor, now=now),
    )
    found = possible(found, program, search.customer, search.moving)
    return [time for time in found if not _is_where_it_was(time, search.moving)]


def _is_where_it_was(time: OpenTime, moving: Appointment | None) -> bool:
    return moving is not None and (time.starts_at, time.staff.pk) == (moving.starts_at, moving.staff_id)
