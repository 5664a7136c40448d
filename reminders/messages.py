"""The only way in and out of the text of a message: sealed at rest, because it says who has what appointment where."""

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from django.db import connection

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
    return message if _insert(message) else None


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


_FIELDS = [field for field in Message._meta.concrete_fields if not field.primary_key]
_INSERT = (
    f"INSERT INTO {Message._meta.db_table} ({', '.join(str(field.column) for field in _FIELDS)}) "  # noqa: S608 - our own names
    f"VALUES ({', '.join(['%s'] * len(_FIELDS))}) ON CONFLICT DO NOTHING RETURNING id"
)


def _insert(message: Message) -> bool:
    """Insert-or-ignore in one statement: the ORM's does not tell whether it inserted. Gives the row its id."""
    with connection.cursor() as cursor:
        values = [field.get_db_prep_save(getattr(message, field.attname), connection) for field in _FIELDS]
        cursor.execute(_INSERT, values)
        row = cursor.fetchone()
    if row is None:
        return False
    message.pk, message._state.adding, message._state.db = row[0], False, connection.alias
    return True


def _sealed(letter: Letter, reference: UUID) -> dict[str, Any]:
    return asdict(key_ring().seal(json.dumps(asdict(letter)), place=_place(reference)))


def _place(reference: UUID) -> tuple[str, ...]:
    return ("message", str(reference))
