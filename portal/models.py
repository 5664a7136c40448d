"""What the portal itself must remember: who booked online, and the codes that sign customers in."""

from django.db import models
from django.db.models import Q

from appointments.models import Appointment, Customer
from reminders.models import Channel


class OnlineBooking(models.Model):
    """One per appointment booked on the portal. `submission` is the digest of the form it came from: sent twice, it books once."""

    submission = models.BinaryField(max_length=32, unique=True)
    appointment = models.OneToOneField(Appointment, on_delete=models.PROTECT, related_name="online_booking")
    at = models.DateTimeField()
    ip = models.GenericIPAddressField(null=True, blank=True)
    user_agent = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"Online booking of appointment {self.appointment_id}"


class Purpose(models.TextChoices):
    SIGN_IN = "sign_in", "Sign in"
    CONTACT = "contact", "Prove a new address"


class PortalCode(models.Model):
    """A six-digit code and a link that prove an address: single use, a quarter of an hour, five wrong tries.

    Written for unknown addresses as well (`is_known` false: no code opens it), so that both look and count the same.
    """

    Purpose = Purpose

    purpose = models.CharField(max_length=8, choices=Purpose)
    channel = models.CharField(max_length=5, choices=Channel)
    address = models.CharField(max_length=254)
    is_known = models.BooleanField()
    customer = models.ForeignKey(
        Customer, on_delete=models.CASCADE, null=True, blank=True, related_name="portal_codes"
    )
    code_digest = models.BinaryField(max_length=32)
    link_digest = models.BinaryField(max_length=32, unique=True)
    # Of the secret in the asking browser's cookie: the six digits open nothing elsewhere.
    browser_digest = models.BinaryField(max_length=32, unique=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)
    wrong_tries = models.PositiveSmallIntegerField(default=0)
    ip = models.GenericIPAddressField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["channel", "address", "-created_at"], name="portal_code_by_address"),
            models.Index(fields=["ip", "-created_at"], name="portal_code_by_ip"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(purpose="sign_in", customer__isnull=True)
                | Q(purpose="contact", customer__isnull=False),
                name="portal_code_names_whose_contact",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_purpose_display()} for {self.address}"
