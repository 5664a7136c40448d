"""The booking form: who, what, with whom, when. It looks everything up inside the user's facilities."""

from dataclasses import replace
from datetime import datetime
from functools import cached_property
from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.http import QueryDict

from appointments.access import WRITE_PRIVATE_NOTE, Access
from appointments.branding import said
from appointments.models import Appointment, Case, Customer, Program, StaffMember
from appointments.models.appointment import PRIVATE_NOTE_LIMIT, PUBLIC_NOTE_LIMIT
from scheduling.advice import NOBODY
from scheduling.availability import serving
from scheduling.forms import choices
from scheduling.forms.customers import SEARCH_LIMIT, PhoneField, check_birth, email_field, name_field
from scheduling.forms.wall_time import WallTimeForm, date_field
from scheduling.rules import OVERRIDABLE, Placement
from securecare import localtime

NEW_CUSTOMER_FIELDS = ("given_name", "family_name", "date_of_birth", "phone", "email")
FOUND_AT_MOST = 8


def note_field(label: str, limit: int, help_text: str) -> forms.CharField:
    """A note. The browser does not cut a pasted text short: the form says that it is too long instead."""
    field = forms.CharField(
        label=label,
        required=False,
        max_length=limit,
        help_text=help_text,
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={
            "max_length": f"This note has %(show_value)d characters; {limit:,} is the limit. Shorten it."
        },
    )
    del field.widget.attrs["maxlength"]
    return field


def overrides_field() -> forms.MultipleChoiceField:
    return forms.MultipleChoiceField(choices=[(code, code) for code in sorted(OVERRIDABLE)], required=False)


def _picked(data: QueryDict | None, access: Access) -> QueryDict | None:
    """The data with a customer picked among the candidates (`pick`) as the one chosen."""
    if data is None or "pick" not in data:
        return data
    chosen = data.copy()
    pick = chosen.pop("pick")[-1]
    found = choices.customers(access).filter(pk=int(pick)).first() if pick.isdecimal() else None
    chosen["customer"], chosen["customer_search"] = pick, found.full_name if found else ""
    return chosen


