"""Links in messages: each lets whoever holds it do one kind of thing with one appointment."""

from django.db import models

from appointments.models.appointment import Appointment


class Purpose(models.TextChoices):
    MANAGE = "manage", "See, move or cancel it"
    CONFIRM = "confirm", "Confirm it"


class AppointmentLink(models.Model):
    """`revision` is the appointment's when the link was made: an older link tells of a time that no longer holds."""

    Purpose = Purpose

    digest = models.BinaryField(max_length=32, unique=True)
    purpose = models.CharField(max_length=10, choices=Purpose)
    appointment = models.ForeignKey(Appointment, on_delete=models.CASCADE, related_name="links")
    revision = models.PositiveIntegerField()
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.get_purpose_display()} of appointment {self.appointment_id}"
