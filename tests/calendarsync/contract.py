"""Entries to write, and what is seen of them, for the suite that all providers pass."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

from calendarsync.entries import Entry
from calendarsync.models import CalendarConnection
from calendarsync.providers.base import Known, Written
from tests import factories as make
from tests.calendarsync.harness import Harness, Standing

NOW = make.NOW
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
WINDOW = (NOW - 14 * DAY, NOW + 90 * DAY)
SHOWN = ("title", "location", "description", "starts_at", "ends_at", "is_tentative")


def entry(**given: Any) -> Entry:
    return Entry(
        **{
            "appointment": uuid4(),
            "title": "A. N.",
            "location": "Northside, 1 Main Street, Springfield",
            "description": "https://care.example.org/appointments/1/",
            "url": "https://care.example.org/appointments/1/",
            "starts_at": NOW + 2 * HOUR,
            "ends_at": NOW + 3 * HOUR,
            "is_tentative": False,
            "sequence": 0,
            **given,
        }
    )


def known(written: Written) -> Known:
    return Known(written.external_id, written.etag)


def shown(what: Entry | Standing) -> dict[str, Any]:
    """What a reader of the calendar sees."""
    return {name: getattr(what, name) for name in SHOWN}


class Looking:
    """What stands in the one calendar of a test."""

    def __init__(self, harness: Harness, connection: CalendarConnection) -> None:
        self._harness, self._connection = harness, connection

    def all(self) -> list[Standing]:
        return self._harness.standing(self._connection)

    def one(self) -> Standing:
        (only,) = self.all()
        return only
