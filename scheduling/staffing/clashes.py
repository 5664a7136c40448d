"""Nobody works in two places at once: shifts are compared in real time, whatever the zones of their facilities."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import NamedTuple

from appointments.models import Facility, StaffMember
from scheduling import hours as working_hours
from scheduling import words
from scheduling.hours import Hours, Period
from scheduling.staffing.changing import HoursRefused
from securecare import localtime

DAY = timedelta(days=1)
# A year and a week: every pair of offsets that two zones ever stand at to each other comes by.
HORIZON = timedelta(days=371)


class Occurrence(NamedTuple):
    """One shift on one date. `day` is the local date it begins."""

    period: Period
    facility: Facility
    day: date


def check_elsewhere(
    *, staff: StaffMember, facility: Facility, first_day: date, last_day: date | None, field: str = ""
) -> None:
    """Refuse hours at this facility that overlap the same person's elsewhere between the dates, a year ahead at most."""
    last = min(last_day or first_day + HORIZON, first_day + HORIZON)
    rules = working_hours.load(staff=[staff.pk], first_day=first_day, last_day=last)
    places = Facility.objects.in_bulk(rules.facilities_of(staff.pk))
    if facility.pk not in places or len(places) < 2:
        return
    found = [
        occurrence
        for place in places.values()
        for occurrence in occurrences(rules, staff, place, first_day - DAY, last + DAY)
    ]
    found.sort(key=lambda occurrence: occurrence.period)
    for one, other in _neighbours(found):
        mine, theirs = (one, other) if one.facility == facility else (other, one)
        if mine.facility == facility != theirs.facility and first_day <= mine.day <= last:
            raise _clash(staff, mine, theirs, field)


def occurrences(
    rules: Hours, staff: StaffMember, facility: Facility, first_day: date, last_day: date
) -> Iterator[Occurrence]:
    for offset in range((last_day - first_day).days + 1):
        day = first_day + offset * DAY
        for starts, ends in rules.rostered(staff.pk, facility, day):
            for period in localtime.periods(day, starts, ends, facility.zone):
                yield Occurrence(period, facility, day)


def _neighbours(ordered: list[Occurrence]) -> Iterator[tuple[Occurrence, Occurrence]]:
    """Every two that overlap."""
    running: list[Occurrence] = []
    for occurrence in ordered:
        running = [other for other in running if other.period[1] > occurrence.period[0]]
        yield from ((other, occurrence) for other in running)
        running.append(occurrence)


def _clash(staff: StaffMember, mine: Occurrence, theirs: Occurrence, field: str) -> HoursRefused:
    start, end = theirs.period
    zone = mine.facility.zone
    when = f"{words.short_day(localtime.local_date(start, zone))}, {words.span(start, end, zone)}"
    same_clock = mine.facility.time_zone == theirs.facility.time_zone
    named = when if same_clock else f"{when} {localtime.abbreviation(start, zone)}"
    return HoursRefused(
        f"{staff} works at {theirs.facility} then ({named}). Change one of the two.",
        field=field,
        facility=theirs.facility,
    )
