"""Who somebody is: details as people give them at the desk."""

from datetime import date, datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db import transaction

from appointments import customers
from appointments.access import Access
from appointments.branding import said
from appointments.customers import languages
from appointments.models import Customer, Facility
from appointments.models.people import EARLIEST_BIRTH, normalised_phone
from reminders import planning
from scheduling.forms.wall_time import date_field

SEARCH_LIMIT = 200
TEXTS_NEED_CONSENT = said("No texts go there until the {customer} has agreed. Note that on their page.")


class PhoneField(forms.CharField):
    """A number as people type it; cleaned to E.164."""

    def __init__(self, **options: Any) -> None:
        widget = forms.TextInput(attrs={"type": "tel", "autocomplete": "off"})
        usual = {"max_length": 32, "widget": widget, "required": False, "help_text": TEXTS_NEED_CONSENT}
        super().__init__(**{**usual, **options})

    def clean(self, value: Any) -> str:
        return normalised_phone(super().clean(value))


def name_field(label: str) -> forms.CharField:
    return forms.CharField(
        label=label,
        max_length=80,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        error_messages={
            "required": f"Enter the {label.lower()}.",
            "max_length": "Keep it to 80 characters.",
        },
    )


def email_field() -> forms.EmailField:
    return forms.EmailField(
        label="E-mail",
        required=False,
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
        error_messages={"invalid": "This is not an e-mail address. Enter it as name@example.org."},
    )


def check_birth(born: date, today: date) -> None:
    if born > today:
        raise ValidationError("This date lies ahead. Enter the birth date.")
    if born < EARLIEST_BIRTH:
        raise ValidationError("Enter a birth date from 1900 on.")


class PersonForm(forms.Form):
    """Name, birth date and how to reach somebody. The birth date tells people of one name apart, so it is asked for."""

    given_name = name_field("Given name")
    family_name = name_field("Family name")
    date_of_birth = date_field(
        "Birth date", required="Enter the birth date: it tells people of one name apart."
    )
    phone = PhoneField(label="Phone")
    email = email_field()

    def __init__(self, *args: Any, today: date, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.today = today

    def clean_date_of_birth(self) -> date:
        born: date = self.cleaned_data["date_of_birth"]
        check_birth(born, self.today)
        return born


class NewCustomerForm(PersonForm):
    facility = forms.ModelChoiceField(
        Facility.objects.none(),
        empty_label=None,
        error_messages={"required": "Choose a facility.", "invalid_choice": "Choose one of your facilities."},
    )

    def __init__(self, *args: Any, access: Access, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        facilities = Facility.objects.filter(pk__in=access.facility_ids)
        self.fields["facility"].queryset = facilities  # type: ignore[attr-defined]


class CustomerForm(PersonForm):
    """Changes a record. A record that came without a birth date may stay without one."""

    language = forms.ChoiceField(
        choices=languages, required=False, help_text="In which messages are written, once chosen."
    )

    def __init__(self, *args: Any, customer: Customer, **kwargs: Any) -> None:
        names = ("given_name", "family_name", "date_of_birth", "phone", "email", "language")
        kwargs.setdefault("initial", {name: getattr(customer, name) for name in names})
        super().__init__(*args, **kwargs)
        self.customer = customer
        self.fields["date_of_birth"].required = customer.date_of_birth is not None

    def clean_date_of_birth(self) -> date | None:  # type: ignore[override]
        born: date | None = self.cleaned_data["date_of_birth"]
        if born is not None:
            check_birth(born, self.today)
        return born

    def save(self, *, now: datetime) -> Customer:
        """Messages that wait follow a corrected contact."""
        for name, value in self.cleaned_data.items():
            setattr(self.customer, name, value)
        with transaction.atomic():
            customers.save_details(self.customer, fields=list(self.cleaned_data))
            planning.customer_changed(self.customer, now=now)
        return self.customer


class CaseForm(forms.Form):
    title = forms.CharField(
        label="What it is about",
        max_length=120,
        required=False,
        error_messages={"max_length": "Keep it to 120 characters."},
    )
    reference = forms.CharField(
        label="Reference",
        max_length=32,
        required=False,
        help_text="Leave empty to have one made.",
        error_messages={"max_length": "Keep it to 32 characters."},
    )


class SearchForm(forms.Form):
    """What is typed to find a customer. Longer or odd text finds nothing rather than failing."""

    q = forms.CharField(max_length=SEARCH_LIMIT, required=False)
