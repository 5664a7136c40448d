"""Open times: one person's day, and anyone of fifty over a month."""

from collections.abc import Callable, Iterable, Iterator
from datetime import date, timedelta
from itertools import cycle
from typing import Any

from django.db import connection

from bench import database, organisation
from bench.organisation import DAY, NOW, Place
from bench.report import Row
from bench.timing import for_seconds, p50_ms, together
from scheduling.availability import open_times
from securecare import localtime

MONTH = timedelta(days=29)


def rows(*, runs: int, quick: bool) -> Iterator[Row]:
    database.empty()
    place = organisation.create("openings", staff=50, customers=50)
    organisation.fill(place, slots=7, days=31)
    database.settle()
    calls = 100 if quick else 400
    one_floor = p50_ms(floor(place, people=1, days=1), calls=calls)
    one = [p50_ms(_one_day(place), calls=calls) for _ in range(runs)]
    yield Row("open times, 1 staff, 1 day", "ms", one, floor=one_floor, aim=2)
    seconds = 1.5 if quick else 4
    rate_floor = _rate(floor(place, people=1, days=1), seconds)
    rate = [_rate(_one_day(place), seconds) for _ in range(runs)]
    yield Row("open times, 1 staff, 1 day, 8 connections", "calls/s", rate, floor=rate_floor, aim=1500)
    month_floor = p50_ms(floor(place, people=50, days=30), calls=calls // 5)
    month = [p50_ms(lambda: _month(place), calls=calls // 5) for _ in range(runs)]
    yield Row("open times, any of 50 staff, 30 days", "ms", month, floor=month_floor, landing=25, aim=15)


def _one_day(place: Place) -> Callable[[], Any]:
    """Another person and another day at every call."""
    which = cycle([(place.staff[n % 50], DAY + timedelta(days=n % 29)) for n in range(50 * 29)])

    def call() -> int:
        staff, day = next(which)
        return len(open_times(program=place.program, first_day=day, last_day=day, staff=staff, now=NOW))

    return call


def _month(place: Place) -> int:
    found = open_times(program=place.program, first_day=DAY, last_day=DAY + MONTH, now=NOW)
    if not found:
        raise RuntimeError("No open time in a month: the data is wrong.")
    return len(found)


def _rate(call: Callable[[], Any], seconds: float) -> float:
    def work(client: int) -> Iterable[Callable[[], Any]]:
        return for_seconds(seconds, call)

    return together(work).per_second


_PERIODS = """
SELECT staff_id, extract(epoch FROM starts_at)::bigint, extract(epoch FROM ends_at)::bigint
  FROM appointments_appointment
 WHERE staff_id = ANY(%s) AND starts_at >= %s AND starts_at < %s AND status <> 'cancelled'
"""


def floor(place: Place, *, people: int, days: int, first: date = DAY) -> Callable[[], Any]:
    """One query and integer masks for hours known beforehand: no rules, zones, buffers or objects."""
    ids = [member.pk for member in place.staff[:people]]
    since = localtime.day_bounds(first, place.facility.zone)[0]
    until = localtime.day_bounds(first + timedelta(days=days - 1), place.facility.zone)[1]
    origin = int(since.timestamp())
    hours = _working_mask(days)

    def call() -> int:
        with connection.cursor() as cursor:
            cursor.execute(_PERIODS, [ids, since, until])
            free = dict.fromkeys(ids, hours)
            for staff, start, end in cursor.fetchall():
                first = (start - origin) // 900
                free[staff] &= ~(((1 << ((end - start) // 900)) - 1) << first)
        return sum((mask & mask >> 1).bit_count() for mask in free.values())

    return call


def _working_mask(days: int) -> int:
    day = ((1 << 32) - 1) << 36
    return sum(day << (96 * number) for number in range(days))
