"""An appointment as a file that calendars read (RFC 5545).

Its title carries the least: where, not what for; and no link, because calendars are shared. The same appointment always has
the same UID, and a moved one a higher SEQUENCE, so that a calendar which has it already changes its entry instead of adding a
second.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parseaddr
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpResponse
from django.utils.translation import gettext
from icalendar import Calendar, Event, vCalAddress

from appointments.models import Appointment

PUBLISH, REQUEST, CANCEL = "PUBLISH", "REQUEST", "CANCEL"
PRODUCT = "-//SecureCare//Appointments//EN"


@dataclass(frozen=True)
class Invited:
    """Whom a REQUEST or CANCEL goes to, by e-mail address, and in whose name."""

    attendee: str
    organizer: str


def calendar_file(
    appointment: Appointment, *, now: datetime, method: str = PUBLISH, invited: Invited | None = None
) -> bytes:
    """The file's content, in the active language. `method` is PUBLISH for a download; REQUEST and CANCEL are for messages and
    need somebody `invited` (RFC 5546, 3.2.2 and 3.2.5).

    Needs the facility loaded.
    """
    calendar = Calendar()
    calendar.add("version", "2.0")
    calendar.add("prodid", PRODUCT)
    calendar.add("calscale", "GREGORIAN")
    calendar.add("method", method)
    event = _event(appointment, now)
    if invited:
        _add_people(event, invited)
    calendar.add_component(event)
    return calendar.to_ical()


def download(appointment: Appointment, *, now: datetime) -> HttpResponse:
    return HttpResponse(
        calendar_file(appointment, now=now),
        content_type="text/calendar; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="appointment.ics"'},
    )


def uid(appointment: Appointment) -> str:
    return f"{appointment.reference}@{urlsplit(settings.PUBLIC_BASE_URL).hostname}"


def sequence(appointment: Appointment) -> int:
    """Undoing a cancellation is the next revision, and has to count more than the cancellation (RFC 5546, 2.1.4)."""
    return 2 * appointment.revision + appointment.is_cancelled


def title(appointment: Appointment) -> str:
    """What a customer's calendar calls it, in the active language."""
    return gettext("%(facility)s appointment") % {"facility": appointment.facility.name}


def location(appointment: Appointment) -> str:
    return ", ".join(filter(None, [appointment.facility.name, appointment.facility.address]))


def _event(appointment: Appointment, now: datetime) -> Event:
    event = Event()
    event.add("uid", uid(appointment))
    event.add("sequence", sequence(appointment))
    event.add("dtstamp", _to_the_second(now))
    event.add("dtstart", _to_the_second(appointment.starts_at))
    event.add("dtend", _to_the_second(appointment.ends_at))
    event.add("status", "CANCELLED" if appointment.is_cancelled else "CONFIRMED")
    event.add("class", "PRIVATE")
    event.add("summary", title(appointment))
    event.add("location", location(appointment))
    return event


def _add_people(event: Event, invited: Invited) -> None:
    """Nobody has to answer: the appointment stands, and is confirmed by its own link."""
    organizer = vCalAddress(f"mailto:{parseaddr(settings.EMAIL_FROM)[1]}")
    organizer.params["CN"] = invited.organizer
    attendee = vCalAddress(f"mailto:{invited.attendee}")
    attendee.params.update({"PARTSTAT": "ACCEPTED", "RSVP": "FALSE"})
    event.add("organizer", organizer)
    event.add("attendee", attendee)


def _to_the_second(instant: datetime) -> datetime:
    return instant.astimezone(UTC).replace(microsecond=0)
