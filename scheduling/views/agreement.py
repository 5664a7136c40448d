"""Whether a customer may be written to: what staff are told of it, on the customer's page."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from appointments.access import CHANGE_CUSTOMERS, SEE_MESSAGES, access_of
from appointments.branding import brand
from appointments.models import Customer
from reminders import agreement, consent, reachability
from reminders.agreement import AgreementRefused
from reminders.models import Channel
from scheduling.forms.agreement import AgreementForm
from scheduling.views import customers
from scheduling.views.answers import go

DONE = {
    (Channel.PHONE, True): "Texts are on.",
    (Channel.PHONE, False): "Nothing more is texted to this number.",
    (Channel.EMAIL, True): "E-mails are on.",
    (Channel.EMAIL, False): "No more e-mails about appointments go to this address.",
}


@require_POST
def customer_texts(request: HttpRequest, pk: int) -> HttpResponse:
    access, now = access_of(request), timezone.now()
    access.demand(CHANGE_CUSTOMERS, SEE_MESSAGES)
    found = customers.customer_of(access, pk)
    form = AgreementForm(request.POST, auto_id=customers.ids_of(request.POST.get("channel", "")))
    if form.is_valid():
        try:
            return _record(request, found, form.cleaned_data)
        except AgreementRefused as refusal:
            form.add_error(None, str(refusal))
    return customers.show(request, found, access, now, agreement_form=form, status=422)


def _record(request: HttpRequest, found: Customer, given: dict[str, Any]) -> HttpResponse:
    granted = given["answer"] == AgreementForm.AGREED
    agreement.record(
        customer=found,
        channel=given["channel"],
        address=given["address"],
        granted=granted,
        how=given["how"],
        told=consent.wording_to_tick(brand().name) if given["channel"] == Channel.PHONE else "",
        note=given["note"],
        by=request.user,  # type: ignore[arg-type]
        now=timezone.now(),
    )
    return go(request, reverse("customer", args=[found.pk]), DONE[Channel(given["channel"]), granted])


@require_POST
def contact_cleared(request: HttpRequest, pk: int, problem: int) -> HttpResponse:
    """Staff have heard that the address works."""
    access, now = access_of(request), timezone.now()
    access.demand(CHANGE_CUSTOMERS, SEE_MESSAGES)
    found = customers.customer_of(access, pk)
    problems = [one.problem for one in agreement.of(found) if one.problem is not None]
    known = next((one for one in problems if one.pk == problem), None)
    if known is None:
        return go(request, reverse("customer", args=[pk]), "Nothing is known against this address any more.")
    reachability.clear(channel=known.channel, address=known.address, by=request.user, now=now)  # type: ignore[arg-type]
    return go(request, reverse("customer", args=[pk]), f"Messages go to {known.address} again.")
