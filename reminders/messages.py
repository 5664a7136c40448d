"""The only way in and out of the text of a message: sealed at rest, because it says who has what appointment where."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from django.db import connection, transaction
from django.db.models import Max, Q

from appointments.models import Appointment, Customer
from reminders.models import Message, ReminderRule
from securecare import outbox
from securecare.encryption import CannotOpen, Sealed, key_ring
from securecare.rotation import SealedTable

NO_MESSAGE = 0


@dataclass(frozen=True)
class Letter:
    """What the reader sees. A text message has no subject, and neither `html` nor `invitation`.

    `invitation` is an iCalendar file (RFC 5545), whose own METHOD says what a calendar does with it.
    """

    subject: str
    text: str
    html: str = ""
    invitation: str = ""


class MessageUnreadable(CannotOpen):
    """The stored text cannot be opened with the keys at hand."""


def write(
    *,
    kind: str,
    channel: str,
    address: str,
    letter: Letter,
    now: datetime,
    language: str = "",
    customer: Customer | None = None,
    useful_until: datetime | None = None,
    appointment: Appointment | None = None,
) -> Message:
    """Put a message in the outbox that is worded already, due at once: it is sent as soon as the transaction commits. One with an
    appointment is held back as others about it are, and not sent once that is past or cancelled."""
    reference = uuid4()
    message = Message.objects.create(
        reference=reference,
        appointment=appointment,
        revision=appointment.revision if appointment else None,
        copy=next_copy(appointment, kind=kind, channel=channel) if appointment else 0,
        kind=kind,
        channel=channel,
        address=address,
        language=language,
        customer=customer,
        due_at=now,
        useful_until=useful_until,
        created_at=now,
        **sealed(letter, reference),
    )
    hint(message, now=now)
    return message


_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 2))"


def next_copy(
    appointment: Appointment,
    *,
    kind: str,
    channel: str,
    rule: ReminderRule | None = None,
    revision: int | None = None,
) -> int:
    """One more than there are, or 0 for the first, and nobody else's: an appointment's are numbered one after the other."""
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, [f"copy of a message about appointment {appointment.pk}"])
    revision = appointment.revision if revision is None else revision
    copies = Message.objects.filter(
        appointment=appointment, kind=kind, channel=channel, rule=rule, revision=revision
    )
    most = copies.aggregate(most=Max("copy"))["most"]
    return 0 if most is None else int(most) + 1


def hint(message: Message, *, now: datetime) -> None:
    """Have the message sent once the transaction commits, if it is due."""
    from reminders.tasks import deliver  # tasks come last: they import what sends, which reads messages

    outbox.queue_on_commit(deliver, message, now=now)


def hint_together(message_ids: Sequence[int]) -> None:
    """Have these sent, one after the other, once the transaction commits: whoever waits for the commit waits for one hint."""
    from reminders.tasks import deliver

    if message_ids:
        transaction.on_commit(lambda: outbox.publish(deliver, *message_ids), robust=True)


def hint_at_none() -> None:
    """What `hint` costs, for nothing: so that nobody can tell by the clock whether there is a message."""
    hint_together([NO_MESSAGE])


def read(message: Message) -> Letter | None:
    """The text, or None for a message that is not worded yet. Raises MessageUnreadable.

    Checks no permission and records nothing: callers do.
    """
    if message.ciphertext is None or message.salt is None:
        return None
    stored = Sealed(bytes(message.ciphertext), bytes(message.salt), message.key_id)
    try:
        return Letter(**json.loads(key_ring().open(stored, place=_place(message.reference))))
    except CannotOpen as error:
        raise MessageUnreadable(str(error)) from error


def sealed(letter: Letter, reference: UUID) -> dict[str, Any]:
    """The fields of a message that hold its text."""
    return asdict(key_ring().seal(json.dumps(asdict(letter)), place=_place(reference)))


def reseal(message: Message) -> bool:
    """Seal the same text under the current key. False if somebody changed it meanwhile. Raises MessageUnreadable."""
    letter = read(message)
    if letter is None:
        return False
    unchanged = Message.objects.filter(pk=message.pk, ciphertext=message.ciphertext)
    return bool(unchanged.update(**sealed(letter, message.reference)))


def sealed_table() -> SealedTable:
    return SealedTable(
        called="messages",
        model=Message,
        reseal=reseal,
        name_of=lambda message: f"message {message.reference}",
        which=~Q(key_id=""),
    )


def _place(reference: UUID) -> tuple[str, ...]:
    return ("message", str(reference))
