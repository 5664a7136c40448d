import base64
from typing import Any

import pytest
from django.db import connection

from reminders import messages
from reminders.messages import Letter, MessageUnreadable
from reminders.models import Kind, Message
from tests import factories as make
from tests.reminders import sending

pytestmark = pytest.mark.django_db

LETTER = Letter("Booked: Intake Interview", "Wednesday, 10:45 AM EST\nwith Dr. Núñez 🌱")


def written(**given: Any) -> Message:
    letter = Letter(LETTER.subject, given.pop("text", LETTER.text))
    return sending.message(**{"kind": Kind.SIGN_IN, "letter": letter, **given})


def saved(**given: Any) -> Message:
    return Message.objects.get(pk=written(**given).pk)


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


def test_message_about_no_appointment_is_always_new() -> None:
    for _ in range(2):
        written()

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


def test_message_not_worded_yet_reads_as_none() -> None:
    message = sending.notice(of=make.appointment())

    assert messages.read(message) is None
    assert not messages.reseal(message)
