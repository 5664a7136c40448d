"""Weekly hours of one person at one facility: what is in force from when, and how a new week takes over on a date."""

from collections.abc import Collection, Iterable
from datetime import date, datetime, time, timedelta
from hashlib import sha256
from itertools import pairwise
from typing import NamedTuple

from django.contrib.auth.models import User
from django.db.models import Q

from appointments.models import Facility, StaffMember
from scheduling import hours as working_hours
from scheduling import words
from scheduling.models import Shift, Weekday
from scheduling.reassignment import Review
from scheduling.staffing.changing import (
    HoursRefused,
    changing,
    check_belongs,
    check_not_past,
    check_order,
    check_quarter,
    today_at,
)
from scheduling.staffing.clashes import check_elsewhere

DAY = timedelta(days=1)
MINUTES_A_DAY, MINUTES_A_WEEK = 24 * 60, 7 * 24 * 60


class PlannedShift(NamedTuple):
    """Wall times on a weekday (0 = Monday); over midnight when `ends` is not after `starts`."""

    weekday: int
    starts: time
    ends: time

    @property
    def ends_next_day(self) -> bool:
        return self.ends <= self.starts

    @property
    def opens(self) -> int:
        """Minutes since the beginning of the week."""
        return self.weekday * MINUTES_A_DAY + self.starts.hour * 60 + self.starts.minute

    @property
    def closes(self) -> int:
        closing = self.weekday * MINUTES_A_DAY + self.ends.hour * 60 + self.ends.minute
        return closing + (MINUTES_A_DAY if self.ends_next_day else 0)

    @property
    def day_name(self) -> str:
        return str(Weekday(self.weekday).label)

    def __str__(self) -> str:
        return f"{self.day_name} {words.wall_span(self.starts, self.ends)}"


Week = tuple[PlannedShift, ...]


class Version(NamedTuple):
    """The week in force on local dates in the half-open period `[first_day, until)`."""

    first_day: date
    until: date | None
    shifts: Week

    @property
    def last_day(self) -> date | None:
        return self.until - DAY if self.until else None

    @property
    def days(self) -> list[tuple[str, list[PlannedShift]]]:
        """Weekdays with their shifts, those without left out."""
        by_day: dict[str, list[PlannedShift]] = {}
        for shift in self.shifts:
            by_day.setdefault(shift.day_name, []).append(shift)
        return list(by_day.items())


class StaleHours(Exception):
    """Somebody changed this person's weekly hours at this facility meanwhile."""


def versions(shifts: Iterable[Shift], *, day: date) -> list[Version]:
    """The week in force on `day` and those entered for later, from one person's shifts at one facility."""
    shifts = [shift for shift in shifts if shift.valid_until is None or shift.valid_until > day]
    turns = {shift.valid_from for shift in shifts} | {s.valid_until for s in shifts if s.valid_until}
    firsts = [day, *sorted(turn for turn in turns if turn > day)]
    found: list[Version] = []
    for first, until in pairwise([*firsts, None]):
        assert first is not None  # noqa: S101 - only the last one is None
        week = _in_force(shifts, first)
        if found and found[-1].shifts == week:
            found[-1] = found[-1]._replace(until=until)
        else:
            found.append(Version(first, until, week))
    return found


def _in_force(shifts: Iterable[Shift], day: date) -> Week:
    return tuple(
        sorted(
            PlannedShift(shift.weekday, shift.starts, shift.ends)
            for shift in shifts
            if shift.valid_from <= day and (shift.valid_until is None or day < shift.valid_until)
        )
    )


def fingerprint(*, staff: StaffMember, facility: Facility) -> str:
    """Changes with every change of this person's weekly hours at this facility."""
    rows = Shift.objects.filter(staff=staff, facility=facility).order_by("pk")
    values = rows.values_list("pk", "weekday", "starts", "ends", "valid_from", "valid_until")
    return sha256(repr(list(values)).encode()).hexdigest()


def copied_week(*, staff: StaffMember, facility: Facility, monday: date) -> Week:
    """What this person was really rostered for in one week, extra shifts included; touching and doubled ones only once."""
    rules = working_hours.load(staff=[staff.pk], first_day=monday, last_day=monday + 6 * DAY)
    found = {
        PlannedShift(offset, starts, ends)
        for offset in range(7)
        for starts, ends in rules.rostered(staff.pk, facility, monday + offset * DAY)
    }
    return tuple(sorted(found))


