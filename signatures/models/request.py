"""What somebody is asked to sign, by whom, by which links, and what came of it."""

import uuid
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q

from appointments.models import Appointment, Customer, Facility, StaffMember
from appointments.models.people import validate_phone
from reminders.models import Message
from signatures.models.template import DocumentTemplate, SignerRole, TemplateVersion

REASON_LIMIT = 300


class RequestState(models.TextChoices):
    PREPARED = "prepared", "To be sent"
    SENT = "sent", "Waiting for signature"
    SIGNED = "signed", "Signed, being sealed"
    SEALED = "sealed", "Signed"
    DECLINED = "declined", "Declined"
    VOIDED = "voided", "Voided"


OPEN_STATES = (RequestState.PREPARED, RequestState.SENT)
SIGNED_STATES = (RequestState.SIGNED, RequestState.SEALED)


class SignatureRequestQuerySet(models.QuerySet["SignatureRequest"]):
    def visible_at(self, facilities: Iterable[Facility | int]) -> "SignatureRequestQuerySet":
        return self.filter(facility__in=list(facilities))

    def open(self) -> "SignatureRequestQuerySet":
        return self.filter(state__in=OPEN_STATES)


class SignatureRequest(models.Model):
    """One document for one customer to sign, in the version it was sent in. The database refuses to change a sealed one.

    `facts` are what the document says of its customer, program, staff member and dates, as they were when it was first
    shown: `signatures.facts` writes them; empty until then. `language` is the signer's page's.
    """

    State = RequestState

    reference = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="signature_requests")
    facility = models.ForeignKey(Facility, on_delete=models.PROTECT, related_name="signature_requests")
    # The appointment it was first needed for; others of the customer may need it too (AttachedDocument).
    appointment = models.ForeignKey(
        Appointment, on_delete=models.PROTECT, null=True, blank=True, related_name="signature_requests"
    )
    template = models.ForeignKey(DocumentTemplate, on_delete=models.PROTECT, related_name="requests")
    version = models.ForeignKey(TemplateVersion, on_delete=models.PROTECT, related_name="requests")
    state = models.CharField(max_length=8, choices=RequestState, default=RequestState.PREPARED)
    facts: Any = models.JSONField(default=dict, blank=True)
    supersedes = models.ForeignKey(
        "SignedDocument", on_delete=models.PROTECT, null=True, blank=True, related_name="superseding_requests"
    )
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text="Nobody: it followed from a booking.",
    )
    sent_at = models.DateTimeField(null=True, blank=True)
    opened_at = models.DateTimeField(null=True, blank=True)
    # When the last signer signed, or somebody declined or voided it.
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_reason = models.CharField(max_length=REASON_LIMIT, blank=True)
    closed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    objects = SignatureRequestQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["facility", "state", "-id"], name="signaturerequest_queue"),
            models.Index(fields=["customer", "template", "-id"], name="signaturerequest_of_customer"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["prepared", "sent"], closed_at__isnull=True)
                | (~Q(state__in=["prepared", "sent"]) & Q(closed_at__isnull=False)),
                name="signaturerequest_closed_when",
            ),
            models.UniqueConstraint(
                fields=["customer", "template"],
                condition=Q(state__in=["prepared", "sent"]),
                name="signaturerequest_one_open",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.template} for {self.customer}"

    @property
    def is_open(self) -> bool:
        return self.state in OPEN_STATES

    @property
    def is_signed(self) -> bool:
        return self.state in SIGNED_STATES


