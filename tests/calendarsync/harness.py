"""What tests of calendars do from outside: look at what stands there, change it as its owner would, and make trouble.

One protocol for all providers, so that one suite holds for all of them.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol
from urllib.parse import urlsplit
from uuid import UUID

import icalendar

from appointments.models import StaffMember
from calendarsync import credentials
from calendarsync.models import CalendarConnection, Provider
from calendarsync.models.connection import State
from tests import factories as make
from tests.contracts.radicale import USERS, RadicaleRoad


@dataclass(frozen=True)
class Standing:
    """One event of a calendar, whoever made it. `appointment` is the one that it carries the mark of."""

    external_id: str
    appointment: UUID | None
    title: str
    location: str
    description: str
    url: str
    starts_at: datetime
    ends_at: datetime
    is_tentative: bool


class Harness(Protocol):
    """`external_id` is what a provider's `Written` says. Troubles are those of the doubles; `tests.contracts.doubles.ANY` is any
    verb."""

    def connection(self, staff: StaffMember, **fields: Any) -> CalendarConnection:
        """Saved, active, with credentials, of a new and empty calendar."""

    def standing(self, connection: CalendarConnection) -> list[Standing]:
        """All that stands in the calendar now, by its beginning."""

    def edit(self, connection: CalendarConnection, external_id: str, **fields: Any) -> None:
        """As its owner would: `title`, `location`, `starts_at`, `ends_at`, `recurrence` (an RRULE's value)."""

    def delete(self, connection: CalendarConnection, external_id: str) -> None: ...

    def add_foreign(
        self,
        connection: CalendarConnection,
        uid: str,
        title: str,
        *,
        starts_at: datetime = make.NOW + timedelta(hours=2),
    ) -> str:
        """An event without our mark, under the name that ours for the appointment `uid` would have if it is a UUID's. Returns its
        external id."""

    def expected_id(self, connection: CalendarConnection, appointment: UUID) -> str:
        """The external id of the entry of an appointment."""

    def trouble(self, **given: Any) -> None: ...

    def calm(self) -> None: ...

    def asked(self, connection: CalendarConnection) -> int:
        """How many requests about this calendar its server has had."""

    def vanish(self, connection: CalendarConnection) -> None:
        """The calendar is deleted as a whole."""

    def refuse(self, connection: CalendarConnection) -> None:
        """Its credentials are no longer good."""


def connection(staff: StaffMember, secrets: dict[str, Any], **fields: Any) -> CalendarConnection:
    """An active one with these credentials."""
    made = CalendarConnection(
        staff=staff,
        **{
            "state": State.ACTIVE,
            "calendar_name": "Work",
            "created_at": make.NOW,
            "connected_at": make.NOW,
            **fields,
        },
    )
    for name, value in credentials.sealed(secrets, made.reference).items():
        setattr(made, name, value)
    made.save()
    return made


class CaldavHarness:
    """Of calendars at Radicale. `server`: the road to it."""

    def __init__(self, server: RadicaleRoad) -> None:
        self.server = server

    def connection(self, staff: StaffMember, **fields: Any) -> CalendarConnection:
        user = fields.pop("account", "dana")
        address = fields.pop("calendar", None) or self.server.calendar(user)
        return connection(
            staff,
            {"kind": "password", "username": user, "password": USERS[user]},
            **{
                "provider": Provider.CALDAV,
                "account": user,
                "server": self.server.base,
                "calendar": address,
                "key": address.split("://")[1].rstrip("/"),
                **fields,
            },
        )

    def standing(self, connection: CalendarConnection) -> list[Standing]:
        found = self.server.resources(connection.calendar)
        events = (as_standing(path, content) for path, (_, content) in found.items())
        return sorted(events, key=lambda event: (event.starts_at, event.external_id))

    def edit(self, connection: CalendarConnection, external_id: str, **fields: Any) -> None:
        calendar = icalendar.Calendar.from_ical(self.server.read(external_id))
        event = calendar.events[0]
        names = {"title": "summary", "starts_at": "dtstart", "ends_at": "dtend", "recurrence": "rrule"}
        for field, value in fields.items():
            name = names.get(field, field)
            event.pop(name, None)
            event.add(name, icalendar.vRecur.from_ical(value) if name == "rrule" else value)
        self.server.write(external_id, calendar.to_ical().decode())

    def delete(self, connection: CalendarConnection, external_id: str) -> None:
        self.server.delete(external_id)

    def add_foreign(
        self,
        connection: CalendarConnection,
        uid: str,
        title: str,
        *,
        starts_at: datetime = make.NOW + timedelta(hours=2),
    ) -> str:
        event = icalendar.Event()
        event.add("uid", uid)
        event.add("dtstamp", make.NOW)
        event.add("dtstart", starts_at)
        event.add("dtend", starts_at + timedelta(hours=1))
        event.add("summary", title)
        calendar = icalendar.Calendar()
        calendar.add("version", "2.0")
        calendar.add("prodid", "-//Somebody else//EN")
        calendar.add_component(event)
        path = f"{urlsplit(connection.calendar).path}{uid}.ics"
        self.server.write(path, calendar.to_ical().decode())
        return path

    def expected_id(self, connection: CalendarConnection, appointment: UUID) -> str:
        return f"{urlsplit(connection.calendar).path}{appointment}.ics"

    def trouble(self, **given: Any) -> None:
        self.server.trouble(**given)

    def calm(self) -> None:
        self.server.calm()

    def asked(self, connection: CalendarConnection) -> int:
        path = urlsplit(connection.calendar).path
        return sum(asked.path.startswith(path) for asked in self.server.requests)

    def vanish(self, connection: CalendarConnection) -> None:
        self.server.delete(connection.calendar)

    def refuse(self, connection: CalendarConnection) -> None:
        secrets = {**credentials.read(connection), "password": "the one before"}
        fields = credentials.sealed(secrets, connection.reference)
        CalendarConnection.objects.filter(pk=connection.pk).update(**fields)
        connection.refresh_from_db()


def as_standing(path: str, content: str) -> Standing:
    event = icalendar.Calendar.from_ical(content).events[0]
    mark = event.get("x-securecare-appointment")
    said = Standing(
        external_id=path,
        appointment=UUID(str(mark)) if mark else None,
        title=str(event.get("summary", "")),
        location=str(event.get("location", "")),
        description=str(event.get("description", "")),
        url=str(event.get("url", "")),
        starts_at=event.decoded("dtstart"),
        ends_at=event.decoded("dtend"),
        is_tentative=str(event.get("status", "")) == "TENTATIVE",
    )
    return replace(said, starts_at=_utc(said.starts_at), ends_at=_utc(said.ends_at))


def _utc(value: datetime) -> datetime:
    """All-day events begin at midnight here."""
    if not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    return value.astimezone(UTC)
