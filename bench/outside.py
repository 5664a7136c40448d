"""Calendars as their owners see them, past everything that may happen between the site and their servers: what stands there,
and what they do to it."""

import base64
import http.client
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote, urlencode, urlsplit
from uuid import UUID
from xml.etree import ElementTree

import icalendar

from bench.connections import caldav_secrets, google_secrets
from bench.site import HOST
from calendarsync.models import CalendarConnection
from tests.calendarsync import google_harness, harness
from tests.calendarsync.harness import Standing
from tests.contracts.google_accounts import REVOKE, TOKEN, Accounts
from tests.contracts.radicale import EVERYTHING, MAKE

SECONDS = 60
LENGTH = timedelta(minutes=45)


class Outside(Protocol):
    """Every call may raise OSError, as a server does that is being started again."""

    def standing(self, connection: CalendarConnection) -> list[Standing]: ...

    def edit(
        self, connection: CalendarConnection, external_id: str, *, title: str, moved_by: timedelta
    ) -> None: ...

    def delete(self, connection: CalendarConnection, external_id: str) -> None: ...

    def add(self, connection: CalendarConnection, uid: UUID, title: str, starts_at: datetime) -> None:
        """An event of their own."""

    def lock_out(self, connection: CalendarConnection) -> None:
        """Take back what the site opens the calendar with."""

    def secrets(self, connection: CalendarConnection) -> dict[str, Any]:
        """What opens it now, as connections keep it."""


class Refused(OSError):
    """The server did not do it, such as for an event that is gone meanwhile."""


@dataclass
class Google:
    """The double on this port. `permissions` are refresh tokens, by account."""

    port: int
    permissions: dict[str, str] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)

    @property
    def base(self) -> str:
        return f"http://{HOST}:{self.port}"

    def open(self, *emails: str) -> None:
        """Accounts with a calendar each, whose owners have given their permission."""
        found = json.loads(self._ask("POST", "/_double/accounts", {}, {"emails": emails}))
        self.permissions |= found["permissions"]

    def told(self) -> dict[str, Any]:
        """What stands in all calendars, and the most requests that each had in one second. Raises RuntimeError if the double met a
        fault of its own."""
        crashes = json.loads(self._ask("GET", "/_double/messages", {}))["crashes"]
        if crashes:
            raise RuntimeError(f"The double failed: {crashes[0]}")
        found: dict[str, Any] = json.loads(self._ask("GET", "/_double/calendars", {}))
        return found

    def writes(self) -> int:
        """How many requests changed something."""
        return len(json.loads(self._ask("GET", "/_double/messages", {}))["messages"])

    def standing(self, connection: CalendarConnection) -> list[Standing]:
        return self.standing_in(self.told(), connection)

    def standing_in(self, told: dict[str, Any], connection: CalendarConnection) -> list[Standing]:
        return [google_harness.as_standing(event) for event in told["calendars"][connection.account]]

    def edit(
        self, connection: CalendarConnection, external_id: str, *, title: str, moved_by: timedelta
    ) -> None:
        now = json.loads(self._api(connection, "GET", external_id))
        if now["status"] == "cancelled":
            raise Refused("It was deleted.")
        times = {
            name: {"dateTime": (datetime.fromisoformat(now[name]["dateTime"]) + moved_by).isoformat()}
            for name in ("start", "end")
        }
        self._api(connection, "PATCH", external_id, {"summary": title, **times})

    def delete(self, connection: CalendarConnection, external_id: str) -> None:
        self._api(connection, "DELETE", external_id)

    def add(self, connection: CalendarConnection, uid: UUID, title: str, starts_at: datetime) -> None:
        event = {
            "id": base64.b32hexencode(uid.bytes).decode().rstrip("=").lower(),
            "summary": title,
            "start": {"dateTime": starts_at.isoformat()},
            "end": {"dateTime": (starts_at + LENGTH).isoformat()},
        }
        self._api(connection, "POST", "", event)

    def lock_out(self, connection: CalendarConnection) -> None:
        form = urlencode({"token": self.permissions[connection.account]}).encode()
        _asked(self.port, "POST", REVOKE, {"Content-Type": "application/x-www-form-urlencoded"}, form)
        self.tokens.pop(connection.account, None)
        self.open(connection.account)

    def secrets(self, connection: CalendarConnection) -> dict[str, Any]:
        return google_secrets(self.permissions[connection.account])

    def _api(
        self, connection: CalendarConnection, method: str, event_id: str, body: dict[str, Any] | None = None
    ) -> bytes:
        path = f"/calendar/v3/calendars/{quote(connection.account)}/events/{event_id}".rstrip("/")
        return self._ask(method, path, {"Authorization": f"Bearer {self._token(connection.account)}"}, body)

    def _token(self, email: str) -> str:
        if email not in self.tokens:
            form = {
                "grant_type": "refresh_token",
                "refresh_token": self.permissions[email],
                "client_id": Accounts.client_id,
                "client_secret": Accounts.client_secret,
            }
            headers = {"Content-Type": "application/x-www-form-urlencoded"}
            answer = _asked(self.port, "POST", TOKEN, headers, urlencode(form).encode())
            self.tokens[email] = json.loads(answer)["access_token"]
        return self.tokens[email]

    def _ask(self, method: str, path: str, headers: Mapping[str, str], body: Any = None) -> bytes:
        content = None if body is None else json.dumps(body).encode()
        return _asked(self.port, method, path, {"Content-Type": "application/json", **headers}, content)


