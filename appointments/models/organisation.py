"""Who offers appointments: the organisation, its facilities, staff members and programs."""

import re
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import connection, models

from securecare import localtime


def validate_time_zone(key: str) -> None:
    """Refuse what is not an IANA zone of the pinned tzdata."""
    try:
        localtime.zone_of(key)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValidationError(f"“{key}” is not a time zone. Choose one from the list.") from error


def validate_origins(text: str) -> None:
    """Refuse what is not a list of origins: a scheme and a host, one to a line."""
    for line in text.split():
        parts = urlsplit(line)
        if (
            parts.scheme not in ("http", "https")
            or not parts.hostname
            or line != f"{parts.scheme}://{parts.netloc}"
        ):
            raise ValidationError(
                f"“{line}” is not the address of a site. Write it as https://www.example.org."
            )
        if not re.fullmatch(r"[A-Za-z0-9.-]+(:\d+)?", parts.netloc):
            raise ValidationError(
                f"“{line}” is not the address of a site. Write it as https://www.example.org."
            )


class SecondFactor(models.TextChoices):
    OPTIONAL = "optional", "Each person decides"
    PRIVILEGED = "privileged", "Required for managers and administrators"
    EVERYONE = "everyone", "Required for everyone on staff"


class Organisation(models.Model):
    """The one organisation this installation serves: a single row, made when first asked for."""

    name = models.CharField(max_length=120, default="SecureCare")
    customer_word = models.CharField(
        "word for a customer",
        max_length=40,
        default="customer",
        help_text="In lower case, as staff say it: client, patient, participant, student.",
    )
    customers_word = models.CharField("word for customers", max_length=40, default="customers")
    privacy_url = models.URLField(
        "privacy policy",
        blank=True,
        help_text="Linked from the customer portal, beside the consent to text messages.",
    )
    embedding_origins = models.TextField(
        "sites that may show the portal inside their pages",
        blank=True,
        validators=[validate_origins],
        help_text="One address a line, such as https://www.example.org. Empty: no site may.",
    )
    calendars_show_public_notes = models.BooleanField(
        "public notes in calendars",
        default=False,
        help_text="Whether public notes go into calendars that staff connect. Entries written before follow the next night.",
    )
    second_factor = models.CharField(max_length=12, choices=SecondFactor, default=SecondFactor.OPTIONAL)
    idle_minutes = models.PositiveSmallIntegerField(
        default=30,
        validators=[MinValueValidator(2), MaxValueValidator(720)],
        help_text="Staff are signed out after this many minutes without activity.",
    )

    class Meta:
        verbose_name = "organization"
        verbose_name_plural = "organization"
        constraints = [models.CheckConstraint(condition=models.Q(pk=1), name="organisation_is_one_row")]

    def __str__(self) -> str:
        return self.name

    @property
    def allowed_to_embed(self) -> list[str]:
        """The origins that may frame the portal's embeddable pages."""
        return self.embedding_origins.split()

    @classmethod
    def current(cls) -> "Organisation":
        return cls.objects.get_or_create(pk=1)[0]


class Facility(models.Model):
    name = models.CharField(max_length=80, unique=True)
    time_zone = models.CharField(
        max_length=64, validators=[validate_time_zone], help_text="IANA name, such as America/Chicago."
    )
    address = models.CharField(max_length=200, blank=True)
    phone = models.CharField(max_length=32, blank=True)
    is_active = models.BooleanField(default=True)

    class Meta:
        ordering = ["name"]
        verbose_name_plural = "facilities"

    def __str__(self) -> str:
        return self.name

    @property
    def zone(self) -> ZoneInfo:
        return localtime.zone_of(self.time_zone)


class Role(models.TextChoices):
    FRONT_DESK = "front_desk", "Front desk"
    PROVIDER = "provider", "Provider"
    MANAGER = "manager", "Manager"
    BILLING = "billing", "Billing"
    ADMINISTRATOR = "administrator", "Administrator"


