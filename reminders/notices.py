"""Notices of what was done with an appointment: booked, moved or cancelled.

What customers do themselves is answered at once. What staff do waits a little: they correct themselves, and nobody needs to
hear of a move that was taken back. A notice tells the difference from what its reader was told last.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Max

from appointments.models import Appointment, AppointmentEvent, Channel
from reminders import suppression
from reminders.models import NOTICES, Kind, Message
from reminders.planned import Planned

STAFF_EDIT_DELAY = timedelta(minutes=3)
TAKEN_BACK = "It was taken back before anybody was told."
OVERTAKEN = "Another change came before it was sent."

_TOLD = {
    AppointmentEvent.Kind.BOOKED,
    AppointmentEvent.Kind.RESCHEDULED,
    AppointmentEvent.Kind.REASSIGNED,
    AppointmentEvent.Kind.CANCELLED,
}
# What a reader was told last: nothing yet, that it is cancelled, or a time and who with.
State = dict[str, Any]
NOTHING: State = {}
CALLED_OFF: State = {"cancelled": True}


@dataclass(frozen=True)
class Word:
    """What to say: `kind` with what it corrects; or, with `is_needless`, what will not be said."""

    kind: str
    before: State
    is_needless: bool = False


def is_told(event: AppointmentEvent) -> bool:
    """Whether customers are told of such a change at all. Undoing a cancellation is one."""
    return event.kind in _TOLD or _undoes_cancellation(event)


def planned(
    event: AppointmentEvent,
    *,
    unheard: list[Message],
    language: str,
    standings: dict[suppression.Address, suppression.Standing],
) -> list[Planned]:
    """The notices of this change, one for each channel. `unheard` are those of earlier changes of which nobody knows."""
    appointment = event.appointment
    is_own = event.actor == AppointmentEvent.Actor.CUSTOMER
    due_at = event.at if is_own else event.at + STAFF_EDIT_DELAY
    known = {message.channel: message.before for message in unheard}
    rows = []
    for channel in Channel.values:
        word = _word(event, known.get(channel))
        address = suppression.address_of(appointment, channel)
        standing = standings[suppression.key(channel, address)]
        against = suppression.PAST if suppression.is_past(appointment, event.at) else ""
        against = against or (TAKEN_BACK if word.is_needless else "")
        rows.append(
            Planned(
                appointment=appointment,
                kind=word.kind,
                channel=channel,
                address=address,
                due_at=due_at,
                language=language,
                reason=against or suppression.of_address(channel, address, standing),
                before=word.before,
            )
        )
    return rows


def _word(event: AppointmentEvent, known: State | None) -> Word:
    """Told from what this channel's reader knows: what the last notice would have corrected, if it was not sent."""
    known = _state_before(event) if known is None else known
    now_so = CALLED_OFF if event.appointment.is_cancelled else _state_of(event.appointment)
    if known == now_so or (known == NOTHING and now_so == CALLED_OFF):
        return Word(_usual_kind(event), known, is_needless=True)
    if now_so == CALLED_OFF:
        return Word(Kind.CANCELLED, known)
    return Word(Kind.BOOKED if known in (NOTHING, CALLED_OFF) else Kind.MOVED, known)


def _usual_kind(event: AppointmentEvent) -> str:
    if event.appointment.is_cancelled:
        return Kind.CANCELLED
    moved = (AppointmentEvent.Kind.RESCHEDULED, AppointmentEvent.Kind.REASSIGNED)
    return Kind.MOVED if event.kind in moved else Kind.BOOKED


def _state_of(appointment: Appointment) -> State:
    return {
        "starts_at": _written(appointment.starts_at),
        "ends_at": _written(appointment.ends_at),
        "staff": appointment.staff_id,
    }


def _written(instant: datetime) -> str:
    """One spelling for one instant, whatever zone it came in: states are compared."""
    return instant.astimezone(UTC).isoformat()


def _state_before(event: AppointmentEvent) -> State:
    """What was so before the event. An event tells only what it changed."""
    if event.kind == AppointmentEvent.Kind.BOOKED:
        return NOTHING
    if _undoes_cancellation(event):
        return CALLED_OFF
    state = _state_of(event.appointment)
    for name in ("starts_at", "ends_at"):
        if name in event.before:
            state[name] = _written(datetime.fromisoformat(event.before[name]))
    return state | {"staff": event.before.get("staff", state["staff"])}


def _undoes_cancellation(event: AppointmentEvent) -> bool:
    was = event.before.get("status")
    return event.kind == AppointmentEvent.Kind.MARKED and was == Appointment.Status.CANCELLED


def take_over(appointment: Appointment, *, now: datetime) -> list[Message]:
    """Close its notices that wait. Returns the last one of each channel, where nobody was told of it or will be: it waited, a
    worker looks at it just now and will find it overtaken, or there was nothing to tell."""
    rows = Message.objects.filter(appointment=appointment, kind__in=NOTICES, copy=0)
    last = list(rows.order_by("channel", "-id").distinct("channel"))
    untold = [message for message in last if _is_untold(message)]
    rows.filter(handed_over_at=None).close(reason=OVERTAKEN, now=now)
    reminded = _reminded_of(appointment) if untold else {}
    return [message for message in untold if not _is_heard(message, reminded)]


def _is_untold(message: Message) -> bool:
    is_waiting = message.state in (Message.State.PENDING, Message.State.CLAIMED)
    return message.handed_over_at is None and (is_waiting or message.closed_reason == TAKEN_BACK)


def _reminded_of(appointment: Appointment) -> dict[str, int]:
    """The latest revision that a reminder told, or may have told, by channel."""
    rows = Message.objects.filter(appointment=appointment, kind=Kind.REMINDER, handed_over_at__isnull=False)
    return dict(rows.order_by().values_list("channel").annotate(Max("revision")))


def _is_heard(waiting: Message, reminded: dict[str, int]) -> bool:
    """Whether a reminder told its news while it waited. None tells of a cancellation; undoing one makes another revision."""
    latest, revision = reminded.get(waiting.channel, -1), waiting.revision or 0
    return revision < latest or (revision == latest and waiting.kind != Kind.CANCELLED)
