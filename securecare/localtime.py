"""The only code that turns wall time into UTC.

Days and times of day belong to a zone; everything else in SecureCare is a UTC instant. Zone rules come from the pinned
`tzdata` package (securecare/__init__.py). Python's same-zone arithmetic is wall-clock arithmetic and compares the two
readings of a repeated hour as equal, so nothing here adds a timedelta to an aware local datetime.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

QUARTER_HOUR = timedelta(minutes=15)
MIDNIGHT = time(0)
_SECOND = timedelta(seconds=1)


@lru_cache(maxsize=1024)
def zone_of(zone: str | ZoneInfo) -> ZoneInfo:
    """The zone for an IANA key; a ZoneInfo passes through. Raises ZoneInfoNotFoundError for an unknown key."""
    return zone if isinstance(zone, ZoneInfo) else ZoneInfo(zone)


def readings(day: date, at: time, zone: str | ZoneInfo) -> list[datetime]:
    """Every UTC instant at which a clock in `zone` reads `at` on `day`, first one first: none, one or two."""
    zone = zone_of(zone)
    wall = datetime.combine(day, at)
    found = {
        instant
        for fold in (0, 1)
        if _wall(instant := wall.replace(tzinfo=zone, fold=fold).astimezone(UTC), zone) == wall
    }
    return sorted(found)


@lru_cache(maxsize=65_536)
def resolve(day: date, at: time, zone: str | ZoneInfo, *, fold: int = 0) -> datetime:
    """The UTC instant of a wall time.

    A time that a clock change skips resolves to the first instant after the gap. Of a repeated time `fold=0` is the
    first reading and `fold=1` the second.
    """
    zone = zone_of(zone)
    if found := readings(day, at, zone):
        return found[-1] if fold else found[0]
    return _end_of_gap(datetime.combine(day, at), zone)


@lru_cache(maxsize=16_384)
def day_bounds(day: date, zone: str | ZoneInfo) -> tuple[datetime, datetime]:
    """The half-open UTC period `[first instant of day, first instant of the next day)` in `zone`.

    Both ends are equal for a date the zone never had (Pacific/Apia, 2011-12-30).
    """
    return resolve(day, MIDNIGHT, zone), resolve(day + timedelta(days=1), MIDNIGHT, zone)


@lru_cache(maxsize=4096)
def _day_slots(day: date, zone: str | ZoneInfo, step: timedelta) -> tuple[datetime, ...]:
    return tuple(walk(*day_bounds(day, zone), step))


def day_slots(day: date, zone: str | ZoneInfo, step: timedelta = QUARTER_HOUR) -> list[datetime]:
    """The UTC instants at which the slots of a local day begin, in order. Mostly 96 quarter hours; 88 to 104 where
    clocks change, and none on a date the zone never had."""
    return list(_day_slots(day, zone, step))


def walk(start: datetime, end: datetime, step: timedelta = QUARTER_HOUR) -> Iterator[datetime]:
    """UTC instants from `start` up to, not including, `end`."""
    while start < end:
        yield start
        start += step


@lru_cache(maxsize=65_536)
def periods(
    day: date, starts: time, ends: time, zone: str | ZoneInfo
) -> tuple[tuple[datetime, datetime], ...]:
    """The half-open UTC periods during which a clock in `zone` reads from `starts` on `day` up to `ends`.

    A period whose end is not after its start runs over midnight. One period on nearly every day; none when a gap swallows
    it whole; two when it begins or ends inside a repeated hour, because such an hour is worked twice.
    """
    last_day = day + timedelta(days=1) if ends <= starts else day
    start, late_start = resolve(day, starts, zone), resolve(day, starts, zone, fold=1)
    end, late_end = resolve(last_day, ends, zone), resolve(last_day, ends, zone, fold=1)
    if start == late_start and end == late_end:
        return ((start, end),) if start < end else ()
    change = _end_of_first_reading(start if start != late_start else end, zone)
    first = (start, min(end, change))
    second = (late_start if start != late_start else change, late_end)
    return _joined([first, second])


def _joined(parts: list[tuple[datetime, datetime]]) -> tuple[tuple[datetime, datetime], ...]:
    parts = [part for part in parts if part[0] < part[1]]
    if len(parts) == 2 and parts[0][1] == parts[1][0]:
        return ((parts[0][0], parts[1][1]),)
    return tuple(parts)


def _end_of_first_reading(instant: datetime, zone: str | ZoneInfo) -> datetime:
    """The instant at which clocks go back, for an instant inside the first reading of a repeated time."""
    zone = zone_of(zone)
    offset = instant.astimezone(zone).utcoffset()
    before, after = instant, resolve(local_date(instant, zone), local(instant, zone).time(), zone, fold=1)
    while after - before > _SECOND:
        middle = before + timedelta(seconds=(after - before) // _SECOND // 2)
        if middle.astimezone(zone).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return after


def local(instant: datetime, zone: str | ZoneInfo) -> datetime:
    """What a clock in `zone` shows at an instant. For display and for reading off dates, not for arithmetic."""
    return instant.astimezone(zone_of(zone))


def local_date(instant: datetime, zone: str | ZoneInfo) -> date:
    """The calendar date in `zone` at an instant."""
    return instant.astimezone(zone_of(zone)).date()


def is_on_quarter_hour(instant: datetime, zone: str | ZoneInfo) -> bool:
    """Whether a clock in `zone` shows :00, :15, :30 or :45 with no seconds at this instant."""
    shown = local(instant, zone)
    return shown.minute % 15 == 0 and shown.second == 0 and shown.microsecond == 0


def abbreviation(instant: datetime, zone: str | ZoneInfo) -> str:
    """The zone's abbreviation at an instant, as people write it: "EST", or "UTC-03" where tzdata has only numbers."""
    name = local(instant, zone).tzname() or ""
    return f"UTC{name}" if name[:1] in "+-" else name


def _wall(instant: datetime, zone: ZoneInfo) -> datetime:
    return instant.astimezone(zone).replace(tzinfo=None, fold=0)


def _end_of_gap(wall: datetime, zone: ZoneInfo) -> datetime:
    """The instant of the clock change that skips `wall`: the two offsets around it bracket it."""
    before = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    after = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    while after - before > _SECOND:
        middle = before + (after - before) // 2
        middle = middle.replace(microsecond=0)
        if middle == before:
            break
        if _wall(middle, zone) < wall:
            before = middle
        else:
            after = middle
    return after
