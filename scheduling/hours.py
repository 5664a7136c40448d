"""When staff really work: weekly shifts and extra shifts, minus closures and approved time off, as UTC periods.

Rules are loaded in one query for any number of staff and days, then worked out in memory. Wall times belong to the facility
where the shift is; time off holds wherever the person works.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from enum import Enum
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from django.db import connection

from appointments.models import Facility
from securecare import localtime

Period = tuple[datetime, datetime]
DAY = timedelta(days=1)
WEEK = timedelta(days=7)


class ShiftRule(NamedTuple):
    weekday: int
    starts: time
    ends: time
    valid_from: date
    valid_until: date | None

    def runs_on(self, day: date) -> bool:
        return (
            day.weekday() == self.weekday
            and self.valid_from <= day
            and (self.valid_until is None or day < self.valid_until)
        )


class Absence(NamedTuple):
    """Approved time off as wall time; `since` is when it was decided."""

    first_day: date
    last_day: date
    starts: time | None
    ends: time | None
    reason: str
    since: datetime | None

    def period(self, zone: str | ZoneInfo) -> Period:
        start = localtime.resolve(self.first_day, self.starts or localtime.MIDNIGHT, zone)
        if self.ends is None:
            return start, localtime.day_bounds(self.last_day, zone)[1]
        return start, localtime.resolve(self.last_day, self.ends, zone, fold=1)


class Fit(Enum):
    """How an appointment stands to working hours."""

    INSIDE = "inside"
    OUTSIDE = "outside"
    NOT_WORKING = "not_working"
    CLOSED = "closed"


@dataclass
class Hours:
    """The rules of some staff members over some local days. `load` makes it."""

    shifts: dict[tuple[int, int], list[ShiftRule]] = field(default_factory=lambda: defaultdict(list))
    extra: dict[tuple[int, int, date], list[tuple[time, time]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    absences: dict[int, list[Absence]] = field(default_factory=lambda: defaultdict(list))
    closures: dict[tuple[int, date], str] = field(default_factory=dict)

    def facilities_of(self, staff_id: int) -> set[int]:
        """Ids of the facilities where this person has any shift or extra shift among the loaded rules."""
        regular = {facility for staff, facility in self.shifts if staff == staff_id}
        return regular | {facility for staff, facility, _ in self.extra if staff == staff_id}

    def rostered(self, staff_id: int, facility: Facility, day: date) -> Iterator[tuple[time, time]]:
        """Wall times of the shifts that begin at this facility on this date, whether or not the person is away."""
        weekday = day.weekday()
        for rule in self.shifts.get((staff_id, facility.pk), ()):
            if rule.weekday == weekday and rule.runs_on(day):
                yield rule.starts, rule.ends
        yield from self.extra.get((staff_id, facility.pk, day), ())

    def _rostered_between(
        self, staff_id: int, facility: Facility, first_day: date, last_day: date
    ) -> Iterator[tuple[date, time, time]]:
        """`rostered` for each of these dates, in no order: rule by rule, as a month has more days than a week has shifts."""
        for rule in self.shifts.get((staff_id, facility.pk), ()):
            day = max(first_day, rule.valid_from)
            day += timedelta(days=(rule.weekday - day.weekday()) % 7)
            until = min(last_day, rule.valid_until - DAY) if rule.valid_until else last_day
            while day <= until:
                yield day, rule.starts, rule.ends
                day += WEEK
        if self.extra:
            for step in range((last_day - first_day).days + 1):
                day = first_day + step * DAY
                yield from ((day, *shift) for shift in self.extra.get((staff_id, facility.pk, day), ()))

    def working(self, staff_id: int, facility: Facility, first_day: date, last_day: date) -> list[Period]:
        """Merged, ordered UTC periods of work on these local dates, the last one included.

        A shift that began the evening before counts from midnight; one that runs past the last date is kept whole.
        """
        zone = facility.zone
        opens = localtime.day_bounds(first_day, zone)[0]
        found: list[Period] = []
        for day, starts, ends in self._rostered_between(staff_id, facility, first_day - DAY, last_day):
            found.extend(localtime.periods(day, starts, ends, zone))
        if not found:
            return []
        return [
            (max(start, opens), end)
            for start, end in subtract(
                merge(found), self.away(staff_id, facility, first_day - DAY, last_day + DAY)
            )
            if end > opens
        ]

    def away(self, staff_id: int, facility: Facility, first_day: date, last_day: date) -> list[Period]:
        """Merged UTC periods of time off and closures that touch these dates."""
        zone = facility.zone
        found = [absence.period(zone) for absence in self.absences.get(staff_id, ())]
        if self.closures:
            day = first_day
            while day <= last_day:
                if (facility.pk, day) in self.closures:
                    found.append(localtime.day_bounds(day, zone))
                day += DAY
        return merge(found)

    def fit(self, staff_id: int, facility: Facility, start: datetime, end: datetime) -> Fit:
        """How `[start, end)` stands to this person's hours at this facility, judged on the local date it starts."""
        day = localtime.local_date(start, facility.zone)
        if (facility.pk, day) in self.closures:
            return Fit.CLOSED
        working = self.working(staff_id, facility, day, day + DAY)
        day_ends = localtime.day_bounds(day, facility.zone)[1]
        if not any(opens < day_ends for opens, _ in working):
            return Fit.NOT_WORKING
        return Fit.INSIDE if covers(working, start, end) else Fit.OUTSIDE


