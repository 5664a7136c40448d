"""A date and a time of day as somebody types them, turned into the one instant they mean, or into the offers that come nearest."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, cast
from zoneinfo import ZoneInfo

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict

from appointments.access import Access
from appointments.models import Facility
from appointments.models.appointment import LONGEST
from scheduling import words
from securecare import localtime

FIRST_DATE, LAST_DATE = date(2000, 1, 1), date(2100, 12, 31)
LONGEST_MINUTES = int(LONGEST.total_seconds()) // 60
TIME_FORMATS = ["%H:%M", "%H:%M:%S", "%I:%M %p", "%I:%M%p", "%I %p"]
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Reading:
    """One of the two instants at which a clock shows a repeated time."""

    value: str
    instant: datetime
    label: str


@dataclass
class Trouble:
    """Why a typed time is no instant yet. `offers` are the valid instants nearest to it."""

    message: str
    offers: list[datetime] = field(default_factory=list)


def date_field(label: str, *, required: str, **options: Any) -> forms.DateField:
    return forms.DateField(
        label=label,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        error_messages={"required": required, "invalid": "This is not a date. Enter it as 11/24/2026."},
        **options,
    )


def time_field(label: str, *, required: bool = True, step: int = 900) -> forms.TimeField:
    return forms.TimeField(
        label=label,
        required=required,
        input_formats=TIME_FORMATS,
        widget=forms.TimeInput(attrs={"type": "time", "step": step}, format="%H:%M"),
        error_messages={
            "required": "Enter the time.",
            "invalid": "This is not a time of day. Enter it as 10:15 AM.",
        },
    )


def check_date(day: date) -> None:
    if not FIRST_DATE <= day <= LAST_DATE:
        raise ValidationError("Enter a date between 2000 and 2100.")


def check_length(minutes: int) -> None:
    if minutes <= 0:
        raise ValidationError("The appointment must end after it starts: enter 15 minutes or more.")
    if minutes > LONGEST_MINUTES:
        raise ValidationError("An appointment lasts at most 24 hours, 1440 minutes.")
    if minutes % 15:
        below, above = minutes // 15 * 15, minutes // 15 * 15 + 15
        near = f"{below} or {above}" if below else str(above)
        raise ValidationError(f"Lengths go by quarter hours: enter {near} minutes.")


def read_wall_time(day: date, at: time, zone: ZoneInfo, fold: str = "") -> datetime | Trouble:
    """The instant that is meant, or what to ask about it."""
    if at.minute % 15 or at.second or at.microsecond:
        offers = _quarter_hours_around(day, at, zone)
        return Trouble("Appointments start on the quarter hour: :00, :15, :30 or :45.", offers)
    found = localtime.readings(day, at, zone)
    if not found:
        after = _next_quarter_hour(localtime.resolve(day, at, zone), zone)
        return Trouble(
            f"Clocks go forward past {at:%-I:%M %p} on {words.day(day)}: there is no such time.", [after]
        )
    if len(found) == 1:
        return found[0]
    if fold in ("0", "1"):
        return found[int(fold)]
    return Trouble(
        f"Clocks go back, so {at:%-I:%M %p} comes twice on {words.day(day)}. Choose which one is meant."
    )


def readings_of(day: date, at: time, zone: ZoneInfo) -> list[Reading]:
    """Both readings of a repeated time; none of any other."""
    found = localtime.readings(day, at, zone)
    if len(found) < 2:
        return []
    return [
        Reading(str(index), instant, words.clock_with_zone(instant, zone))
        for index, instant in enumerate(found)
    ]


def _quarter_hours_around(day: date, at: time, zone: ZoneInfo) -> list[datetime]:
    """The quarter hours before and after, both of them real."""
    before = localtime.resolve(day, at.replace(minute=at.minute // 15 * 15, second=0, microsecond=0), zone)
    after = _next_quarter_hour(localtime.resolve(day, at, zone), zone)
    return sorted({_next_quarter_hour(before, zone), after})


def _next_quarter_hour(instant: datetime, zone: ZoneInfo) -> datetime:
    """The instant itself if a clock shows a quarter hour then, else the first one after it."""
    shown = localtime.local(instant, zone)
    instant -= timedelta(seconds=shown.second, microseconds=shown.microsecond)
    if shown.second or shown.microsecond:
        instant += MINUTE
    while not localtime.is_on_quarter_hour(instant, zone):
        instant += MINUTE
    return instant


class WallTimeForm(forms.Form):
    """The fields of a start and a length. A form built on this asks `read_start` for the instant once it knows the facility.

    `zone` names the clock the page stated beside the fields, so that what was typed means what its writer saw.
    """

    date = date_field("Date", required="Enter the date.", validators=[check_date])
    time = time_field("Time")
    fold = forms.ChoiceField(choices=[("", ""), ("0", "first"), ("1", "second")], required=False)
    zone = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput)
    minutes = forms.IntegerField(
        label="Length in minutes",
        required=False,
        validators=[check_length],
        widget=forms.NumberInput(attrs={"step": 15, "min": 15, "max": LONGEST_MINUTES}),
        error_messages={"invalid": "Enter the length as a number of minutes, such as 30."},
    )

    access: Access
    now: datetime
    trouble: Trouble | None = None
    readings: list[Reading] = []
    starts_at: datetime | None = None

    @property
    def sent(self) -> QueryDict:
        """The values as they came, of a form that has any."""
        return cast(QueryDict, self.data)

    def read_start(self, facility: Facility | None) -> None:
        """Set `starts_at`, or `trouble` and an error beside the time."""
        day, at = self.cleaned_data.get("date"), self.cleaned_data.get("time")
        zone = self.stated_zone(facility)
        if day is None or at is None or zone is None:
            return
        self.readings = readings_of(day, at, zone)
        read = read_wall_time(day, at, zone, self.cleaned_data.get("fold", ""))
        if isinstance(read, Trouble):
            self.trouble = read
            self.add_error("time", read.message)
        else:
            self.starts_at = read

    def stated_zone(self, facility: Facility | None) -> ZoneInfo | None:
        """The zone named beside the fields if it is that of a facility the user sees, else the facility's."""
        stated = self.data.get("zone", "")
        if stated in {seen.time_zone for seen in self.access.facilities}:
            return localtime.zone_of(stated)
        return facility.zone if facility else None


