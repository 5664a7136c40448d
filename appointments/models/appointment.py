"""The appointment itself. Nothing here changes one: that is scheduling.booking's work alone."""

import uuid
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField, RangeBoundary, RangeOperators
from django.db import models
from django.db.models import F, Func, Q
from django.db.models.functions import Upper
from django.urls import reverse

from appointments.models.organisation import Facility, Program, StaffMember
from appointments.models.people import Case, Customer, validate_phone
from securecare import localtime

LONGEST = timedelta(hours=24)
PUBLIC_NOTE_LIMIT = 2000
PRIVATE_NOTE_LIMIT = 10_000


class Status(models.TextChoices):
    SCHEDULED = "scheduled", "Scheduled"
    PENDING_REASSIGNMENT = "pending_reassignment", "Pending reassignment"
    ARRIVED = "arrived", "Arrived"
    COMPLETED = "completed", "Completed"
    NO_SHOW = "no_show", "No-show"
    CANCELLED = "cancelled", "Cancelled"


class Period(Func):
    """The half-open time range of an appointment, as PostgreSQL sees it."""

    function = "TSTZRANGE"
    output_field = DateTimeRangeField()


PERIOD = Period("starts_at", "ends_at", RangeBoundary())
LIVE = ~Q(status=Status.CANCELLED)


class AppointmentQuerySet(models.QuerySet["Appointment"]):
    def live(self) -> "AppointmentQuerySet":
        """Those that hold their slot: every status but cancelled."""
        return self.filter(LIVE)

    def overlapping(self, start: datetime, end: datetime) -> "AppointmentQuerySet":
        """Those whose period meets `[start, end)`. No appointment is longer than a day, so an index on starts_at serves."""
        return self.filter(starts_at__gt=start - LONGEST, starts_at__lt=end, ends_at__gt=start)

    def on(self, day: date, zone: str | ZoneInfo) -> "AppointmentQuerySet":
        """Those that touch a local day."""
        return self.overlapping(*localtime.day_bounds(day, zone))

    def of(self, staff: StaffMember | Iterable[StaffMember | int]) -> "AppointmentQuerySet":
        return self.filter(staff=staff) if isinstance(staff, StaffMember) else self.filter(staff__in=staff)

    def visible_at(self, facilities: Iterable[Facility | int]) -> "AppointmentQuerySet":
        return self.filter(facility__in=facilities)


