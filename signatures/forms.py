"""What managers enter about documents, and what programs ask for."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.http import QueryDict
from django.utils.text import capfirst

from appointments.access import Access
from appointments.branding import brand
from appointments.models import Facility
from signatures import facts, fields
from signatures.models import (
    DocumentKind,
    DocumentTemplate,
    SignerRole,
    SigningRules,
    TemplateVersion,
)
from signatures.models.template import BODY_LIMIT, MOST_REMINDERS

MOST_DAYS = 60
PLACED_KINDS = [
    (fields.TEXT, "Text"),
    (fields.TICK, "Tick box"),
    (fields.INITIALS, "Initials"),
    (fields.DATE, "Date"),
]
PERCENT = 100


def roles() -> list[tuple[str, str]]:
    """By the organization's own word for its customers."""
    names = dict(SignerRole.choices) | {SignerRole.CUSTOMER: capfirst(brand().customer)}
    return [(role, str(names[role])) for role in SignerRole]


class AboutForm(forms.Form):
    """What a document is called, where it is used and how long a signature holds."""

    title = forms.CharField(
        label="Title",
        max_length=120,
        help_text="As it is read by who signs it.",
        error_messages={"required": "Give it a title.", "max_length": "Keep it to 120 characters."},
    )
    kind = forms.ChoiceField(
        label="Kind", choices=DocumentKind.choices, error_messages={"required": "Choose a kind."}
    )
    everywhere = forms.BooleanField(label="All facilities", required=False, initial=True)
    facilities = forms.ModelMultipleChoiceField(
        label="Only at",
        queryset=Facility.objects.none(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        error_messages={
            "invalid_choice": "Choose among your facilities.",
            "invalid_pk_value": "Choose again.",
        },
    )
    valid_months = forms.IntegerField(
        label="A signature holds for, in months",
        required=False,
        min_value=1,
        max_value=120,
        widget=forms.NumberInput(attrs={"min": 1, "max": 120, "inputmode": "numeric"}),
        help_text="Empty: for good. While it holds, nobody is asked again.",
        error_messages=dict.fromkeys(
            ("invalid", "min_value", "max_value"), "Enter 1 to 120 months, or nothing."
        ),
    )
    asks_birth_date = forms.BooleanField(label="Ask for the birth date before showing it", required=False)

    def __init__(
        self, data: QueryDict | None = None, *, access: Access, template: DocumentTemplate | None = None
    ) -> None:
        super().__init__(data, initial=_about(template))
        self.fields["facilities"].queryset = Facility.objects.filter(pk__in=access.facility_ids)  # type: ignore[attr-defined]
        self.may_everywhere = covers_all(access)
        if not self.may_everywhere:
            del self.fields["everywhere"]
        if template is not None:
            self.fields["is_active"] = forms.BooleanField(label="May be asked for", required=False)

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if cleaned.pop("everywhere", False):
            cleaned["facilities"] = []
        elif "facilities" not in self.errors and not cleaned.get("facilities"):
            self.add_error("facilities", "Choose at least one facility.")
        return cleaned


def covers_all(access: Access) -> bool:
    """Whether what holds at all facilities is theirs to decide."""
    return not Facility.objects.filter(is_active=True).exclude(pk__in=access.facility_ids).exists()


def _about(template: DocumentTemplate | None) -> dict[str, Any]:
    if template is None:
        return {}
    names = ("title", "kind", "valid_months", "asks_birth_date", "is_active")
    where = [facility.pk for facility in template.facilities.all()]
    return {name: getattr(template, name) for name in names} | {"facilities": where, "everywhere": not where}


class SignersForm(forms.Form):
    """Who signs, in order."""

    first = forms.ChoiceField(label="Signs first", error_messages={"required": "Choose who signs first."})
    then = forms.ChoiceField(label="Then", required=False)
    last = forms.ChoiceField(label="Then", required=False)

    def __init__(self, data: QueryDict | None = None, *, version: TemplateVersion) -> None:
        places = dict(zip(("first", "then", "last"), version.signers, strict=False))
        super().__init__(data, initial={**places, "body": version.body})
        for name in ("first", "then", "last"):
            empty = [] if name == "first" else [("", "Nobody else")]
            self.fields[name].choices = [*empty, *roles()]  # type: ignore[attr-defined]

    @property
    def signers(self) -> list[str]:
        """As far as they can be read."""
        entered = getattr(self, "cleaned_data", {})
        return [entered[name] for name in ("first", "then", "last") if entered.get(name)]

    def clean(self) -> dict[str, Any]:
        if len(set(self.signers)) != len(self.signers):
            self.add_error("then", "Each of them signs once.")
        return super().clean() or {}


class BodyForm(SignersForm):
    body = forms.CharField(
        label="Text",
        max_length=BODY_LIMIT,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 24, "spellcheck": "true"}),
        error_messages={
            "required": "Write what the document says.",
            "max_length": f"Keep it to {BODY_LIMIT:,} characters.",
        },
    )

    field_order = ["body", "first", "then", "last"]


