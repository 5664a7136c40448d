"""The outbox of messages to customers."""

import uuid
from collections.abc import Iterable

from django.conf import settings
from django.db import models
from django.db.models import Q

from appointments.models import Appointment, Channel, Customer, Facility
from reminders.models.rule import ReminderRule
from securecare.outbox import OutboxQuerySet, OutboxRow


class Kind(models.TextChoices):
    REMINDER = "reminder", "Reminder"
    BOOKED = "booked", "Booked"
    MOVED = "moved", "Moved"
    CANCELLED = "cancelled", "Cancelled"
    PLEASE_SIGN = "please_sign", "Please sign"
    SIGN_IN = "sign_in", "Sign-in code"
    CONTACT = "contact", "Code for a new address"
    ALERT = "alert", "Contact changed"
    COLLEAGUE = "colleague", "To somebody on staff"


NOTICES = (Kind.BOOKED, Kind.MOVED, Kind.CANCELLED)
# Whoever reads one of these could act as the customer.
CODES = (Kind.SIGN_IN, Kind.CONTACT)
# E-mails that warn of what somebody has to see to: they go out however the address stands, and nobody unsubscribes from them.
WARNINGS = (Kind.ALERT, Kind.COLLEAGUE)


class Delivery(models.TextChoices):
    """What the provider has said became of a message it accepted, from the least to the most it can know."""

    UNKNOWN = "", "Not reported"
    SENT = "sent", "Sent on"
    DELAYED = "delayed", "Delayed"
    DELIVERED = "delivered", "Delivered"
    FAILED = "failed", "Not delivered"


class MessageQuerySet(OutboxQuerySet["Message"]):
    def visible_at(self, facilities: Iterable[Facility | int]) -> "MessageQuerySet":
        """Those about appointments at these facilities, and those about none to customers who are known there."""
        places = list(facilities)
        of_theirs = Q(appointment=None, customer__in=Customer.objects.known_at(places))
        return self.filter(Q(appointment__facility__in=places) | of_theirs)


class Message(OutboxRow):
    """One message to one address: the outbox. `state` says whether it has been handed over; `delivery` what came of it.

    A message about an appointment is written down when it is planned and worded when it is sent: until then it has no text.
    It is unique per appointment, kind, channel, rule, revision and `copy`; a code is a message of its own each time, and has
    its text from the beginning. One that is not to be sent is a row too, closed with the reason. The text is sealed:
    `reminders.messages` writes and reads it.

    `handed_over_at` set on a row that is not settled means that an attempt may have reached the provider: it is asked before
    anything is sent again.
    """

    Kind = Kind
    Delivery = Delivery

    reference = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=12, choices=Kind)
    channel = models.CharField(max_length=5, choices=Channel)
    address = models.CharField(max_length=254, blank=True, help_text="Empty if there is none to send it to.")
    language = models.CharField(max_length=10, blank=True)
    customer = models.ForeignKey(
        Customer, on_delete=models.PROTECT, null=True, blank=True, related_name="messages"
    )
    # Six rows are written with every booking: `message_once` begins with the appointment, and nobody searches by the others.
    appointment = models.ForeignKey(
        Appointment,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="messages",
        db_index=False,
    )
    revision = models.PositiveIntegerField(null=True, blank=True)
    rule = models.ForeignKey(
        ReminderRule,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="messages",
        db_index=False,
    )
    before = models.JSONField(
        default=dict,
        blank=True,
        help_text="What the customer was told last, where a notice corrects it: starts_at, ends_at, staff; or cancelled.",
    )
    useful_until = models.DateTimeField(
        null=True, blank=True, help_text="From this instant on sending it is pointless, whatever it is about."
    )
    created_at = models.DateTimeField()

    copy = models.PositiveSmallIntegerField(default=0, help_text="How many times it was sent again.")
    again_of = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="sent_again_as",
        db_index=False,
    )
    again_reason = models.CharField(max_length=200, blank=True)
    again_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
    )

    ciphertext = models.BinaryField(null=True)
    salt = models.BinaryField(max_length=32, null=True)
    key_id = models.CharField(max_length=16, blank=True)

    transport = models.CharField(max_length=10, blank=True, help_text="What sent it; console: nothing did.")
    handed_over_at = models.DateTimeField(null=True, blank=True)
    provider_id = models.CharField(max_length=64, blank=True)
    delivery = models.CharField(max_length=10, choices=Delivery, blank=True, default="")
    delivery_at = models.DateTimeField(null=True, blank=True)
    delivery_detail = models.CharField(max_length=200, blank=True)

    # A failure that a person has to look at, until one has.
    needs_person_since = models.DateTimeField(null=True, blank=True)
    handled_at = models.DateTimeField(null=True, blank=True)
    handled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
    )
    handled_note = models.CharField(max_length=200, blank=True)

    objects = MessageQuerySet.as_manager()  # type: ignore[misc]

    class Meta(OutboxRow.Meta):
        ordering = ["-id"]
        indexes = [
            *OutboxRow.Meta.indexes,
            models.Index(fields=["key_id"], name="message_key", condition=~Q(key_id="")),
            models.Index(fields=["again_of"], name="message_again_of", condition=Q(again_of__isnull=False)),
            models.Index(fields=["provider_id"], name="message_provider_id", condition=~Q(provider_id="")),
            models.Index(
                fields=["address", "handed_over_at"],
                name="message_texts_to_number",
                condition=Q(channel="phone", handed_over_at__isnull=False),
            ),
            models.Index(
                fields=["needs_person_since"],
                name="message_needs_person",
                condition=Q(needs_person_since__isnull=False, handled_at__isnull=True),
            ),
            # What staff look through, the newest first.
            models.Index(
                fields=["state", "settled_at", "id"],
                name="message_settled",
                condition=Q(settled_at__isnull=False),
            ),
            models.Index(
                fields=["settled_at", "id"],
                name="message_failed",
                condition=Q(state="given_up") | Q(delivery="failed"),
            ),
        ]
        constraints = [
            *OutboxRow.Meta.constraints,
            models.UniqueConstraint(
                fields=["appointment", "kind", "channel", "rule", "revision", "copy"],
                condition=Q(appointment__isnull=False),
                nulls_distinct=False,
                name="message_once",
            ),
            models.CheckConstraint(
                condition=Q(appointment__isnull=True, revision__isnull=True)
                | Q(appointment__isnull=False, revision__isnull=False),
                name="message_names_appointment_and_revision",
            ),
            models.CheckConstraint(
                condition=(
                    Q(kind="reminder", rule__isnull=False) | (~Q(kind="reminder") & Q(rule__isnull=True))
                ),
                name="message_reminder_names_rule",
            ),
            models.CheckConstraint(
                condition=Q(ciphertext__isnull=True, salt__isnull=True, key_id="")
                | (Q(ciphertext__isnull=False, salt__isnull=False) & ~Q(key_id="")),
                name="message_text_is_sealed",
            ),
            models.CheckConstraint(
                condition=Q(appointment__isnull=False) | Q(ciphertext__isnull=False),
                name="message_without_appointment_has_text",
            ),
            models.CheckConstraint(
                condition=~Q(address="") | Q(state="closed"), name="message_goes_somewhere"
            ),
            models.CheckConstraint(
                condition=Q(handled_at__isnull=True, handled_by__isnull=True)
                | Q(handled_at__isnull=False, handled_by__isnull=False),
                name="message_handled_who_and_when",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} to {self.address or 'nobody'}"
