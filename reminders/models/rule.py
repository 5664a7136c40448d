"""When a program reminds its customers, and in which words."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from appointments.models import Channel, Program

MOST_DAYS = 60
MOST_HOURS = 72


class ReminderRule(models.Model):
    """One reminder of each appointment of a program: so many days before its date at a time of the facility's clock, or so
    many hours before it starts.

    A program without any rule is a new one and is given the usual ones (`reminders.rules`), so rules are switched off, not
    deleted: messages name the rule they came from.
    """

    program = models.ForeignKey(Program, on_delete=models.PROTECT, related_name="reminder_rules")
    channel = models.CharField(max_length=5, choices=Channel)
    days_before = models.PositiveSmallIntegerField(null=True, blank=True)
    at_time = models.TimeField(null=True, blank=True, help_text="By the facility's clock.")
    hours_before = models.PositiveSmallIntegerField(null=True, blank=True)
    is_active = models.BooleanField(default=True)

    class Meta:
        ordering = ["program", models.F("days_before").desc(nulls_last=True), "-hours_before", "channel"]
        constraints = [
            models.CheckConstraint(
                name="reminderrule_days_or_hours",
                condition=Q(
                    days_before__isnull=False,
                    at_time__isnull=False,
                    hours_before__isnull=True,
                    days_before__lte=MOST_DAYS,
                )
                | Q(
                    days_before__isnull=True,
                    at_time__isnull=True,
                    hours_before__isnull=False,
                    hours_before__gte=1,
                    hours_before__lte=MOST_HOURS,
                ),
            ),
            models.UniqueConstraint(
                fields=["program", "channel", "days_before", "at_time", "hours_before"],
                nulls_distinct=False,
                name="reminderrule_once_per_program",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_channel_display()} {self.lead}"

    @property
    def lead(self) -> str:
        if self.hours_before is not None:
            return f"{self.hours_before} hour{'s' if self.hours_before != 1 else ''} before"
        if not self.days_before:
            return f"on the day at {self.at_time:%-I:%M %p}"
        return (
            f"{self.days_before} day{'s' if self.days_before != 1 else ''} before at {self.at_time:%-I:%M %p}"
        )


class ReminderWording(models.Model):
    """A program's own words for a reminder, in one language. Where there are none, SecureCare's own are used.

    Fields in braces, as {time}, are filled in when it is sent; `reminders.templates` knows which there are.
    """

    rule = models.ForeignKey(ReminderRule, on_delete=models.CASCADE, related_name="wordings")
    language = models.CharField(max_length=10, choices=settings.LANGUAGES)
    subject = models.CharField(max_length=120, blank=True, help_text="Of an e-mail.")
    text = models.TextField(max_length=2000)

    class Meta:
        ordering = ["rule", "language"]
        constraints = [
            models.UniqueConstraint(fields=["rule", "language"], name="reminderwording_once_per_language")
        ]

    def __str__(self) -> str:
        return f"{self.rule} ({self.language})"
