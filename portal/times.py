"""The times a customer may book: the open times of the schedule, within what the program allows customers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from appointments.models import Appointment, Customer, Program, StaffMember
from portal import holds
from scheduling.availability import Held, Openings, OpenTime, openings_of, serving
from scheduling.finding import Engagements, engagements
from securecare import localtime

DAY = timedelta(days=1)


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
    return openings(search, candidates(search), first_day=first_day, last_day=last_day, now=now).times()


def offered_at(search: Search, starts_at: datetime, *, now: datetime) -> list[OpenTime]:
    """Who may be booked at this very time, by name; empty once it is gone."""
    day = localtime.local_date(starts_at, search.program.facility.zone)
    return [
        time for time in offered(search, first_day=day, last_day=day, now=now) if time.starts_at == starts_at
    ]


def candidates(search: Search) -> list[StaffMember]:
    return [search.staff] if search.staff else serving(search.program)


def openings(
    search: Search, staff: Sequence[StaffMember], *, first_day: date, last_day: date, now: datetime
) -> Openings:
    """`offered` before any time is made of it, for these staff members."""
    program = search.program
    first, last = bookable_days(program, now)
    first, last = max(first, first_day), min(last, last_day)
    found = openings_of(
        staff=staff,
        program=program,
        first_day=first,
        last_day=last,
        now=now + timedelta(hours=program.min_notice_hours),
        minutes=search.minutes,
        ignoring=search.moving,
        held=held(search, now),
    )
    if not found.anyones():
        return found
    if search.moving is not None:
        found = found.besides(search.moving.staff_id, search.moving.starts_at)
    if search.customer is None:
        return found
    return _possible(found, engaged(search, first, last), search, first, last)


def engaged(search: Search, first: date, last: date) -> Engagements:
    """What stands in the way of the customer, if one is known, on these local dates."""
    if search.customer is None:
        return Engagements([], set())
    zone = search.program.facility.zone
    start, end = localtime.day_bounds(first, zone)[0], localtime.day_bounds(last, zone)[1]
    return engagements(search.customer, search.program, start, end + DAY, besides=search.moving)


def _possible(found: Openings, theirs: Engagements, search: Search, first: date, last: date) -> Openings:
    days = (first + step * DAY for step in range((last - first).days + 1))
    allowed = [day for day in days if day not in theirs.barred]
    return found.clear_of(theirs.busy).on(allowed, search.program.facility.zone)


def held(search: Search, now: datetime) -> Held:
    """What others hold, with the program's buffer around it, as around an appointment."""
    buffer = timedelta(minutes=search.program.buffer_minutes)
    theirs = holds.held(search.program.facility_id, besides=search.visitor, now=now)
    return {
        staff: [(start - buffer, end + buffer) for start, end in periods] for staff, periods in theirs.items()
    }
