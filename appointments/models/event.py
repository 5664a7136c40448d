"""The record: one append-only row for every change of an appointment."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from appointments.models.appointment import Appointment


class Kind(models.TextChoices):
    BOOKED = "booked", "Booked"
    RESCHEDULED = "rescheduled", "Rescheduled"
    REASSIGNED = "reassigned", "Reassigned"
    CANCELLED = "cancelled", "Cancelled"
    MARKED = "marked", "Status changed"
    NOTES_EDITED = "notes_edited", "Notes edited"
    STRANDED = "stranded", "No longer inside working hours"
    RESTORED = "restored", "Working hours came back"
    CONFIRMED = "confirmed", "Confirmed"


class Actor(models.TextChoices):
    STAFF = "staff", "Staff"
    CUSTOMER = "customer", "Customer"
    SYSTEM = "system", "SecureCare"


class AppointmentEvent(models.Model):
    """`before` and `after` hold the fields that changed, as JSON: instants in ISO 8601 UTC, people and programs by id.

    A private note appears only as the fact that it changed. The database refuses UPDATE and DELETE.
    """

    Kind = Kind
    Actor = Actor

    appointment = models.ForeignKey(Appointment, on_delete=models.PROTECT, related_name="events")
    kind = models.CharField(max_length=16, choices=Kind)
    at = models.DateTimeField()
    actor = models.CharField(max_length=8, choices=Actor)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)
    overrides = ArrayField(models.CharField(max_length=20), default=list, blank=True)
    reason = models.CharField(max_length=200, blank=True)
    revision = models.PositiveIntegerField()
    version = models.PositiveIntegerField()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(actor="staff", by__isnull=False) | (~Q(actor="staff") & Q(by__isnull=True)),
                name="event_by_staff_names_who",
            ),
            models.UniqueConstraint(fields=["appointment", "version"], name="event_one_per_version"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} at {self.at:%Y-%m-%d %H:%M}Z"
