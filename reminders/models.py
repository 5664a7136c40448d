"""Messages to customers, and their consent to be texted."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q

from appointments.models import Appointment, Customer
from securecare.outbox import OutboxRow


class Channel(models.TextChoices):
    EMAIL = "email", "E-mail"
    PHONE = "phone", "Text message"


class Source(models.TextChoices):
    PORTAL_BOOKING = "portal_booking", "Booked on the portal"
    PORTAL_PROFILE = "portal_profile", "Changed on the portal"


class ConsentLog(models.Model):
    """Append-only: who agreed to messages on an address, or took that back, in which words. The last entry decides.

    `wording` is the text as it was shown, in the language it was shown in. The database refuses UPDATE and DELETE.
    """

    Source = Source

    channel = models.CharField(max_length=5, choices=Channel)
    address = models.CharField(
        max_length=254, help_text="A number in E.164, or an e-mail address in lower case."
    )
    granted = models.BooleanField()
    source = models.CharField(max_length=16, choices=Source)
    wording = models.TextField()
    wording_version = models.CharField(max_length=20, blank=True)
    customer = models.ForeignKey(
        Customer, on_delete=models.PROTECT, null=True, blank=True, related_name="consents"
    )
    at = models.DateTimeField()
    ip = models.GenericIPAddressField(null=True, blank=True)
    user_agent = models.CharField(max_length=200, blank=True)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["channel", "address", "-id"], name="consent_last_for_address")]

    def __str__(self) -> str:
        return f"{self.address} {'agreed' if self.granted else 'took it back'}"


class Kind(models.TextChoices):
    BOOKED = "booked", "Booked"
    MOVED = "moved", "Moved"
    CANCELLED = "cancelled", "Cancelled"
    SIGN_IN = "sign_in", "Sign-in code"
    CONTACT = "contact", "Code for a new address"


class Message(OutboxRow):
    """One message to one address: the outbox. Its text is sealed; `reminders.messages` writes and reads it.

    A notice of an appointment is unique for its revision; a code is a message of its own each time.
    """

    Kind = Kind

    reference = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=12, choices=Kind)
    channel = models.CharField(max_length=5, choices=Channel)
    address = models.CharField(max_length=254)
    language = models.CharField(max_length=10, blank=True)
    customer = models.ForeignKey(
        Customer, on_delete=models.PROTECT, null=True, blank=True, related_name="messages"
    )
    appointment = models.ForeignKey(
        Appointment, on_delete=models.PROTECT, null=True, blank=True, related_name="messages"
    )
    revision = models.PositiveIntegerField(null=True, blank=True)
    ciphertext = models.BinaryField()
    salt = models.BinaryField(max_length=32)
    key_id = models.CharField(max_length=16, db_index=True)
    provider_id = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField()

    class Meta(OutboxRow.Meta):
        ordering = ["-id"]
        constraints = [
            *OutboxRow.Meta.constraints,
            models.UniqueConstraint(
                fields=["appointment", "kind", "channel", "revision"], name="message_once_per_revision"
            ),
            models.CheckConstraint(
                condition=Q(appointment__isnull=True, revision__isnull=True)
                | Q(appointment__isnull=False, revision__isnull=False),
                name="message_names_appointment_and_revision",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} to {self.address}"
