"""Customers of the user's facilities: search, record, cases, appointments."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.paginator import Page, Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from appointments import customers
from appointments.access import (
    BOOK,
    CHANGE_CUSTOMERS,
    SEE_CUSTOMERS,
    SEE_DOCUMENTS,
    SEE_MESSAGES,
    SEE_SCHEDULE,
    Access,
    access_of,
)
from appointments.branding import brand
from appointments.customers import CaseRefused
from appointments.models import Appointment, Case, Customer, CustomerQuerySet, Facility
from reminders import agreement, attention, consent, finding, outcome
from reminders.agreement import Agreement
from scheduling.forms import choices
from scheduling.forms.agreement import AgreementForm
from scheduling.forms.booking import FOUND_AT_MOST
from scheduling.forms.customers import CaseForm, CustomerForm, NewCustomerForm, SearchForm
from scheduling.views.answers import go
from securecare import localtime
from securecare.parts import respond
from signatures.models import SignatureRequest

PER_PAGE = 30
PAST_SHOWN = 50
MESSAGES_SHOWN = 3
DOCUMENTS_SHOWN = 5
CUSTOMER_PARTS = {"customer-visits": "scheduling/_customer_visits.html"}
LIST_PARTS = {"customer-list": "scheduling/_customer_list.html"}


@require_safe
def customer_list(request: HttpRequest) -> HttpResponse:
    access, now = access_of(request), timezone.now()
    access.demand(SEE_CUSTOMERS)
    text = _searched(request, "q")
    page = Paginator(_found(access, text), PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "text": text,
        "rows": _rows(page, access, now),
        "page": page,
        "may_add": access.may(CHANGE_CUSTOMERS),
    }
    return respond(request, "scheduling/customers.html", context, parts=LIST_PARTS)


def _searched(request: HttpRequest, name: str) -> str:
    form = SearchForm({"q": request.GET.get(name, "")})
    return form.cleaned_data["q"] if form.is_valid() else ""


def _found(access: Access, text: str) -> CustomerQuerySet:
    seen = choices.customers(access)
    return seen.matching(text) if text else seen


def _rows(page: Page[Customer], access: Access, now: datetime) -> list[tuple[Customer, Appointment | None]]:
    """Each customer with their next appointment at the user's facilities; one query for the page."""
    people = list(page.object_list)
    ahead = Appointment.objects.live().visible_at(access.facility_ids).filter(starts_at__gte=now)
    ahead = ahead.filter(customer__in=people).select_related("facility", "staff")
    first = (
        ahead.order_by("customer_id", "starts_at").distinct("customer_id") if access.may(SEE_SCHEDULE) else []
    )
    next_of = {found.customer_id: found for found in first}
    return [(person, next_of.get(person.pk)) for person in people]


@require_safe
def search(request: HttpRequest) -> HttpResponse:
    """The options of the customer search as somebody types: a part only."""
    access = access_of(request)
    access.demand(SEE_CUSTOMERS)
    text = _searched(request, "customer_search")
    found = list(_found(access, text)[: FOUND_AT_MOST + 1]) if len(text) > 1 else []
    context = {"found": found[:FOUND_AT_MOST], "more": len(found) > FOUND_AT_MOST, "asked": len(text) > 1}
    template = "scheduling/_customer_options.html"
    return respond(request, template, context, parts={"customer-options": template})


def customer_of(access: Access, pk: int) -> Customer:
    found: Customer = get_object_or_404(choices.customers(access), pk=pk)
    return found


@require_safe
def customer(request: HttpRequest, pk: int) -> HttpResponse:
    access, now = access_of(request), timezone.now()
    access.demand(SEE_CUSTOMERS)
    found = customer_of(access, pk)
    return show(request, found, access, now)


def show(
    request: HttpRequest,
    found: Customer,
    access: Access,
    now: datetime,
    *,
    case_form: CaseForm | None = None,
    agreement_form: AgreementForm | None = None,
    status: int = 200,
) -> HttpResponse:
    known_at = access.among(found.facilities.values_list("pk", flat=True))
    zone = known_at[0].zone if known_at else _zone(access)
    context = {
        "customer": found,
        **_appointments(found, access, now),
        **_messages(found, access, now, zone, agreement_form),
        **_documents(found, access),
        "cases": found.cases.select_related("opened_by__staff_member", "closed_by__staff_member"),
        "language": dict(settings.LANGUAGES).get(found.language, ""),
        "known_at": known_at,
        "case_form": case_form or CaseForm(auto_id="case_%s"),
        "may_change": access.may(CHANGE_CUSTOMERS),
        "may_book": access.may(BOOK),
        "zone": zone,
    }
    return respond(request, "scheduling/customer.html", context, parts=CUSTOMER_PARTS, status=status)