class UploadForm(forms.Form):
    pdf = forms.FileField(
        label="PDF",
        widget=forms.FileInput(attrs={"accept": "application/pdf,.pdf"}),
        error_messages={
            "required": "Choose a PDF.",
            "empty": "This file is empty. Choose another.",
            "invalid": "Choose a PDF.",
            "max_length": "Give the file a shorter name.",
        },
    )


class PlacementForm(forms.Form):
    """One field on a page; where it lies in hundredths of the page, from its top left."""

    kind = forms.ChoiceField(label="What", initial=fields.TEXT)
    label = forms.CharField(label="Label", required=False, max_length=200)
    role = forms.ChoiceField(label="By", initial=SignerRole.CUSTOMER)
    is_required = forms.BooleanField(label="Has to be filled in", required=False)
    page = forms.IntegerField(label="Page", min_value=1)
    x = forms.FloatField(label="From left, %")
    y = forms.FloatField(label="From top, %")
    width = forms.FloatField(label="Width, %")
    height = forms.FloatField(label="Height, %")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        known = [(fact.name, fact.label) for fact in facts.KNOWN.values()]
        self.fields["kind"].choices = [("To fill in", PLACED_KINDS), ("Filled in for them", known)]  # type: ignore[attr-defined]
        self.fields["role"].choices = roles()  # type: ignore[attr-defined]
        for name in ("page", "x", "y", "width", "height"):
            self.fields[name].widget.attrs |= {"step": "any", "inputmode": "decimal"}
            self.fields[name].error_messages |= dict.fromkeys(("required", "invalid"), "Enter a number.")

    @property
    def placement(self) -> dict[str, Any]:
        entered = self.cleaned_data
        where = {name: round(entered[name] / PERCENT, 5) for name in ("x", "y", "width", "height")}
        said = {name: entered[name] for name in ("kind", "label", "role", "is_required")}
        label = said["label"] or (facts.KNOWN[said["kind"]].label if said["kind"] in facts.KNOWN else "")
        return {**said, "label": label, "page": entered["page"] - 1, **where}


def entered(placement: dict[str, Any]) -> dict[str, Any]:
    """A placement as its form shows it."""
    where = {name: round(placement[name] * PERCENT, 2) for name in ("x", "y", "width", "height")}
    return {**placement, "page": placement["page"] + 1, **where}


PlacementFormSet = forms.formset_factory(PlacementForm, extra=1, can_delete=True, max_num=81, absolute_max=90)


def placements_of(formset: Any) -> list[dict[str, Any]]:
    """Those that were entered and not taken away. Needs a valid formset."""
    kept = [form for form in formset.forms if form.has_changed() or form in formset.initial_forms]
    return [form.placement for form in kept if form not in formset.deleted_forms]


class ProgramForm(forms.Form):
    """Which documents a program's appointments need, and how it goes about them."""

    templates = forms.ModelMultipleChoiceField(
        label="Documents",
        queryset=DocumentTemplate.objects.none(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        error_messages={
            "invalid_choice": "Choose among the documents listed.",
            "invalid_pk_value": "Choose again.",
        },
    )
    sends_on_booking = forms.BooleanField(
        label="Send what is missing as soon as an appointment is booked", required=False
    )
    holds_arrival = forms.BooleanField(
        label="Warn before somebody is marked as arrived who has not signed", required=False
    )
    remind_days_before = forms.CharField(
        label="Remind so many days before",
        required=False,
        max_length=40,
        help_text="Days with commas between, as 3, 1; at 10:00 AM by the facility’s clock. Empty: not at all.",
    )

    def __init__(
        self,
        data: QueryDict | None = None,
        *,
        offered: QuerySet[DocumentTemplate],
        wanted: Iterable[int],
        rules: SigningRules,
    ) -> None:
        said = {"sends_on_booking": rules.sends_on_booking, "holds_arrival": rules.holds_arrival}
        days = ", ".join(map(str, rules.remind_days_before))
        initial = {**said, "templates": list(wanted), "remind_days_before": days}
        super().__init__(data, initial=initial)
        self.fields["templates"].queryset = offered  # type: ignore[attr-defined]

    def clean_remind_days_before(self) -> list[int]:
        words = self.cleaned_data["remind_days_before"].replace(",", " ").split()
        if not all(word.isdecimal() and int(word) <= MOST_DAYS for word in words):
            raise forms.ValidationError(f"Enter days from 0 to {MOST_DAYS}, with commas between.")
        days = sorted({int(word) for word in words}, reverse=True)
        if len(days) > MOST_REMINDERS:
            raise forms.ValidationError(f"{MOST_REMINDERS} reminders are the most.")
        return days

    @property
    def rules(self) -> dict[str, Any]:
        names = ("sends_on_booking", "holds_arrival", "remind_days_before")
        return {name: self.cleaned_data[name] for name in names}
