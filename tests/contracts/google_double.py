"""Google Calendar over real HTTP, as strict as its discovery document and its guides.

https://developers.google.com/workspace/calendar/api/guides: errors, extended properties, version resources, pagination. The
document is in `specs/`. Not in any document, and so assumptions: that a deleted id still answers 409 on insert and comes
back by `update`, and that what is deleted answers 410 when it is deleted again.
"""

import base64
import json
import re
import threading
import time
from collections import defaultdict, deque
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from itertools import count, islice
from typing import Any
from zoneinfo import ZoneInfo

from tests.contracts.discovery import Call, Discovery, NotAllowed
from tests.contracts.doubles import Answer, Asked, Double
from tests.contracts.google_accounts import CONSENT, REVOKE, TOKEN, Accounts

DOCUMENT = "google_calendar.v3.discovery.json"
ID = re.compile(r"[a-v0-9]{5,1024}")
LARGEST_PAGE, USUAL_PAGE = 2500, 250
LONGEST_NAME, LONGEST_VALUE = 44, 1024
WRITERS = ("owner", "writer", "writerWithoutPrivateAccess")
NOT_SIMULATED = {"orderBy", "q", "syncToken", "updatedMin", "iCalUID", "sharedExtendedProperty"}


class Refused(Exception):
    """In Google's words: https://developers.google.com/workspace/calendar/api/guides/errors."""

    def __init__(self, status: int, reason: str, words: str, *, domain: str = "global", **more: str) -> None:
        self.answer = refusal(status, reason, words, domain=domain, **more)


def refusal(status: int, reason: str, words: str, *, domain: str = "global", **more: str) -> Answer:
    detail = {"domain": domain, "reason": reason, "message": words, **more}
    return Answer(status, {"error": {"errors": [detail], "code": status, "message": words}})


def not_found() -> Refused:
    return Refused(404, "notFound", "Not Found")


@dataclass
class Kept:
    """A calendar. `roles` says who may do what with it; events that were deleted stay, cancelled."""

    id: str
    summary: str
    zone: str = "America/New_York"
    roles: dict[str, str] = field(default_factory=dict)
    events: dict[str, dict[str, Any]] = field(default_factory=dict)

    def standing(self) -> list[dict[str, Any]]:
        return [deepcopy(event) for event in list(self.events.values()) if event["status"] != "cancelled"]