class Appointment(models.Model):
    """One customer with one staff member for one period, in one program.

    `revision` counts what a customer must be told about: time, length and staff. `version` counts every change, so that
    a form can tell that somebody was faster.
    """

    Status = Status

    reference = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    # The indexes below begin with these two; one of the column alone would tempt the planner to read years of appointments.
    customer = models.ForeignKey(
        Customer, on_delete=models.PROTECT, related_name="appointments", db_index=False
    )
    staff = models.ForeignKey(
        StaffMember, on_delete=models.PROTECT, related_name="appointments", db_index=False
    )
    facility = models.ForeignKey(Facility, on_delete=models.PROTECT, related_name="appointments")
    program = models.ForeignKey(Program, on_delete=models.PROTECT, related_name="appointments")
    case = models.ForeignKey(
        Case, on_delete=models.PROTECT, null=True, blank=True, related_name="appointments"
    )
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    status = models.CharField(max_length=20, choices=Status, default=Status.SCHEDULED)
    public_note = models.TextField(blank=True, max_length=PUBLIC_NOTE_LIMIT)
    # As whoever booked online gave them, where the customer's record says otherwise: an unproved address changes no record.
    contact_name = models.CharField(max_length=161, blank=True, default="", db_default="")
    contact_email = models.EmailField(blank=True, default="", db_default="")
    contact_phone = models.CharField(
        max_length=16, blank=True, default="", db_default="", validators=[validate_phone]
    )
    no_texts = models.BooleanField(
        default=False,
        db_default=False,
        help_text="Whoever booked it online gave no number to be texted about it.",
    )
    email_confirmed_at = models.DateTimeField(null=True, blank=True)
    phone_confirmed_at = models.DateTimeField(null=True, blank=True)
    revision = models.PositiveIntegerField(default=0)
    version = models.PositiveIntegerField(default=0)
    placed_at = models.DateTimeField(help_text="When it was given its present time and staff member.")
    outside_hours = models.BooleanField(default=False, help_text="Placed outside the shift on purpose.")
    arrived_at = models.DateTimeField(null=True, blank=True)
    arrived_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    cancelled_at = models.DateTimeField(null=True, blank=True)
    cancel_reason = models.CharField(max_length=200, blank=True)

    objects = AppointmentQuerySet.as_manager()

    class Meta:
        ordering = ["starts_at", "id"]
        indexes = [
            models.Index(fields=["starts_at"], name="appointment_starts"),
            models.Index(fields=["staff", "starts_at"], name="appointment_staff_starts"),
            models.Index(fields=["customer", "starts_at"], name="appointment_customer_starts"),
            models.Index(
                fields=["facility", "starts_at"],
                name="appointment_stranded",
                condition=Q(status="pending_reassignment"),
            ),
            models.Index(
                fields=["contact_phone"],
                name="appointment_contact_phone",
                condition=~Q(contact_phone=""),
            ),
            models.Index(
                Upper("contact_email"),
                name="appointment_contact_email",
                condition=~Q(contact_email=""),
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at")), name="appointment_ends_after_start"
            ),
            models.CheckConstraint(
                condition=Q(ends_at__lte=F("starts_at") + LONGEST), name="appointment_at_most_a_day"
            ),
            models.CheckConstraint(
                condition=Q(arrived_at__isnull=True, arrived_by__isnull=True)
                | Q(arrived_at__isnull=False, arrived_by__isnull=False),
                name="appointment_arrived_who_and_when",
            ),
            models.CheckConstraint(
                condition=Q(status="cancelled", cancelled_at__isnull=False)
                | (~Q(status="cancelled") & Q(cancelled_at__isnull=True)),
                name="appointment_cancelled_when",
            ),
            ExclusionConstraint(
                name="appointment_staff_in_one_place",
                expressions=[("staff", RangeOperators.EQUAL), (PERIOD, RangeOperators.OVERLAPS)],
                condition=LIVE,
            ),
            ExclusionConstraint(
                name="appointment_customer_in_one_place",
                expressions=[("customer", RangeOperators.EQUAL), (PERIOD, RangeOperators.OVERLAPS)],
                condition=LIVE,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.customer} {self.starts_at:%Y-%m-%d %H:%M}Z"

    def get_absolute_url(self) -> str:
        return reverse("appointment", args=[self.reference])

    @property
    def minutes(self) -> int:
        return int((self.ends_at - self.starts_at).total_seconds() // 60)

    @property
    def local_starts_at(self) -> datetime:
        """What the facility's clock shows when it starts: for display only."""
        return localtime.local(self.starts_at, self.facility.zone)

    @property
    def local_ends_at(self) -> datetime:
        return localtime.local(self.ends_at, self.facility.zone)

    @property
    def local_date(self) -> date:
        return localtime.local_date(self.starts_at, self.facility.zone)

    @property
    def confirmations(self) -> list[tuple[str, datetime]]:
        """The channels by which the customer confirmed, the first one first."""
        stamps = [("e-mail", self.email_confirmed_at), ("text", self.phone_confirmed_at)]
        given = [(channel, at) for channel, at in stamps if at is not None]
        return sorted(given, key=lambda stamp: stamp[1])

    @property
    def email(self) -> str:
        """Where messages about this appointment go."""
        return self.contact_email or self.customer.email

    @property
    def phone(self) -> str:
        """The number that texts about this appointment go to, if it may be texted."""
        return "" if self.no_texts else self.contact_phone or self.customer.phone

    @property
    def booked_as(self) -> str:
        """The name it was booked under."""
        return self.contact_name or self.customer.full_name

    @property
    def is_cancelled(self) -> bool:
        return self.status == Status.CANCELLED

    @property
    def is_settled(self) -> bool:
        """Whether what happened is known: nothing is left to schedule."""
        return self.status in (Status.COMPLETED, Status.NO_SHOW, Status.CANCELLED)


class PrivateNote(models.Model):
    """Staff's own note, sealed. Only appointments.private_notes opens it; nothing of it is stored in plaintext."""

    appointment = models.OneToOneField(Appointment, on_delete=models.PROTECT, related_name="private_note")
    ciphertext = models.BinaryField()
    salt = models.BinaryField(max_length=32)
    key_id = models.CharField(max_length=16, db_index=True)
    updated_at = models.DateTimeField()
    updated_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")

    def __str__(self) -> str:
        return f"Private note of appointment {self.appointment_id}"


class PrivateNoteRead(models.Model):
    """Append-only: who opened whose private note, when, and whether it could be read."""

    appointment = models.ForeignKey(Appointment, on_delete=models.PROTECT, related_name="private_note_reads")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()
    was_readable = models.BooleanField()

    class Meta:
        ordering = ["-at", "-id"]

    def __str__(self) -> str:
        return f"{self.by} at {self.at:%Y-%m-%d %H:%M}Z"
