"""When a program reminds its customers, and in which words."""

from typing import Any

from django import forms
from django.conf import settings
from django.http import QueryDict

from appointments.models import Channel
from reminders import rulebook, rules
from reminders.models import ReminderRule
from reminders.models.rule import MOST_DAYS, MOST_HOURS
from reminders.rulebook import Lead, RuleRefused, Words

DAYS, HOURS = "days", "hours"
SUBJECT_LIMIT, TEXT_LIMIT = 120, 2000
TIME_FORMATS = ["%H:%M", "%I:%M %p", "%I:%M%p", "%I %p"]


def number_field(label: str, most: int, *, least: int) -> forms.IntegerField:
    return forms.IntegerField(
        label=label,
        required=False,
        widget=forms.NumberInput(attrs={"min": least, "max": most, "inputmode": "numeric"}),
        error_messages={"invalid": f"Enter a whole number, {least} to {most}."},
    )


class LeadForm(forms.Form):
    """How long before. Only the fields of the chosen `unit` count."""

    unit = forms.ChoiceField(
        label="When",
        choices=[(DAYS, "Days before, at a time"), (HOURS, "Hours before")],
        initial=DAYS,
        widget=forms.RadioSelect,
        error_messages={
            "required": "Choose days or hours.",
            "invalid_choice": "Choose days or hours.",
        },
    )
    days_before = number_field("Days before", MOST_DAYS, least=0)
    at_time = forms.TimeField(
        label="At",
        required=False,
        initial=rules.MORNING,
        input_formats=TIME_FORMATS,
        widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
        error_messages={"invalid": "This is not a time of day. Enter it as 10:15 AM."},
    )
    hours_before = number_field("Hours before", MOST_HOURS, least=1)

    channel: str

    @property
    def lead(self) -> Lead:
        """What is entered, as far as it can be read."""
        entered = getattr(self, "cleaned_data", {})
        if entered.get("unit") == HOURS:
            return Lead(hours_before=entered.get("hours_before"))
        return Lead(entered.get("days_before"), entered.get("at_time"))

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        asked = {HOURS: {"hours_before"}, DAYS: {"days_before", "at_time"}}.get(
            cleaned.get("unit", ""), set()
        )
        for unasked in {"hours_before", "days_before", "at_time"} - asked:
            self.errors.pop(unasked, None)
        if asked and not asked & set(self.errors):
            self._check_lead(self.lead, cleaned.get("unit", ""))
        return cleaned

    def _check_lead(self, lead: Lead, unit: str) -> None:
        if unit == HOURS and lead.hours_before is None:
            self.add_error("hours_before", "Enter how many hours before.")
            return
        try:
            rulebook.check_lead(lead, channel=self.channel)
        except RuleRefused as refusal:
            self.refuse(refusal)

    def refuse(self, refusal: RuleRefused) -> None:
        """Say why beside the field, or on top when no field is to blame."""
        self.add_error(refusal.field if refusal.field in self.fields else None, refusal.message)


class NewRuleForm(LeadForm):
    channel_of = forms.ChoiceField(
        label="By",
        choices=Channel.choices,
        error_messages={"required": "Choose how to remind.", "invalid_choice": "Choose how to remind."},
    )

    field_order = ["channel_of", "unit", "days_before", "at_time", "hours_before"]

    @property
    def channel(self) -> str:  # type: ignore[override]
        return str(self.cleaned_data.get("channel_of", ""))


class RuleForm(LeadForm):
    """A rule's time, and for each language the program's own words: `subject_<language>` and `text_<language>`."""

    def __init__(self, data: QueryDict | None = None, *, rule: ReminderRule) -> None:
        super().__init__(data, initial=_entered(rule))
        self.channel = rule.channel
        for language, label in settings.LANGUAGES:
            if rule.channel == Channel.EMAIL:
                self.fields[f"subject_{language}"] = _subject_field(language, label)
            self.fields[f"text_{language}"] = _text_field(language, label)

    @property
    def languages(self) -> list[dict[str, Any]]:
        """The fields of each language, for the page."""
        return [
            {
                "code": language,
                "label": label,
                "subject": self[f"subject_{language}"] if f"subject_{language}" in self.fields else None,
                "text": self[f"text_{language}"],
            }
            for language, label in settings.LANGUAGES
        ]

    @property
    def wordings(self) -> dict[str, Words]:
        """What is entered, also where it has problems."""
        return {language: self._words(language) for language, _ in settings.LANGUAGES}

    def _words(self, language: str) -> Words:
        return Words(*(self._said(f"{field}_{language}") for field in ("text", "subject")))

    def _said(self, name: str) -> str:
        """Line breaks as they are sent: browsers hand over two characters for one."""
        value = self[name].value() if name in self.fields else ""
        return str(value or "").replace("\r\n", "\n").strip()

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        for language, words in self.wordings.items():
            problems = rulebook.problems_of(words, channel=self.channel, lead=self.lead)
            for field, found in problems.items():
                if f"{field}_{language}" not in self.errors:
                    self.add_error(f"{field}_{language}", found)
        return cleaned


def _entered(rule: ReminderRule) -> dict[str, Any]:
    values: dict[str, Any] = {
        "unit": DAYS if rule.hours_before is None else HOURS,
        "days_before": rule.days_before,
        "at_time": rule.at_time,
        "hours_before": rule.hours_before,
    }
    for wording in rule.wordings.all():
        values[f"subject_{wording.language}"] = wording.subject
        values[f"text_{wording.language}"] = wording.text
    return values


def _subject_field(language: str, label: str) -> forms.CharField:
    return forms.CharField(
        label=f"Subject in {label}",
        required=False,
        max_length=SUBJECT_LIMIT,
        widget=forms.TextInput(attrs={"autocomplete": "off", "lang": language}),
        error_messages={"max_length": f"Keep it to {SUBJECT_LIMIT} characters."},
    )


def _text_field(language: str, label: str) -> forms.CharField:
    return forms.CharField(
        label=f"Text in {label}",
        required=False,
        max_length=TEXT_LIMIT,
        widget=forms.Textarea(attrs={"rows": 5, "lang": language}),
        error_messages={"max_length": f"Keep it to {TEXT_LIMIT} characters."},
    )