class Signer(models.Model):
    """One person in the order of a request. What they filled in and signed with is sealed (`signatures.answers`) and kept as
    they go; the database refuses to change it once they have signed."""

    Role = SignerRole

    request = models.ForeignKey(SignatureRequest, on_delete=models.PROTECT, related_name="signers")
    place = models.PositiveSmallIntegerField(help_text="From 1: who signs first.")
    role = models.CharField(max_length=8, choices=SignerRole)
    name = models.CharField(
        max_length=161, blank=True, help_text="As known before; they sign with their own."
    )
    email = models.EmailField(blank=True)
    phone = models.CharField(max_length=16, blank=True, validators=[validate_phone])
    staff = models.ForeignKey(
        StaffMember, on_delete=models.PROTECT, null=True, blank=True, related_name="signatures"
    )
    identity_checked_at = models.DateTimeField(null=True, blank=True)
    consented_at = models.DateTimeField(null=True, blank=True, help_text="To electronic records.")
    disclosure = models.ForeignKey(
        "signatures.Disclosure", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    viewed_at = models.DateTimeField(null=True, blank=True)
    signed_at = models.DateTimeField(null=True, blank=True)
    signed_as = models.CharField(max_length=161, blank=True, help_text="The name they signed with.")
    signed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    saved_at = models.DateTimeField(null=True, blank=True)
    ciphertext = models.BinaryField(null=True)
    salt = models.BinaryField(max_length=32, null=True)
    key_id = models.CharField(max_length=16, blank=True)

    class Meta:
        ordering = ["request", "place"]
        indexes = [models.Index(fields=["key_id"], name="signer_key", condition=~Q(key_id=""))]
        constraints = [
            models.UniqueConstraint(fields=["request", "place"], name="signer_in_order"),
            models.CheckConstraint(
                condition=Q(ciphertext__isnull=True, salt__isnull=True, key_id="")
                | (Q(ciphertext__isnull=False, salt__isnull=False) & ~Q(key_id="")),
                name="signer_answers_are_sealed",
            ),
            models.CheckConstraint(
                condition=Q(signed_at__isnull=True)
                | (Q(consented_at__isnull=False, ciphertext__isnull=False) & ~Q(signed_as="")),
                name="signer_consented_before_signing",
            ),
        ]

    def __str__(self) -> str:
        return self.signed_as or self.name or self.get_role_display()


class AttachedDocument(models.Model):
    """A document that an appointment needs, and the request that is to fulfil it or has done so."""

    appointment = models.ForeignKey(
        Appointment, on_delete=models.PROTECT, related_name="documents", db_index=False
    )
    template = models.ForeignKey(DocumentTemplate, on_delete=models.PROTECT, related_name="+", db_index=False)
    request = models.ForeignKey(SignatureRequest, on_delete=models.PROTECT, related_name="attachments")

    class Meta:
        ordering = ["appointment", "template"]
        constraints = [
            models.UniqueConstraint(fields=["appointment", "template"], name="attacheddocument_once")
        ]

    def __str__(self) -> str:
        return f"{self.template} of appointment {self.appointment_id}"


class SignatureLink(models.Model):
    """What opens the documents of one person, in one message or on one device. Only a digest of the token is kept."""

    class Channel(models.TextChoices):
        EMAIL = "email", "E-mail"
        PHONE = "phone", "Text message"
        PORTAL = "portal", "Customer portal"
        KIOSK = "kiosk", "Device at the facility"
        DESK = "desk", "Staff site"

    digest = models.BinaryField(max_length=32, unique=True)
    channel = models.CharField(max_length=6, choices=Channel)
    address = models.CharField(max_length=254, blank=True, help_text="Where it was sent.")
    signers = models.ManyToManyField(Signer, related_name="links")
    message = models.ForeignKey(
        Message, on_delete=models.PROTECT, null=True, blank=True, related_name="signature_links"
    )
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.get_channel_display()} link of {self.created_at:%Y-%m-%d %H:%M}Z"

    @property
    def is_kiosk(self) -> bool:
        return self.channel == self.Channel.KIOSK

    def is_alive(self, now: datetime) -> bool:
        return self.revoked_at is None and now < self.expires_at


class EventKind(models.TextChoices):
    CREATED = "created", "Prepared"
    SENT = "sent", "Sent"
    REMINDED = "reminded", "Reminded"
    OPENED = "opened", "Opened"
    IDENTITY = "identity", "Birth date checked"
    IDENTITY_FAILED = "no_identity", "Wrong birth date given"
    DISCLOSED = "disclosed", "Electronic records explained"
    CONSENTED = "consented", "Agreed to electronic records"
    VIEWED = "viewed", "Document shown"
    SIGNED = "signed", "Signed"
    DECLINED = "declined", "Declined"
    VOIDED = "voided", "Voided"
    SEALED = "sealed", "Sealed"
    DOWNLOADED = "downloaded", "Signed copy taken"


class SignatureEvent(models.Model):
    """What happened to a request: append-only, each event hashed together with the one before (`signatures.evidence`)."""

    Kind = EventKind

    request = models.ForeignKey(SignatureRequest, on_delete=models.PROTECT, related_name="events")
    number = models.PositiveIntegerField(help_text="From 1, without gaps.")
    kind = models.CharField(max_length=12, choices=EventKind)
    at = models.DateTimeField()
    signer = models.ForeignKey(Signer, on_delete=models.PROTECT, null=True, blank=True, related_name="events")
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    link = models.ForeignKey(
        SignatureLink, on_delete=models.PROTECT, null=True, blank=True, related_name="events"
    )
    ip = models.GenericIPAddressField(null=True, blank=True)
    user_agent = models.CharField(max_length=300, blank=True)
    detail: Any = models.JSONField(default=dict, blank=True)
    previous = models.BinaryField(max_length=32)
    digest = models.BinaryField(max_length=32)

    class Meta:
        ordering = ["request", "number"]
        constraints = [models.UniqueConstraint(fields=["request", "number"], name="signatureevent_numbered")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} at {self.at:%Y-%m-%d %H:%M}Z"


class SigningReminder(models.Model):
    """That the reminder of so many days before was dealt with for an appointment at this date: none goes out twice."""

    appointment = models.ForeignKey(
        Appointment, on_delete=models.PROTECT, related_name="signing_reminders", db_index=False
    )
    starts_at = models.DateTimeField()
    days_before = models.PositiveSmallIntegerField()
    sent_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["appointment", "starts_at", "days_before"], name="signingreminder_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.days_before} days before {self.starts_at:%Y-%m-%d}"
