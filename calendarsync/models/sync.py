"""What is to be brought to which calendar: the outbox, which is also the audit trail; and what we know is there."""

from datetime import datetime
from typing import Self
from uuid import uuid4

from django.contrib.postgres.indexes import BrinIndex
from django.db import IntegrityError, models, transaction
from django.db.models import Exists, OuterRef, Q

from appointments.models import Appointment, AppointmentEvent
from calendarsync.models.connection import CalendarConnection
from securecare.outbox import OutboxQuerySet, OutboxRow

NOTE_LIMIT = 200


class Reason(models.TextChoices):
    """Why it was due."""

    CHANGE = "change", "The appointment changed"
    BACKFILL = "backfill", "The calendar was connected"
    STYLE = "style", "What entries show was changed"
    RECONCILE = "reconcile", "The calendar differed"
    RETRY = "retry", "Tried again by a person"
    COMMAND = "command", "Asked for by an administrator"
    DISCONNECT = "disconnect", "The calendar was disconnected"


# What many appointments need at once waits behind what somebody has just changed. 0 comes first.
RANKS = {Reason.CHANGE: 0, Reason.RETRY: 0, Reason.DISCONNECT: 1}
LATER = 2


class Outcome(models.TextChoices):
    ADDED = "added", "Added"
    UPDATED = "updated", "Updated"
    REMOVED = "removed", "Removed"
    NOTHING = "nothing", "Nothing to do"


_CLAIM = """
UPDATE calendarsync_calendarsync mine
   SET state = 'claimed', claim = %(claim)s, claimed_at = %(now)s, attempts = attempts + 1
 WHERE id = %(row)s AND state = 'pending' AND due_at <= %(now)s
   AND NOT EXISTS (SELECT FROM calendarsync_calendarsync other
                    WHERE other.appointment_id = mine.appointment_id AND other.state = 'claimed')
RETURNING *
"""


class CalendarSyncQuerySet(OutboxQuerySet["CalendarSync"]):
    def claim(self, row_id: int, *, now: datetime) -> "CalendarSync | None":
        """As of any outbox row, and not while another of the same appointment is being carried out: the database allows one."""
        try:
            with transaction.atomic():
                return next(iter(self.raw(_CLAIM, {"claim": uuid4(), "now": now, "row": row_id})), None)
        except IntegrityError:
            return None

    def of(self, connection: CalendarConnection | int) -> Self:
        return self.filter(connection=connection)

    def ready(self, now: datetime) -> Self:
        """Due, and of an appointment that nobody is writing just now: what people wait for first."""
        busy = CalendarSync.objects.filter(appointment=OuterRef("appointment"), state=OutboxRow.State.CLAIMED)
        return self.due(now).filter(~Exists(busy)).order_by("rank", "due_at", "pk")

    def unresolved(self) -> Self:
        """Failures that no later row has taken over."""
        return self.filter(state=OutboxRow.State.GIVEN_UP, resolved_at=None)


class CalendarSync(OutboxRow):
    """Bring one appointment's entry in one calendar to what the appointment is then: whoever carries it out looks at that, not at
    what it was when the row was written. So several waiting rows are one write, and the others are closed as covered by it.

    One of an appointment at a time is carried out, whatever its calendar.
    """

    Outcome = Outcome
    Reason = Reason

    # The constraint and the indexes below begin with it.
    appointment = models.ForeignKey(
        Appointment, on_delete=models.PROTECT, related_name="calendar_syncs", db_index=False
    )
    connection = models.ForeignKey(
        CalendarConnection, on_delete=models.PROTECT, related_name="syncs", db_index=False
    )
    event = models.ForeignKey(
        AppointmentEvent, on_delete=models.PROTECT, null=True, blank=True, related_name="+", db_index=False
    )
    reason = models.CharField(max_length=10, choices=Reason)
    rank = models.PositiveSmallIntegerField(default=LATER, editable=False)
    note = models.CharField(max_length=NOTE_LIMIT, blank=True, help_text="What exactly differed.")
    created_at = models.DateTimeField(help_text="When it was wanted.")
    outcome = models.CharField(max_length=8, choices=Outcome, blank=True)
    version = models.PositiveIntegerField(
        null=True, blank=True, help_text="The appointment's version that was brought there."
    )
    covered_by = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="covers", db_index=False
    )
    resolved_at = models.DateTimeField(
        null=True, blank=True, help_text="When a later row took a failure over."
    )

    objects = CalendarSyncQuerySet.as_manager()  # type: ignore[misc]

    class Meta(OutboxRow.Meta):
        ordering = ["-id"]
        indexes = [
            *OutboxRow.Meta.indexes,
            # Rows are written in its order: a few pages hold it, and a month of years of rows is found by it.
            BrinIndex(fields=["created_at"], name="calendarsync_created", autosummarize=True),
            models.Index(fields=["appointment", "-id"], name="calendarsync_appointment"),
            models.Index(fields=["connection", "-id"], name="calendarsync_connection"),
            models.Index(
                fields=["connection", "rank", "due_at", "id"],
                name="calendarsync_next",
                condition=Q(state="pending"),
            ),
            models.Index(
                fields=["connection"],
                name="calendarsync_failed",
                condition=Q(state="given_up", resolved_at__isnull=True),
            ),
            # Their progress is shown.
            models.Index(
                fields=["connection", "created_at"],
                name="calendarsync_backfill",
                condition=Q(reason="backfill"),
            ),
        ]
        constraints = [
            *OutboxRow.Meta.constraints,
            models.UniqueConstraint(
                fields=["appointment"], name="calendarsync_one_writer", condition=Q(state="claimed")
            ),
            models.CheckConstraint(
                name="calendarsync_done_has_outcome",
                condition=~Q(state="done") | ~Q(outcome=""),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_reason_display()}, {self.get_state_display().lower()}"

    @classmethod
    def rank_of(cls, reason: str) -> int:
        return RANKS.get(Reason(reason), LATER)


class SyncedEvent(models.Model):
    """The entry that we believe stands in a calendar, as we last wrote it. None where there should be none.

    `revision` is the appointment's `version` then, `digest` that of what was written; `etag` is the provider's name for it.
    """

    appointment = models.ForeignKey(Appointment, on_delete=models.PROTECT, related_name="synced_events")
    connection = models.ForeignKey(
        CalendarConnection, on_delete=models.PROTECT, related_name="synced_events", db_index=False
    )
    external_id = models.CharField(max_length=1024)
    etag = models.TextField(blank=True)
    revision = models.PositiveIntegerField()
    digest = models.BinaryField(max_length=32)
    written_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["connection", "appointment"], name="syncedevent_once"),
        ]

    def __str__(self) -> str:
        return f"Entry of appointment {self.appointment_id} in calendar {self.connection_id}"

    def is_as_written(self, *, etag: str, digest: bytes) -> bool:
        """Whether nobody has touched it since, and it still says what it should."""
        return bool(etag) and etag == self.etag and bytes(self.digest) == digest
