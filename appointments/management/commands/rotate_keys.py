from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from appointments import rotation
from securecare.encryption import key_ring


class Command(BaseCommand):
    help = (
        "Seal every private note under the first key of NOTE_KEY_RING. Give every process the new key before you put it "
        "first; drop the old key when no note is left under it. May be stopped and started again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--batch", type=int, default=500, help="Notes in one transaction (default 500).")

    def handle(self, *args: Any, batch: int, **options: Any) -> None:
        if batch < 1:
            raise CommandError("--batch must be 1 or more.")
        self.stdout.write(f"Current key: {key_ring().current}")
        self._write_counts("Before")
        moved, unreadable = 0, []
        for done in rotation.rotate(batch=batch):
            moved += done.moved
            unreadable += done.unreadable
            self.stdout.write(f"{moved} moved")
        self._write_counts("After")
        for note in unreadable:
            self.stdout.write(
                f"Cannot be opened: appointment {note.appointment.reference}, key {note.key_id}"
            )
        if remaining := rotation.outstanding().count():
            raise CommandError(
                f"{remaining} not under the current key. Keep the old keys in NOTE_KEY_RING and run this again."
            )

    def _write_counts(self, title: str) -> None:
        counts = ", ".join(f"{key} {notes}" for key, notes in rotation.notes_by_key().items())
        self.stdout.write(f"{title}: {counts or 'no private notes'}")