# One query for everything that decides hours. Dates are widened by a day on both sides: zones differ, and shifts run over
# midnight. Casts give the four kinds one row type.
_RULES = """
SELECT 's', staff_id, facility_id, weekday::int, starts, ends, valid_from, valid_until, '', NULL::timestamptz
  FROM scheduling_shift
 WHERE staff_id = ANY(%(staff)s) AND valid_from <= %(last)s AND (valid_until IS NULL OR valid_until > %(first)s)
UNION ALL
SELECT 'e', staff_id, facility_id, NULL, starts, ends, date, NULL, '', NULL
  FROM scheduling_extrashift
 WHERE staff_id = ANY(%(staff)s) AND date BETWEEN %(first)s AND %(last)s
UNION ALL
SELECT 'o', staff_id, NULL, NULL, starts, ends, first_day, last_day, reason, decided_at
  FROM scheduling_timeoff
 WHERE staff_id = ANY(%(staff)s) AND state = 'approved' AND first_day <= %(last)s AND last_day >= %(first)s
UNION ALL
SELECT 'c', NULL, facility_id, NULL, NULL, NULL, date, NULL, reason, NULL
  FROM scheduling_closure
 WHERE date BETWEEN %(first)s AND %(last)s
"""


def load(*, staff: Collection[int], first_day: date, last_day: date) -> Hours:
    """The rules of these staff members for these local dates, in one query."""
    hours = Hours()
    limits: dict[str, Any] = {"staff": list(staff), "first": first_day - 2 * DAY, "last": last_day + 2 * DAY}
    with connection.cursor() as cursor:
        cursor.execute(_RULES, limits)
        for (
            kind,
            staff_id,
            facility_id,
            weekday,
            starts,
            ends,
            first,
            until,
            text,
            since,
        ) in cursor.fetchall():
            if kind == "s":
                hours.shifts[staff_id, facility_id].append(ShiftRule(weekday, starts, ends, first, until))
            elif kind == "e":
                hours.extra[staff_id, facility_id, first].append((starts, ends))
            elif kind == "o":
                hours.absences[staff_id].append(Absence(first, until, starts, ends, text, since))
            else:
                hours.closures[facility_id, first] = text
    return hours


def merge(periods: Iterable[Period]) -> list[Period]:
    """Ordered periods without overlap; those that touch become one."""
    merged: list[Period] = []
    for start, end in sorted(periods):
        if start >= end:
            continue
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


def subtract(periods: list[Period], holes: list[Period]) -> list[Period]:
    """What is left of merged periods without merged holes."""
    if not holes:
        return periods
    left: list[Period] = []
    for start, end in periods:
        for hole_start, hole_end in holes:
            if hole_end <= start or hole_start >= end:
                continue
            if hole_start > start:
                left.append((start, hole_start))
            start = max(start, hole_end)
        if start < end:
            left.append((start, end))
    return left


def covers(periods: list[Period], start: datetime, end: datetime) -> bool:
    """Whether one of these merged, ordered periods holds all of `[start, end)`."""
    index = bisect_right(periods, start, key=lambda period: period[0]) - 1
    return index >= 0 and end <= periods[index][1]
