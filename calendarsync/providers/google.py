"""Google Calendar through Google's own client.

The id of an event is made from the appointment's uuid, so no lost answer leads to a second one: what was written is found under
its name. Never `new_batch_http_request`: it goes to Google whatever the settings say.
"""

import base64
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

import httplib2
from django.conf import settings
from google_auth_httplib2 import AuthorizedHttp
from googleapiclient.discovery import build
from googleapiclient.http import HttpRequest

from appointments.branding import brand
from calendarsync.entries import Entry
from calendarsync.models import CalendarConnection
from calendarsync.providers.base import CalendarError, Checked, Fault, Found, Known, Pace, Written, unpaced
from calendarsync.providers.google_access import (
    READ_ONLY,
    Http,
    Permission,
    Refusal,
    explained,
    not_understood,
)

PRIMARY = "primary"
APPOINTMENT, CALENDAR = "securecareAppointment", "securecareCalendar"
# Of what was changed under our hands, we look again so many times.
ROUNDS = 3
PAGE, MOST_PAGES = 250, 400
MISSING = (404, 410)
FOREIGN = "The calendar has another event under the name of this appointment’s entry. It was left alone."
RESTLESS = "Somebody else keeps changing this entry."
MAY_WRITE = ("owner", "writer")


def open_calendar(
    connection: CalendarConnection, secrets: Mapping[str, Any], *, pace: Pace = unpaced
) -> "GoogleCalendar":
    """`secrets` is what `oauth.finish` returned, or `{"kind": "delegated", "subject": e-mail}`."""
    return GoogleCalendar(
        connection.calendar or PRIMARY,
        Permission(secrets),
        reference=connection.reference,
        owner=secrets.get("subject", ""),
        pace=pace,
    )


