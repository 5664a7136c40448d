"""What the link in a message comes to when it is opened: a question, or why there is none."""

from dataclasses import dataclass
from datetime import datetime

from appointments import confirmation
from appointments.confirmation import Window
from appointments.models import Appointment, AppointmentEvent, AppointmentLink


@dataclass(frozen=True)
class ShownQuestion:
    """At most one of the first five holds; while `is_open` the customer is asked.

    `has_changed`: the customer was told, or has seen, something else; `has_moved`: another time. `revision` is the one shown.
    """

    is_open: bool
    is_confirmed: bool
    is_too_early: bool
    is_closed: bool
    is_cancelled: bool
    has_started: bool
    has_changed: bool
    has_moved: bool
    opens_at: datetime
    revision: int

    @classmethod
    def of(cls, link: AppointmentLink, *, now: datetime, seen: int | None = None) -> "ShownQuestion":
        """`seen` is the revision on a page that the customer has looked at since; else what the link was made for counts."""
        appointment = link.appointment
        window = confirmation.window(appointment, now=now)
        is_ahead = window in (Window.OPEN, Window.TOO_EARLY)
        is_confirmed = is_ahead and bool(appointment.confirmations)
        known = link.revision if seen is None else seen
        has_changed = is_ahead and known != appointment.revision
        return cls(
            is_open=window is Window.OPEN and not is_confirmed,
            is_confirmed=is_confirmed,
            is_too_early=window is Window.TOO_EARLY and not is_confirmed,
            is_closed=window is Window.CLOSED,
            is_cancelled=window is Window.CANCELLED,
            has_started=appointment.starts_at <= now,
            has_changed=has_changed,
            has_moved=has_changed and _has_moved(appointment, known),
            opens_at=confirmation.opens_at(appointment),
            revision=appointment.revision,
        )


def _has_moved(appointment: Appointment, since: int) -> bool:
    """Whether it was given another time after this revision; else it has another length or staff member."""
    moves = appointment.events.filter(kind=AppointmentEvent.Kind.RESCHEDULED, revision__gt=since)
    return moves.filter(after__has_key="starts_at").exists()
