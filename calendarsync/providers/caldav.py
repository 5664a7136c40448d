"""Calendars at any CalDAV server (RFC 4791).

Ours are resources named after their appointments, so that an attempt whose answer was lost is found by the next; and so that
nothing of what else stands in somebody's calendar has to be read. Where a server gives them other names, or keeps back etags,
they are looked for by their UID.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from caldav.elements import base, cdav, dav

from calendarsync.entries import Entry
from calendarsync.models import CalendarConnection
from calendarsync.providers.addresses import DEFAULT_PORTS, origin
from calendarsync.providers.base import CalendarError, Checked, Fault, Found, Known, Pace, Written, unpaced
from calendarsync.providers.caldav_discovery import DESCRIBED, choices, is_for_events, may_write
from calendarsync.providers.dav import (
    DONE,
    GONE,
    Dav,
    Reply,
    Resource,
    TooMany,
    asking,
    element,
    is_strong,
    same_path,
)
from calendarsync.providers.ical import CALENDAR_MARK, Content, NotCalendarData, written

__all__ = ["CalDav", "choices", "open_calendar"]

MOST_TRIES = 3
READ_AT_ONCE = 100
LISTED_AT_ONCE = timedelta(days=31)
# A server that cannot list the events of one hour cannot list any.
LEAST_LISTED = timedelta(hours=1)
CONDITION_FAILED = 412
# How servers say that the UID is taken: Radicale 409, Xandikos 412, Cyrus 403, Nextcloud 400.
PERHAPS_TAKEN = (400, 403, 409, CONDITION_FAILED)
# How servers say that they cannot search by a property of ours.
CANNOT_SEARCH = ("400", "403", "415", "422")

FOREIGN = "Another event stands under the name of this entry, and was not made by us. It is left as it is."
RESTLESS = "The entry was changed each time while it was being written."
NOT_FOUND_AGAIN = "The server took the entry and does not show it."
NO_EVENTS = "This is no calendar that takes events."
READ_ONLY = "That user may read this calendar, but not write to it."
TOO_MANY = "The server does not list this calendar’s events."


def open_calendar(
    connection: CalendarConnection, secrets: Mapping[str, Any], *, pace: Pace = unpaced
) -> "CalDav":
    login = {"username": secrets["username"], "password": secrets["password"]}
    return CalDav(
        Dav(home=connection.calendar, **login, pace=pace), connection.calendar, connection.reference
    )


@dataclass(frozen=True)
class _There:
    """What stands in one place."""

    path: str
    etag: str
    content: Content

    @property
    def condition(self) -> dict[str, str]:
        """Only if it is still that."""
        return {"If-Match": self.etag} if is_strong(self.etag) else {}


class CalDav:
    name = "caldav"

    def __init__(self, server: Dav, address: str, reference: UUID) -> None:
        self._server, self._reference = server, reference
        self._address = address
        self._path = same_path(address).rstrip("/") + "/"

    def close(self) -> None:
        self._server.close()

    def check(self) -> Checked:
        found = self._server.resources("PROPFIND", self._path, asking(*DESCRIBED), depth=0)
        if not found or not is_for_events(found[0]):
            raise CalendarError(NO_EVENTS, fault=Fault.CALENDAR)
        if not may_write(found[0]):
            raise CalendarError(READ_ONLY, fault=Fault.CALENDAR)
        return Checked(name=found[0].text(dav.DisplayName), key=key_of(self._address))

    def put(self, entry: Entry, known: Known | None) -> Written:
        there = (self._at(known.external_id) or self._by_uid(entry.appointment)) if known else None
        for _ in range(MOST_TRIES):
            done = self._replace(entry, there) if there else self._create(entry)
            if done is not None:
                return done
            there = self._find(entry.appointment)
        raise CalendarError(RESTLESS, fault=Fault.PASSING)

    def remove(self, appointment: UUID, known: Known | None) -> bool:
        if known and is_strong(known.etag):
            reply = self._server.ask("DELETE", known.external_id, headers={"If-Match": known.etag})
            if reply.status in DONE:
                return True
        for _ in range(MOST_TRIES):
            there = (self._at(known.external_id) if known else None) or self._find(appointment)
            if there is None or there.content.appointment != appointment:
                return False
            if there.content.calendar not in (None, self._reference):
                return False  # written by whoever else has connected this calendar, under another address
            if self._delete(there):
                return True
        raise CalendarError(RESTLESS, fault=Fault.PASSING)

    def listed(self, start: datetime, end: datetime, known: Mapping[str, str]) -> Iterator[Found]:
        seen: set[str] = set()
        for first, last in _portions(start, end):
            etags = self._etags(first, last, known)
            news = {path: etag for path, etag in etags.items() if path not in seen}
            seen |= news.keys()
            yield from self._read(news, known)

    def fetch(self, external_ids: Iterable[str]) -> Iterator[Found]:
        for found, _ in self._several(list(external_ids)):
            yield found

    def remove_stray(self, found: Found) -> bool:
        there = self._at(found.external_id)
        if there is None or there.content.appointment != found.appointment:
            return False
        return there.etag in (found.etag, "") and self._delete(there)

    def _place(self, appointment: UUID) -> str:
        return f"{self._path}{appointment}.ics"

    def _create(self, entry: Entry) -> Written | None:
        """None if something stands there already."""
        path = self._place(entry.appointment)
        reply = self._store(path, entry, [], {"If-None-Match": "*"})
        if reply.status in DONE:
            return self._stored(path, entry, reply, was_there=False)
        if reply.status not in PERHAPS_TAKEN:
            raise reply.refused()
        if reply.status != CONDITION_FAILED and self._find(entry.appointment) is None:
            raise reply.refused()
        return None

    def _replace(self, entry: Entry, there: _There) -> Written | None:
        """None if it changed or went meanwhile."""
        if there.content.appointment != entry.appointment:
            raise CalendarError(FOREIGN, fault=Fault.ENTRY)
        if there.content.digest == entry.digest and there.content.calendar == self._reference:
            return self._written(there.path, there.etag, entry, was_there=True)
        reply = self._store(there.path, entry, there.content.alarms, there.condition)
        if reply.status in DONE:
            return self._stored(there.path, entry, reply, was_there=True)
        if reply.status in (*GONE, CONDITION_FAILED):
            return None
        raise reply.refused()

    def _store(self, path: str, entry: Entry, alarms: Iterable[Any], headers: dict[str, str]) -> Reply:
        content = written(entry, calendar=self._reference, now=_now(), alarms=alarms)
        kind = {"Content-Type": "text/calendar; charset=utf-8"}
        return self._server.ask("PUT", path, content, {**kind, **headers})

    def _stored(self, path: str, entry: Entry, reply: Reply, *, was_there: bool) -> Written:
        """A server that keeps what it was given, as it was given and where, says so by a strong etag (RFC 4791, 5.3.4)."""
        if is_strong(reply.etag) and "Location" not in reply.headers:
            return self._written(path, reply.etag, entry, was_there=was_there)
        there = self._at(path) or self._by_uid(entry.appointment)
        if there is None:
            raise CalendarError(NOT_FOUND_AGAIN, fault=Fault.PASSING)
        is_as_given = there.content.period == (entry.starts_at, entry.ends_at)
        return self._written(there.path, there.etag if is_as_given else "", entry, was_there=was_there)

    def _written(self, path: str, etag: str, entry: Entry, *, was_there: bool) -> Written:
        """Under the name of another appointment it is read each time, not known by its name and etag."""
        is_misleading = path != self._place(entry.appointment) and _named(path) is not None
        return Written(path, "" if is_misleading else etag, was_there)

    def _delete(self, there: _There) -> bool:
        """False if it changed or went meanwhile."""
        reply = self._server.ask("DELETE", there.path, headers=there.condition)
        if reply.status in DONE:
            return True
        if reply.status in (*GONE, CONDITION_FAILED):
            return False
        raise reply.refused()

    def _find(self, appointment: UUID) -> _There | None:
        return self._at(self._place(appointment)) or self._by_uid(appointment)

    def _at(self, path: str) -> _There | None:
        reply = self._server.ask("GET", path, headers={"Accept": "text/calendar"})
        if reply.status in GONE:
            return None
        if reply.status != 200:
            raise reply.refused()
        return _There(path, reply.etag or self._etag(path), _content(reply.content))

    def _etag(self, path: str) -> str:
        """Of a server that does not send it along."""
        found = self._server.resources(
            "PROPFIND", path, dav.Propfind() + (dav.Prop() + dav.GetEtag()), depth=0
        )
        return found[0].etag if found else ""

    def _by_uid(self, appointment: UUID) -> _There | None:
        """Wherever it stands in this calendar. The search is for a part of the UID (RFC 4791, 9.7.5)."""
        is_it = element(cdav.PropFilter("UID"), cdav.TextMatch(str(appointment)))
        for each in self._query([is_it], cdav.CalendarData()):
            there = _There(each.path, each.etag, _content(each.content))
            if there.content.uid == str(appointment):
                return there
        return None

    def _query(self, filters: list[base.BaseElement], *wanted: base.BaseElement) -> list[Resource]:
        events = element(cdav.CompFilter("VCALENDAR"), element(cdav.CompFilter("VEVENT"), *filters))
        query = element(
            cdav.CalendarQuery(),
            element(dav.Prop(), dav.GetEtag(), *wanted),
            element(cdav.Filter(), events),
        )
        found = self._server.resources("REPORT", self._path, query)
        return [each for each in found if each.path != self._path]

    def _etags(self, start: datetime, end: datetime, known: Mapping[str, str]) -> dict[str, str]:
        """Of what may be ours: what we know, what is named like ours, and what the server says carries our mark."""
        when = cdav.TimeRange(start, end)
        try:
            found = self._query([when])
            others = any(not _may_be_ours(each, known) for each in found)
            marked = {each.path for each in self._marked(when)} if others else set()
        except TooMany:
            if end - start <= LEAST_LISTED:
                raise CalendarError(TOO_MANY, fault=Fault.CALENDAR) from None
            middle = start + (end - start) / 2
            return self._etags(start, middle, known) | self._etags(middle, end, known)
        return {each.path: each.etag for each in found if _may_be_ours(each, known) or each.path in marked}

    def _marked(self, when: cdav.TimeRange) -> list[Resource]:
        is_ours = element(cdav.PropFilter(CALENDAR_MARK), cdav.TextMatch(str(self._reference)))
        try:
            return self._query([when, is_ours])
        except CalendarError as error:
            if error.code in CANNOT_SEARCH:
                return []
            raise

    def _read(self, etags: Mapping[str, str], known: Mapping[str, str]) -> Iterator[Found]:
        """Those with the mark of this calendar; unread where the etag is the known one and the name tells whose it is."""
        unread = []
        for path, etag in etags.items():
            appointment = _named(path)
            if etag and appointment and known.get(path) == etag:
                yield Found(path, etag, appointment, None)
            else:
                unread.append(path)
        for found, content in self._several(unread):
            if content.calendar == self._reference:
                yield found

    def _several(self, paths: list[str]) -> Iterator[tuple[Found, Content]]:
        """Those of them that carry a mark, a portion at a time."""
        for first in range(0, len(paths), READ_AT_ONCE):
            places = [dav.Href(value=path) for path in paths[first : first + READ_AT_ONCE]]
            wanted = element(dav.Prop(), dav.GetEtag(), cdav.CalendarData())
            query = element(cdav.CalendarMultiGet(), wanted, *places)
            for each in self._server.resources("REPORT", self._path, query, depth=None):
                content = _content(each.content)
                if (appointment := content.appointment) is not None:
                    yield Found(each.path, each.etag, appointment, content.digest), content


def key_of(address: str) -> str:
    """The same of the same calendar, however its address is spelled."""
    scheme, host, port = origin(address)
    server = host if port == DEFAULT_PORTS[scheme] else f"{host}:{port}"
    return f"{server}{same_path(address)}".rstrip("/")


def _may_be_ours(resource: Resource, known: Mapping[str, str]) -> bool:
    return resource.path in known or _named(resource.path) is not None


def _named(path: str) -> UUID | None:
    """The appointment that a resource is named after, if it is named as ours are."""
    name, _, kind = path.rpartition("/")[2].rpartition(".")
    try:
        found = UUID(name)
    except ValueError:
        return None
    return found if kind == "ics" and str(found) == name else None


def _content(text: str) -> Content:
    """What cannot be read is not ours."""
    try:
        return Content.read(text)
    except NotCalendarData:
        return Content([])


def _portions(start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    while start < end:
        last = min(start + LISTED_AT_ONCE, end)
        yield start, last
        start = last


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