def wall_values(instant: datetime, zone: ZoneInfo) -> dict[str, str]:
    """What the fields hold for an instant."""
    shown = localtime.local(instant, zone)
    twice = len(localtime.readings(shown.date(), shown.time().replace(tzinfo=None), zone)) == 2
    return {
        "date": f"{shown:%Y-%m-%d}",
        "time": f"{shown:%H:%M}",
        "fold": str(shown.fold) if twice else "",
        "zone": zone.key,
    }


def instant_of(text: str) -> datetime | None:
    """The UTC instant an ISO 8601 text with an offset names; None for anything else. A space stands for a “+” lost in an address."""
    try:
        instant = datetime.fromisoformat(text.strip().replace(" ", "+"))
    except ValueError:
        return None
    if instant.tzinfo is None or not FIRST_DATE.year <= instant.year <= LAST_DATE.year:
        return None
    return datetime.fromtimestamp(instant.timestamp(), tz=UTC)


def chosen_offer(data: QueryDict) -> str:
    """The offered time whose button was pressed: `take` submits with it, `fill` only puts it into the fields."""
    return data.get("take", "") or data.get("fill", "")


def taking(data: QueryDict, zone: ZoneInfo) -> QueryDict:
    """The form's data with the chosen offer (staff id, “@”, instant) in its place.

    A malformed choice leaves no time, so that the form asks for one.
    """
    staff, _, at = chosen_offer(data).partition("@")
    instant = instant_of(at)
    chosen = data.copy()
    values = wall_values(instant, zone) if instant else {"date": "", "time": "", "fold": ""}
    for name, value in {**values, **({"staff": staff} if staff else {})}.items():
        chosen[name] = value
    chosen.pop("take", None)
    chosen.pop("fill", None)
    return chosen
