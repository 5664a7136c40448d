"""Addresses of private iCal feeds, for calendars that only subscribe."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from appointments.models import Customer, StaffMember
from calendarsync.models.connection import TitleStyle


class CalendarFeed(models.Model):
    """Whoever holds the address reads the appointments of one staff member, or of one customer. Only a digest of it is kept;
    each has one at a time, and a new one ends the old.

    `emails` and `numbers` are the contacts that a customer had proved who made it. As on the portal, it does not show what a
    visitor booked in their name who gave others.
    """

    digest = models.BinaryField(max_length=32, unique=True)
    staff = models.ForeignKey(
        StaffMember, on_delete=models.PROTECT, null=True, blank=True, related_name="calendar_feeds"
    )
    customer = models.ForeignKey(
        Customer, on_delete=models.PROTECT, null=True, blank=True, related_name="calendar_feeds"
    )
    title_style = models.CharField(
        "titles of entries", max_length=12, choices=TitleStyle, default=TitleStyle.INITIALS
    )
    emails = ArrayField(models.CharField(max_length=254), default=list, blank=True, editable=False)
    numbers = ArrayField(models.CharField(max_length=16), default=list, blank=True, editable=False)
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    last_read_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                name="calendarfeed_of_one_person",
                condition=Q(staff__isnull=False, customer__isnull=True)
                | Q(staff__isnull=True, customer__isnull=False),
            ),
            models.UniqueConstraint(
                fields=["staff"], name="calendarfeed_one_of_staff", condition=Q(revoked_at__isnull=True)
            ),
            models.UniqueConstraint(
                fields=["customer"], name="calendarfeed_one_of_customer", condition=Q(revoked_at__isnull=True)
            ),
        ]

    def __str__(self) -> str:
        return f"Feed of {self.staff or self.customer}"