class StaffMember(models.Model):
    """A person on staff: signs in, sees their facilities, and (when `takes_appointments`) has a place on the grid."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="staff_member"
    )
    display_name = models.CharField(max_length=80)
    role = models.CharField(max_length=16, choices=Role, default=Role.PROVIDER)
    facilities = models.ManyToManyField(Facility, related_name="staff", blank=True)
    takes_appointments = models.BooleanField(default=True, help_text="Shown on the day grid and bookable.")
    is_active = models.BooleanField(
        default=True, help_text="Clear when the person leaves; their record stays."
    )

    class Meta:
        ordering = ["display_name", "id"]

    def __str__(self) -> str:
        return self.display_name


_SERVES = """
SELECT EXISTS (SELECT FROM appointments_staffmember_facilities
                WHERE staffmember_id = %(staff)s AND facility_id = %(facility)s)
       AND (%(leads)s OR EXISTS (SELECT FROM appointments_program_staff
                                  WHERE staffmember_id = %(staff)s AND program_id = %(program)s))
"""


class Program(models.Model):
    """A kind of appointment that exactly one facility offers."""

    facility = models.ForeignKey(Facility, on_delete=models.PROTECT, related_name="programs")
    lead_staff = models.ForeignKey(
        StaffMember, on_delete=models.PROTECT, null=True, blank=True, related_name="programs_led"
    )
    staff = models.ManyToManyField(StaffMember, related_name="programs", blank=True)
    name = models.CharField(max_length=80)
    description = models.TextField(blank=True, max_length=2000)
    public_note = models.TextField(
        blank=True,
        max_length=2000,
        help_text="What customers should bring or know; shown once they have booked.",
    )
    default_minutes = models.PositiveSmallIntegerField(default=30)
    allows_public_booking = models.BooleanField(default=False)
    cool_down_days = models.PositiveSmallIntegerField(
        default=0,
        help_text="Fewest calendar days between two appointments of one customer in this program; 0 for none.",
    )
    min_notice_hours = models.PositiveSmallIntegerField(
        default=0, help_text="How long before its start a customer may still book, move or cancel."
    )
    max_advance_days = models.PositiveSmallIntegerField(
        default=90, help_text="How many days ahead a customer may book."
    )
    buffer_minutes = models.PositiveSmallIntegerField(
        default=0, help_text="Kept free after and before appointments when times are offered."
    )
    is_active = models.BooleanField(default=True)

    class Meta:
        ordering = ["name", "id"]
        constraints = [
            models.UniqueConstraint(fields=["facility", "name"], name="program_name_once_per_facility"),
            models.CheckConstraint(
                condition=models.Q(default_minutes__gte=15, default_minutes__lte=1440)
                & models.Q(default_minutes__in=range(15, 1441, 15)),
                name="program_minutes_in_quarter_hours",
            ),
            models.CheckConstraint(
                condition=models.Q(buffer_minutes__in=range(0, 241, 15)),
                name="program_buffer_in_quarter_hours",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def clean_fields(self, exclude: Any = None) -> None:
        super().clean_fields(exclude=exclude)
        if self.default_minutes is not None and self.default_minutes % 15:
            raise ValidationError({"default_minutes": "Choose a multiple of 15 minutes."})
        if self.buffer_minutes is not None and self.buffer_minutes % 15:
            raise ValidationError({"buffer_minutes": "Choose a multiple of 15 minutes."})

    def is_served_by(self, staff: StaffMember) -> bool:
        """Whether this person works for the program, and belongs to its facility. One query."""
        with connection.cursor() as cursor:
            cursor.execute(
                _SERVES,
                {
                    "staff": staff.pk,
                    "program": self.pk,
                    "facility": self.facility_id,
                    "leads": self.lead_staff_id == staff.pk,
                },
            )
            return bool(cursor.fetchone()[0])