def _appointments(found: Customer, access: Access, now: datetime) -> dict[str, Any]:
    if not access.may(SEE_SCHEDULE):
        return {"upcoming": [], "past": []}
    seen = found.appointments.visible_at(access.facility_ids)
    seen = seen.select_related("program", "staff", "facility")
    return {
        "upcoming": list(seen.filter(ends_at__gt=now).order_by("starts_at")),
        "past": list(seen.filter(ends_at__lte=now).order_by("-starts_at")[:PAST_SHOWN]),
    }


def _documents(found: Customer, access: Access) -> dict[str, Any]:
    """The latest that they were asked for at the user's facilities."""
    if not access.may(SEE_DOCUMENTS):
        return {}
    seen = SignatureRequest.objects.filter(customer=found).visible_at(access.facility_ids)
    related = ("template", "facility", "customer", "appointment__facility")
    return {"may_see_documents": True, "documents": seen.select_related(*related)[:DOCUMENTS_SHOWN]}


def _messages(
    found: Customer, access: Access, now: datetime, zone: Any, form: AgreementForm | None
) -> dict[str, Any]:
    """Whether they may be written to, and the messages about appointments at the user's facilities."""
    if not access.may(SEE_MESSAGES):
        return {}
    rows = attention.visible(access).filter(customer=found)
    return {
        "agreements": [(one, _agreement_form(one, form)) for one in agreement.of(found)],
        "told_words": consent.wording_to_tick(brand().name),
        "latest": [
            outcome.row(one, now=now, zone=zone) for one in finding.latest(rows, limit=MESSAGES_SHOWN)
        ],
        "all_of": f"customer={found.pk}",
        "may_see_messages": True,
    }


def _agreement_form(one: Agreement, given: AgreementForm | None) -> AgreementForm:
    """The form that was sent, where it was about this address; else an empty one."""
    if given is not None and given["channel"].value() == one.channel:
        return given
    return AgreementForm(auto_id=ids_of(one.channel))


def ids_of(channel: str) -> str:
    """The form stands on the page once for each channel."""
    return f"{'texts' if channel == 'phone' else 'mail'}_%s"


def _zone(access: Access) -> Any:
    """Whose clock tells what belongs to no facility."""
    return access.facilities[0].zone if access.facilities else localtime.zone_of("UTC")


def _today(access: Access, now: datetime) -> Any:
    return localtime.local_date(now, _zone(access))


@require_http_methods(["GET", "POST"])
def customer_new(request: HttpRequest) -> HttpResponse:
    access, now = access_of(request), timezone.now()
    access.demand(CHANGE_CUSTOMERS)
    form = NewCustomerForm(request.POST or None, access=access, today=_today(access, now))
    if not form.is_valid():
        return _edit(request, form, f"New {brand().customer}", reverse("customers"))
    made = customers.register(**form.cleaned_data)
    facility: Facility = form.cleaned_data["facility"]
    text = f"{made.customer} is on record."
    if made.was_on_record:
        text = (
            f"{made.customer} was on record already and is known at {facility} now. Check the details below."
        )
    return go(request, reverse("customer", args=[made.customer.pk]), text)


@require_http_methods(["GET", "POST"])
def customer_edit(request: HttpRequest, pk: int) -> HttpResponse:
    access, now = access_of(request), timezone.now()
    access.demand(CHANGE_CUSTOMERS)
    found = customer_of(access, pk)
    name, back = found.full_name, reverse("customer", args=[pk])
    form = CustomerForm(request.POST or None, customer=found, today=_today(access, now))
    if not form.is_valid():
        return _edit(request, form, f"Details of {name}", back)
    return go(request, back, f"Details of {form.save(now=now)} saved.")


def _edit(request: HttpRequest, form: Any, title: str, back: str) -> HttpResponse:
    context = {"form": form, "title": title, "back": back}
    status = 422 if form.is_bound else 200
    return respond(request, "scheduling/customer_edit.html", context, parts={}, status=status)


@require_POST
def case_open(request: HttpRequest, pk: int) -> HttpResponse:
    access, now = access_of(request), timezone.now()
    access.demand(CHANGE_CUSTOMERS)
    found = customer_of(access, pk)
    form = CaseForm(request.POST, auto_id="case_%s")
    if form.is_valid():
        try:
            case = customers.open_case(customer=found, by=request.user, now=now, **form.cleaned_data)  # type: ignore[arg-type]
        except CaseRefused as refusal:
            form.add_error("reference", str(refusal))
        else:
            return go(request, reverse("customer", args=[pk]), f"Case {case} opened.")
    return show(request, found, access, now, case_form=form, status=422)


@require_POST
def case_close(request: HttpRequest, pk: int, case: int) -> HttpResponse:
    access, now = access_of(request), timezone.now()
    access.demand(CHANGE_CUSTOMERS)
    found = get_object_or_404(Case, pk=case, customer=customer_of(access, pk))
    try:
        customers.close_case(case=found, by=request.user, now=now)  # type: ignore[arg-type]
    except CaseRefused as refusal:
        return go(request, reverse("customer", args=[pk]), str(refusal))
    return go(request, reverse("customer", args=[pk]), f"Case {found} closed.")