@dataclass
class Caldav:
    """The server on this port. `passwords` by user, who is the first part of the calendar's path; the server reads them from
    `users`."""

    port: int
    passwords: dict[str, str]
    users: Path

    def make(self, path: str) -> None:
        """A new calendar of the user who is named first."""
        self._ask(path, "MKCALENDAR", MAKE.format(name="Work", component="VEVENT").encode())

    def standing(self, connection: CalendarConnection) -> list[Standing]:
        answer = self._ask(connection.calendar, "REPORT", EVERYTHING.encode(), Depth="1")
        dav, caldav = "{DAV:}", "{urn:ietf:params:xml:ns:caldav}"
        return [
            harness.as_standing(
                urlsplit(found.findtext(f"{dav}href", "")).path,
                found.findtext(f".//{caldav}calendar-data", ""),
            )
            for found in ElementTree.fromstring(answer).iterfind(f"{dav}response")
        ]

    def edit(
        self, connection: CalendarConnection, external_id: str, *, title: str, moved_by: timedelta
    ) -> None:
        calendar = icalendar.Calendar.from_ical(self._ask(external_id, "GET").decode())
        event = calendar.events[0]
        changed = {"summary": title}
        changed |= {name: event.decoded(name) + moved_by for name in ("dtstart", "dtend")}
        for name, value in changed.items():
            event.pop(name, None)
            event.add(name, value)
        self._put(external_id, calendar)

    def delete(self, connection: CalendarConnection, external_id: str) -> None:
        self._ask(external_id, "DELETE")

    def add(self, connection: CalendarConnection, uid: UUID, title: str, starts_at: datetime) -> None:
        event = icalendar.Event()
        fields = {"uid": str(uid), "dtstamp": datetime.now(UTC), "summary": title}
        for name, value in {**fields, "dtstart": starts_at, "dtend": starts_at + LENGTH}.items():
            event.add(name, value)
        calendar = icalendar.Calendar()
        calendar.add("version", "2.0")
        calendar.add("prodid", "-//Somebody else//EN")
        calendar.add_component(event)
        self._put(f"{connection.calendar}{uid}.ics", calendar)

    def lock_out(self, connection: CalendarConnection) -> None:
        self.passwords[connection.account] = secrets.token_hex(8)
        self.write_users()

    def write_users(self) -> None:
        """All at once: the server may be reading."""
        lines = "".join(f"{name}:{password}\n" for name, password in self.passwords.items())
        news = self.users.with_suffix(".new")
        news.write_text(lines)
        news.replace(self.users)

    def secrets(self, connection: CalendarConnection) -> dict[str, Any]:
        return caldav_secrets(connection.account, self.passwords[connection.account])

    def _put(self, address: str, calendar: icalendar.Calendar) -> None:
        content_type = {"Content-Type": "text/calendar; charset=utf-8"}
        self._ask(address, "PUT", calendar.to_ical(), **content_type)

    def _ask(self, address: str, method: str, body: bytes | None = None, **headers: str) -> bytes:
        path = urlsplit(address).path
        user = path.split("/")[1]
        word = base64.b64encode(f"{user}:{self.passwords[user]}".encode()).decode()
        given = {"Authorization": f"Basic {word}", "Content-Type": "text/xml; charset=utf-8", **headers}
        return _asked(self.port, method, path, given, body)


def _asked(port: int, method: str, path: str, headers: Mapping[str, str], body: bytes | None) -> bytes:
    server = http.client.HTTPConnection(HOST, port, timeout=SECONDS)
    try:
        server.request(method, path, body, dict(headers))
        answer = server.getresponse()
        content = answer.read()
    except http.client.HTTPException as error:
        raise Refused(str(error)) from error
    finally:
        server.close()
    if answer.status >= 300:
        raise Refused(f"{method} {path}: {answer.status} {content[:200]!r}")
    return content
