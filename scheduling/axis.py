"""The time axis of a day grid: the quarter hours of one local day in one zone, counted from its first instant."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property, lru_cache
from typing import NamedTuple

from scheduling import words
from securecare import localtime

QUARTER = localtime.QUARTER_HOUR
QUARTER_SECONDS = 900
HOUR = 4


class Reading(NamedTuple):
    """What a clock shows at an instant: "9:15", its half of the day, the offset from UTC and the zone's abbreviation."""

    short: str
    half: str
    offset: timedelta | None
    abbreviation: str
    minute: int


@lru_cache(maxsize=65_536)
def reading(seconds: int, zone: str) -> Reading:
    """What a clock in `zone` shows at an instant given in seconds since 1970."""
    instant = datetime.fromtimestamp(seconds, UTC)
    shown = localtime.local(instant, zone)
    return Reading(
        f"{shown:%-I:%M}",
        f"{shown:%p}",
        shown.utcoffset(),
        localtime.abbreviation(instant, zone),
        shown.minute,
    )


class Mark(NamedTuple):
    """A labelled slot of the axis."""

    slot: int
    label: str


@dataclass(frozen=True)
class Axis:
    day: date
    zone: str
    origin: datetime
    size: int

    @classmethod
    def of(cls, day: date, zone: str) -> "Axis":
        """92 to 100 quarter hours; none on a date the zone never had."""
        return cls(day, zone, localtime.day_bounds(day, zone)[0], len(localtime.day_slots(day, zone)))

    @cached_property
    def epoch(self) -> int:
        return int(self.origin.timestamp())

    @property
    def end(self) -> datetime:
        return self.instant(self.size)

    @property
    def name(self) -> str:
        """Eastern Time"""
        return words.zone_name(self.zone)

    @property
    def abbreviation(self) -> str:
        """EST; both on a day on which the clock changes: EDT/EST."""
        both = (
            reading(self.epoch, self.zone),
            reading(self.epoch + (self.size - 1) * QUARTER_SECONDS, self.zone),
        )
        return "/".join(dict.fromkeys(each.abbreviation for each in both))

    def instant(self, slot: int) -> datetime:
        return self.origin + slot * QUARTER

    def reading(self, slot: int, zone: str | None = None) -> Reading:
        return reading(self.epoch + slot * QUARTER_SECONDS, zone or self.zone)

    def floor(self, instant: datetime) -> int:
        """The slot in which an instant lies; negative before this day."""
        return (instant - self.origin) // QUARTER

    def ceil(self, instant: datetime) -> int:
        return -((self.origin - instant) // QUARTER)

    def marks(self, first: int, last: int) -> list[Mark]:
        """The labels from slot `first` up to, not including, `last`: each full hour, the first slot, and clock changes."""
        return [mark for mark in _labels(self, first) if first <= mark.slot < last]

    def label(self, slot: int) -> str:
        """10:15 AM; with the zone's abbreviation where the day has that time twice."""
        shown = self.reading(slot)
        zone = f" {shown.abbreviation}" if self._is_repeated(slot) else ""
        return f"{shown.short} {shown.half}{zone}"

    def _is_repeated(self, slot: int) -> bool:
        return len(_slots_of_times(self)[self.reading(slot)[:2]]) > 1


@lru_cache(maxsize=512)
def _slots_of_times(axis: Axis) -> dict[tuple[str, str], list[int]]:
    found: dict[tuple[str, str], list[int]] = {}
    for slot in range(axis.size):
        found.setdefault(axis.reading(slot)[:2], []).append(slot)
    return found


@lru_cache(maxsize=2048)
def _labels(axis: Axis, first: int) -> tuple[Mark, ...]:
    return tuple(Mark(slot, axis.label(slot)) for slot in _labelled(axis, first))


def _labelled(axis: Axis, first: int) -> Iterator[int]:
    for slot in range(first, axis.size):
        here = axis.reading(slot)
        if slot == first or here.minute == 0 or here.offset != axis.reading(slot - 1).offset:
            yield slot
