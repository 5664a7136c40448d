"""The portal as a visitor's browser asks for it: a page to pick a time, the times of a day.

Its views read the clock, so the appointments here lie on the days from tomorrow on.
"""

from collections.abc import Callable, Iterator
from datetime import date, time, timedelta
from itertools import cycle
from typing import Any

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from bench import database, openings, organisation
from bench.organisation import Place
from bench.report import Row
from bench.timing import p50_ms
from portal.times import Search, offered
from securecare import localtime

STAFF = 20
DAYS = 30
NINE = time(9)


def rows(*, runs: int, quick: bool) -> Iterator[Row]:
    database.empty()
    place = public("portal", staff=STAFF)
    first = tomorrow(place)
    organisation.fill(place, slots=7, days=DAYS, first=localtime.resolve(first, NINE, place.facility.zone))
    database.settle()
    yield from _month_rows(place, first, runs, quick)
    yield from _day_rows(place, first, runs, quick)


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