class BookingForm(WallTimeForm):
    customer = forms.ModelChoiceField(
        Customer.objects.none(),
        required=False,
        widget=forms.HiddenInput,
        error_messages={"invalid_choice": said("Choose the {customer} from the list.")},
    )
    customer_search = forms.CharField(
        label=said("{Customer}"),
        required=False,
        max_length=SEARCH_LIMIT,
        error_messages={"max_length": "Search for a shorter name."},
    )
    new_customer = forms.BooleanField(label=said("New {customer}"), required=False)
    given_name = name_field("Given name")
    family_name = name_field("Family name")
    date_of_birth = date_field(
        "Birth date", required="Enter the birth date: it tells people of one name apart."
    )
    phone = PhoneField(label="Phone")
    email = email_field()
    program = forms.ModelChoiceField(
        Program.objects.none(),
        error_messages={
            "required": "Choose a program.",
            "invalid_choice": "Choose a program from the list.",
        },
    )
    staff = forms.ModelChoiceField(
        StaffMember.objects.none(),
        label="Staff member",
        error_messages={
            "required": "Choose a staff member.",
            "invalid_choice": "Choose a staff member from the list.",
        },
    )
    case = forms.ModelChoiceField(
        Case.objects.none(),
        required=False,
        empty_label="No case",
        error_messages={"invalid_choice": said("Choose one of this {customer}'s open cases.")},
    )
    public_note = note_field("Note", PUBLIC_NOTE_LIMIT, said("The {customer} sees it in e-mail."))
    private_note = note_field(
        "Private note", PRIVATE_NOTE_LIMIT, "Kept sealed; only for staff who may read it."
    )
    overrides = overrides_field()

    def __init__(
        self,
        data: QueryDict | None = None,
        *,
        access: Access,
        now: datetime,
        initial: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(_picked(data, access), initial=initial, auto_id="book_%s")
        self.access, self.now = access, now
        if not access.may(WRITE_PRIVATE_NOTE):
            del self.fields["private_note"]
        self._offer_choices()
        wants_new = bool(self["new_customer"].value()) and self["new_customer"].value() != "False"
        for name in NEW_CUSTOMER_FIELDS[:3]:
            self.fields[name].required = wants_new

    def _offer_choices(self) -> None:
        people = choices.staff_members(self.access)
        able = serving(self.chosen_program) if self.chosen_program else []
        found = choices.programs_of(self.access, self.chosen_staff)
        self._select("customer", choices.customers(self.access))
        self._select("staff", people, choices.staff_choices(people, able, self.chosen_program))
        self._select("program", choices.programs(self.access), choices.program_choices(found, self.access))
        self._select("case", choices.open_cases(self.chosen_customer))

    def _select(self, name: str, queryset: Any, listed: choices.Choices | None = None) -> None:
        field: Any = self.fields[name]
        field.queryset = queryset
        if listed is not None:
            field.widget.choices = listed

    def _chosen(self, name: str, queryset: Any) -> Any:
        """What the field holds, valid or not yet looked at: None for nothing, a stranger's id or nonsense."""
        try:
            return forms.ModelChoiceField(queryset, required=False).clean(self[name].value())
        except ValidationError:
            return None

    @cached_property
    def chosen_customer(self) -> Customer | None:
        """Whom the form names. A name typed over the chosen one's means somebody else."""
        found: Customer | None = self._chosen("customer", choices.customers(self.access))
        typed = self["customer_search"].value()
        return found if typed is None or found is None or typed.strip() == found.full_name else None

    @cached_property
    def chosen_program(self) -> Program | None:
        found: Program | None = self._chosen("program", choices.programs(self.access))
        return found

    @cached_property
    def chosen_staff(self) -> StaffMember | None:
        found: StaffMember | None = self._chosen("staff", choices.staff_members(self.access))
        return found

    @cached_property
    def candidates(self) -> list[Customer]:
        """Whom a typed but unchosen name may mean."""
        text = self["customer_search"].value() or ""
        if self.chosen_customer or not text.strip() or "\x00" in text or len(text) > SEARCH_LIMIT:
            return []
        return list(choices.customers(self.access).matching(text)[:FOUND_AT_MOST])

    def clean_customer(self) -> Customer | None:
        return self.chosen_customer

    def clean_date_of_birth(self) -> Any:
        born = self.cleaned_data.get("date_of_birth")
        if born is not None and self.cleaned_data.get("new_customer"):
            check_birth(born, localtime.local_date(self.now, self._any_zone()))
        return born

    def _any_zone(self) -> Any:
        facilities = self.access.facilities
        return facilities[0].zone if facilities else "UTC"

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if not cleaned.get("new_customer") and not cleaned.get("customer") and "customer" not in self.errors:
            self.add_error("customer_search", self._who())
        program = cleaned.get("program")
        if program and cleaned.get("minutes") is None and "minutes" not in self.errors:
            cleaned["minutes"] = program.default_minutes
        self.read_start(program.facility if program else None)
        return cleaned

    def _who(self) -> str:
        if not (self["customer_search"].value() or "").strip():
            return said("Choose who it is for, or tick “New {customer}”.")
        return (
            said("Choose the {customer} from the list.")
            if self.candidates
            else said("Nobody found. Check the name, or tick “New {customer}”.")
        )

    def placement(self, customer: Customer | None = None) -> Placement | None:
        """What the form asks for as far as it is known; nobody stands for the customer until one is."""
        made = self.cleaned_data
        program, staff, minutes = made.get("program"), made.get("staff"), made.get("minutes")
        if not (program and staff and minutes and self.starts_at):
            return None
        who = customer or (None if made.get("new_customer") else made.get("customer")) or NOBODY
        by: User = self.access.user
        overrides = frozenset(made.get("overrides", ()))
        return Placement(who, staff, program, self.starts_at, minutes, by, self.now, overrides)


class MoveForm(WallTimeForm):
    """Another time, length or staff member for an appointment; the program stays."""

    staff = forms.ModelChoiceField(
        StaffMember.objects.none(),
        label="Staff member",
        error_messages={
            "required": "Choose a staff member.",
            "invalid_choice": "Choose a staff member from the list.",
        },
    )
    version = forms.IntegerField(widget=forms.HiddenInput, min_value=0, max_value=2**31 - 1)
    overrides = overrides_field()

    def __init__(
        self,
        data: QueryDict | None = None,
        *,
        appointment: Appointment,
        access: Access,
        now: datetime,
        initial: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(data, initial=initial, auto_id="move_%s")
        self.appointment, self.access, self.now = appointment, access, now
        field: Any = self.fields["staff"]
        field.queryset = choices.staff_members(access)
        field.widget.choices = choices.staff_choices(
            field.queryset, serving(appointment.program), appointment.program
        )
        self.fields["minutes"].required = True
        self.fields["minutes"].error_messages["required"] = "Enter the length in minutes."

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        self.read_start(self.appointment.facility)
        return cleaned

    def placement(self) -> Placement | None:
        staff, minutes = self.cleaned_data.get("staff"), self.cleaned_data.get("minutes")
        if not (staff and minutes and self.starts_at):
            return None
        here = Placement.of(self.appointment, by=self.access.user, now=self.now)
        overrides = frozenset(self.cleaned_data.get("overrides", ()))
        return replace(here, staff=staff, minutes=minutes, starts_at=self.starts_at, overrides=overrides)
