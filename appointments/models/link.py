"""Links in messages: each lets whoever holds it do one kind of thing with one appointment."""

from django.db import models
from django.db.models import Q

from appointments.models.appointment import Appointment


class Channel(models.TextChoices):
    """The ways a customer is written to, and confirms."""

    EMAIL = "email", "E-mail"
    PHONE = "phone", "Text message"


class Purpose(models.TextChoices):
    MANAGE = "manage", "See, move or cancel it"
    CONFIRM = "confirm", "Confirm it"


class AppointmentLink(models.Model):
    """`revision` is the appointment's when the link was made: an older link tells of a time that no longer holds.

    One that confirms says by which `channel` it was sent, and so which confirmation it gives.
    """

    Purpose = Purpose

    digest = models.BinaryField(max_length=32, unique=True)
    purpose = models.CharField(max_length=10, choices=Purpose)
    channel = models.CharField(max_length=5, choices=Channel, blank=True, default="", db_default="")
    appointment = models.ForeignKey(Appointment, on_delete=models.CASCADE, related_name="links")
    revision = models.PositiveIntegerField()
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(purpose="confirm", channel__in=["email", "phone"])
                | (~Q(purpose="confirm") & Q(channel="")),
                name="appointmentlink_confirms_by_channel",
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_purpose_display()} of appointment {self.appointment_id}"
