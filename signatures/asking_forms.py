"""What staff enter when they ask for documents, and look for them."""

from typing import Any

from django import forms
from django.http import QueryDict

from appointments.access import Access
from appointments.models import Appointment, Customer, Facility
from appointments.models.people import normalised_phone
from securecare import wording
from signatures import asking
from signatures.models import OPEN_STATES, SIGNED_STATES, RequestState
from signatures.models.request import REASON_LIMIT

SEARCH_LIMIT = 200
SHOWN = {
    "waiting": ("Waiting", OPEN_STATES),
    "unsent": ("To be sent", (RequestState.PREPARED,)),
    "signed": ("Signed", SIGNED_STATES),
    "closed": ("Declined or voided", (RequestState.DECLINED, RequestState.VOIDED)),
    "all": ("All", tuple(RequestState)),
}


class FindForm(forms.Form):
    """Every field may be left out, and one that cannot be read is."""

    show = forms.ChoiceField(choices=[(key, key) for key in SHOWN], required=False)
    q = forms.CharField(label="Name, number, e-mail or document", max_length=SEARCH_LIMIT, required=False)
    facility = forms.ModelChoiceField(Facility.objects.none(), required=False, empty_label="All facilities")

    def __init__(self, data: QueryDict, *, access: Access) -> None:
        super().__init__(data, auto_id="find_%s")
        fields: dict[str, Any] = self.fields
        fields["facility"].queryset = Facility.objects.filter(pk__in=access.facility_ids)
        fields["q"].widget.attrs |= {"autocomplete": "off", "type": "search"}
        self.has_facilities = len(access.facility_ids) > 1
        self.is_valid()

    @property
    def shown(self) -> str:
        return self.cleaned_data.get("show") or "waiting"


class VoidForm(forms.Form):
    reason = forms.CharField(
        label="Reason",
        max_length=REASON_LIMIT,
        help_text="It stays on record with the document.",
        error_messages={"required": "Say why it is voided."},
    )


class SecondForm(forms.Form):
    name = forms.CharField(
        label="Name",
        max_length=161,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        error_messages={"required": "Enter the name of the guardian or second party."},
    )
    email = forms.EmailField(
        label="E-mail",
        required=False,
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
        error_messages={"invalid": "This is not an e-mail address. Enter it as name@example.org."},
    )
    phone = forms.CharField(
        label="Phone",
        required=False,
        max_length=32,
        widget=forms.TextInput(attrs={"type": "tel", "autocomplete": "off"}),
        help_text="Without an e-mail address or number they sign on a device here.",
    )

    def clean_phone(self) -> str:
        return normalised_phone(self.cleaned_data["phone"])


class AskForm(forms.Form):
    """Which documents, and for which appointment or at which facility: "a" or "f" with a key."""

    documents = forms.MultipleChoiceField(
        widget=forms.CheckboxSelectMultiple, error_messages={"required": "Choose at least one document."}
    )
    about = forms.ChoiceField(label="For")

    def __init__(
        self,
        data: QueryDict | None = None,
        *,
        customer: Customer,
        facilities: list[Facility],
        appointments: list[Appointment],
    ) -> None:
        super().__init__(data, auto_id="ask_%s")
        self.appointments = {f"a{each.pk}": each for each in appointments}
        self.facilities = {f"f{each.pk}": each for each in facilities}
        self.versions = {str(each.pk): each for each in asking.offered(customer, facilities)}
        self.customer = customer
        fields: dict[str, Any] = self.fields
        fields["documents"].choices = sorted(
            ((key, each.template.title) for key, each in self.versions.items()), key=lambda pair: pair[1]
        )
        fields["about"].choices = [
            *(
                (key, f"{wording.moment(each.starts_at, each.facility.zone)}, {each.program}")
                for key, each in self.appointments.items()
            ),
            *((key, f"No appointment, at {each}") for key, each in self.facilities.items()),
        ]

    def clean(self) -> dict[str, Any]:
        found: dict[str, Any] = super().clean() or {}
        about = found.get("about", "")
        self.appointment = self.appointments.get(about)
        facility = self.appointment.facility if self.appointment else self.facilities.get(about)
        if facility is None or "documents" not in found:
            return found
        self.facility = facility
        self.chosen = [self.versions[key] for key in found["documents"]]
        there = set(asking.offered(self.customer, [facility]).values_list("pk", flat=True))
        elsewhere = [each.template.title for each in self.chosen if each.pk not in there]
        if elsewhere:
            self.add_error("documents", f"Not used at {facility}: {', '.join(elsewhere)}.")
        return found
