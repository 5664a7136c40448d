"""The oracle for wall time: every clock change of the pinned tzdata, and what a wall shows, found by walking UTC."""

import zoneinfo
from bisect import bisect_left
from collections import defaultdict
from datetime import UTC, datetime, time, timedelta
from functools import cache
from importlib import resources
from typing import NamedTuple

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
QUARTER = timedelta(minutes=15)
FIRST, LAST = datetime(2024, 1, 1, tzinfo=UTC), datetime(2031, 1, 1, tzinfo=UTC)


def utc(*parts):
    return datetime(*parts, tzinfo=UTC)


def offset(instant, zone):
    return instant.astimezone(zoneinfo.ZoneInfo(zone)).utcoffset()


def shown(instant, zone):
    return instant.astimezone(zoneinfo.ZoneInfo(zone)).replace(tzinfo=None, fold=0)


class Change(NamedTuple):
    """`at` is the first instant at which clocks in `zone` stand at the new offset."""

    zone: str
    at: datetime

    @property
    def days(self):
        """The local date on which clocks change, between its neighbours."""
        day = shown(self.at - timedelta(seconds=1), self.zone).date()
        return [day - DAY, day, day + DAY]


@cache
def zones():
    """All keys, grouped by their rules: aliases hold the same bytes, and a zone is nothing but its bytes."""
    by_rules = defaultdict(list)
    root = resources.files("tzdata") / "zoneinfo"
    for key in sorted(zoneinfo.available_timezones()):
        by_rules[root.joinpath(key).read_bytes()].append(key)
    return list(by_rules.values())


@cache
def changes():
    """Every change of clocks from 2024 to 2030, for one key of each set of rules."""
    return [change for keys in zones() for change in changes_of(keys[0])]


def changes_of(zone):
    before = FIRST
    while before < LAST:
        after = before + DAY
        if offset(before, zone) != offset(after, zone):
            yield Change(zone, _instant_of_change(before, after, zone))
        before = after


def _instant_of_change(before, after, zone):
    old = offset(before, zone)
    while after - before > timedelta(seconds=1):
        middle = (before + (after - before) / 2).replace(microsecond=0)
        before, after = (middle, after) if offset(middle, zone) == old else (before, middle)
    return after


class Clock:
    """What a wall shows at every step of UTC around an instant: brute force, and nothing but `astimezone`."""

    def __init__(self, zone, around, *, days=4, step=QUARTER):
        start, self.instants = around.replace(minute=0) - days * DAY, []
        while start < around + days * DAY:
            self.instants.append(start)
            start += step
        self.shown = [shown(instant, zone) for instant in self.instants]
        both = list(zip(self.shown, self.instants, strict=True))
        self.first_at, self.last_at = dict(reversed(both)), dict(both)
        self.on_date = defaultdict(list)
        for wall, instant in both:
            self.on_date[wall.date()].append((wall, instant))
        self._begins = {}

    def at_or_after(self, wall):
        return next(i for i, seen in zip(self.instants, self.shown, strict=True) if seen >= wall)

    def begin(self, day):
        """The first instant that belongs to the day, or to any later one."""
        if day not in self._begins:
            self._begins[day] = self.at_or_after(datetime.combine(day, time(0)))
        return self._begins[day]

    def slots(self, day):
        first, end = self.begin(day), self.begin(day + DAY)
        return self.instants[bisect_left(self.instants, first) : bisect_left(self.instants, end)]

    def reading_inside(self, start, end):
        """Every instant at which the wall reads from `start` up to `end`."""
        dates = {start.date() + n * DAY for n in range((end - start).days + 2)}
        return sorted(i for day in dates for wall, i in self.on_date[day] if start <= wall < end)


@cache
def clock(change):
    return Clock(change.zone, change.at)


def skipped_or_repeated(change):
    """The wall times between which clocks jump, earlier one first."""
    return sorted([shown(change.at - QUARTER, change.zone) + QUARTER, shown(change.at, change.zone)])


def shifts_near(change):
    """Shifts that begin and end before, inside and after what a change skips or repeats, some of them over midnight."""
    low, high = skipped_or_repeated(change)
    times = sorted({_quarter(edge) for edge in (low - QUARTER, low, low + (high - low) / 2, high)})
    return [(starts, ends) for starts in times for ends in [*times, time(12)]]


def _quarter(wall):
    return wall.replace(minute=wall.minute // 15 * 15).time()


def steps_of(periods, step=QUARTER):
    """Every step of UTC inside the periods."""
    found = []
    for start, end in periods:
        while start < end:
            found.append(start)
            start += step
    return found
