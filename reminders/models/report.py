"""What providers report: of messages, of addresses that cannot be reached, and of accounts that do not work."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from appointments.models import Channel
from reminders.models.message import Delivery, Message


class DeliveryReport(models.Model):
    """One report of a provider about one message, stored once however often it comes. `event_id` is the provider's own, or
    made of the message's id and status where it has none."""

    message = models.ForeignKey(Message, on_delete=models.PROTECT, related_name="reports")
    transport = models.CharField(max_length=10)
    event_id = models.CharField(max_length=120)
    status = models.CharField(max_length=30, help_text="The provider's own word.")
    delivery = models.CharField(max_length=10, choices=Delivery, blank=True)
    code = models.CharField(max_length=20, blank=True)
    detail = models.CharField(max_length=200, blank=True)
    at = models.DateTimeField(
        help_text="When it happened, if the provider says so; else when it was received."
    )
    received_at = models.DateTimeField()

    class Meta:
        ordering = ["at", "id"]
        constraints = [models.UniqueConstraint(fields=["transport", "event_id"], name="deliveryreport_once")]

    def __str__(self) -> str:
        return f"{self.status} at {self.at:%Y-%m-%d %H:%M}Z"


class ContactProblem(models.Model):
    """An address that cannot be reached: nothing is sent to it until staff clear it or something arrives there after all."""

    channel = models.CharField(max_length=5, choices=Channel)
    address = models.CharField(
        max_length=254, help_text="A number in E.164, or an e-mail address in lower case."
    )
    reason = models.CharField(max_length=200)
    message = models.ForeignKey(
        Message, on_delete=models.PROTECT, null=True, blank=True, related_name="problems"
    )
    since = models.DateTimeField()
    cleared_at = models.DateTimeField(null=True, blank=True)
    cleared_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text="Empty if a message arrived there after all.",
    )

    class Meta:
        ordering = ["-since", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["channel", "address"],
                condition=Q(cleared_at__isnull=True),
                name="contactproblem_open_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.address}: {self.reason}"


class ChannelStop(models.Model):
    """A provider that refuses our account: nothing is lost, messages wait, and one is tried again from time to time."""

    channel = models.CharField(max_length=5, choices=Channel, unique=True)
    reason = models.CharField(max_length=200)
    since = models.DateTimeField()
    next_try_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.get_channel_display()}: {self.reason}"
