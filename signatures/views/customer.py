"""The documents of one customer, and those of one appointment: asking for them and sending them."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from appointments.access import SEE_CUSTOMERS, SEE_DOCUMENTS, SEND_DOCUMENTS, Access, access_of
from appointments.models import Appointment, Customer
from securecare.parts import done_in_dialog, respond, wants_part
from signatures import asking, requests
from signatures.asking_forms import AskForm
from signatures.models import SignatureRequest
from signatures.requests import RequestRefused
from signatures.views.documents import ROW, tell_sent

CUSTOMER = "signatures/customer.html"
PER_PAGE = 50
MOST_AHEAD = 20


@require_http_methods(["GET", "HEAD", "POST"])
def customer_documents(request: HttpRequest, pk: int) -> HttpResponse:
    access = access_of(request)
    access.demand(SEE_CUSTOMERS, SEE_DOCUMENTS)
    found: Customer = get_object_or_404(Customer.objects.known_at(access.facility_ids), pk=pk)
    form = _ask_form(found, access, request.POST if request.method == "POST" else None)
    if request.method == "POST":
        access.demand(SEND_DOCUMENTS)
        if form.is_valid() and _ask(request, form, found, access):
            return redirect("customer-documents", pk)
    seen = SignatureRequest.objects.filter(customer=found).visible_at(access.facility_ids)
    page = Paginator(seen.select_related(*ROW, "document"), PER_PAGE).get_page(request.GET.get("page"))
    context = {"customer": found, "form": form, "page": page, "may_send": access.may(SEND_DOCUMENTS)}
    return respond(request, CUSTOMER, context, parts={}, status=422 if form.errors else 200)


def _ask_form(found: Customer, access: Access, data: Any) -> AskForm:
    ahead = Appointment.objects.live().visible_at(access.facility_ids)
    ahead = ahead.filter(customer=found, ends_at__gt=timezone.now())
    return AskForm(
        data,
        customer=found,
        facilities=access.among(found.facilities.values_list("pk", flat=True)),
        appointments=list(
            ahead.select_related("facility", "program", "staff", "customer").order_by("starts_at")[
                :MOST_AHEAD
            ]
        ),
    )


def _ask(request: HttpRequest, form: AskForm, found: Customer, access: Access) -> bool:
    try:
        made = asking.ask(
            versions=form.chosen,
            customer=found,
            facility=form.facility,
            appointment=form.appointment,
            by=access.user,
            now=timezone.now(),
        )
    except RequestRefused as refusal:
        form.add_error("documents", str(refusal))
        return False
    if "prepare" in request.POST:
        messages.success(request, "Prepared. Send it when it is right, or have it signed on a device here.")
    else:
        tell_sent(request, made, access)
    return True


@require_POST
def appointment_documents(request: HttpRequest, reference: UUID) -> HttpResponse:
    """Send those that are ticked, or else all that nobody was sent yet."""
    access = access_of(request)
    access.demand(SEE_DOCUMENTS, SEND_DOCUMENTS)
    found: Appointment = get_object_or_404(
        Appointment.objects.visible_at(access.facility_ids), reference=reference
    )
    chosen = request.POST.getlist("document")
    asked = SignatureRequest.objects.open().visible_at(access.facility_ids)
    asked = asked.filter(attachments__appointment=found).select_related(*requests.RELATED)
    wanted = [
        each
        for each in asked.order_by("pk")
        if (str(each.reference) in chosen if chosen else each.sent_at is None)
    ]
    text = tell_sent(request, wanted, access) if wanted else ""
    if not wanted:
        messages.info(request, "Nothing waits to be sent.")
    if wants_part(request):
        return _in_dialog(request, text)
    return redirect("appointment", reference)


def _in_dialog(request: HttpRequest, text: str) -> HttpResponse:
    """The words go to the toast, not to the next page as well."""
    said = text or " ".join(str(each) for each in messages.get_messages(request))
    list(messages.get_messages(request))
    return done_in_dialog(toast={"text": said}, changed=bool(text))
