"""Texts that customers send."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from appointments.models import Appointment


class Meaning(models.TextChoices):
    STOP = "stop", "STOP"
    START = "start", "START"
    HELP = "help", "HELP"
    CONFIRM = "confirm", "Confirms"
    MAYBE_STOP = "maybe_stop", "May want no more texts"
    OTHER = "other", "Something else"


class InboundText(models.Model):
    """A text from a number, stored once however often it is delivered; its words are sealed (`reminders.inbound` reads them).

    One that `holds_texts` stops all texts to the number until staff have read it or the person agrees anew.
    """

    Meaning = Meaning

    provider_id = models.CharField(max_length=64, unique=True)
    address = models.CharField(max_length=254, help_text="The number it came from, in E.164.")
    received_at = models.DateTimeField()
    meaning = models.CharField(max_length=10, choices=Meaning)
    ciphertext = models.BinaryField()
    salt = models.BinaryField(max_length=32)
    key_id = models.CharField(max_length=16, db_index=True)
    answer = models.CharField(max_length=320, blank=True, help_text="What was texted back at once.")
    appointment = models.ForeignKey(
        Appointment,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="inbound_texts",
        help_text="The one it confirmed.",
    )
    holds_texts = models.BooleanField(default=False)
    needs_person = models.BooleanField(default=False)
    handled_at = models.DateTimeField(null=True, blank=True)
    handled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text="Empty if the person settled it by agreeing anew or by STOP.",
    )
    handled_note = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["address"], name="inboundtext_address"),
            models.Index(
                fields=["received_at"],
                name="inboundtext_needs_person",
                condition=Q(needs_person=True, handled_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_meaning_display()} from {self.address}"
