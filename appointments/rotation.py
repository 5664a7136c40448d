"""Moving private notes to the current key of the ring.

Add the new key to every process first, then put it at the front, then rotate, then drop the old key: a process that lacks
a note's key cannot open it. Notes move in batches, each a short transaction, so a run may be stopped and started again.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from django.db import transaction
from django.db.models import Count, QuerySet

from appointments import private_notes
from appointments.models import PrivateNote
from appointments.private_notes import NoteUnreadable
from securecare.encryption import key_ring


@dataclass
class Batch:
    """What became of some notes: how many moved, how many somebody changed meanwhile, and which could not be opened."""

    moved: int = 0
    changed: int = 0
    unreadable: list[PrivateNote] = field(default_factory=list)


def notes_by_key() -> dict[str, int]:
    """How many notes are sealed under each key id."""
    counted = PrivateNote.objects.values("key_id").order_by("key_id").annotate(notes=Count("pk"))
    return dict(counted.values_list("key_id", "notes"))


def outstanding() -> QuerySet[PrivateNote]:
    """The notes not under the current key, in a fixed order."""
    others = PrivateNote.objects.exclude(key_id=key_ring().current)
    return others.select_related("appointment").order_by("pk")


def rotate(*, batch: int) -> Iterator[Batch]:
    """Move every outstanding note to the current key, `batch` of them at a time. A concurrent edit wins."""
    last = 0
    while notes := list(outstanding().filter(pk__gt=last)[:batch]):
        with transaction.atomic():
            done = _move(notes)
        yield done
        last = notes[-1].pk


def _move(notes: list[PrivateNote]) -> Batch:
    batch = Batch()
    for note in notes:
        try:
            if private_notes.reseal(note):
                batch.moved += 1
            else:
                batch.changed += 1
        except NoteUnreadable:
            batch.unreadable.append(note)
    return batch