class GoogleCalendar:
    """`reference` is the connection's, and stands in each of its entries. `owner`: whose the primary calendar is, if known."""

    name = "google"

    def __init__(
        self, calendar: str, permission: Permission, *, reference: UUID, owner: str, pace: Pace
    ) -> None:
        self._calendar, self._reference, self._owner = calendar, reference, owner
        # A refused token is renewed once; Google's second word stands.
        self._http = AuthorizedHttp(permission, http=Http(pace), max_refresh_attempts=1)
        self._events = _events(settings.GOOGLE_API_BASE)

    def check(self) -> Checked:
        """Asks for no event: the name and the role stand beside them."""
        found = self._ask(
            self._events.list(calendarId=self._calendar, maxResults=1, fields="summary,accessRole")
        )
        name, role = found.get("summary"), found.get("accessRole")
        if not isinstance(name, str) or not isinstance(role, str):
            raise not_understood()
        if role not in MAY_WRITE:
            raise CalendarError(READ_ONLY, fault=Fault.CALENDAR, code=role)
        # The primary calendar has its owner's address for a name.
        identity = (self._owner or name) if self._calendar == PRIMARY else self._calendar
        return Checked(name=name, key=identity.lower())

    def put(self, entry: Entry, known: Known | None) -> Written:
        event_id = event_id_of(entry.appointment)
        written = None
        if known is None:
            written = self._insert(event_id, entry)
        elif known.etag:
            written = self._patch(event_id, entry, known.etag)
        for _ in range(ROUNDS):
            written = written or self._settle(event_id, entry)
        if written is None:
            raise CalendarError(RESTLESS, fault=Fault.PASSING)
        return written

    def _settle(self, event_id: str, entry: Entry) -> Written | None:
        """By what stands there now. None if that changed meanwhile."""
        found = self._get(event_id)
        if found is None:
            return self._insert(event_id, entry)
        if found.get("status") == "cancelled":
            return self._restore(event_id, entry, found["etag"])
        if _appointment(found) != entry.appointment:
            raise CalendarError(FOREIGN, fault=Fault.ENTRY, code="foreign")
        return self._patch(event_id, entry, found["etag"])

    def remove(self, appointment: UUID, known: Known | None) -> bool:
        event_id = event_id_of(appointment)
        was_there = self._delete(event_id, known.etag) if known and known.etag else None
        for _ in range(ROUNDS):
            if was_there is not None:
                return was_there
            found = self._get(event_id)
            if found is None:
                # Of a calendar that is gone, Google says the same as of an event that is.
                self.check()
                return False
            if found.get("status") == "cancelled" or _appointment(found) != appointment:
                return False
            was_there = self._delete(event_id, found["etag"])
        if was_there is None:
            raise CalendarError(RESTLESS, fault=Fault.PASSING)
        return was_there

    def listed(self, start: datetime, end: datetime, known: Mapping[str, str]) -> Iterator[Found]:
        # One property: Google's documents differ on what two of them mean.
        asked = {
            "calendarId": self._calendar,
            "timeMin": _rfc3339(start),
            "timeMax": _rfc3339(end),
            "privateExtendedProperty": [f"{CALENDAR}={self._reference}"],
            "maxResults": PAGE,
        }
        token = None
        for _ in range(MOST_PAGES):
            page = self._ask(self._events.list(**asked, pageToken=token))
            for event in _items(page):
                yield from _found(event, known)
            token = page.get("nextPageToken")
            if not token:
                return
        raise not_understood()

    def fetch(self, external_ids: Iterable[str]) -> Iterator[Found]:
        for external_id in external_ids:
            event = self._get(external_id)
            if event is not None:
                yield from _found(event, {})

    def remove_stray(self, found: Found) -> bool:
        return bool(self._delete(found.external_id, found.etag))

    def close(self) -> None:
        self._http.close()

    # ----------------------------------------------------------------------------------------- requests

    def _get(self, event_id: str) -> dict[str, Any] | None:
        try:
            return _event(self._ask(self._events.get(calendarId=self._calendar, eventId=event_id)))
        except Refusal as refusal:
            if refusal.status in MISSING:
                return None
            raise

    def _insert(self, event_id: str, entry: Entry) -> Written | None:
        """None if there is one, be it deleted."""
        body = {"id": event_id, **self._body(entry)}
        request = self._events.insert(calendarId=self._calendar, body=body, sendUpdates="none")
        try:
            return _written(self._ask(request), was_there=False)
        except Refusal as refusal:
            if refusal.status == 409:
                return None
            raise

    def _patch(self, event_id: str, entry: Entry, etag: str) -> Written | None:
        """None if it is not there, or not as it was."""
        body = self._body(entry)
        # Of an all-day event the date would stay beside the time.
        for name in ("start", "end"):
            body[name]["date"] = None
        return self._change(self._events.patch, event_id, body, etag, was_there=True)

    def _restore(self, event_id: str, entry: Entry, etag: str) -> Written | None:
        return self._change(self._events.update, event_id, self._body(entry), etag, was_there=False)

    def _change(
        self, verb: Any, event_id: str, body: dict[str, Any], etag: str, *, was_there: bool
    ) -> Written | None:
        request = verb(calendarId=self._calendar, eventId=event_id, body=body, sendUpdates="none")
        try:
            return _written(self._ask(request, if_match=etag), was_there=was_there)
        except Refusal as refusal:
            if refusal.status in (*MISSING, 412):
                return None
            raise

    def _delete(self, event_id: str, etag: str) -> bool | None:
        """Whether it was there; None if it is not as it was."""
        request = self._events.delete(calendarId=self._calendar, eventId=event_id, sendUpdates="none")
        try:
            self._ask(request, if_match=etag)
        except Refusal as refusal:
            if refusal.status == 412:
                return None
            if refusal.status not in MISSING:
                raise
            if refusal.status == 404:
                self.check()
            return False
        return True

    def _ask(self, request: HttpRequest, *, if_match: str = "") -> dict[str, Any]:
        if if_match:
            request.headers["If-Match"] = if_match
        with explained():
            answer = request.execute(http=self._http, num_retries=0)
        if request.method == "DELETE":
            # Google has nothing to say to it: any page is somebody else's.
            if answer:
                raise not_understood()
            return {}
        if not isinstance(answer, dict):
            raise not_understood()
        return answer

    def _body(self, entry: Entry) -> dict[str, Any]:
        """All that is ours of an event; reminders, color and guests are whatever the calendar's owner makes of them."""
        return {
            "summary": entry.title,
            "location": entry.location,
            "description": entry.description,
            "source": {"title": brand().name, "url": entry.url},
            "start": {"dateTime": _rfc3339(entry.starts_at)},
            "end": {"dateTime": _rfc3339(entry.ends_at)},
            "status": "tentative" if entry.is_tentative else "confirmed",
            "visibility": "private",
            "transparency": "opaque",
            "recurrence": [],
            "extendedProperties": {
                "private": {APPOINTMENT: str(entry.appointment), CALENDAR: str(self._reference)}
            },
        }


