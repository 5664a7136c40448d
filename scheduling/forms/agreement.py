"""What a customer tells staff about being written to."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from reminders.agreement import How
from reminders.models import Channel

NOTE_LIMIT = 200


class AgreementForm(forms.Form):
    """`address` is the one that the page showed: consent is given for an address, not for a person."""

    AGREED, WITHDRAWN = "agreed", "withdrawn"

    answer = forms.ChoiceField(choices=[(AGREED, "Agreed"), (WITHDRAWN, "Wants none")])
    channel = forms.ChoiceField(choices=Channel.choices, widget=forms.HiddenInput)
    address = forms.CharField(max_length=254, widget=forms.HiddenInput)
    how = forms.ChoiceField(
        label="They told us",
        choices=[("", "Choose how"), *How.choices],
        error_messages={"required": "Choose how they told us."},
    )
    told = forms.BooleanField(label="I told them these words, and they agreed", required=False)
    note = forms.CharField(
        max_length=NOTE_LIMIT,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        error_messages={"max_length": f"Keep it to {NOTE_LIMIT} characters."},
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        is_to_texts = cleaned.get("channel") == Channel.PHONE and cleaned.get("answer") == self.AGREED
        if is_to_texts and not cleaned.get("told"):
            self.add_error(
                "told", ValidationError("Tell them these words first: they are what they agree to.")
            )
        return cleaned
