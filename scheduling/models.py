"""When staff work, and what each person looks at on the day grid."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Q

from appointments.models import Facility, StaffMember


class Weekday(models.IntegerChoices):
    MONDAY = 0, "Monday"
    TUESDAY = 1, "Tuesday"
    WEDNESDAY = 2, "Wednesday"
    THURSDAY = 3, "Thursday"
    FRIDAY = 4, "Friday"
    SATURDAY = 5, "Saturday"
    SUNDAY = 6, "Sunday"


class Shift(models.Model):
    """Weekly hours at one facility, as its wall clock shows them. Runs over midnight when `ends` <= `starts`.

    In force on local dates in the half-open period `[valid_from, valid_until)`.
    """

    staff = models.ForeignKey(StaffMember, on_delete=models.PROTECT, related_name="shifts")
    facility = models.ForeignKey(Facility, on_delete=models.PROTECT, related_name="shifts")
    weekday = models.PositiveSmallIntegerField(choices=Weekday)
    starts = models.TimeField()
    ends = models.TimeField()
    valid_from = models.DateField()
    valid_until = models.DateField(
        null=True, blank=True, help_text="The first date it no longer runs; empty for no end."
    )

    class Meta:
        ordering = ["staff", "weekday", "starts"]
        indexes = [models.Index(fields=["staff", "weekday"], name="shift_staff_weekday")]
        constraints = [
            models.CheckConstraint(condition=Q(weekday__gte=0, weekday__lte=6), name="shift_weekday"),
            models.CheckConstraint(
                condition=Q(valid_until__isnull=True) | Q(valid_until__gt=F("valid_from")),
                name="shift_valid_period",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.staff} {self.get_weekday_display()} {self.starts:%H:%M}–{self.ends:%H:%M}"


class ExtraShift(models.Model):
    """Hours on one date besides the weekly ones. Runs over midnight when `ends` <= `starts`."""

    staff = models.ForeignKey(StaffMember, on_delete=models.PROTECT, related_name="extra_shifts")
    facility = models.ForeignKey(Facility, on_delete=models.PROTECT, related_name="extra_shifts")
    date = models.DateField()
    starts = models.TimeField()
    ends = models.TimeField()

    class Meta:
        ordering = ["date", "starts"]
        constraints = [
            models.UniqueConstraint(fields=["staff", "facility", "date", "starts"], name="extra_shift_once")
        ]

    def __str__(self) -> str:
        return f"{self.staff} {self.date} {self.starts:%H:%M}–{self.ends:%H:%M}"


class TimeOff(models.Model):
    """Absence, as wall time wherever the person works: from `starts` on `first_day` to `ends` on `last_day`.

    Without times it covers whole days, the last one included. Only approved time off removes working hours.
    """

    class State(models.TextChoices):
        REQUESTED = "requested", "Requested"
        APPROVED = "approved", "Approved"
        DECLINED = "declined", "Declined"
        WITHDRAWN = "withdrawn", "Withdrawn"

    staff = models.ForeignKey(StaffMember, on_delete=models.PROTECT, related_name="time_off")
    first_day = models.DateField()
    last_day = models.DateField()
    starts = models.TimeField(null=True, blank=True, help_text="Empty: from the beginning of the first day.")
    ends = models.TimeField(null=True, blank=True, help_text="Empty: to the end of the last day.")
    reason = models.CharField(
        max_length=80, blank=True, help_text="Shown on the grid. Keep medical details out."
    )
    state = models.CharField(max_length=10, choices=State, default=State.APPROVED)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    requested_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    decided_at = models.DateTimeField(null=True, blank=True)
    answer = models.CharField(max_length=200, blank=True, help_text="Why it was declined.")

    class Meta:
        ordering = ["first_day", "starts"]
        verbose_name_plural = "time off"
        indexes = [models.Index(fields=["staff", "last_day"], name="time_off_staff_last_day")]
        constraints = [
            models.CheckConstraint(
                condition=Q(last_day__gte=F("first_day")), name="time_off_ends_after_start"
            ),
            models.CheckConstraint(
                condition=Q(last_day__gt=F("first_day"))
                | Q(starts__isnull=True)
                | Q(ends__isnull=True)
                | Q(ends__gt=F("starts")),
                name="time_off_times_in_order",
            ),
            models.CheckConstraint(
                condition=Q(requested_at__isnull=True, requested_by__isnull=True)
                | Q(requested_at__isnull=False, requested_by__isnull=False),
                name="time_off_requested_who_and_when",
            ),
            models.CheckConstraint(
                condition=Q(decided_at__isnull=True, decided_by__isnull=True)
                | Q(decided_at__isnull=False, decided_by__isnull=False),
                name="time_off_decided_who_and_when",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.staff} off {self.first_day}–{self.last_day}"

    def clean(self) -> None:
        if not (self.first_day and self.last_day):
            return
        if self.last_day < self.first_day:
            raise ValidationError({"last_day": "The last day is before the first."})
        if self.last_day == self.first_day and self.starts and self.ends and self.ends <= self.starts:
            raise ValidationError({"ends": "Time off must end after it begins."})


class Closure(models.Model):
    """A local date on which a facility is closed and nobody works there."""

    facility = models.ForeignKey(Facility, on_delete=models.PROTECT, related_name="closures")
    date = models.DateField()
    reason = models.CharField(max_length=80, blank=True)

    class Meta:
        ordering = ["date"]
        constraints = [models.UniqueConstraint(fields=["facility", "date"], name="closure_once_per_date")]

    def __str__(self) -> str:
        return f"{self.facility} closed {self.date}"


class SchedulerView(models.Model):
    """What one user last looked at on the day grid. Ids are kept as they are: who left or may no longer be seen is skipped."""

    class Orientation(models.TextChoices):
        VERTICAL = "vertical", "Vertical"
        HORIZONTAL = "horizontal", "Horizontal"
        LIST = "list", "List"

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="scheduler_view"
    )
    staff = ArrayField(
        models.BigIntegerField(), null=True, blank=True, help_text="Null: everyone working that day."
    )
    facilities = ArrayField(
        models.BigIntegerField(), null=True, blank=True, help_text="Null: all of the user's facilities."
    )
    orientation = models.CharField(max_length=10, choices=Orientation, default=Orientation.VERTICAL)
    statuses = ArrayField(
        models.CharField(max_length=20), null=True, blank=True, help_text="Null: every status."
    )
    zone = models.CharField(
        max_length=64, blank=True, help_text="Zone of the time axis; empty: the first facility's."
    )
    whole_day = models.BooleanField(default=False)
    unconfirmed = models.BooleanField(
        default=False, help_text="Only what starts soon and nobody has confirmed."
    )

    def __str__(self) -> str:
        return f"View of {self.user}"
