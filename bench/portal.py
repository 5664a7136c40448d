"""The portal as visitors' browsers ask for it: the page to pick a time, the times of a day, booking, and the last slot.

Each of eight processes stands for one of the site's, with its own connection: requests go through every middleware, the
view and its template, without the network.

Its views read the clock, so the appointments here lie on the days from tomorrow on.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date, datetime, time, timedelta
from itertools import cycle
from typing import Any

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from bench import bookings, database, openings, organisation, visitors
from bench.organisation import Place
from bench.report import Row
from bench.timing import CLIENTS, Load, p50_ms, together
from portal import holds
from portal.models import OnlineBooking
from portal.times import Search, offered
from securecare import localtime

STAFF = 20
DAYS = 30
VISITORS = 200
RACERS = 10_000
WARMING = 8 * CLIENTS
NINE, QUARTER_TO_TEN = time(9), time(9, 45)


def rows(*, runs: int, quick: bool) -> Iterator[Row]:
    database.empty()
    holds.forget()
    place = public("portal", staff=STAFF)
    first = tomorrow(place)
    organisation.fill(place, slots=7, days=DAYS, first=localtime.resolve(first, NINE, place.facility.zone))
    database.settle()
    yield from _month_rows(place, first, runs, quick)
    yield from _day_rows(place, first, runs, quick)
    yield from _booking_rows(runs, quick)
    yield from _last_slot_rows(runs)


def _month_rows(place: Place, first: date, runs: int, quick: bool) -> Iterator[Row]:
    calls = 20 if quick else 80
    page = _page(place)
    floor = p50_ms(openings.floor(place, people=STAFF, days=DAYS, first=first), calls=calls)
    taken = [p50_ms(page, calls=calls) for _ in range(runs)]
    work = f"portal, page with month strip, any of {STAFF} staff"
    yield Row(work, "ms", taken, floor=floor, landing=20)
    with CaptureQueriesContext(connection) as queries:
        page()
    yield Row("portal, page with month strip: queries", "queries", [len(queries)], landing=5)


def _day_rows(place: Place, first: date, runs: int, quick: bool) -> Iterator[Row]:
    calls = 50 if quick else 200
    floor = p50_ms(openings.floor(place, people=STAFF, days=1, first=first), calls=calls)
    taken = [p50_ms(_day(place, first), calls=calls) for _ in range(runs)]
    yield Row(f"portal, times of one day, any of {STAFF} staff", "ms", taken, floor=floor, landing=6)


def _booking_rows(runs: int, quick: bool) -> Iterator[Row]:
    """The visitors book with anyone of the staff, twenty of them at each time, and agree to texts."""
    place = public("online", staff=STAFF)
    count = 240 if quick else 640
    floor = bookings.floor(place, count // CLIENTS).per_second
    rates = [_book_all(place, count, run).per_second for run in range(runs)]
    work = "portal, booking POST, 8 connections, zero doubles"
    yield Row(work, "bookings/s", rates, floor=floor, landing=150)


def _book_all(place: Place, count: int, run: int) -> Load:
    database.empty()
    everyone = range(run * (WARMING + count), (run + 1) * (WARMING + count))
    ready = [
        visitors.ready(place, number, _start(place, at), keeps_hold=True)
        for at, number in enumerate(everyone)
    ]
    load = together(visitors.booking(place, ready[WARMING:], before=ready[:WARMING]))
    _check(load, booked=count, before=WARMING)
    return load


def _last_slot_rows(runs: int) -> Iterator[Row]:
    """All of them have reviewed the one time left that day, and their holds have run out."""
    place = public("last", staff=1)
    loads = [_race(place, run) for run in range(runs)]
    waits = [load.p99_ms for load in loads]
    yield Row(f"portal, {VISITORS} visitors, 8 connections, last slot: p99", "ms", waits, landing=500)


def _race(place: Place, run: int) -> Load:
    database.empty()
    zone, first = place.facility.zone, tomorrow(place)
    organisation.fill(place, slots=10, first=localtime.resolve(first, QUARTER_TO_TEN, zone))
    last, later = localtime.resolve(first, NINE, zone), _start(place, WARMING * STAFF)
    numbers = range(RACERS + run * 2 * VISITORS, RACERS + (run + 1) * 2 * VISITORS)
    ready = [visitors.ready(place, number, last, keeps_hold=False) for number in numbers[:VISITORS]]
    warming = [visitors.ready(place, number, later, keeps_hold=False) for number in numbers[-WARMING:]]
    load = together(visitors.booking(place, ready, before=warming))
    _check(load, booked=1, before=1)
    return load


def _check(load: Load, *, booked: int, before: int) -> None:
    """One appointment for each who was told so, no two at one time with one person, other times for all others."""
    outcomes = Counter(load.outcomes)
    expected = {visitors.BOOKED: booked, visitors.OTHERS_OFFERED: len(load.outcomes) - booked}
    if outcomes != Counter({what: number for what, number in expected.items() if number}):
        raise RuntimeError(f"Visitors were answered {dict(outcomes)}, not {expected}.")
    made = OnlineBooking.objects.values("appointment__staff", "appointment__starts_at")
    held = made.distinct().count()
    if (made.count(), held) != (booked + before, booked + before):
        raise RuntimeError(f"{made.count()} bookings hold {held} of {booked + before} places.")


def _start(place: Place, number: int) -> datetime:
    """When the visitor of this number comes: from nine o'clock on, as many at a time as there are staff."""
    day, slot = divmod(number // STAFF, bookings.SLOTS_A_DAY)
    at = localtime.resolve(tomorrow(place) + timedelta(days=day), NINE, place.facility.zone)
    return at + slot * bookings.SLOT


def public(name: str, *, staff: int) -> Place:
    """A place that customers may book themselves."""
    place = organisation.create(name, staff=staff, customers=staff)
    place.program.allows_public_booking = True
    place.program.save()
    return place


def tomorrow(place: Place) -> date:
    return localtime.local_date(timezone.now(), place.facility.zone) + timedelta(days=1)


def _page(place: Place) -> Callable[[], None]:
    """The whole page, from the handler to its last byte, for somebody who has not been here before."""
    client, address = Client(SERVER_NAME="localhost"), reverse("portal-times", args=[place.program.pk])

    def call() -> None:
        response = client.get(address)
        if response.status_code != 200 or b'name="at"' not in response.content:
            raise RuntimeError(f"{address} answered {response.status_code} without times.")

    return call


def _day(place: Place, first: date) -> Callable[[], Any]:
    """What the portal offers on another day at every call."""
    days, now = cycle([first + timedelta(days=n) for n in range(DAYS)]), timezone.now()

    def call() -> int:
        day = next(days)
        return len(offered(Search(place.program), first_day=day, last_day=day, now=now))

    return call
