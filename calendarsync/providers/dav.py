"""What a CalDAV server is asked, by the caldav library over a guarded connection; and what its answers and failures stand for."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from caldav.davclient import DAVClient
from caldav.elements import base, cdav, dav
from caldav.lib import error
from lxml import etree

from calendarsync.providers import guard
from calendarsync.providers.addresses import AddressRefused, joined
from calendarsync.providers.base import CalendarError, Fault, Pace, unpaced
from calendarsync.providers.login import Login

AGENT = "SecureCare Appointments"
LONGEST_WAIT = timedelta(hours=1)
DONE = (200, 201, 204)
GONE = (404, 410)
MULTISTATUS = 207
INSUFFICIENT_STORAGE = 507
# It waited too long for us, somebody has locked it, or it is too early.
MOMENTARY = (408, 423, 425)
UNREADABLE = "unreadable"
TOO_MANY_MATCHES = "{DAV:}number-of-matches-within-limits"
# What a segment of a path may hold as it is (RFC 3986). Servers differ in what they spell out.
PLAIN = "!$&'()*+,;=:@~"

REFUSED = "The server does not accept the user name or the password. Enter an app password, if it has those."
FORBIDDEN = "The server does not allow it: that user may not read the calendar, or not write to it."
NO_ROOM = "The server has no more room for this calendar."
TOO_OFTEN = "The server asks for fewer requests."
AWAY = "The server cannot be reached: {why}."
LOST = "The server did not answer as it should: {why}."
IN_TROUBLE = "The server is in trouble: it answered {status}."
VANISHED = "There is no calendar at this address any more. Connect the calendar again."
NO_CALENDAR = "The server answered {status} where a calendar should be."
NOT_CALDAV = "it sent something that is not CalDAV"
ENTRY_REFUSED = "The server refuses this entry: it answered {status}{why}."


class TooMany(Exception):
    """More matches than the server lists at once."""


@dataclass(frozen=True)
class Reply:
    """One answer. `unmet`: what the server says was wrong with the request, by the names of CalDAV."""

    status: int
    headers: Mapping[str, str]
    content: str = ""
    tree: Any = None
    unmet: tuple[str, ...] = ()

    @property
    def etag(self) -> str:
        return _spelled(self.headers.get("ETag", ""))

    def refused(self) -> CalendarError:
        """Of one entry, which repeating will not mend."""
        names = ", ".join(name.rpartition("}")[2] for name in self.unmet)
        why = f" ({names})" if names else ""
        text = ENTRY_REFUSED.format(status=self.status, why=why)
        return CalendarError(text, fault=Fault.ENTRY, code=str(self.status))


@dataclass(frozen=True)
class Resource:
    """One place at the server, by its path as this server spells it, and what was asked of it."""

    path: str
    status: int = 200
    properties: dict[str, Any] = field(default_factory=dict)

    @property
    def etag(self) -> str:
        return _spelled(self.text(dav.GetEtag))

    @property
    def content(self) -> str:
        return self.text(cdav.CalendarData)

    def text(self, of: type[base.BaseElement]) -> str:
        found = self.properties.get(str(of.tag))
        return (found.text or "").strip() if found is not None else ""

    def tags(self, of: type[base.BaseElement]) -> set[str]:
        """The names of all that stands below."""
        found = self.properties.get(str(of.tag))
        return {str(each.tag) for each in found.iterdescendants()} if found is not None else set()

    def names(self, of: type[base.BaseElement]) -> set[str]:
        """What the elements below are called by their attribute."""
        found = self.properties.get(str(of.tag))
        return {str(each.get("name")).upper() for each in found} if found is not None else set()

    def links(self, of: type[base.BaseElement]) -> list[str]:
        found = self.properties.get(str(of.tag))
        texts = (each.text or "" for each in found.iter(dav.Href.tag)) if found is not None else ()
        return [text.strip() for text in texts if text.strip()]


class Dav:
    """A server, for one user. All calls raise CalendarError. Paths are as `same_path` spells them."""

    def __init__(self, *, home: str, username: str, password: str, pace: Pace = unpaced) -> None:
        with explained():
            self._line = _Line(home=home, login=Login(username, password), pace=pace)
        self.home = home
        self._client = DAVClient(
            url=home, headers={"User-Agent": AGENT}, enable_rfc6764=False, rate_limit_handle=False
        )
        self._client.session.close()
        self._client.session = self._line  # type: ignore[assignment]

    def address(self, path: str) -> str:
        home = urlsplit(self.home)
        return urlunsplit((home.scheme, home.netloc, path, "", ""))

    def trust(self, address: str) -> None:
        """This server names another as its own: that one is asked from now on, with the same password."""
        with explained():
            self._line.trust(address)
        self.home = address

    def close(self) -> None:
        self._line.close()

    def ask(self, method: str, path: str, body: str = "", headers: Mapping[str, str] | None = None) -> Reply:
        """The answer, unless it says that nothing can be had of this server now or at all."""
        with explained():
            try:
                answer = self._client.request(self.address(path), method, body, headers or {})
            except error.AuthorizationError as failure:
                if failure.status == 403 and failure.preconditions:
                    return Reply(403, {}, unmet=tuple(failure.preconditions))
                words = FORBIDDEN if failure.status == 403 else REFUSED
                raise CalendarError(words, fault=Fault.CALENDAR, code=str(failure.status)) from failure
            except error.RateLimitError as failure:
                raise _crowded(failure.status or 429, self._line.last_headers) from failure
        _raise_if_in_trouble(answer.status)
        return Reply(answer.status, answer.headers, answer.raw, answer.tree, _unmet(answer.tree))

    def resources(
        self, method: str, path: str, body: base.BaseElement, *, depth: int | None = 1
    ) -> list[Resource]:
        """What a PROPFIND or REPORT tells of a collection, or of what is in it. Raises TooMany."""
        content = etree.tostring(body.xmlelement(), encoding="utf-8", xml_declaration=True).decode()
        headers = {"Content-Type": "application/xml; charset=utf-8"}
        if depth is not None:
            headers["Depth"] = str(depth)
        reply = self.ask(method, path, content, headers)
        if TOO_MANY_MATCHES in reply.unmet:
            raise TooMany
        if reply.status in GONE:
            raise CalendarError(VANISHED, fault=Fault.CALENDAR, code=str(reply.status))
        if reply.status != MULTISTATUS:
            words = NO_CALENDAR.format(status=reply.status)
            raise CalendarError(words, fault=Fault.CALENDAR, code=str(reply.status))
        if reply.tree is None or reply.tree.tag != dav.MultiStatus.tag:
            raise _unreadable()
        found = [_resource(each, path) for each in reply.tree.iterfind(str(dav.Response.tag))]
        if any(each.status == INSUFFICIENT_STORAGE for each in found):
            raise TooMany
        return found


class _NotCaldav(guard.NoAnswer):
    """A page for people, or anything else."""


class _Line(guard.Session):
    """Hands the library nothing but what it can read: of anything else it would write the whole into the log."""

    def request(self, method: str, url: str, **given: Any) -> guard.Answer:
        answer = super().request(method, url, **given)
        if not answer.content or _is_calendar(answer) or _is_xml(answer.content):
            return answer
        if answer.status_code in (200, MULTISTATUS):
            raise _NotCaldav(NOT_CALDAV)
        return replace(answer, content=b"")


@contextmanager
def explained() -> Iterator[None]:
    """What goes wrong on the way, as CalendarError."""
    try:
        yield
    except AddressRefused as refusal:
        raise CalendarError(str(refusal), fault=Fault.CALENDAR) from refusal
    except guard.NotReached as failure:
        raise CalendarError(AWAY.format(why=failure), fault=Fault.AWAY) from failure
    except guard.NoAnswer as failure:
        code = UNREADABLE if isinstance(failure, _NotCaldav) else ""
        raise CalendarError(LOST.format(why=failure), fault=Fault.PASSING, code=code) from failure


def element(outer: base.BaseElement, *inner: base.BaseElement) -> base.BaseElement:
    """With these inside it."""
    return outer + list(inner)


def asking(*properties: type[base.BaseElement]) -> base.BaseElement:
    """A PROPFIND for these."""
    return element(dav.Propfind(), element(dav.Prop(), *(each() for each in properties)))


def same_path(address: str) -> str:
    """The path of an address, in one of its many spellings."""
    segments = urlsplit(address).path.split("/")
    return "/".join(quote(unquote(segment), safe=PLAIN) for segment in segments)


def _unreadable() -> CalendarError:
    return CalendarError(LOST.format(why=NOT_CALDAV), fault=Fault.PASSING, code=UNREADABLE)


def _spelled(etag: str) -> str:
    """Some servers forget the quotation marks in one place or the other."""
    plain = etag.strip()
    return plain if not plain or plain.endswith('"') else f'"{plain}"'


def is_strong(etag: str) -> bool:
    """Whether it can stand in If-Match: a weak one never matches there (RFC 9110, 13.1.1)."""
    return bool(etag) and not etag.startswith("W/")


def _resource(response: Any, asked: str) -> Resource:
    """Whatever host a server believes to have: behind a proxy it is often wrong about that."""
    properties: dict[str, Any] = {}
    for some in response.iterfind(str(dav.PropStat.tag)):
        if _code(some.findtext(str(dav.Status.tag))) == 200:
            properties |= {str(each.tag): each for prop in some.iterfind(str(dav.Prop.tag)) for each in prop}
    href = (response.findtext(str(dav.Href.tag)) or "").strip()
    try:
        place = same_path(joined(asked, href))
    except AddressRefused as refusal:
        raise _unreadable() from refusal
    return Resource(place, _code(response.findtext(str(dav.Status.tag))), properties)


def _code(status: str | None) -> int:
    """Of a line like “HTTP/1.1 404 Not Found”."""
    words = (status or "").split()
    return int(words[1]) if len(words) > 1 and words[1].isdecimal() else 200


def _unmet(tree: Any) -> tuple[str, ...]:
    if tree is None or tree.tag != "{DAV:}error":
        return ()
    return tuple(str(each.tag) for each in tree if isinstance(each.tag, str))


def _is_calendar(answer: guard.Answer) -> bool:
    kind = answer.headers.get("Content-Type", "")
    return kind.startswith("text/calendar") and answer.content.lstrip().startswith(b"BEGIN:VCALENDAR")


def _is_xml(content: bytes) -> bool:
    try:
        root = etree.XML(content, parser=etree.XMLParser(resolve_entities=False, no_network=True))
    except (etree.XMLSyntaxError, ValueError):
        return False
    return etree.QName(root).localname.lower() != "html"


def _raise_if_in_trouble(status: int) -> None:
    if status == INSUFFICIENT_STORAGE:
        raise CalendarError(NO_ROOM, fault=Fault.CALENDAR, code=str(status))
    if status >= 500 or status in MOMENTARY:
        raise CalendarError(IN_TROUBLE.format(status=status), fault=Fault.PASSING, code=str(status))


def _crowded(status: int, headers: Mapping[str, str]) -> CalendarError:
    is_crowded = status == 429
    return CalendarError(
        TOO_OFTEN if is_crowded else IN_TROUBLE.format(status=status),
        fault=Fault.CROWDED if is_crowded else Fault.PASSING,
        code=str(status),
        retry_after=wait_asked_for(headers, now=datetime.now(UTC)),
    )


def wait_asked_for(headers: Mapping[str, str], *, now: datetime) -> timedelta | None:
    """`Retry-After`, in seconds or as an instant by the server's own clock, which it tells beside it."""
    asked = headers.get("Retry-After", "").strip()
    if asked.isdecimal():
        return min(timedelta(seconds=min(int(asked), 10**6)), LONGEST_WAIT)
    until, told_at = _instant(asked), _instant(headers.get("Date", ""))
    if until is None:
        return None
    return min(max(until - (told_at or now), timedelta(0)), LONGEST_WAIT)


def _instant(text: str) -> datetime | None:
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
