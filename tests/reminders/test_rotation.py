import base64
from io import StringIO
from typing import Any

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command

from reminders import inbound, messages
from reminders.inbound import Received
from reminders.messages import Letter
from reminders.models import Channel, Kind, Message
from securecare import rotation
from tests import factories as make

pytestmark = pytest.mark.django_db

OLD, NEW, LOST = (
    f"{name}:{base64.b64encode(byte * 32).decode()}"
    for name, byte in (("k1", b"1"), ("k2", b"2"), ("k0", b"0"))
)


def written(text: str) -> Message:
    message = messages.write(
        kind=Kind.SIGN_IN,
        channel=Channel.EMAIL,
        address="ada@example.org",
        letter=Letter("Code", text),
        now=make.NOW,
    )
    assert message is not None
    return message


def rotate() -> tuple[list[str], str]:
    """What the command says of these tables, and its complaint."""
    out, complaint = StringIO(), ""
    try:
        call_command("rotate_keys", stdout=out, batch=2)
    except CommandError as error:
        complaint = str(error)
    lines = out.getvalue().splitlines()
    return [
        line
        for line in lines
        if not line.startswith(("answers in documents", "calendar credentials", "signed documents"))
    ], complaint


def test_rotation_moves_messages_notes_and_texts_and_counts_them(settings: Any) -> None:
    settings.NOTE_KEY_RING = OLD
    make.appointment(private_note="A note")
    texts = [f"Text {number}" for number in range(3)]
    rows = [written(text) for text in texts]
    inbound.receive(Received("SM1", "+12125550143", "Late"), now=make.NOW)
    settings.NOTE_KEY_RING = f"{NEW},{OLD}"

    assert rotate() == (
        [
            "Current key: k2",
            "messages, before: k1 3",
            "messages: 2 moved",
            "messages: 3 moved",
            "messages, after: k2 3",
            "private notes, before: k1 1",
            "private notes: 1 moved",
            "private notes, after: k2 1",
            "texts from customers, before: k1 1",
            "texts from customers: 1 moved",
            "texts from customers, after: k2 1",
        ],
        "",
    )
    settings.NOTE_KEY_RING = NEW
    assert [messages.read(Message.objects.get(pk=row.pk)).text for row in rows] == texts


def test_rotation_names_the_message_it_cannot_open(settings: Any) -> None:
    settings.NOTE_KEY_RING = LOST
    lost = written("Lost")
    settings.NOTE_KEY_RING = f"{NEW},{OLD}"

    lines, complaint = rotate()

    assert f"Cannot be opened: message {lost.reference}, key k0" in lines
    assert complaint == "1 not under the current key. Keep the old keys in NOTE_KEY_RING and run this again."


def test_every_table_with_a_key_id_takes_part_in_rotation() -> None:
    sealed = {
        model for model in apps.get_models() if "key_id" in {field.name for field in model._meta.fields}
    }

    assert {table.model for table in rotation.tables()} == sealed