class GoogleDouble(Double):
    """`accounts` gives and takes permissions; `calendar(id)` is what stands in one. `calls`: what was asked, unless it is light."""

    def __init__(self, **given: Any) -> None:
        self.accounts = Accounts()
        self.calls: list[Call] = []
        self._calendars: dict[str, Kept] = {}
        self._times: dict[str, deque[float]] = defaultdict(deque)
        self._state = threading.RLock()
        self._etags = count(3_181_161_784_712_000, 2000)
        self.discovery = Discovery(DOCUMENT, resource="events")
        super().__init__(**given)

    @property
    def settings(self) -> dict[str, str]:
        """The site's settings that lead here."""
        return {
            "GOOGLE_CLIENT_ID": self.accounts.client_id,
            "GOOGLE_CLIENT_SECRET": self.accounts.client_secret,
            "GOOGLE_API_BASE": self.base,
            "GOOGLE_AUTH_URL": self.base + CONSENT,
            "GOOGLE_TOKEN_URL": self.base + TOKEN,
            "GOOGLE_REVOKE_URL": self.base + REVOKE,
        }

    def reset(self) -> None:
        super().reset()
        self.accounts.reset()
        with self._state:
            self.calls, self._calendars, self._times = [], {}, defaultdict(deque)

    # ---------------------------------------------------------------------------------------- calendars

    def account(self, email: str, summary: str = "") -> str:
        """Somebody with a calendar of their own, named like them if it is not named otherwise. Returns a refresh token."""
        with self._state:
            self._calendars.setdefault(email, Kept(email, summary or email, roles={email: "owner"}))
        return self.accounts.permission(email)

    def add_calendar(self, calendar_id: str, summary: str, **roles: str) -> Kept:
        """One more. `roles`: who may do what; the names are those of people, up to the @ of their e-mail."""
        people = {email.partition("@")[0]: email for email in self._calendars}
        with self._state:
            found = {people[name]: role for name, role in roles.items()}
            self._calendars[calendar_id] = Kept(calendar_id, summary, roles=found)
        return self._calendars[calendar_id]

    def calendar(self, calendar_id: str) -> Kept:
        return self._calendars[calendar_id]

    def remove_calendar(self, calendar_id: str) -> None:
        with self._state:
            del self._calendars[calendar_id]

    def edit(self, calendar_id: str, event_id: str, **changes: Any) -> dict[str, Any]:
        """What the owner does to an event in their own calendar."""
        with self._state:
            kept = self._calendars[calendar_id]
            return self._put(kept, {**kept.events[event_id], **changes})

    def delete(self, calendar_id: str, event_id: str) -> None:
        self.edit(calendar_id, event_id, status="cancelled")

    def add(self, calendar_id: str, event_id: str, **fields: Any) -> dict[str, Any]:
        """An event of the owner's own."""
        given = {
            "summary": "Dentist",
            "start": {"dateTime": "2026-11-24T10:00:00-05:00"},
            "end": {"dateTime": "2026-11-24T11:00:00-05:00"},
        }
        with self._state:
            kept = self._calendars[calendar_id]
            return self._put(kept, _new(kept, event_id, {**given, **fields}, kept.id))

    def purge(self, calendar_id: str, event_id: str) -> None:
        """After some weeks what was deleted is forgotten."""
        with self._state:
            del self._calendars[calendar_id].events[event_id]

    def peaks(self) -> dict[str, int]:
        """Of each calendar, the most requests that came within one second."""
        with self._state:
            return {calendar: _peak(times) for calendar, times in self._times.items()}

    def asked_of(self, calendar_id: str) -> int:
        """How many requests were about this calendar."""
        with self._state:
            return len(self._times[calendar_id])

    # ----------------------------------------------------------------------------------------- requests

    def respond(self, asked: Asked) -> Answer:
        try:
            return self.accounts.respond(asked) or self._api(asked)
        except Refused as refused:
            return refused.answer
        except NotAllowed as refused:
            return refusal(400, "invalid", str(refused))

    def _api(self, asked: Asked) -> Answer:
        call = self.discovery.call(asked, is_checked=not self.is_light)
        if call is None:
            raise not_found()
        if not self.is_light:
            self.calls.append(call)
        access = self.accounts.access(asked)
        if access is None:
            where = {"locationType": "header", "location": "Authorization"}
            raise Refused(401, "authError", "Invalid Credentials", **where)
        if not access.scopes & set(self.discovery.methods[call.name]["scopes"]):
            raise Refused(403, "insufficientPermissions", "Request had insufficient authentication scopes.")
        calendar_id = access.email if call.path["calendarId"] == "primary" else call.path["calendarId"]
        with self._state:
            self._times[calendar_id].append(time.monotonic())
            kept = self._calendars.get(calendar_id)
            if kept is None or access.email not in kept.roles:
                raise not_found()
            return self._answer(call, kept, access.email, asked.headers.get("If-Match"))

    def _answer(self, call: Call, kept: Kept, email: str, if_match: str | None) -> Answer:
        role = kept.roles[email]
        if call.name not in ("get", "list") and role not in WRITERS:
            raise Refused(
                403,
                "requiredAccessLevel",
                "You need to have writer access to this calendar.",
                domain="calendar",
            )
        if call.name == "list":
            return self._shown("Events", self._list(call, kept, role), call)
        if call.name == "insert":
            return self._shown("Event", self._insert(call, kept, email), call)
        event = kept.events.get(call.path["eventId"])
        if event is None:
            raise not_found()
        if call.name == "get":
            return self._shown("Event", event, call)
        return self._change(call, kept, event, if_match)

    def _change(self, call: Call, kept: Kept, event: dict[str, Any], if_match: str | None) -> Answer:
        if call.name == "delete" and event["status"] == "cancelled":
            raise Refused(410, "deleted", "Resource has been deleted")
        if if_match not in (None, "*", event["etag"]):
            where = {"locationType": "header", "location": "If-Match"}
            raise Refused(412, "conditionNotMet", "Precondition Failed", **where)
        if call.name == "delete":
            self._put(kept, {**event, "status": "cancelled"})
            self._note(call, kept, event["id"])
            return Answer(204)
        body = call.body or {}
        if body.get("id", event["id"]) != event["id"]:
            raise NotAllowed("Invalid resource id value.")
        if body.get("sequence", event["sequence"]) < event["sequence"]:
            raise NotAllowed(
                "Invalid sequence value. The specified sequence number is below the current one."
            )
        given = merged(event, body) if call.name == "patch" else {**_lasting(event), **body}
        changed = self._put(kept, given)
        self._note(call, kept, event["id"])
        return self._shown("Event", changed, call)

    def _insert(self, call: Call, kept: Kept, email: str) -> dict[str, Any]:
        body = call.body or {}
        if "id" in body and "iCalUID" in body:
            raise NotAllowed("id and iCalUID may not both be given.")
        event_id = body.get("id") or f"{next(self._etags):x}"
        if not ID.fullmatch(event_id):
            raise NotAllowed("Invalid resource id value.")
        if event_id in kept.events:
            raise Refused(409, "duplicate", "The requested identifier already exists.")
        event = self._put(kept, _new(kept, event_id, body, email))
        self._note(call, kept, event_id)
        return event

    def _list(self, call: Call, kept: Kept, role: str) -> dict[str, Any]:
        if unknown := NOT_SIMULATED & set(call.query):
            raise NotAllowed(f"The double does not know {sorted(unknown)}")
        if len(call.query.get("privateExtendedProperty", [])) > 1:
            raise NotAllowed("The documents differ on what several of them mean.")
        rest = {name: str(value) for name, value in call.query.items() if name != "pageToken"}
        first = _position(call.query.get("pageToken"), rest)
        size = min(call.query.get("maxResults", USUAL_PAGE), LARGEST_PAGE)
        found = list(islice(kept.events.values(), first, first + size))
        page: dict[str, Any] = {
            "kind": "calendar#events",
            "etag": f'"p{next(self._etags)}"',
            "summary": kept.summary,
            "timeZone": kept.zone,
            "updated": _now(),
            "accessRole": role,
            "defaultReminders": [{"method": "popup", "minutes": 30}],
            # As with the real one, a page may be short or empty though others follow.
            "items": [event for event in found if _matches(event, call.query)],
        }
        if first + size < len(kept.events):
            page["nextPageToken"] = _token(first + size, rest)
        else:
            page["nextSyncToken"] = f"s{next(self._etags)}"
        return page

    def _shown(self, schema: str, answer: dict[str, Any], call: Call) -> Answer:
        if not self.is_light:
            try:
                self.discovery.check_answer(schema, answer)
            except NotAllowed as error:
                raise AssertionError(
                    f"The double answers what the document does not know: {error}"
                ) from error
        if fields := call.query.get("fields"):
            answer = selected(answer, fields)
        return Answer(200, deepcopy(answer))

    def _put(self, kept: Kept, event: dict[str, Any]) -> dict[str, Any]:
        """Keeps it as it is answered: times in the calendar's zone, without what is empty or goes without saying."""
        if not self.is_light:
            _check(event)
        before = kept.events.get(event["id"], {})
        moved = any(before.get(name) != event[name] for name in ("start", "end"))
        event = {
            **_without_defaults(event),
            "etag": f'"{next(self._etags)}"',
            "updated": _now(),
            "start": _in_zone(event["start"], kept.zone),
            "end": _in_zone(event["end"], kept.zone),
            "sequence": event["sequence"] + (1 if before and moved else 0),
        }
        kept.events[event["id"]] = event
        return event

    def _note(self, call: Call, kept: Kept, event_id: str) -> None:
        self.accept({"method": call.name, "calendar": kept.id, "id": event_id, "body": call.body})

    @cached_property
    def _controls(self) -> dict[tuple[str, str], Any]:
        return {
            ("POST", "/_double/accounts"): lambda asked: self._open(json.loads(asked.body)),
            ("GET", "/_double/calendars"): lambda asked: self._told(),
        }

    def _control(self, asked: Asked) -> Answer:
        own = self._controls.get((asked.method, asked.path))
        return own(asked) if own else super()._control(asked)

    def _open(self, given: dict[str, Any]) -> Answer:
        """Of each e-mail, its refresh token."""
        return Answer(200, {"permissions": {email: self.account(email) for email in given["emails"]}})

    def _told(self) -> Answer:
        with self._state:
            standing = {each.id: each.standing() for each in self._calendars.values()}
        return Answer(200, {"calendars": standing, "peaks": self.peaks()})


