"""What staff change on an appointment besides its place: status, cancellation, notes. Each names the version it was made for."""

from typing import Any

from django import forms
from django.http import QueryDict

from appointments.branding import said
from appointments.models import Appointment
from appointments.models.appointment import PRIVATE_NOTE_LIMIT, PUBLIC_NOTE_LIMIT
from scheduling.booking import UNSIGNED
from scheduling.forms.booking import note_field

LARGEST_VERSION = 2**31 - 1


class VersionedForm(forms.Form):
    version = forms.IntegerField(widget=forms.HiddenInput, min_value=0, max_value=LARGEST_VERSION)

    def __init__(
        self,
        data: QueryDict | None = None,
        *,
        appointment: Appointment,
        initial: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(data, initial=initial, auto_id="change_%s")
        self.appointment = appointment
        self.initial.setdefault("version", appointment.version)


class StatusForm(VersionedForm):
    status = forms.ChoiceField(choices=Appointment.Status.choices)
    overrides = forms.MultipleChoiceField(
        choices=[(UNSIGNED, "Arrived, although not all is signed")], required=False
    )


class CancelForm(VersionedForm):
    reason = forms.CharField(
        label="Reason",
        max_length=200,
        widget=forms.TextInput(attrs={"list": "cancel-reasons", "autocomplete": "off"}),
        help_text="Colleagues see it on the schedule. Keep medical details out.",
        error_messages={
            "required": said("Enter the reason, such as “{Customer} is ill”."),
            "max_length": "Keep the reason to 200 characters.",
        },
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        del self.fields["reason"].widget.attrs["maxlength"]


class NoteForm(VersionedForm):
    public_note = note_field(
        "Note", PUBLIC_NOTE_LIMIT, said("The {customer} sees it in e-mail. Empty it to remove it.")
    )


class PrivateNoteForm(VersionedForm):
    private_note = note_field("Private note", PRIVATE_NOTE_LIMIT, "Kept sealed. Empty it to remove it.")
    replace_unreadable = forms.BooleanField(label="Replace the note that cannot be read", required=False)
