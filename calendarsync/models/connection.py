"""Whose calendar is kept equal to what they have booked, and how that is going."""

import uuid
from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import Q

from appointments.models import StaffMember

ERROR_LIMIT = 300


class Provider(models.TextChoices):
    GOOGLE = "google", "Google Calendar"
    CALDAV = "caldav", "CalDAV"


class TitleStyle(models.TextChoices):
    """What the title of an entry tells about the customer, from the least to the most."""

    BUSY = "busy", "Busy, and nothing else"
    REFERENCE = "reference", "The appointment's reference"
    INITIALS = "initials", "The customer's initials"
    FULL_NAME = "full_name", "The customer's full name"


class State(models.TextChoices):
    NEW = "new", "Being set up"
    ACTIVE = "active", "Connected"
    BROKEN = "broken", "Stopped"
    LEAVING = "leaving", "Being disconnected"
    DISCONNECTED = "disconnected", "Disconnected"


# What is to be written follows the calendar's owner only here.
MIRRORS = (State.ACTIVE, State.BROKEN)
HAS_CREDENTIALS = (State.NEW, State.ACTIVE, State.BROKEN, State.LEAVING)


class CalendarConnectionQuerySet(models.QuerySet["CalendarConnection"]):
    def reachable(self, now: datetime) -> "CalendarConnectionQuerySet":
        """Those whose calendar may be asked something now."""
        is_calm = Q(retry_at=None) | Q(retry_at__lte=now)
        return self.filter(is_calm, state__in=[State.ACTIVE, State.LEAVING])

    def kept(self) -> "CalendarConnectionQuerySet":
        """Those that a person would call theirs."""
        return self.filter(state__in=[State.ACTIVE, State.BROKEN, State.LEAVING])


class CalendarConnection(models.Model):
    """One calendar of one staff member. Credentials are sealed: `calendarsync.credentials` writes and reads them.

    `calendar` names it to its provider: Google's calendar id, or the address of a CalDAV collection. `key` is the same
    whoever connects that calendar and however they spell it: no calendar is connected twice at a time.

    While `retry_at` lies ahead nothing is asked of it; `failures` counts those in a row. `turn_at` spaces requests, of all
    workers together; until `drained_until` one worker carries out its rows.
    """

    State = State

    reference = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    staff = models.ForeignKey(StaffMember, on_delete=models.PROTECT, related_name="calendar_connections")
    provider = models.CharField(max_length=8, choices=Provider)
    state = models.CharField(max_length=12, choices=State, default=State.NEW)
    account = models.CharField(
        max_length=254, blank=True, help_text="The user name or address it is opened with."
    )
    server = models.CharField(
        max_length=500, blank=True, help_text="Address of the CalDAV server, as it was given."
    )
    calendar = models.CharField(max_length=1000, blank=True)
    calendar_name = models.CharField(max_length=200, blank=True)
    key = models.CharField(max_length=1100, blank=True, editable=False)
    title_style = models.CharField(
        "titles of entries", max_length=12, choices=TitleStyle, default=TitleStyle.INITIALS
    )

    ciphertext = models.BinaryField(null=True, editable=False)
    salt = models.BinaryField(max_length=32, null=True, editable=False)
    key_id = models.CharField(max_length=16, blank=True, editable=False, db_index=True)

    created_at = models.DateTimeField()
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    connected_at = models.DateTimeField(null=True, blank=True, help_text="When it was last connected.")
    disconnected_at = models.DateTimeField(null=True, blank=True)
    tested_at = models.DateTimeField(null=True, blank=True)
    last_synced_at = models.DateTimeField(null=True, blank=True, help_text="When something was last written.")
    last_error = models.CharField(max_length=ERROR_LIMIT, blank=True)
    last_error_at = models.DateTimeField(null=True, blank=True)
    broken_at = models.DateTimeField(null=True, blank=True)
    told_at = models.DateTimeField(null=True, blank=True, help_text="When people were told that it stopped.")

    failures = models.PositiveIntegerField(default=0, editable=False)
    retry_at = models.DateTimeField(null=True, blank=True, editable=False)
    turn_at = models.DateTimeField(null=True, blank=True, editable=False)
    drained_until = models.DateTimeField(null=True, blank=True, editable=False)
    reconciled_at = models.DateTimeField(
        null=True, blank=True, help_text="When it was last compared as a whole."
    )

    objects = CalendarConnectionQuerySet.as_manager()

    class Meta:
        ordering = ["staff__display_name", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["provider", "key"],
                name="calendarconnection_calendar_once",
                condition=Q(state__in=["active", "broken", "leaving"]),
            ),
            models.CheckConstraint(
                name="calendarconnection_credentials_while_used",
                condition=Q(state="disconnected", ciphertext__isnull=True, salt__isnull=True, key_id="")
                | (
                    ~Q(state="disconnected") & Q(ciphertext__isnull=False, salt__isnull=False) & ~Q(key_id="")
                ),
            ),
            models.CheckConstraint(
                name="calendarconnection_broken_when",
                condition=~Q(state="broken") | Q(broken_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.staff}: {self.calendar_name or self.get_provider_display()}"

    @property
    def mirrors(self) -> bool:
        """Whether appointments of its owner belong in it. A broken one catches up once it works again; one of somebody who left
        shows nothing any more. Needs the owner loaded."""
        return self.state in MIRRORS and self.staff.is_active
