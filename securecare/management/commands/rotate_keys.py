from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from securecare import rotation
from securecare.encryption import key_ring
from securecare.rotation import SealedTable


class Command(BaseCommand):
    help = (
        "Seal every private note, message and text from a customer under the first key of NOTE_KEY_RING. Give every process the new key before "
        "you put it first; drop the old key when nothing is left under it. May be stopped and started again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--batch", type=int, default=500, help="Rows in one transaction (default 500).")

    def handle(self, *args: Any, batch: int, **options: Any) -> None:
        if batch < 1:
            raise CommandError("--batch must be 1 or more.")
        self.stdout.write(f"Current key: {key_ring().current}")
        remaining = sum(self._rotate(table, batch) for table in rotation.tables())
        if remaining:
            raise CommandError(
                f"{remaining} not under the current key. Keep the old keys in NOTE_KEY_RING and run this again."
            )

    def _rotate(self, table: SealedTable, batch: int) -> int:
        """How many rows are left under other keys."""
        self._write_counts(table, "before")
        moved, unreadable = 0, []
        for done in table.rotate(batch=batch):
            moved += done.moved
            unreadable += done.unreadable
            self.stdout.write(f"{table.called}: {moved} moved")
        self._write_counts(table, "after")
        for row in unreadable:
            self.stdout.write(f"Cannot be opened: {table.name_of(row)}, key {row.key_id}")
        return table.outstanding().count()

    def _write_counts(self, table: SealedTable, moment: str) -> None:
        counts = ", ".join(f"{key} {rows}" for key, rows in table.count_by_key().items())
        self.stdout.write(f"{table.called}, {moment}: {counts or 'none'}")
