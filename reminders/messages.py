"""The only way in and out of the text of a message: sealed at rest, because it says who has what appointment where."""

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from appointments.models import Appointment, Customer
from reminders.models import Message
from securecare.encryption import CannotOpen, Sealed, key_ring
from securecare.rotation import SealedTable


@dataclass(frozen=True)
class Letter:
    """What the reader sees. A text message has no subject."""

    subject: str
    text: str


class MessageUnreadable(CannotOpen):
    """The stored text cannot be opened with the keys at hand."""


def write(
    *,
    kind: str,
    channel: str,
    address: str,
    subject: str,
    text: str,
    now: datetime,
    language: str = "",
    customer: Customer | None = None,
    appointment: Appointment | None = None,
    due_at: datetime | None = None,
) -> Message | None:
    """Put a message in the outbox, due at once unless told otherwise.

    None if this notice of the appointment's present revision is there already; a message about no appointment is always new.
    """
    reference = uuid4()
    message = Message(
        reference=reference,
        kind=kind,
        channel=channel,
        address=address,
        language=language,
        customer=customer,
        appointment=appointment,
        revision=None if appointment is None else appointment.revision,
        due_at=due_at or now,
        created_at=now,
        **_sealed(Letter(subject, text), reference),
    )
    if appointment is None:
        message.save(force_insert=True)
        return message
    Message.objects.bulk_create([message], ignore_conflicts=True)
    return Message.objects.filter(reference=reference).first()


def read(message: Message) -> Letter:
    """Raises MessageUnreadable. Checks no permission and records nothing: callers do."""
    sealed = Sealed(bytes(message.ciphertext), bytes(message.salt), message.key_id)
    try:
        return Letter(**json.loads(key_ring().open(sealed, place=_place(message.reference))))
    except CannotOpen as error:
        raise MessageUnreadable(str(error)) from error


def reseal(message: Message) -> bool:
    """Seal the same text under the current key. False if somebody changed it meanwhile. Raises MessageUnreadable."""
    unchanged = Message.objects.filter(pk=message.pk, ciphertext=message.ciphertext)
    return bool(unchanged.update(**_sealed(read(message), message.reference)))


def sealed_table() -> SealedTable:
    return SealedTable(
        called="messages",
        model=Message,
        reseal=reseal,
        name_of=lambda message: f"message {message.reference}",
    )


def _sealed(letter: Letter, reference: UUID) -> dict[str, Any]:
    return asdict(key_ring().seal(json.dumps(asdict(letter)), place=_place(reference)))


def _place(reference: UUID) -> tuple[str, ...]:
    return ("message", str(reference))
