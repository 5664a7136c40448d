"""Notices of what a customer has just done with an appointment: booked, moved or cancelled it.

Customers' own changes are answered at once, by e-mail, and by text where the log of consent says so. Changes that staff make
are none of this module's: staff speak with the customer, and may take a change back.
"""

from datetime import datetime

from django.conf import settings
from django.urls import reverse
from django.utils import translation

from appointments import links
from appointments.branding import brand
from appointments.models import Appointment, AppointmentEvent, AppointmentLink
from reminders import consent, letters, messages
from reminders.letters import Notice
from reminders.models import Channel, Kind, Message
from securecare import localtime

_NOTICES: dict[str, str] = {
    AppointmentEvent.Kind.BOOKED: Kind.BOOKED,
    AppointmentEvent.Kind.RESCHEDULED: Kind.MOVED,
    AppointmentEvent.Kind.REASSIGNED: Kind.MOVED,
    AppointmentEvent.Kind.CANCELLED: Kind.CANCELLED,
}
_CLOSED: dict[str, str] = {
    Kind.MOVED: "The customer moved the appointment.",
    Kind.CANCELLED: "The customer cancelled the appointment.",
}


def plan(event: AppointmentEvent) -> None:
    """Write the notices of a customer's own change, due at once, and close those it has overtaken. Part of its transaction.

    There is none for an appointment whose date at the facility has passed, nor a text to a number that did not agree.
    """
    kind = _NOTICES.get(event.kind)
    if kind is None or event.actor != AppointmentEvent.Actor.CUSTOMER:
        return
    appointment = event.appointment
    if kind in _CLOSED:
        overtaken = Message.objects.filter(appointment=appointment, kind__in=_NOTICES.values())
        overtaken.close(reason=_CLOSED[kind], now=event.at)
    addresses = _addresses(appointment)
    if not addresses or _is_over(appointment, event.at):
        return
    with translation.override(_language(appointment)):
        _write(_notice(kind, event), addresses, event.at)


def _write(notice: Notice, addresses: dict[str, str], now: datetime) -> None:
    compose = {Channel.EMAIL: letters.email, Channel.PHONE: letters.text}
    for channel, address in addresses.items():
        letter = compose[Channel(channel)](notice)
        messages.write(
            kind=notice.kind,
            channel=channel,
            address=address,
            subject=letter.subject,
            text=letter.text,
            now=now,
            language=translation.get_language(),
            customer=notice.appointment.customer,
            appointment=notice.appointment,
        )


def _notice(kind: str, event: AppointmentEvent) -> Notice:
    appointment = event.appointment
    link = "" if kind == Kind.CANCELLED else _link(appointment, event.at)
    before = event.before.get("starts_at")
    was_at = datetime.fromisoformat(before) if kind == Kind.MOVED and before else None
    return Notice(kind, appointment, brand().name, link, was_at)


def _link(appointment: Appointment, now: datetime) -> str:
    token = links.issue(appointment=appointment, purpose=AppointmentLink.Purpose.MANAGE, now=now)
    return settings.PUBLIC_BASE_URL + reverse("portal-link", args=[token])


def _addresses(appointment: Appointment) -> dict[str, str]:
    """Where notices of this appointment go, by channel."""
    reached = {}
    if appointment.email:
        reached[str(Channel.EMAIL)] = appointment.email
    if consent.may_text(appointment.phone):
        reached[str(Channel.PHONE)] = appointment.phone
    return reached


def _is_over(appointment: Appointment, now: datetime) -> bool:
    return appointment.local_date < localtime.local_date(now, appointment.facility.zone)


def _language(appointment: Appointment) -> str:
    """The one on the customer's record; else, and for a visitor with an address not on record, the one just read."""
    known = dict(settings.LANGUAGES)
    on_record = (
        "" if appointment.contact_email or appointment.contact_phone else appointment.customer.language
    )
    active = translation.get_language() or settings.LANGUAGE_CODE
    return next(code for code in (on_record, active, active.partition("-")[0], "en") if code in known)
