"""Finding a user's calendars at a CalDAV server (RFC 6764, 4791, 5397, 3744), from whatever address of it they know."""

from collections.abc import Iterator
from urllib.parse import unquote, urlsplit

from caldav.elements import cdav, dav

from calendarsync.providers.addresses import joined
from calendarsync.providers.base import CalendarError, Choice, Fault, Pace, unpaced
from calendarsync.providers.dav import GONE, UNREADABLE, Dav, Resource, asking, explained, same_path

CALENDAR = str(cdav.Calendar.tag)
WRITING = {"{DAV:}write", "{DAV:}all", "{DAV:}bind", "{DAV:}write-content"}
WELL_KNOWN = "/.well-known/caldav"
# What a server says of a place where there is something else, or nothing. A web site may stand at the same address.
NOT_HERE = {UNREADABLE, "400", "403", "405", "406", "415", "500", "501", *map(str, GONE)}
# The properties that tell of a calendar.
DESCRIBED = (
    dav.ResourceType,
    dav.DisplayName,
    dav.CurrentUserPrivilegeSet,
    cdav.SupportedCalendarComponentSet,
)
NOTHING = "No CalDAV server answers at this address."


def choices(*, server: str, username: str, password: str, pace: Pace = unpaced) -> list[Choice]:
    """The calendars for events. Raises CalendarError."""
    given = server.strip()
    address = given if "://" in given else f"https://{given}"
    client = Dav(home=address, username=username, password=password, pace=pace)
    try:
        found = {choice.address: choice for choice in _found(client, same_path(address) or "/")}
    finally:
        client.close()
    return list(found.values())


def is_for_events(resource: Resource) -> bool:
    kinds = resource.names(cdav.SupportedCalendarComponentSet)
    return CALENDAR in resource.tags(dav.ResourceType) and (not kinds or "VEVENT" in kinds)


def may_write(resource: Resource) -> bool:
    """Unless the server says otherwise: not every one tells."""
    privileges = resource.tags(dav.CurrentUserPrivilegeSet)
    return not privileges or not privileges.isdisjoint(WRITING)


def _found(client: Dav, path: str) -> Iterator[Choice]:
    entrance = _entrance(client, path)
    if is_for_events(entrance):
        yield _choice(client, entrance)
    for home in _homes(client, entrance):
        inside = client.resources("PROPFIND", moved_to(client, home), asking(*DESCRIBED))
        yield from (_choice(client, each) for each in inside if is_for_events(each))


def _entrance(client: Dav, path: str) -> Resource:
    """The first place that knows who we are."""
    wanted = asking(*DESCRIBED, dav.CurrentUserPrincipal, cdav.CalendarHomeSet)
    for place in dict.fromkeys([path, WELL_KNOWN, "/"]):
        try:
            found = client.resources("PROPFIND", place, wanted, depth=0)
        except CalendarError as error:
            if error.code in NOT_HERE:
                continue
            raise
        if found and (found[0].links(dav.CurrentUserPrincipal) or is_for_events(found[0])):
            return found[0]
    raise CalendarError(NOTHING, fault=Fault.CALENDAR)


def _homes(client: Dav, entrance: Resource) -> list[str]:
    if homes := entrance.links(cdav.CalendarHomeSet):
        return homes
    principals = entrance.links(dav.CurrentUserPrincipal)
    if not principals:
        return []
    wanted = asking(cdav.CalendarHomeSet)
    found = client.resources("PROPFIND", moved_to(client, principals[0]), wanted, depth=0)
    return found[0].links(cdav.CalendarHomeSet) if found else []


def moved_to(client: Dav, link: str) -> str:
    """Its path. Large providers keep calendars on other hosts than the one that people know: where a server that has the
    password says so over TLS, the password is for that host, too. By plain HTTP anybody could have said it."""
    with explained():
        target = urlsplit(joined(client.home, link))
    is_elsewhere = target.hostname != urlsplit(client.home).hostname
    if is_elsewhere and target.scheme == "https" and client.home.startswith("https://"):
        client.trust(target.geturl())
    return same_path(target.geturl())


def _choice(client: Dav, resource: Resource) -> Choice:
    last = unquote(resource.path.rstrip("/").rpartition("/")[2])
    name = " ".join(resource.text(dav.DisplayName).split()) or last
    return Choice(client.address(resource.path), name, may_write(resource))
