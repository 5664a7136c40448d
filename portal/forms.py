"""The form of whoever books without an account."""

import unicodedata
from datetime import date
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from appointments.branding import brand
from appointments.models.people import EARLIEST_BIRTH
from portal import contacts
from portal.bookings import Person
from portal.contacts import LONGEST_EMAIL
from reminders import consent
from reminders.numbers import mobile_number
from securecare import wording

LONGEST_NAME = 80
BIRTH = ("birth_month", "birth_day", "birth_year")
# Overrides of writing direction would turn round the rest of a line on staff's screens; no name needs them.
_UNSEEN = {"Cc", "Cs", "Zl", "Zp"}
_TURNING = set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def plain_line(text: str) -> str:
    """One line of what was typed, single-spaced, without what cannot be seen. Empty if nothing of it can."""
    spaced = "".join(
        " " if unicodedata.category(letter) in _UNSEEN else letter
        for letter in text
        if letter not in _TURNING
    )
    line = unicodedata.normalize("NFC", " ".join(spaced.split()))
    seen = any(unicodedata.category(letter) not in ("Cf", "Zs", "Mn") for letter in line)
    return line if seen else ""


class NameField(forms.CharField):
    def __init__(self, *, label: Any, required: Any, autocomplete: str) -> None:
        attrs = {"autocomplete": autocomplete, "dir": "auto", "spellcheck": "false"}
        super().__init__(
            label=label, error_messages={"required": required}, widget=forms.TextInput(attrs=attrs)
        )

    def to_python(self, value: Any) -> str:
        return plain_line(super().to_python(value) or "")

    def validate(self, value: str) -> None:
        super().validate(value)
        if len(value) > LONGEST_NAME:
            words = ngettext(
                "This is too long: it has room for %(limit)d letter.",
                "This is too long: it has room for %(limit)d letters.",
                LONGEST_NAME,
            )
            raise ValidationError(words % {"limit": LONGEST_NAME})


class _BirthField(forms.CharField):
    def __init__(self, *, label: Any, autocomplete: str, figures: int) -> None:
        attrs = {"autocomplete": autocomplete, "inputmode": "numeric", "size": figures}
        super().__init__(label=label, required=False, widget=forms.TextInput(attrs=attrs))


class DetailsForm(forms.Form):
    """Who the appointment is for. `today` is the local date at the facility.

    The date of birth stands in three fields, as people write it in figures; its errors are the first one's that is wrong.
    """

    given_name = NameField(
        label=_("First name"), required=_("Enter the first name."), autocomplete="given-name"
    )
    family_name = NameField(
        label=_("Last name"), required=_("Enter the last name."), autocomplete="family-name"
    )
    email = forms.CharField(
        label=_("E-mail"),
        error_messages={"required": _("Enter an e-mail address: we confirm the appointment there.")},
        widget=forms.EmailInput(attrs={"autocomplete": "email", "spellcheck": "false"}),
    )
    birth_month = _BirthField(label=_("Month"), autocomplete="bday-month", figures=2)
    birth_day = _BirthField(label=_("Day"), autocomplete="bday-day", figures=2)
    birth_year = _BirthField(label=_("Year"), autocomplete="bday-year", figures=4)
    phone = forms.CharField(
        label=_("Mobile number for text reminders"),
        required=False,
        widget=forms.TextInput(attrs={"type": "tel", "autocomplete": "tel"}),
    )
    may_text = forms.BooleanField(required=False)
    # No person sees it: what stands in it was put there by a program.
    website = forms.CharField(required=False, label=_("Leave this empty"))

    def __init__(self, *args: Any, today: date, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.today = today
        if settings.SMS_CONSENT_REQUIRES_TICK:
            self.consent_wording = consent.wording_to_tick(brand().name)
            self.fields["may_text"].label = self.consent_wording
        else:
            self.consent_wording = consent.wording(brand().name)
            self.fields["phone"].help_text = self.consent_wording
            del self.fields["may_text"]

    @property
    def birth_fields(self) -> list[forms.BoundField]:
        """In the order of the active language."""
        return [self[f"birth_{part}"] for part in wording.order_of_date()]

    @property
    def typed(self) -> list[tuple[str, str]]:
        """What to send along so that nothing typed is lost."""
        return [(name, self[name].value() or "") for name in self.fields]

    @property
    def problems(self) -> list[tuple[str, str]]:
        """Each field that has to be looked at, by its id, and why; from top to bottom."""
        birth = [field.name for field in self.birth_fields]
        order = ["given_name", "family_name", "email", *birth, "phone", "may_text"]
        return [(self[name].auto_id, str(self.errors[name][0])) for name in order if name in self.errors]

    def clean_email(self) -> str:
        if len(self.cleaned_data["email"]) > LONGEST_EMAIL:
            words = gettext("This is too long: an e-mail address has at most %(limit)d letters.")
            raise ValidationError(words % {"limit": LONGEST_EMAIL})
        return contacts.read_email(self.cleaned_data["email"]).address

    def clean_phone(self) -> str:
        return mobile_number(self.cleaned_data["phone"])

    def clean(self) -> None:
        self._read_birth()
        if not settings.SMS_CONSENT_REQUIRES_TICK or "phone" in self.errors:
            return
        number, is_ticked = self.cleaned_data["phone"], self.cleaned_data["may_text"]
        if number and not is_ticked:
            self.add_error(
                "may_text", gettext("Tick the box to get texts, or leave the mobile number empty.")
            )
        if is_ticked and not number:
            self.add_error("phone", gettext("Enter the mobile number for texts, or clear the box below it."))

    def person(self) -> Person:
        """What a valid form says."""
        found = self.cleaned_data
        return Person(
            given_name=found["given_name"],
            family_name=found["family_name"],
            date_of_birth=found["date_of_birth"],
            email=found["email"],
            phone=found["phone"],
            consent=self.consent_wording if found["phone"] else "",
        )

    def _read_birth(self) -> None:
        typed = {name: self.cleaned_data.get(name, "") for name in BIRTH}
        if not any(typed.values()):
            self.add_error(self.birth_fields[0].name, gettext("Enter the date of birth."))
            return
        figures = {name: _figure(text) for name, text in typed.items()}
        for field in self.birth_fields:
            if problem := _problem(field.name, figures[field.name]):
                self.add_error(field.name, problem)
                return
        month, day, year = (figures[name] or 0 for name in BIRTH)
        try:
            born = date(year, month, day)
        except ValueError:
            self.add_error("birth_day", gettext("That month has no such day. Check the date of birth."))
            return
        if born > self.today:
            self.add_error("birth_year", gettext("The date of birth is in the future. Check it."))
        elif born < EARLIEST_BIRTH:
            words = gettext("Enter a year of birth from %(year)d on.")
            self.add_error("birth_year", words % {"year": EARLIEST_BIRTH.year})
        self.cleaned_data["date_of_birth"] = born


def _figure(text: str) -> int | None:
    """In any script's digits."""
    return int(text) if text.isdecimal() and len(text) <= 4 else None


def _problem(name: str, figure: int | None) -> str:
    if name == "birth_year":
        is_right, words = (
            figure is not None and figure >= 1000,
            gettext("Enter the year of birth with four digits."),
        )
    elif name == "birth_month":
        is_right, words = (
            figure is not None and 1 <= figure <= 12,
            gettext("Enter the month as a number from 1 to 12."),
        )
    else:
        is_right, words = (
            figure is not None and 1 <= figure <= 31,
            gettext("Enter the day as a number from 1 to 31."),
        )
    return "" if is_right else words
