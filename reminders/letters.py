"""What notices of an appointment say, in the active language and the facility's zone.

An e-mail says all that the customer needs. A text can be read over a shoulder: sender, day, time, place and link, never the
program, the staff member or a note.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext

from appointments.models import Appointment
from reminders import segments
from reminders.messages import Letter
from reminders.models import Kind
from securecare import localtime, wording

# An e-mail goes to an address that nobody has proved: what a visitor typed must not make it carry an advertisement.
_LOOKS_LIKE_ADDRESS = re.compile(r"[/@:]|\.\w{2,}")
NAME_LIMIT = 80


@dataclass(frozen=True)
class Notice:
    """`link` is where the customer sees, moves or cancels it; `was_at` is the time it had before, if that changed."""

    kind: str
    appointment: Appointment
    sender: str
    link: str
    was_at: datetime | None = None


def email(notice: Notice) -> Letter:
    parts = [_opening(notice), _facts(notice), *_notes(notice), _what_next(notice), notice.sender]
    return Letter(_subject(notice), "\n\n".join(filter(None, parts)) + "\n")


def text(notice: Notice) -> Letter:
    """In one segment if it can be: the fullest wording that fits, else the shortest."""
    appointment = notice.appointment
    facts = {
        "sender": notice.sender,
        "when": _short_moment(appointment),
        "place": appointment.facility.name,
        "phone": appointment.facility.phone,
        "link": notice.link,
    }
    wordings = [segments.plain(words % facts) for words in _texts(notice)]
    return Letter("", next((words for words in wordings if segments.count(words) == 1), wordings[-1]))


def _subject(notice: Notice) -> str:
    words = {
        Kind.BOOKED: gettext("Appointment booked: %(when)s"),
        Kind.MOVED: gettext("Appointment moved to %(when)s"),
        Kind.CANCELLED: gettext("Appointment cancelled: %(when)s"),
    }[Kind(notice.kind)]
    return words % {"when": wording.moment(notice.appointment.starts_at, notice.appointment.facility.zone)}


def _opening(notice: Notice) -> str:
    return {
        Kind.BOOKED: gettext("Your appointment is booked."),
        Kind.MOVED: gettext("Your appointment has changed."),
        Kind.CANCELLED: gettext("Your appointment is cancelled."),
    }[Kind(notice.kind)]


def _facts(notice: Notice) -> str:
    appointment = notice.appointment
    place = appointment.facility
    facts = [
        (gettext("What"), appointment.program.name),
        (gettext("When"), _period(appointment)),
        (gettext("Instead of"), wording.moment(notice.was_at, place.zone) if notice.was_at else ""),
        (gettext("With"), appointment.staff.display_name),
        (gettext("Where"), ", ".join(filter(None, [place.name, place.address]))),
        (gettext("For"), _name(appointment)),
    ]
    return "\n".join(f"{label}: {said}" for label, said in facts if said)


def _notes(notice: Notice) -> list[str]:
    if notice.kind == Kind.CANCELLED:
        return []
    bring, note = notice.appointment.program.public_note.strip(), notice.appointment.public_note.strip()
    given = [(gettext("What to bring or know"), bring), (gettext("A note for you"), note)]
    return [f"{label}:\n{said}" for label, said in given if said]


def _what_next(notice: Notice) -> str:
    lines = _book_again(notice) if notice.kind == Kind.CANCELLED else _change(notice)
    if phone := notice.appointment.facility.phone:
        lines.append(gettext("Questions? Call %(phone)s.") % {"phone": phone})
    return "\n".join(lines)


def _change(notice: Notice) -> list[str]:
    lines = [gettext("See, move or cancel it:"), notice.link]
    appointment = notice.appointment
    if hours := appointment.program.min_notice_hours:
        until = wording.moment(appointment.starts_at - timedelta(hours=hours), appointment.facility.zone)
        lines.append(gettext("You can change it yourself until %(until)s.") % {"until": until})
    return lines


def _book_again(notice: Notice) -> list[str]:
    program = notice.appointment.program
    if not (program.allows_public_booking and program.is_active):
        return []
    address = settings.PUBLIC_BASE_URL + reverse("portal-times", args=[program.pk])
    return [gettext("Book another time:"), address]


def _texts(notice: Notice) -> list[str]:
    """The wordings of a text message, from the fullest to the shortest."""
    if notice.kind == Kind.BOOKED:
        return [
            gettext("%(sender)s: booked for %(when)s, %(place)s. See or change it: %(link)s"),
            gettext("%(sender)s: %(when)s, %(place)s. %(link)s"),
        ]
    if notice.kind == Kind.MOVED:
        return [
            gettext("%(sender)s: moved to %(when)s, %(place)s. See or change it: %(link)s"),
            gettext("%(sender)s: moved to %(when)s, %(place)s. %(link)s"),
        ]
    if notice.appointment.facility.phone:
        return [
            gettext("%(sender)s: %(when)s, %(place)s is cancelled. Was that not you? Call %(phone)s."),
            gettext("%(sender)s: %(when)s, %(place)s is cancelled."),
        ]
    return [gettext("%(sender)s: %(when)s, %(place)s is cancelled.")]


def _period(appointment: Appointment) -> str:
    zone = appointment.facility.zone
    return gettext("%(day)s, %(start)s to %(end)s") % {
        "day": wording.day_with_year(localtime.local_date(appointment.starts_at, zone)),
        "start": wording.clock(appointment.starts_at, zone),
        "end": wording.clock_with_zone(appointment.ends_at, zone),
    }


def _short_moment(appointment: Appointment) -> str:
    zone = appointment.facility.zone
    day = wording.short_day(localtime.local_date(appointment.starts_at, zone))
    return f"{day}, {wording.clock_with_zone(appointment.starts_at, zone)}"


def _name(appointment: Appointment) -> str:
    name = " ".join(appointment.booked_as.split())
    return "" if _LOOKS_LIKE_ADDRESS.search(name) else name[:NAME_LIMIT]
