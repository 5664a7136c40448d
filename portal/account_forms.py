"""Forms of signing in and of a customer's profile."""

import unicodedata
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from appointments import zones
from portal import contacts
from portal.contacts import Contact
from reminders.models import Channel


class ContactForm(forms.Form):
    """Whom to send a code to."""

    contact = forms.CharField(
        label=_("E-mail or mobile number"),
        max_length=254,
        error_messages={"required": _("Enter your e-mail address or your mobile number.")},
        widget=forms.TextInput(
            attrs={"autocomplete": "email", "autocapitalize": "none", "spellcheck": "false"}
        ),
    )

    def clean_contact(self) -> Contact:
        return contacts.read(self.cleaned_data["contact"])


class DigitsForm(forms.Form):
    digits = forms.CharField(
        label=_("Six-digit code"),
        max_length=40,
        error_messages={"required": _("Enter the six digits of the message.")},
        widget=forms.TextInput(
            attrs={"class": "code", "autocomplete": "one-time-code", "inputmode": "numeric"}
        ),
    )

    def clean_digits(self) -> str:
        """As pasted: spaces and dashes between them do not count."""
        typed = self.cleaned_data["digits"]
        digits = "".join(str(unicodedata.digit(c)) for c in typed if c.isdecimal())
        if len(digits) != 6:
            raise ValidationError(gettext("Enter the six digits of the message."))
        return digits


class StayForm(forms.Form):
    stay = forms.BooleanField(label=_("Stay signed in on this device for 30 days"), required=False)


class CodeForm(DigitsForm, StayForm):
    pass


class NewEmailForm(forms.Form):
    contact = forms.CharField(
        label=_("New e-mail address"),
        max_length=254,
        error_messages={"required": _("Enter the new address.")},
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )

    def __init__(self, *args: Any, current: Contact, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.current = current

    def clean_contact(self) -> Contact:
        return _changed(contacts.read_email(self.cleaned_data["contact"]), self.current)


class NewMobileForm(forms.Form):
    contact = forms.CharField(
        label=_("New mobile number"),
        max_length=40,
        error_messages={"required": _("Enter the new number.")},
        widget=forms.TextInput(attrs={"type": "tel", "autocomplete": "tel"}),
    )

    def __init__(self, *args: Any, current: Contact, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.current = current

    def clean_contact(self) -> Contact:
        return _changed(contacts.read_mobile(self.cleaned_data["contact"]), self.current)


NEW_CONTACT: dict[str, type[NewEmailForm] | type[NewMobileForm]] = {
    Channel.EMAIL: NewEmailForm,
    Channel.PHONE: NewMobileForm,
}


class ProfileForm(forms.Form):
    time_zone = forms.ChoiceField(
        label=_("Your time zone"),
        required=False,
        help_text=_("Times are shown in the facility’s zone, with yours beside it where it differs."),
    )
    language = forms.ChoiceField(label=_("Your language"), required=False)

    def __init__(self, *args: Any, current_zone: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        zone, language = self.fields["time_zone"], self.fields["language"]
        zone.choices = [("", _("The facility’s")), *zones.with_current(current_zone)]  # type: ignore[attr-defined]
        language.choices = [("", _("As my browser asks")), *settings.LANGUAGES]  # type: ignore[attr-defined]


def _changed(contact: Contact, current: Contact) -> Contact:
    if contact == current:
        raise ValidationError(gettext("This is on your record already."))
    return contact
