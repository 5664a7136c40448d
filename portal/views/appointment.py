"""A signed-in customer's own appointment."""

from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_http_methods, require_safe

from appointments.models import Appointment, Customer
from portal import accounts, own
from portal.own import Door
from portal.pages import own_page
from portal.views import manage
from portal.views import move as moving


@own_page
@require_safe
def appointment(request: HttpRequest, customer: Customer, reference: UUID) -> HttpResponse:
    return manage.show(request, _theirs(request, customer, reference), Door.of_account(reference))


@own_page
@require_http_methods(["GET", "HEAD", "POST"])
def move(request: HttpRequest, customer: Customer, reference: UUID) -> HttpResponse:
    return moving.move(request, _theirs(request, customer, reference), Door.of_account(reference))


@own_page
@require_http_methods(["GET", "HEAD", "POST"])
def cancel(request: HttpRequest, customer: Customer, reference: UUID) -> HttpResponse:
    return manage.cancel(request, _theirs(request, customer, reference), Door.of_account(reference))


@own_page
@require_safe
def calendar_file(request: HttpRequest, customer: Customer, reference: UUID) -> HttpResponse:
    return manage.calendar_file(_theirs(request, customer, reference))


def _theirs(request: HttpRequest, customer: Customer, reference: UUID) -> Appointment:
    """What is another's looks like what does not exist."""
    found = own.of_customer(customer, reference, proved=accounts.proved(request))
    if found is None:
        raise Http404
    return found
