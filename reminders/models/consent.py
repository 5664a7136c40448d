"""Who agreed to messages."""

from django.conf import settings
from django.db import models

from appointments.models import Channel, Customer


class Source(models.TextChoices):
    PORTAL_BOOKING = "portal_booking", "Booked on the portal"
    PORTAL_PROFILE = "portal_profile", "Changed on the portal"
    STAFF = "staff", "Told to staff"
    TEXT_STOP = "text_stop", "Texted STOP"
    TEXT_START = "text_start", "Texted START"
    PROVIDER = "provider", "Refused by the provider as opted out"
    UNSUBSCRIBE = "unsubscribe", "Unsubscribed from e-mail"


class ConsentLog(models.Model):
    """Append-only: who agreed to messages on an address, or took that back, in which words. The last entry decides.

    Texts need an entry that agrees; e-mails only that none takes it back. `wording` is the text as it was shown, in the
    language it was shown in; what staff were told; or what the person wrote. The database refuses UPDATE and DELETE.
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
