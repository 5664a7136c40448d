"""Who works when in one week, as wall times: for people to read. What may be booked is `hours.Hours`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, time, timedelta
from typing import NamedTuple

from appointments.models import Facility, StaffMember
from scheduling import hours as working_hours
from scheduling import words
from scheduling.hours import Absence, Hours
from securecare import localtime

DAY = timedelta(days=1)


class Stint(NamedTuple):
    """One shift on its date, as rostered."""

    starts: time
    ends: time
    facility: Facility
    is_extra: bool
    is_closed: bool

    @property
    def ends_next_day(self) -> bool:
        return self.ends <= self.starts and self.ends != localtime.MIDNIGHT


@dataclass(frozen=True)
class DayHours:
    date: date
    stints: list[Stint]
    notes: list[str]
    is_away: bool

    @property
    def is_free(self) -> bool:
        return not self.stints and not self.notes


@dataclass(frozen=True)
class PersonWeek:
    staff: StaffMember
    days: list[DayHours]


def week_of(
    *, staff: Sequence[StaffMember], facilities: Sequence[Facility], monday: date
) -> list[PersonWeek]:
    """The week of each of these people at these facilities; one query."""
    rules = working_hours.load(staff=[m.pk for m in staff], first_day=monday, last_day=monday + 6 * DAY)
    days = [monday + offset * DAY for offset in range(7)]
    return [PersonWeek(member, [_day(rules, member, facilities, day) for day in days]) for member in staff]


def _day(rules: Hours, member: StaffMember, facilities: Sequence[Facility], day: date) -> DayHours:
    found = (stint for facility in facilities for stint in _stints(rules, member, facility, day))
    stints = sorted(found, key=lambda stint: (stint.starts, stint.facility.name))
    absences = [a for a in rules.absences.get(member.pk, ()) if a.first_day <= day <= a.last_day]
    notes = [_absence_words(absence, day) for absence in absences]
    for facility in {stint.facility for stint in stints if stint.is_closed}:
        reason = rules.closures[facility.pk, day]
        notes.append(f"Closed: {reason}" if reason else "Closed")
    return DayHours(day, stints, notes, any(_is_whole(absence, day) for absence in absences))


def _stints(rules: Hours, member: StaffMember, facility: Facility, day: date) -> list[Stint]:
    extra = rules.extra.get((member.pk, facility.pk, day), ())
    is_closed = (facility.pk, day) in rules.closures
    return [
        Stint(starts, ends, facility, (starts, ends) in extra, is_closed)
        for starts, ends in rules.rostered(member.pk, facility, day)
    ]


def _times(absence: Absence, day: date) -> tuple[time | None, time | None]:
    """From when and until when on this date; None for the day's own bounds."""
    return (
        absence.starts if day == absence.first_day else None,
        absence.ends if day == absence.last_day else None,
    )


def _is_whole(absence: Absence, day: date) -> bool:
    return _times(absence, day) == (None, None)


def _absence_words(absence: Absence, day: date) -> str:
    starts, ends = _times(absence, day)
    if starts and ends:
        when = f"Off {words.wall_clock(starts)}–{words.wall_clock(ends)}"
    elif starts:
        when = f"Off from {words.wall_clock(starts)}"
    else:
        when = f"Off until {words.wall_clock(ends)}" if ends else "Off"
    return f"{when}: {absence.reason}" if absence.reason else when