# --------------------------------------------------------------------------------------------- events


def _new(kept: Kept, event_id: str, body: dict[str, Any], email: str) -> dict[str, Any]:
    return {
        "kind": "calendar#event",
        "status": "confirmed",
        "htmlLink": f"https://www.google.com/calendar/event?eid={event_id}",
        "created": _now(),
        "creator": {"email": email, "self": email == kept.id},
        "organizer": {"email": kept.id, "self": True, "displayName": kept.summary},
        "iCalUID": f"{event_id}@google.com",
        "sequence": 0,
        "reminders": {"useDefault": True},
        "eventType": "default",
        **body,
        "id": event_id,
    }


def _lasting(event: dict[str, Any]) -> dict[str, Any]:
    """What an update leaves as it is; all else is replaced."""
    names = ("kind", "id", "htmlLink", "created", "creator", "organizer", "iCalUID", "sequence", "eventType")
    return {**{name: event[name] for name in names}, "status": "confirmed", "reminders": {"useDefault": True}}


def merged(old: Any, new: Any) -> Any:
    """A patch: objects are merged, null takes away, all else replaces."""
    if not isinstance(old, dict) or not isinstance(new, dict):
        return new
    both = {**old, **{name: merged(old.get(name), value) for name, value in new.items()}}
    return {name: value for name, value in both.items() if value is not None}


