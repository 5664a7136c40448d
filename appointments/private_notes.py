"""The only way in and out of a private note: sealed at rest, permission asked, every read recorded."""

from datetime import datetime

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import transaction

from appointments.access import READ_PRIVATE_NOTE, WRITE_PRIVATE_NOTE
from appointments.models import Appointment, PrivateNote, PrivateNoteRead
from securecare.encryption import CannotOpen, Sealed, key_ring
from securecare.rotation import SealedTable


class NoteUnreadable(CannotOpen):
    """The stored note cannot be opened with the keys at hand. It must not be overwritten blindly."""


def _place(appointment: Appointment) -> tuple[str, ...]:
    return ("private-note", str(appointment.reference))


def open_note(note: PrivateNote) -> str:
    """The text of a stored note. Raises NoteUnreadable. Checks no permission and records nothing: callers below do."""
    sealed = Sealed(bytes(note.ciphertext), bytes(note.salt), note.key_id)
    try:
        return key_ring().open(sealed, place=_place(note.appointment))
    except CannotOpen as error:
        raise NoteUnreadable(str(error)) from error


def read(*, appointment: Appointment, by: User, now: datetime) -> str:
    """The note's text, "" if there is none. Records the read, the failed one too.

    Raises PermissionDenied, or NoteUnreadable when no key at hand opens it.
    """
    if not by.has_perm(READ_PRIVATE_NOTE):
        raise PermissionDenied("Private notes are for the people who care for the customer.")
    note = PrivateNote.objects.select_related("appointment").filter(appointment=appointment).first()
    if note is None:
        return ""
    try:
        text = open_note(note)
    except NoteUnreadable:
        PrivateNoteRead.objects.create(appointment=appointment, by=by, at=now, was_readable=False)
        raise
    PrivateNoteRead.objects.create(appointment=appointment, by=by, at=now, was_readable=True)
    return text


def write(
    *, appointment: Appointment, text: str, by: User | None, now: datetime, replace_unreadable: bool = False
) -> bool:
    """Seal and store the note; an empty text removes it. True if anything changed.

    Raises PermissionDenied; raises NoteUnreadable instead of overwriting what cannot be read, unless told to.
    """
    if by is None or not by.has_perm(WRITE_PRIVATE_NOTE):
        raise PermissionDenied("Your role may not write private notes.")
    with transaction.atomic():
        note = (
            PrivateNote.objects.select_for_update(of=("self",))
            .select_related("appointment")
            .filter(appointment=appointment)
            .first()
        )
        if note is not None and not replace_unreadable and open_note(note) == text:
            return False
        if not text:
            return note is not None and bool(note.delete())
        sealed = key_ring().seal(text, place=_place(appointment))
        PrivateNote.objects.update_or_create(
            appointment=appointment,
            defaults={
                "ciphertext": sealed.ciphertext,
                "salt": sealed.salt,
                "key_id": sealed.key_id,
                "updated_at": now,
                "updated_by": by,
            },
        )
    return True


def reseal(note: PrivateNote) -> bool:
    """Seal the same text under the current key; who wrote it and when stay. False if somebody changed the note meanwhile.

    Raises NoteUnreadable.
    """
    sealed = key_ring().seal(open_note(note), place=_place(note.appointment))
    unchanged = PrivateNote.objects.filter(pk=note.pk, ciphertext=note.ciphertext)
    return bool(unchanged.update(ciphertext=sealed.ciphertext, salt=sealed.salt, key_id=sealed.key_id))


def sealed_table() -> SealedTable:
    return SealedTable(
        called="private notes",
        model=PrivateNote,
        reseal=reseal,
        name_of=lambda note: f"private note of appointment {note.appointment.reference}",
        related=("appointment",),
    )
