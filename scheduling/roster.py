"""Who works when on one day, as the day grid shows it: shifts, and what of them time off and closures take away."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import NamedTuple

from appointments.models import Facility
from scheduling.axis import Axis
from scheduling.hours import Absence, Hours, Period, merge, subtract
from securecare import localtime

DAY = timedelta(days=1)
Span = tuple[int, int]
Hole = tuple[datetime, datetime, str]


class Person(NamedTuple):
    """Someone with a place on the grid, and the facilities they belong to among those the user sees."""

    id: int
    name: str
    facilities: list[int]


class Away(NamedTuple):
    """Hours of a shift that time off or a closure takes; `label` says which."""

    start: int
    end: int
    label: str


class Column(NamedTuple):
    """One person's day in slots of the axis; `line` says their hours on their own facility's clock."""

    person: Person
    line: str
    work: list[Span]
    away: list[Away]

    @property
    def is_rostered(self) -> bool:
        return bool(self.work or self.away)


class _Turn(NamedTuple):
    """A shift on one date as it meets the day shown."""

    facility: Facility
    starts: time
    ends: time
    periods: list[Period]


def columns(
    *, people: Iterable[Person], facilities: Sequence[Facility], rules: Hours, axis: Axis
) -> list[Column]:
    """One for each of these people, for their work at these facilities."""
    dates = {facility.pk: _dates(facility, axis) for facility in facilities}
    return [_column(person, facilities, dates, rules, axis) for person in people]


def _dates(facility: Facility, axis: Axis) -> list[date]:
    """Local dates on which a shift may begin that meets the axis: one over midnight may begin the day before."""
    first = localtime.local_date(axis.origin, facility.zone)
    last = localtime.local_date(axis.end - timedelta(seconds=1), facility.zone)
    return [first + number * DAY for number in range(-1, (last - first).days + 1)]


def _column(
    person: Person,
    facilities: Sequence[Facility],
    dates: dict[int, list[date]],
    rules: Hours,
    axis: Axis,
) -> Column:
    turns = [
        turn for facility in facilities for turn in _turns(person, facility, dates[facility.pk], rules, axis)
    ]
    if not turns:
        return Column(person, "Not working", [], [])
    rostered = merge(period for turn in turns for period in turn.periods)
    away = list(_away(person, turns, dates, rules, axis))
    left = subtract(rostered, merge((each[0], each[1]) for each in away))
    work = [(axis.ceil(start), axis.floor(end)) for start, end in left]
    gone = [Away(axis.floor(start), axis.ceil(end), label) for start, end, label in away]
    line = _line(turns, axis) if work else (gone[0].label if gone else "Not working")
    return Column(person, line, [span for span in work if span[0] < span[1]], gone)


def _turns(
    person: Person, facility: Facility, dates: list[date], rules: Hours, axis: Axis
) -> Iterator[_Turn]:
    end = axis.end
    for day in dates:
        for starts, ends in rules.rostered(person.id, facility, day):
            met = [
                (max(start, axis.origin), min(stop, end))
                for start, stop in localtime.periods(day, starts, ends, facility.zone)
                if start < end and stop > axis.origin
            ]
            if met:
                yield _Turn(facility, starts, ends, met)


def _away(
    person: Person, turns: list[_Turn], dates: dict[int, list[date]], rules: Hours, axis: Axis
) -> Iterator[Hole]:
    """The parts of the shifts that are not worked, each with what to call it."""
    absences = rules.absences.get(person.id, ())
    if not absences and not rules.closures:
        return
    for turn in turns:
        holes = [(*absence.period(turn.facility.zone), _absence_label(absence)) for absence in absences]
        holes += _closed(turn.facility, dates[turn.facility.pk], rules)
        for start, end in turn.periods:
            for opens, closes, label in holes:
                if opens < end and closes > start:
                    yield max(start, opens), min(end, closes), label


def _absence_label(absence: Absence) -> str:
    return f"Time off: {absence.reason}" if absence.reason else "Time off"


def _closed(facility: Facility, dates: list[date], rules: Hours) -> list[Hole]:
    found: list[Hole] = []
    for day in [*dates, dates[-1] + DAY]:
        reason = rules.closures.get((facility.pk, day))
        if reason is not None:
            label = f"Closed: {reason}" if reason else "Closed"
            found.append((*localtime.day_bounds(day, facility.zone), label))
    return found


def _line(turns: list[_Turn], axis: Axis) -> str:
    """Northside · 9 AM–1 PM, 2–5 PM"""
    parts = []
    for facility in dict.fromkeys(turn.facility for turn in turns):
        theirs = [turn for turn in turns if turn.facility == facility]
        hours = ", ".join(dict.fromkeys(wall_span(turn.starts, turn.ends) for turn in theirs))
        parts.append(f"{facility.name} · {hours}{_zone(theirs[0], axis)}")
    return "; ".join(parts)


def _zone(turn: _Turn, axis: Axis) -> str:
    slot = axis.floor(turn.periods[0][0])
    theirs = axis.reading(slot, turn.facility.time_zone)
    return f" {theirs.abbreviation}" if theirs.offset != axis.reading(slot).offset else ""


@lru_cache(maxsize=4096)
def wall_span(starts: time, ends: time) -> str:
    """9 AM–5 PM; 1–5:30 PM"""
    first, last = _wall(starts), _wall(ends)
    if first[-2:] == last[-2:] and starts < ends:
        first = first[:-3]
    return f"{first}–{last}"


def _wall(at: time) -> str:
    return f"{at:%-I %p}" if at.minute == 0 else f"{at:%-I:%M %p}"
