"""What speaks against a message, in words that staff read. Asked when it is planned, and again when it is sent."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from appointments.models import Appointment, Channel
from reminders.models import CODES, WARNINGS, Kind, Message, Source
from securecare import localtime

PAST = "The appointment's date has passed."
STARTED = "The appointment has started."
MOVED = "The appointment was moved; another message tells of the new time."
CANCELLED = "The appointment was cancelled."
NOT_CANCELLED = "The cancellation was undone."
STRANDED = "The appointment is waiting to be reassigned."
SETTLED = "The appointment's outcome is recorded already."
RULE_OFF = "This reminder was switched off for the program."
TOO_LATE = "It could not be sent in time to be of use."
NO_EMAIL = "No e-mail address is on record."
NO_NUMBER = "No mobile number is on record for texts."
NOT_AGREED = "Nobody has agreed to texts to this number."
UNSUBSCRIBED = "This address was unsubscribed from e-mails."
_WITHDRAWN: dict[str, str] = {
    Source.TEXT_STOP: "Texts to this number were ended by texting STOP.",
    Source.PROVIDER: "The provider has this number down as opted out of texts.",
    Source.STAFF: "Texts to this number were ended: staff were told so.",
}
WITHDRAWN = "The consent to texts to this number was withdrawn."

Status = Appointment.Status
_OUTCOMES = {Status.ARRIVED, Status.COMPLETED, Status.NO_SHOW}
Address = tuple[str, str]


@dataclass(frozen=True)
class Standing:
    """What is known of an address: the last word of the consent log, if there is one, and what makes it unreachable."""

    granted: bool | None = None
    source: str = ""
    problem: str = ""


def reason(message: Message, *, now: datetime) -> str:
    """Why this message must not be sent now; "" if nothing speaks against it.

    Needs the appointment, if any, loaded with its customer, facility and the message's rule. What only delays a message is
    the delivery's own to know.
    """
    if message.useful_until is not None and now >= message.useful_until:
        return TOO_LATE
    address = message.address
    if message.appointment is not None:
        if words := of_time(message.appointment, kind=message.kind, revision=message.revision, now=now):
            return words
        if message.rule is not None and not message.rule.is_active and message.copy == 0:
            return RULE_OFF
        if message.kind != Kind.PLEASE_SIGN:
            address = address_of(message.appointment, message.channel)
    wanted = key(message.channel, address)
    return of_address(message.channel, address, standings([wanted])[wanted], is_needed=_is_needed(message))


def _is_needed(message: Message) -> bool:
    """A code is what somebody has just asked for; a warning is an e-mail about what somebody has to see to."""
    is_warning = message.kind in WARNINGS and message.channel == Channel.EMAIL
    return message.kind in CODES or is_warning


def address_of(appointment: Appointment, channel: str) -> str:
    return appointment.email if channel == Channel.EMAIL else appointment.phone


def of_time(appointment: Appointment, *, kind: str, revision: int | None, now: datetime) -> str:
    """What about the appointment itself speaks against a message of this kind, made for this revision of it."""
    if is_past(appointment, now):
        return PAST
    if kind == Kind.CANCELLED:
        return "" if appointment.is_cancelled else NOT_CANCELLED
    if appointment.is_cancelled:
        return CANCELLED
    if kind == Kind.PLEASE_SIGN:
        return ""  # it names the day alone, and its link holds whatever the time
    if revision != appointment.revision:
        return MOVED
    return of_status(appointment, now) if kind == Kind.REMINDER else ""


def of_status(appointment: Appointment, now: datetime) -> str:
    """What speaks against reminding of it at all."""
    if appointment.is_cancelled:
        return CANCELLED
    if appointment.status == Status.PENDING_REASSIGNMENT:
        return STRANDED
    if appointment.status in _OUTCOMES:
        return SETTLED
    return STARTED if now >= appointment.starts_at else ""


def is_past(appointment: Appointment, now: datetime) -> bool:
    """Whether its date at the facility lies before today's there: nobody is written to about it any more."""
    return appointment.local_date < localtime.local_date(now, appointment.facility.zone)


def of_address(channel: str, address: str, standing: Standing, *, is_needed: bool = False) -> str:
    """What speaks against writing to this address. What is needed, such as a code that somebody waits for, asks for no
    agreement, but does not go where texts were ended."""
    if not address:
        return NO_EMAIL if channel == Channel.EMAIL else NO_NUMBER
    if standing.problem and not is_needed:
        return f"This address cannot be reached: {standing.problem}"
    if channel == Channel.EMAIL:
        return UNSUBSCRIBED if standing.granted is False and not is_needed else ""
    if standing.granted is None:
        return "" if is_needed else NOT_AGREED
    return "" if standing.granted else _WITHDRAWN.get(standing.source, WITHDRAWN)


def key(channel: str, address: str) -> Address:
    """How an address is written in the consent log and among those that cannot be reached."""
    return str(channel), address.lower() if channel == Channel.EMAIL else address


_STANDINGS = """
SELECT wanted.channel, wanted.address, last.granted, last.source, problem.reason
  FROM unnest(%s::text[], %s::text[]) AS wanted (channel, address)
  LEFT JOIN LATERAL (SELECT granted, source FROM reminders_consentlog
                      WHERE channel = wanted.channel AND address = wanted.address
                      ORDER BY id DESC LIMIT 1) last ON true
  LEFT JOIN reminders_contactproblem problem
         ON problem.channel = wanted.channel AND problem.address = wanted.address AND problem.cleared_at IS NULL
"""


def standings(addresses: Iterable[Address]) -> dict[Address, Standing]:
    """What is known of each of these, in one query. An empty address is known to be nobody's."""
    found = dict.fromkeys(addresses, Standing())
    asked = [address for address in found if address[1]]
    if asked:
        with connection.cursor() as cursor:
            cursor.execute(_STANDINGS, [[channel for channel, _ in asked], [text for _, text in asked]])
            for channel, text, granted, source, problem in cursor.fetchall():
                found[channel, text] = Standing(granted, source or "", problem or "")
    return found
