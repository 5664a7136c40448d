"""Forms that change when people work. Each carries `agreed`: the key of the effect its user was shown last."""

from datetime import date, datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict

from appointments.models import Facility
from scheduling.forms.wall_time import check_date, date_field, time_field
from scheduling.reassignment import Review
from scheduling.staffing import HoursRefused
from scheduling.staffing.changing import key_of
from scheduling.staffing.time_off import Away

REASON_LIMIT = 80
KEY_LIMIT = 64


class HoursForm(forms.Form):
    """`effect` is what the change would do to appointments, once that was asked or must be agreed to."""

    agreed = forms.CharField(required=False, max_length=KEY_LIMIT, widget=forms.HiddenInput)

    effect: Review | None = None

    @property
    def is_check(self) -> bool:
        """Whether only the effect is asked for."""
        return "check" in self.data

    @property
    def agreed_key(self) -> str:
        """What the next submission agrees to: the effect shown now."""
        return key_of(self.effect) if self.effect else ""

    def refuse(self, refusal: HoursRefused, message: str) -> None:
        """Say why beside the field, or on top when no field is to blame."""
        self.add_error(refusal.field if refusal.field in self.fields else None, message)


class ConfirmForm(HoursForm):
    """Nothing to enter: only agreement."""


def reason_field(label: str, help_text: str = "") -> forms.CharField:
    return forms.CharField(
        label=label,
        required=False,
        max_length=REASON_LIMIT,
        help_text=help_text,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        error_messages={"max_length": f"Keep it to {REASON_LIMIT} characters."},
    )


class DaysForm(HoursForm):
    """A first and a last day; one day when the last is left out."""

    first_day = date_field("First day", required="Enter the first day.", validators=[check_date])
    last_day = date_field(
        "Last day",
        required="",
        validators=[check_date],
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["last_day"].required = False
        self.fields["last_day"].help_text = "Leave empty for one day."

    @property
    def last(self) -> date:
        found: date = self.cleaned_data["last_day"] or self.cleaned_data["first_day"]
        return found


class TimeOffForm(DaysForm):
    starts = time_field("From", required=False)
    ends = time_field("Until", required=False)
    reason = reason_field("Reason", "Colleagues see it on the grid. Keep medical details out.")

    field_order = ["first_day", "last_day", "starts", "ends", "reason", "agreed"]

    @property
    def away(self) -> Away:
        cleaned = self.cleaned_data
        return Away(cleaned["first_day"], self.last, cleaned["starts"], cleaned["ends"])


class ClosureForm(DaysForm):
    facility = forms.ModelChoiceField(
        Facility.objects.none(),
        label="Facility",
        empty_label=None,
        error_messages={
            "required": "Choose the facility.",
            "invalid_choice": "Choose one of your facilities.",
        },
    )
    reason = reason_field("Reason")

    field_order = ["facility", "first_day", "last_day", "reason", "agreed"]

    def __init__(self, *args: Any, facilities: list[Facility], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = Facility.objects.filter(pk__in=[facility.pk for facility in facilities])
        self.fields["facility"].queryset = choices  # type: ignore[attr-defined]


class ExtraShiftForm(HoursForm):
    facility = forms.ModelChoiceField(
        Facility.objects.none(),
        label="Facility",
        empty_label=None,
        error_messages={
            "required": "Choose the facility.",
            "invalid_choice": "Choose one of the facilities listed.",
        },
    )
    date = date_field("Date", required="Enter the date.", validators=[check_date])
    starts = time_field("From")
    ends = time_field("Until")

    field_order = ["facility", "date", "starts", "ends", "agreed"]

    def __init__(self, *args: Any, facilities: list[Facility], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = Facility.objects.filter(pk__in=[facility.pk for facility in facilities])
        self.fields["facility"].queryset = choices  # type: ignore[attr-defined]
        self.fields["ends"].help_text = "Earlier than the start means the next day."


class DecisionForm(HoursForm):
    decision = forms.ChoiceField(
        choices=[("approve", "Approve"), ("decline", "Decline")],
        error_messages={
            "required": "Approve or decline.",
            "invalid_choice": "Approve or decline with the buttons below.",
        },
    )
    answer = forms.CharField(
        label="Reason, if you decline",
        required=False,
        max_length=200,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        error_messages={"max_length": "Keep it to 200 characters."},
    )


def monday_of(text: str) -> date | None:
    """The Monday of the week that a date in an address names; None for anything else."""
    try:
        day = datetime.strptime(text, "%Y-%m-%d").date()  # noqa: DTZ007 - a calendar date, without a clock
        check_date(day)
    except (ValueError, ValidationError):
        return None
    return date.fromordinal(day.toordinal() - day.weekday())


def with_agreement(data: QueryDict, key: str) -> QueryDict:
    """The same values, agreeing to the effect with this key."""
    copied = data.copy()
    copied["agreed"] = key
    return copied
