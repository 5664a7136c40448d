"""What a message has to say, before it is put in words."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from functools import cached_property
from zoneinfo import ZoneInfo

from django.utils.translation import gettext

from appointments import confirmation
from appointments.branding import brand
from appointments.confirmation import Window
from appointments.models import Appointment
from reminders.links import MessageLinks
from reminders.models import Kind, Message, ReminderWording
from securecare import localtime, wording

# An e-mail goes to an address that nobody has proved: what a visitor typed must not make it carry an advertisement.
_LOOKS_LIKE_ADDRESS = re.compile(r"[/@:]|\.\w{2,}")
NAME_LIMIT = 80


class Occasion(Enum):
    """Why it is sent, as its reader sees it."""

    REMINDER = "reminder"
    BOOKED = "booked"
    RESTORED = "restored"  # they were told that it is cancelled
    MOVED = "moved"  # it starts at another time
    CHANGED = "changed"  # it starts when it did: its length changed, or who it is with
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class Notice:
    """One message about an appointment. Its facts are said in the active language and by the facility's clock.

    `wording` is one to try out, in place of the one stored with the message's rule.
    """

    message: Message
    appointment: Appointment
    links: MessageLinks
    sender: str
    now: datetime
    wording: ReminderWording | None = None

    @classmethod
    def of(
        cls,
        message: Message,
        *,
        links: MessageLinks,
        now: datetime,
        wording: ReminderWording | None = None,
    ) -> "Notice":
        if message.appointment is None:
            raise ValueError(f"Message {message.reference} is about no appointment.")
        return cls(message, message.appointment, links, brand().name, now, wording)

    @cached_property
    def occasion(self) -> Occasion:
        kind = Kind(self.message.kind)
        if self.message.before.get("cancelled") and kind != Kind.CANCELLED:
            return Occasion.RESTORED
        if kind == Kind.MOVED:
            return Occasion.MOVED if self.told("starts_at") != self.starts_at else Occasion.CHANGED
        return Occasion(kind.value)

    def told(self, name: str) -> datetime:
        """A time as its reader was told it last; the present one if nothing else is known."""
        told = self.message.before.get(name)
        return datetime.fromisoformat(told) if told else getattr(self.appointment, name)

    @cached_property
    def starts_at(self) -> datetime:
        """Whoever has not heard of the last move is told that the time they know of is cancelled."""
        return self._about("starts_at")

    @cached_property
    def ends_at(self) -> datetime:
        return self._about("ends_at")

    def _about(self, name: str) -> datetime:
        return self.told(name) if self.message.kind == Kind.CANCELLED else getattr(self.appointment, name)

    @property
    def zone(self) -> ZoneInfo:
        return self.appointment.facility.zone

    @cached_property
    def is_confirmed(self) -> bool:
        """By either channel: nobody is asked twice."""
        return bool(self.appointment.confirmations)

    @cached_property
    def asks(self) -> bool:
        """Whether to ask for a confirmation: the customer has given none, and it would be taken now."""
        is_open = confirmation.window(self.appointment, now=self.now) is Window.OPEN
        return bool(self.links.confirm) and is_open and not self.is_confirmed

    @cached_property
    def changeable_until(self) -> datetime:
        """Until when the customer may move or cancel it without calling."""
        return self.starts_at - timedelta(hours=self.appointment.program.min_notice_hours)

    @property
    def is_changeable(self) -> bool:
        return self.now <= self.changeable_until

    @property
    def staff_alone_changed(self) -> bool:
        before = self.message.before
        is_longer_or_shorter = self.told("ends_at") != self.ends_at
        return before.get("staff") not in (None, self.appointment.staff_id) and not is_longer_or_shorter

    @property
    def name(self) -> str:
        """Whom it is for; nothing if a visitor typed something else there."""
        return _harmless(self.appointment.booked_as)

    @property
    def first_name(self) -> str:
        appointment = self.appointment
        given = appointment.contact_name.partition(" ")[0] or appointment.customer.given_name
        return _harmless(given) if self.name else ""

    @property
    def place(self) -> str:
        facility = self.appointment.facility
        return ", ".join(filter(None, [facility.name, facility.address]))

    @property
    def moment(self) -> str:
        return wording.moment(self.starts_at, self.zone)

    @property
    def short_day(self) -> str:
        return wording.short_day(localtime.local_date(self.starts_at, self.zone))

    @property
    def date(self) -> str:
        return wording.day_with_year(localtime.local_date(self.starts_at, self.zone))

    @property
    def clock(self) -> str:
        return wording.clock_with_zone(self.starts_at, self.zone)

    @property
    def period(self) -> str:
        return self._period(self.starts_at, self.ends_at)

    @property
    def instead_of(self) -> str:
        """The time that another replaces; nothing where its reader was told no other."""
        if self.occasion is Occasion.MOVED:
            return wording.moment(self.told("starts_at"), self.zone)
        if self.occasion is Occasion.CHANGED and self.told("ends_at") != self.ends_at:
            return self._period(self.told("starts_at"), self.told("ends_at"))
        return ""

    def _period(self, starts_at: datetime, ends_at: datetime) -> str:
        return gettext("%(day)s, %(start)s to %(end)s") % {
            "day": wording.day_with_year(localtime.local_date(starts_at, self.zone)),
            "start": wording.clock(starts_at, self.zone),
            "end": wording.clock_with_zone(ends_at, self.zone),
        }


def _harmless(name: str) -> str:
    name = " ".join(name.split())
    return "" if _LOOKS_LIKE_ADDRESS.search(name) else name[:NAME_LIMIT]
