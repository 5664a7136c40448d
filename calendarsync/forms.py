"""Forms for connecting calendars."""

import re
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID

from django import forms
from django.core.exceptions import ValidationError
from django.utils.html import format_html
from django.utils.safestring import SafeString

from appointments.branding import said
from appointments.models import Appointment, Customer, StaffMember
from calendarsync import entries
from calendarsync.connecting import PRIMARY
from calendarsync.models import TitleStyle
from calendarsync.providers.base import Choice

NO_ADDRESS = "This is not the address of a calendar server. It looks like https://caldav.example.org."
KEPT_APART = "Leave the user name and the password out of the address: they have fields of their own below."
# A user name and a password where the path stands: a slash is missing before them.
MISPLACED = re.compile(r":[^/]*@")
EXAMPLE = Appointment(
    reference=UUID("3f9a1c22-6d1e-4c8f-9b63-0a7c5d2e8b14"),
    customer=Customer(given_name="Ada", family_name="Nguyen"),
)
STYLES = {
    TitleStyle.BUSY: "Busy, and nothing else",
    TitleStyle.REFERENCE: "The appointment’s reference",
    TitleStyle.INITIALS: said("The {customer}’s initials"),
    TitleStyle.FULL_NAME: said("The {customer}’s full name"),
}


def title_styles() -> list[tuple[str, SafeString]]:
    """Each with an example of what it shows."""
    line = '<span>{}, <span class="soft">such as “{}”</span></span>'
    return [
        (style, format_html(line, label, entries.title(EXAMPLE, style))) for style, label in STYLES.items()
    ]


class TitlesForm(forms.Form):
    title_style = forms.ChoiceField(
        label="What entries show",
        choices=title_styles,
        initial=TitleStyle.INITIALS,
        widget=forms.RadioSelect,
        help_text="Whoever sees your calendar sees this. The facility is shown too; programs and private notes never are.",
        error_messages={
            "required": "Choose what entries show.",
            "invalid_choice": "Choose what entries show.",
        },
    )


class ServerForm(forms.Form):
    """A CalDAV server and how to get in. What was typed as a password is never shown again."""

    server = forms.CharField(
        label="Server address",
        max_length=500,
        help_text="As its provider gives it, or the address of the calendar itself.",
        widget=forms.TextInput(attrs={"inputmode": "url", "autocapitalize": "none", "spellcheck": "false"}),
        error_messages={"required": "Enter the address of the calendar server."},
    )
    username = forms.CharField(
        label="User name",
        max_length=254,
        widget=forms.TextInput(attrs={"autocapitalize": "none", "spellcheck": "false"}),
        error_messages={"required": "Enter the user name, often your e-mail address."},
    )
    password = forms.CharField(
        label="App password",
        max_length=500,
        help_text="Make one for SecureCare alone: it can be taken back without changing your own.",
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        error_messages={"required": "Enter the app password."},
    )

    def clean_server(self) -> str:
        typed = self.cleaned_data["server"]
        address = typed if "://" in typed else f"https://{typed}"
        try:
            parts = urlsplit(address)
            is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
            is_address = is_address and not MISPLACED.search(parts.path + parts.query)
        except ValueError:
            is_address = False
        if not is_address or any(map(str.isspace, address)):
            self._show_server(typed.rpartition("@")[2])
            raise ValidationError(NO_ADDRESS)
        if "@" in parts.netloc:
            host = parts.netloc.rpartition("@")[2]
            self._show_server(urlunsplit(parts._replace(netloc=host)))
            raise ValidationError(KEPT_APART)
        return address

    def _show_server(self, text: str) -> None:
        """Instead of what was typed, in which a password may stand."""
        self.data = {**{name: self.data[name] for name in self.data}, "server": text}


class PasswordForm(forms.Form):
    password = forms.CharField(
        label="New app password",
        max_length=500,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password", "autofocus": True}),
        error_messages={"required": "Enter the new app password."},
    )


class CalendarForm(TitlesForm):
    """Which of a server's calendars. Whether a choice is still there, the server says when it is asked for it."""

    calendar = forms.CharField(
        label="Calendar", max_length=2000, error_messages={"required": "Choose a calendar."}
    )

    field_order = ["calendar", "title_style"]

    def __init__(self, data: Any = None, *, offered: list[Choice] | None = None) -> None:
        super().__init__(data)
        writable = [choice for choice in offered or [] if choice.may_write]
        self.read_only = [choice for choice in offered or [] if not choice.may_write]
        shown = [(choice.address, choice.name) for choice in writable]
        self.fields["calendar"].widget = forms.RadioSelect(choices=shown)
        if len(writable) == 1:
            self.initial["calendar"] = writable[0].address


class GoogleCalendarForm(TitlesForm):
    calendar = forms.CharField(
        label="Calendar",
        max_length=250,
        initial=PRIMARY,
        help_text=(
            "“primary” is the account’s own calendar. For another, enter its calendar ID: in Google Calendar, "
            "under Settings, the calendar’s name, Integrate calendar."
        ),
        widget=forms.TextInput(attrs={"autocapitalize": "none", "spellcheck": "false"}),
        error_messages={"required": "Enter a calendar ID, or primary."},
    )

    field_order = ["calendar", "title_style"]


class DelegatedForm(GoogleCalendarForm):
    """For administrators: somebody's Google calendar, opened by the site's service account."""

    staff = forms.ModelChoiceField(
        label="Staff member",
        queryset=StaffMember.objects.none(),
        empty_label="Choose somebody",
        error_messages={
            "required": "Choose a staff member.",
            "invalid_choice": "Choose a staff member from the list.",
        },
    )
    subject = forms.EmailField(
        label="Their Google address",
        max_length=254,
        help_text="In the organization’s own Google domain.",
        error_messages={
            "required": "Enter their Google address.",
            "invalid": "This is not an e-mail address. It looks like dana@example.org.",
        },
    )

    field_order = ["staff", "subject", "calendar", "title_style"]

    def __init__(self, data: Any = None, *, facilities: Any) -> None:
        super().__init__(data)
        members = StaffMember.objects.filter(is_active=True, facilities__in=facilities).distinct()
        self.fields["staff"].queryset = members  # type: ignore[attr-defined]
