"""Somebody's Google calendar, opened as a worker would, and what is put into it."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from calendarsync.entries import Entry
from calendarsync.models import CalendarConnection
from calendarsync.providers import google
from calendarsync.providers.base import Found, Pace
from tests.contracts.doubles import ANY
from tests.contracts.google_accounts import SCOPE
from tests.contracts.google_double import GoogleDouble, Kept

START = datetime(2026, 11, 24, 19, 0, tzinfo=UTC)
URL = "https://site.example.org/appointments/1/"


@dataclass
class Desk:
    """Dana's calendar at the double, opened as a worker would. `turns` counts what waited for its turn."""

    double: GoogleDouble
    email: str
    calendar_id: str = "primary"
    secrets: dict[str, Any] = field(default_factory=dict)
    reference: UUID = field(default_factory=uuid4)
    turns: int = 0
    opened: list[google.GoogleCalendar] = field(default_factory=list)

    @classmethod
    def of(cls, double: GoogleDouble) -> "Desk":
        # Access tokens are remembered as long as the process lives: nobody is the same in two tests.
        email = f"dana-{uuid4().hex[:8]}@northside.example.org"
        secrets = {"kind": "oauth", "refresh_token": double.account(email), "scopes": [SCOPE]}
        return cls(double, email, secrets=secrets)

    def leave(self) -> None:
        for calendar in self.opened:
            calendar.close()

    def open(self, pace: Pace | None = None) -> google.GoogleCalendar:
        connection = CalendarConnection(calendar=self.calendar_id, reference=self.reference)
        self.opened.append(google.open_calendar(connection, self.secrets, pace=pace or self._turn))
        return self.opened[-1]

    def _turn(self) -> None:
        self.turns += 1

    @property
    def kept(self) -> Kept:
        return self.double.calendar(self.email if self.calendar_id == "primary" else self.calendar_id)

    @property
    def event(self) -> dict[str, Any]:
        [only] = self.kept.standing()
        return only

    @property
    def asked(self) -> list[str]:
        return [each["method"] for each in self.double.messages]


def entry(**given: Any) -> Entry:
    usual = {
        "appointment": uuid4(),
        "title": "A. N.",
        "location": "Northside, 12 Main St",
        "description": f"Bring the form.\n\n{URL}",
        "url": URL,
        "starts_at": START,
        "ends_at": START + timedelta(minutes=30),
        "is_tentative": False,
        "sequence": 3,
    }
    return Entry(**{**usual, **given})


def refused(status: int, reason: str) -> dict[str, Any]:
    """A trouble in Google's own words, with whatever is asked."""
    detail = {"domain": "global", "reason": reason, "message": "No."}
    body = {"error": {"errors": [detail], "code": status, "message": "No."}}
    return {"status": status, "body": body, "method": ANY, "path": "/calendar/v3/", "times": None}


def the_listed(calendar: google.GoogleCalendar, **known: str) -> list[Found]:
    return list(calendar.listed(START - timedelta(days=30), START + timedelta(days=90), known))
