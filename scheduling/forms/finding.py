"""What a time is looked for with."""

from datetime import date
from typing import Any

from django import forms
from django.http import QueryDict

from appointments.access import Access
from appointments.models import Customer, Program, StaffMember
from scheduling.availability import serving
from scheduling.finding import EVERY_DAY, Wish
from scheduling.forms import choices
from scheduling.forms.wall_time import check_date, check_length, date_field, time_field
from scheduling.models import Weekday


class FindForm(forms.Form):
    """Looked up inside the user's facilities. Nothing ticked means any."""

    program = forms.ModelChoiceField(
        Program.objects.none(),
        error_messages={"required": "Choose a program.", "invalid_choice": "Choose a program from the list."},
    )
    staff = forms.ModelMultipleChoiceField(
        StaffMember.objects.none(),
        label="With",
        required=False,
        widget=forms.CheckboxSelectMultiple,
        error_messages={
            "invalid_choice": "Choose staff members from the list.",
            "invalid_pk_value": "Choose staff members from the list.",
        },
    )
    customer = forms.ModelChoiceField(Customer.objects.none(), required=False, widget=forms.HiddenInput)
    date = date_field("From", required="Enter the first day.", validators=[check_date])
    weekdays = forms.TypedMultipleChoiceField(
        label="On",
        choices=Weekday.choices,
        coerce=int,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        error_messages={"invalid_choice": "Choose weekdays from the list."},
    )
    earliest = time_field("Not before", required=False)
    latest = time_field("Ends by", required=False)
    minutes = forms.IntegerField(
        label="Length in minutes",
        required=False,
        validators=[check_length],
        widget=forms.NumberInput(attrs={"step": 15, "min": 15}),
        error_messages={"invalid": "Enter the length as a number of minutes, such as 30."},
    )

    def __init__(
        self, data: QueryDict | None = None, *, access: Access, initial: dict[str, Any] | None = None
    ) -> None:
        super().__init__(data, initial=initial, auto_id="find_%s")
        fields: dict[str, Any] = self.fields
        fields["program"].queryset = choices.programs(access)
        fields["program"].widget.choices = choices.program_choices(choices.programs(access), access)
        fields["customer"].queryset = choices.customers(access)
        fields["staff"].queryset = choices.staff_members(access)
        self.offered = self._serving()
        fields["staff"].widget.choices = [(member.pk, member.display_name) for member in self.offered]

    def _serving(self) -> list[StaffMember]:
        """The chosen program's staff members; before it is chosen there is nobody to choose among."""
        field: Any = self.fields["program"]
        value = str(self["program"].value() or "")
        found = field.queryset.filter(pk=int(value)).first() if value.isdecimal() else None
        return serving(found) if found else []

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        earliest, latest = cleaned.get("earliest"), cleaned.get("latest")
        if earliest and latest and latest <= earliest:
            self.add_error("latest", "This is before the time it begins. Enter a later one.")
        return cleaned

    def wish(self) -> Wish:
        """What is wished for, once the form is valid. A chosen staff member who does not serve the program is left out."""
        made = self.cleaned_data
        chosen = {member.pk for member in made["staff"]}
        first_day: date = made["date"]
        return Wish(
            program=made["program"],
            staff=[member for member in self.offered if not chosen or member.pk in chosen],
            first_day=first_day,
            minutes=made["minutes"] or made["program"].default_minutes,
            weekdays=frozenset(made["weekdays"]) or EVERY_DAY,
            earliest=made["earliest"],
            latest=made["latest"],
            customer=made["customer"],
        )
