"""The links that messages about appointments carry.

Whoever may confirm may also move or cancel: the link for that belongs to the one that confirms, and is found from it.
"""

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.urls import reverse

from appointments import confirmation
from appointments import links as appointment_links
from appointments.confirmation import Window
from appointments.links import NewLink
from appointments.models import Appointment, AppointmentLink
from reminders.models import Kind, Message
from securecare import links

Purpose = AppointmentLink.Purpose
# As long as a real one, and nobody's.
_SAMPLE = "example-" * 5 + "123"


@dataclass(frozen=True)
class MessageLinks:
    """Addresses, empty where the message carries none. With one to confirm there is always one to manage."""

    manage: str = ""
    confirm: str = ""

    @property
    def main(self) -> str:
        """The one to show where there is room for one: what confirms also leads to moving and cancelling."""
        return self.confirm or self.manage


def issue(message: Message, *, now: datetime) -> MessageLinks:
    """Make the links of a message that is about to be sent. Needs its appointment loaded with the facility."""
    appointment = message.appointment
    if appointment is None or message.kind == Kind.CANCELLED:
        return MessageLinks()
    token = links.new_token()
    if _carries_confirm(message.kind, appointment, now):
        made = [
            NewLink(token, Purpose.CONFIRM, message.channel),
            NewLink(manage_token(token), Purpose.MANAGE),
        ]
        found = _addresses(manage=manage_token(token), confirm=token)
    else:
        made, found = [NewLink(token, Purpose.MANAGE)], _addresses(manage=token)
    appointment_links.issue_together(made, appointment=appointment, now=now)
    return found


def manage_token(confirm_token: str) -> str:
    """The token to move or cancel that whoever holds `confirm_token` holds with it."""
    return links.token_from(confirm_token, purpose="manage-of-confirm")


def sample() -> MessageLinks:
    """For previews: they lead nowhere."""
    return _addresses(manage=_SAMPLE, confirm=_SAMPLE)


def _carries_confirm(kind: str, appointment: Appointment, now: datetime) -> bool:
    """Every reminder, also one sent too early to be answered: its page says when, and is still at hand then."""
    if kind == Kind.REMINDER:
        return True
    return kind in (Kind.BOOKED, Kind.MOVED) and confirmation.window(appointment, now=now) is Window.OPEN


def _addresses(*, manage: str, confirm: str = "") -> MessageLinks:
    return MessageLinks(
        _address("portal-link", manage),
        _address("confirm", confirm) if confirm else "",
    )


def _address(name: str, token: str) -> str:
    return settings.PUBLIC_BASE_URL + reverse(name, args=[token])
