import base64
from typing import Any

import pytest
from django.db import connection

from reminders import messages
from reminders.messages import Letter, MessageUnreadable
from reminders.models import Channel, Kind, Message
from tests import factories as make

pytestmark = pytest.mark.django_db

LETTER = Letter("Booked: Intake Interview", "Wednesday, 10:45 AM EST\nwith Dr. Núñez 🌱")


def written(**given: Any) -> Message | None:
    fields = {
        "kind": Kind.BOOKED,
        "channel": Channel.EMAIL,
        "address": "ada@example.org",
        "subject": LETTER.subject,
        "text": LETTER.text,
        "now": make.NOW,
    }
    return messages.write(**{**fields, **given})


def saved(**given: Any) -> Message:
    message = written(**given)
    assert message is not None
    return Message.objects.get(pk=message.pk)


def test_message_reads_as_it_was_written() -> None:
    message = saved(language="es")

    assert messages.read(message) == LETTER
    assert (message.state, message.due_at, message.created_at) == ("pending", make.NOW, make.NOW)
    assert (message.language, message.customer, message.appointment, message.revision) == (
        "es",
        None,
        None,
        None,
    )


def test_nothing_of_the_text_lies_in_the_table() -> None:
    saved()

    with connection.cursor() as cursor:
        cursor.execute("SELECT m::text, encode(ciphertext, 'escape') FROM reminders_message m")
        stored = " ".join(cursor.fetchone())

    assert "ada@example.org" in stored
    for part in ("Intake", "Wednesday", "10:45"):
        assert part not in stored


def test_notice_of_a_revision_is_written_once_for_each_channel() -> None:
    appointment = make.appointment()

    first = written(appointment=appointment)
    again = written(appointment=appointment, text="Other words")
    texted = written(appointment=appointment, channel=Channel.PHONE, address="+12125550143")

    assert first is not None
    assert again is None
    assert texted is not None
    assert [messages.read(m).text for m in Message.objects.filter(channel=Channel.EMAIL)] == [LETTER.text]
    assert first.pk is not None
    assert first.revision == appointment.revision == 0


def test_notice_of_the_next_revision_is_another() -> None:
    appointment = make.appointment()
    written(appointment=appointment)
    appointment.revision = 1

    assert written(appointment=appointment) is not None
    assert sorted(Message.objects.values_list("revision", flat=True)) == [0, 1]


def test_message_about_no_appointment_is_always_new() -> None:
    for _ in range(2):
        assert written(kind=Kind.SIGN_IN) is not None

    assert Message.objects.count() == 2


def test_text_moved_to_another_message_cannot_be_read() -> None:
    mine, other = saved(), saved(text="Another")
    other.ciphertext, other.salt = mine.ciphertext, mine.salt

    with pytest.raises(MessageUnreadable):
        messages.read(other)


def test_text_under_a_key_that_is_gone_cannot_be_read(settings: Any) -> None:
    message = saved()
    settings.NOTE_KEY_RING = "other:" + base64.b64encode(b"o" * 32).decode()

    with pytest.raises(MessageUnreadable):
        messages.read(message)


def test_resealed_text_reads_the_same_under_the_current_key(settings: Any) -> None:
    message = saved()
    settings.NOTE_KEY_RING = "next:" + base64.b64encode(b"n" * 32).decode() + "," + settings.NOTE_KEY_RING

    assert messages.reseal(message)

    message.refresh_from_db()
    assert message.key_id == "next"
    assert messages.read(message) == LETTER


def test_reseal_leaves_a_text_that_changed_meanwhile(settings: Any) -> None:
    stale = saved()
    settings.NOTE_KEY_RING = "next:" + base64.b64encode(b"n" * 32).decode() + "," + settings.NOTE_KEY_RING
    messages.reseal(Message.objects.get(pk=stale.pk))

    assert not messages.reseal(stale)