@lru_cache(maxsize=4)
def _events(base: str) -> Any:
    """Google's client, which builds requests and sends none by itself: the same for all threads."""
    client = build(
        "calendar",
        "v3",
        http=httplib2.Http(),
        static_discovery=True,
        cache_discovery=False,
        client_options={"api_endpoint": f"{base}/calendar/v3/"},
    )
    return client.events()


def event_id_of(appointment: UUID) -> str:
    """The alphabet of Google's ids is that of base32hex, in lower case."""
    return base64.b32hexencode(appointment.bytes).decode().rstrip("=").lower()


# ---------------------------------------------------------------------------------------- what is there


def _event(answer: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(answer.get("id"), str) or not isinstance(answer.get("etag"), str):
        raise not_understood()
    return answer


def _written(answer: dict[str, Any], *, was_there: bool) -> Written:
    event = _event(answer)
    return Written(event["id"], event["etag"], was_there)


def _items(page: dict[str, Any]) -> Iterator[dict[str, Any]]:
    items = page.get("items", []) if page.get("kind") == "calendar#events" else None
    if not isinstance(items, list) or not all(isinstance(each, dict) for each in items):
        raise not_understood()
    return map(_event, items)


def _appointment(event: dict[str, Any]) -> UUID | None:
    """The appointment whose mark it carries."""
    try:
        return UUID(event["extendedProperties"]["private"][APPOINTMENT])
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def _found(event: dict[str, Any], known: Mapping[str, str]) -> Iterator[Found]:
    """Nothing if it is deleted or lacks our mark."""
    appointment = _appointment(event)
    if appointment is None or event.get("status") == "cancelled":
        return
    is_known = known.get(event["id"]) == event["etag"]
    digest = None if is_known else _digest(event, appointment)
    yield Found(event["id"], event["etag"], appointment, digest)


def _digest(event: dict[str, Any], appointment: UUID) -> bytes:
    is_usual = event.get("visibility") == "private" and event.get("transparency", "opaque") == "opaque"
    if not is_usual or event.get("recurrence") or event.get("recurringEventId"):
        return b""
    try:
        starts_at, ends_at = _instant(event["start"]), _instant(event["end"])
    except (KeyError, TypeError, ValueError):
        return b""
    description = str(event.get("description", ""))
    return Entry(
        appointment=appointment,
        title=str(event.get("summary", "")),
        location=str(event.get("location", "")),
        description=description,
        url=_url(event, description),
        starts_at=starts_at,
        ends_at=ends_at,
        is_tentative=event.get("status") == "tentative",
        sequence=0,
    ).digest


def _url(event: dict[str, Any], description: str) -> str:
    """Only who made an event sees its source. The address is also the last line of what it says."""
    if "source" in event:
        return str((event["source"] or {}).get("url", ""))
    return description.rpartition("\n")[2]


def _instant(when: dict[str, str]) -> datetime:
    """Raises KeyError for a day without a time."""
    return datetime.fromisoformat(when["dateTime"]).astimezone(UTC)


def _rfc3339(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