def _without_defaults(event: dict[str, Any]) -> dict[str, Any]:
    usual = {"visibility": "default", "transparency": "opaque"}
    return {
        name: value
        for name, value in event.items()
        if value not in ("", [], None) and usual.get(name) != value
    }


def _check(event: dict[str, Any]) -> None:
    starts, ends = _time(event["start"], "start"), _time(event["end"], "end")
    if ("date" in event["start"]) != ("date" in event["end"]):
        raise NotAllowed("Start and end times must either both be date or both be dateTime.")
    if ends < starts:
        raise Refused(400, "timeRangeEmpty", "The specified time range is empty.", domain="calendar")
    for name, allowed in {
        "status": ("confirmed", "tentative", "cancelled"),
        "visibility": ("default", "public", "private", "confidential"),
        "transparency": ("opaque", "transparent"),
    }.items():
        if event.get(name, allowed[0]) not in allowed:
            raise NotAllowed(f"Invalid {name} value.")
    if not re.match(r"https?://", event.get("source", {}).get("url", "https://")):
        raise NotAllowed("Invalid source url.")
    for name, value in event.get("extendedProperties", {}).get("private", {}).items():
        if len(name) > LONGEST_NAME or len(value) > LONGEST_VALUE:
            raise NotAllowed(f"The extended property {name} is too long.")


def _time(given: dict[str, Any], name: str) -> datetime:
    if ("date" in given) == ("dateTime" in given):
        raise NotAllowed(f"Invalid {name} time.")
    if "date" in given:
        return datetime.fromisoformat(given["date"]).replace(tzinfo=UTC)
    found = datetime.fromisoformat(given["dateTime"])
    if found.tzinfo is None and "timeZone" not in given:
        raise NotAllowed(f"Missing time zone definition for {name} time.")
    return found if found.tzinfo else found.replace(tzinfo=ZoneInfo(given["timeZone"]))


def _in_zone(given: dict[str, Any], zone: str) -> dict[str, Any]:
    if "date" in given:
        return given
    shown = _time(given, "").astimezone(ZoneInfo(zone)).isoformat(timespec="seconds")
    return {"dateTime": shown, "timeZone": given.get("timeZone", zone)}


def _matches(event: dict[str, Any], query: dict[str, Any]) -> bool:
    if event["status"] == "cancelled" and not query.get("showDeleted"):
        return False
    since, until = query.get("timeMin"), query.get("timeMax")
    if since and _time(event["end"], "") <= since:
        return False
    if until and _time(event["start"], "") >= until:
        return False
    return _has_property(event, query.get("privateExtendedProperty", []))


def _has_property(event: dict[str, Any], wanted: list[str]) -> bool:
    marks = event.get("extendedProperties", {}).get("private", {})
    return not wanted or wanted[0] in {f"{name}={value}" for name, value in marks.items()}


def _token(position: int, query: dict[str, str]) -> str:
    return base64.urlsafe_b64encode(json.dumps([position, query]).encode()).decode()


def _position(token: str | None, query: dict[str, str]) -> int:
    """Raises NotAllowed for the token of another question."""
    if token is None:
        return 0
    try:
        position, asked = json.loads(base64.urlsafe_b64decode(token))
    except ValueError as error:
        raise NotAllowed("Invalid page token value.") from error
    if asked != query:
        raise NotAllowed("Invalid page token value.")
    return int(position)


def selected(value: Any, fields: str) -> Any:
    """Of an answer, what `fields` asks for: `a,b(c,d)`."""
    if isinstance(value, list):
        return [selected(each, fields) for each in value]
    return {
        name: selected(value[name], inner) if inner else value[name]
        for name, inner in _fields(fields)
        if name in value
    }


def _fields(fields: str) -> Iterator[tuple[str, str]]:
    depth, start, parts = 0, 0, []
    for at, sign in enumerate(fields):
        depth += {"(": 1, ")": -1}.get(sign, 0)
        if sign == "," and not depth:
            parts.append(fields[start:at])
            start = at + 1
    for part in [*parts, fields[start:]]:
        name, _, inner = part.partition("(")
        yield name, inner.removesuffix(")")


def _peak(times: deque[float]) -> int:
    most, window = 0, deque[float]()
    for at in sorted(times):
        window.append(at)
        while window[0] <= at - 1:
            window.popleft()
        most = max(most, len(window))
    return most


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
