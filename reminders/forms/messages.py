"""What staff look for among messages, and what they do with one."""

import datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict

from appointments.access import Access
from appointments.models import Appointment, Customer
from reminders.attention import NOTE_LIMIT
from reminders.finding import ALL, Wish
from reminders.models import Channel, Kind
from reminders.ways import Way

SEARCH_LIMIT = 200
FIRST_DAY, LAST_DAY = datetime.date(2000, 1, 1), datetime.date(2100, 12, 31)
SHOW = [("sent", "Sent"), ("planned", "Planned"), ("not-sent", "Not sent"), ("failed", "Failed")]
TOO_LONG = f"Keep it to {NOTE_LIMIT} characters."


class FindForm(forms.Form):
    """Every field may be left out, and one that cannot be read is: a search finds, it does not refuse."""

    show = forms.ChoiceField(choices=[*SHOW, (ALL, "All")], required=False)
    q = forms.CharField(label="Name, number, e-mail or reference", max_length=SEARCH_LIMIT, required=False)
    channel = forms.ChoiceField(choices=[("", "E-mails and texts"), *Channel.choices], required=False)
    kind = forms.ChoiceField(choices=[("", "Every kind"), *Kind.choices], required=False)
    date = forms.DateField(required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))
    customer = forms.ModelChoiceField(Customer.objects.none(), required=False, widget=forms.HiddenInput)
    appointment = forms.ModelChoiceField(
        Appointment.objects.none(), to_field_name="reference", required=False, widget=forms.HiddenInput
    )

    def __init__(self, data: QueryDict, *, access: Access) -> None:
        super().__init__(data, auto_id="find_%s")
        fields: dict[str, Any] = self.fields
        fields["customer"].queryset = Customer.objects.known_at(access.facility_ids)
        seen = Appointment.objects.visible_at(access.facility_ids)
        fields["appointment"].queryset = seen.select_related("customer", "facility")
        fields["q"].widget.attrs |= {"autocomplete": "off"}
        self.is_valid()

    def clean_date(self) -> datetime.date | None:
        day: datetime.date | None = self.cleaned_data["date"]
        if day is not None and not FIRST_DAY <= day <= LAST_DAY:
            raise ValidationError("Enter a date of this century.")
        return day

    @property
    def names_others(self) -> bool:
        """Whether it asks for a customer or an appointment that this user does not see."""
        return bool({"customer", "appointment"} & self.errors.keys())

    @property
    def is_narrow(self) -> bool:
        """Whether so few are looked for that planned and sent ones fit into one list."""
        found = self.cleaned_data
        return any(found.get(name) for name in ("customer", "appointment", "q"))

    def kept(self) -> list[forms.BoundField]:
        """What a search keeps though it has no field for it."""
        return [self[name] for name in ("show", "customer", "appointment") if self[name].value()]

    def wish(self) -> Wish:
        found = self.cleaned_data
        show = found.get("show") or (ALL if self.is_narrow else "sent")
        return Wish(
            show="sent" if show == ALL and not self.is_narrow else show,
            channel=found.get("channel", ""),
            kind=found.get("kind", ""),
            text=found.get("q", ""),
            on=found.get("date"),
            customer=found.get("customer"),
            appointment=found.get("appointment"),
        )


class AgainForm(forms.Form):
    """Why it is sent again, and how. `copies` is how often it had been when the page was shown: nobody does it twice."""

    reason = forms.CharField(
        label="Reason",
        max_length=NOTE_LIMIT,
        help_text="Kept with the message.",
        error_messages={"required": "Say why it is sent again.", "max_length": TOO_LONG},
    )
    channel = forms.ChoiceField(
        label="By",
        widget=forms.RadioSelect,
        error_messages={
            "required": "Choose how.",
            "invalid_choice": "This way is closed now. Choose another.",
        },
    )
    copies = forms.IntegerField(widget=forms.HiddenInput)

    def __init__(self, data: QueryDict | None = None, *, ways: list[Way], copies: int) -> None:
        self.open = [way for way in ways if not way.against]
        first = self.open[0].channel if self.open else ""
        super().__init__(data, auto_id="again_%s", initial={"channel": first, "copies": copies})
        fields: dict[str, Any] = self.fields
        fields["channel"].choices = [(way.channel, way.label) for way in self.open]
        fields["reason"].widget.attrs |= {"autocomplete": "off"}
        self.copies_now = copies

    def clean_copies(self) -> int:
        known: int = self.cleaned_data["copies"]
        if known != self.copies_now:
            raise ValidationError("It was sent again in the meantime. Look below before you send another.")
        return known


class NoteForm(forms.Form):
    note = forms.CharField(
        label="Note",
        max_length=NOTE_LIMIT,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        error_messages={"max_length": TOO_LONG},
    )


class TextForm(NoteForm):
    """What somebody who read a customer's text does about it."""

    DONE, STOP = "done", "stop"
    answer = forms.ChoiceField(choices=[(DONE, "Done"), (STOP, "They want no more texts")])
