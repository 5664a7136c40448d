"""What an appointment looks like in its staff member's own calendar.

Calendars are shared, printed and shown on phones in trains: a title tells only as much about the customer as the calendar's
owner chose, the program is never named, and of notes none but the public one, where the organization allows that.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from django.conf import settings

from appointments import calendar_file
from appointments.models import Appointment
from calendarsync.models import CalendarConnection, TitleStyle

TO_REASSIGN = "To be reassigned: "
REFERENCE_DIGITS = 8
# What stands in somebody's text by accident, and cannot stand in XML 1.0: servers fail on a whole calendar that has one of these.
UNSENDABLE = dict.fromkeys([*range(9), *range(14, 32), *range(127, 160), 0xFFFE, 0xFFFF])


@dataclass(frozen=True)
class Entry:
    """One event of a calendar. Instants are UTC, to the second. `is_tentative`: the appointment waits to be reassigned."""

    appointment: UUID
    title: str
    location: str
    description: str
    url: str
    starts_at: datetime
    ends_at: datetime
    is_tentative: bool
    sequence: int

    @property
    def digest(self) -> bytes:
        """Of all that a reader of the calendar sees. Equal entries have equal ones, in every process."""
        shown = [
            str(self.appointment),
            self.title,
            self.location,
            self.description,
            self.url,
            self.starts_at.isoformat(),
            self.ends_at.isoformat(),
            self.is_tentative,
        ]
        return hashlib.sha256(json.dumps(shown).encode()).digest()


def wanted(
    appointment: Appointment, connection: CalendarConnection, *, shows_notes: bool = False
) -> Entry | None:
    """The entry that belongs into this calendar now; None if none does.

    Needs the appointment's facility and customer loaded. `shows_notes`: whether the organization lets public notes into
    calendars.
    """
    if not connection.mirrors or appointment.is_cancelled or appointment.staff_id != connection.staff_id:
        return None
    return shown(appointment, title_style=connection.title_style, shows_notes=shows_notes)


def shown(appointment: Appointment, *, title_style: str, shows_notes: bool = False) -> Entry:
    """As it stands in whatever calendar or feed of its staff member's. Needs the facility and the customer loaded."""
    is_stranded = appointment.status == Appointment.Status.PENDING_REASSIGNMENT
    url = settings.PUBLIC_BASE_URL + appointment.get_absolute_url()
    note = appointment.public_note.strip() if shows_notes and title_style != TitleStyle.BUSY else ""
    return Entry(
        appointment=appointment.reference,
        title=(TO_REASSIGN if is_stranded else "") + title(appointment, title_style),
        location=_lines(calendar_file.location(appointment)),
        description="\n\n".join(filter(None, [_lines(note), url])),
        url=url,
        starts_at=_to_the_second(appointment.starts_at),
        ends_at=_to_the_second(appointment.ends_at),
        is_tentative=is_stranded,
        sequence=calendar_file.sequence(appointment),
    )


def title(appointment: Appointment, style: str) -> str:
    """What the entry is called. Needs the customer loaded where it tells of them."""
    if style == TitleStyle.BUSY:
        return "Busy"
    if style == TitleStyle.FULL_NAME:
        return _one_line(appointment.customer.full_name)
    if style == TitleStyle.INITIALS:
        return initials(appointment.customer.full_name)
    return f"Appointment {appointment.reference.hex[:REFERENCE_DIGITS]}"


def initials(name: str) -> str:
    """“A. N.” for Ada Nguyen; of each word the first letter or digit, if it has one."""
    firsts = (next((sign for sign in word if sign.isalnum()), "") for word in name.split())
    return " ".join(f"{sign.upper()}." for sign in firsts if sign) or "Appointment"


def _one_line(text: str) -> str:
    return " ".join(_lines(text).split())


def _lines(text: str) -> str:
    """With the line ends that every provider keeps as they are."""
    return "\n".join(text.splitlines()).translate(UNSENDABLE)


def _to_the_second(instant: datetime) -> datetime:
    return instant.astimezone(UTC).replace(microsecond=0)
