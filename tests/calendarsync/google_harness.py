"""Google calendars at the double."""

import base64
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

from appointments.models import StaffMember
from calendarsync.models import CalendarConnection, Provider
from tests import factories as make
from tests.calendarsync.harness import Standing
from tests.calendarsync.harness import connection as saved
from tests.contracts.google_accounts import SCOPE
from tests.contracts.google_double import GoogleDouble

API = "/calendar/v3/"
_number = count(1)


class GoogleHarness:
    """Each connection is of another account's primary calendar, if it does not say which `calendar`."""

    def __init__(self, double: GoogleDouble) -> None:
        self.double = double

    def connection(self, staff: StaffMember, **fields: Any) -> CalendarConnection:
        email = fields.pop("account", None) or f"person{next(_number)}@northside.example.org"
        calendar = fields.pop("calendar", "primary")
        secrets = {"kind": "oauth", "refresh_token": self.double.account(email), "scopes": [SCOPE]}
        return saved(
            staff,
            fields.pop("secrets", secrets),
            **{
                "provider": Provider.GOOGLE,
                "account": email,
                "calendar": calendar,
                "key": email if calendar == "primary" else calendar.lower(),
                **fields,
            },
        )

    def standing(self, connection: CalendarConnection) -> list[Standing]:
        events = (as_standing(event) for event in self.double.calendar(_id(connection)).standing())
        return sorted(events, key=lambda event: (event.starts_at, event.external_id))

    def edit(self, connection: CalendarConnection, external_id: str, **fields: Any) -> None:
        changes: dict[str, Any] = {}
        for name, value in fields.items():
            if name in ("starts_at", "ends_at"):
                changes[{"starts_at": "start", "ends_at": "end"}[name]] = _when(value)
            elif name == "recurrence":
                changes[name] = [f"RRULE:{value}"]
            else:
                changes[{"title": "summary"}.get(name, name)] = value
        self.double.edit(_id(connection), external_id, **changes)

    def delete(self, connection: CalendarConnection, external_id: str) -> None:
        self.double.delete(_id(connection), external_id)

    def add_foreign(
        self,
        connection: CalendarConnection,
        uid: str,
        title: str,
        *,
        starts_at: datetime = make.NOW + timedelta(hours=2),
    ) -> str:
        external_id = _event_id(uid)
        self.double.add(
            _id(connection),
            external_id,
            summary=title,
            start=_when(starts_at),
            end=_when(starts_at + timedelta(hours=1)),
        )
        return external_id

    def expected_id(self, connection: CalendarConnection, appointment: UUID) -> str:
        return _event_id(str(appointment))

    def trouble(self, **given: Any) -> None:
        """With the calendars, if no other `path` is named: permissions stay good."""
        self.double.trouble(**{"path": API, **given})

    def calm(self) -> None:
        self.double.calm()

    def asked(self, connection: CalendarConnection) -> int:
        return self.double.asked_of(_id(connection))

    def vanish(self, connection: CalendarConnection) -> None:
        self.double.remove_calendar(_id(connection))

    def refuse(self, connection: CalendarConnection) -> None:
        self.double.accounts.revoke(connection.account)


def _id(connection: CalendarConnection) -> str:
    return connection.account if connection.calendar == "primary" else connection.calendar


def _event_id(uid: str) -> str:
    try:
        content = UUID(uid).bytes
    except ValueError:
        content = uid.encode()
    return base64.b32hexencode(content).decode().rstrip("=").lower()


def _when(instant: datetime) -> dict[str, str]:
    if isinstance(instant, datetime):
        return {"dateTime": instant.isoformat()}
    return {"date": instant.isoformat()}


def as_standing(event: dict[str, Any]) -> Standing:
    mark = event.get("extendedProperties", {}).get("private", {}).get("securecareAppointment")
    return Standing(
        external_id=event["id"],
        appointment=UUID(mark) if mark else None,
        title=event.get("summary", ""),
        location=event.get("location", ""),
        description=event.get("description", ""),
        url=event.get("source", {}).get("url", ""),
        starts_at=_instant(event["start"]),
        ends_at=_instant(event["end"]),
        is_tentative=event["status"] == "tentative",
    )


def _instant(when: dict[str, str]) -> datetime:
    if "date" in when:
        return datetime.fromisoformat(when["date"]).replace(tzinfo=UTC)
    return datetime.fromisoformat(when["dateTime"]).astimezone(UTC)