def set_week(
    *,
    staff: StaffMember,
    facility: Facility,
    shifts: Collection[PlannedShift],
    first_day: date,
    by: User,
    now: datetime,
    last_day: date | None = None,
    replaces_later: bool = False,
    known: str | None = None,
    preview: bool = False,
    agreed: str | None = None,
) -> Review:
    """Let these be the person's weekly hours at this facility from `first_day` on, in place of whatever is entered.

    They hold up to `last_day`, after which what is entered for then resumes. Without a last day they hold until the next
    change that is already entered, and with `replaces_later` for good. `known` is the `fingerprint` the user saw.

    Raises HoursRefused, StaleHours, WouldStrand.
    """
    _check_dates(first_day, last_day, today_at(facility, now))
    check_week(shifts)
    check_belongs(staff, facility)
    with changing(staff=[staff], by=by, now=now, preview=preview, agreed=agreed) as review:
        if known is not None and known != fingerprint(staff=staff, facility=facility):
            raise StaleHours
        rows = list(Shift.objects.select_for_update().filter(staff=staff, facility=facility))
        until = last_day + DAY if last_day else None
        if until is None and not replaces_later:
            until = versions(rows, day=first_day)[0].until
        _write(rows, staff, facility, set(shifts), first_day, until)
        check_elsewhere(
            staff=staff, facility=facility, first_day=first_day, last_day=until - DAY if until else None
        )
    return review


def _check_dates(first_day: date, last_day: date | None, today: date) -> None:
    check_not_past(first_day, today, "first_day")
    if last_day is not None and last_day < first_day:
        raise HoursRefused("The last day is before the first.", field="last_day")


def check_week(shifts: Collection[PlannedShift]) -> None:
    """Quarter hours, no empty shift, none that overlaps another: as wall times, on any date."""
    for shift in shifts:
        check_quarter(shift.starts, "shifts")
        check_quarter(shift.ends, "shifts")
        check_order(shift.starts, shift.ends, "shifts")
    if overlap := overlapping(shifts):
        raise HoursRefused(f"{overlap[0]} and {overlap[1]} overlap.", field="shifts")


def overlapping(shifts: Collection[PlannedShift]) -> tuple[PlannedShift, PlannedShift] | None:
    """The first two of a week that overlap; Sunday night runs into Monday."""
    ordered = sorted(shifts)
    if not ordered:
        return None
    for one, other in pairwise([*ordered, ordered[0]]):
        opens = other.opens + (MINUTES_A_WEEK if other is ordered[0] else 0)
        if one.closes > opens:
            return one, other
    return None


def _write(
    rows: Iterable[Shift],
    staff: StaffMember,
    facility: Facility,
    wanted: set[PlannedShift],
    first: date,
    until: date | None,
) -> None:
    """Make `wanted` the shifts of `[first, until)`. Rows that already say so stay as they are."""
    for row in rows:
        if row.valid_until is not None and row.valid_until <= first:
            continue
        if until is not None and row.valid_from >= until:
            continue
        shift = PlannedShift(row.weekday, row.starts, row.ends)
        if shift in wanted and row.valid_from <= first and _lasts(row, until):
            wanted.discard(shift)
        else:
            _cut(row, first, until)
    Shift.objects.bulk_create(
        Shift(staff=staff, facility=facility, valid_from=first, valid_until=until, **shift._asdict())
        for shift in sorted(wanted)
    )


def _lasts(row: Shift, until: date | None) -> bool:
    return row.valid_until is None or (until is not None and row.valid_until >= until)


def _cut(row: Shift, first: date, until: date | None) -> None:
    """Take `[first, until)` out of the dates a row is in force."""
    begins_before = row.valid_from < first
    resumes = until if until is not None and (row.valid_until is None or row.valid_until > until) else None
    if begins_before and resumes is not None:
        Shift.objects.create(
            staff_id=row.staff_id,
            facility_id=row.facility_id,
            weekday=row.weekday,
            starts=row.starts,
            ends=row.ends,
            valid_from=resumes,
            valid_until=row.valid_until,
        )
    if begins_before:
        row.valid_until = first
    elif resumes is not None:
        row.valid_from = resumes
    else:
        row.delete()
        return
    row.save()


def shifts_of(*, staff: StaffMember, facilities: Collection[Facility], day: date) -> dict[int, list[Shift]]:
    """This person's shifts in force on `day` or later, by facility id."""
    still = Q(valid_until__isnull=True) | Q(valid_until__gt=day)
    found: dict[int, list[Shift]] = {facility.pk: [] for facility in facilities}
    for shift in Shift.objects.filter(still, staff=staff, facility__in=facilities):
        found[shift.facility_id].append(shift)
    return found
