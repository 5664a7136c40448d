"""An appointment as a file that calendars read (RFC 5545).

Its title carries the least: where, not what for. The same appointment always has the same UID, and a moved one a higher
SEQUENCE, so that a calendar which has it already changes its entry instead of adding a second.
"""

from datetime import UTC, datetime
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpResponse
from django.utils.translation import gettext
from icalendar import Calendar, Event

from appointments.models import Appointment

PUBLISH = "PUBLISH"
PRODUCT = "-//SecureCare//Appointments//EN"


def calendar_file(appointment: Appointment, *, now: datetime, method: str = PUBLISH) -> bytes:
    """The file's content, in the active language. `method` is PUBLISH for a download; REQUEST and CANCEL are for messages.

    Needs the facility loaded.
    """
    calendar = Calendar()
    calendar.add("version", "2.0")
    calendar.add("prodid", PRODUCT)
    calendar.add("calscale", "GREGORIAN")
    calendar.add("method", method)
    calendar.add_component(_event(appointment, now))
    return calendar.to_ical()


def download(appointment: Appointment, *, now: datetime) -> HttpResponse:
    return HttpResponse(
        calendar_file(appointment, now=now),
        content_type="text/calendar; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="appointment.ics"'},
    )


def uid(appointment: Appointment) -> str:
    return f"{appointment.reference}@{urlsplit(settings.PUBLIC_BASE_URL).hostname}"


def _event(appointment: Appointment, now: datetime) -> Event:
    facility = appointment.facility
    event = Event()
    event.add("uid", uid(appointment))
    # A cancellation is one more than what it cancels; undoing it raises the revision (RFC 5546, 2.1.4).
    event.add("sequence", appointment.revision + appointment.is_cancelled)
    event.add("dtstamp", _to_the_second(now))
    event.add("dtstart", _to_the_second(appointment.starts_at))
    event.add("dtend", _to_the_second(appointment.ends_at))
    event.add("status", "CANCELLED" if appointment.is_cancelled else "CONFIRMED")
    event.add("class", "PRIVATE")
    event.add("summary", gettext("%(facility)s appointment") % {"facility": facility.name})
    event.add("location", ", ".join(filter(None, [facility.name, facility.address])))
    return event


def _to_the_second(instant: datetime) -> datetime:
    return instant.astimezone(UTC).replace(microsecond=0)
