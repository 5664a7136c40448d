"""Where a signed-in customer begins: their appointments at every facility."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from appointments.models import Customer
from portal import accounts, own
from portal.pages import own_page
from portal.visitor import zone_of_visitor

LAST_PAGE = 1000


@own_page
@require_safe
def account(request: HttpRequest, customer: Customer) -> HttpResponse:
    shown = own.overview(
        customer,
        proved=accounts.proved(request),
        upcoming=_page_number(request.GET.get("upcoming", "")),
        past=_page_number(request.GET.get("past", "")),
        own_zone=zone_of_visitor(request),
        now=timezone.now(),
    )
    return render(request, "portal/account.html", {"upcoming": shown.upcoming, "past": shown.past})


def _page_number(asked: str) -> int:
    is_number = asked.isascii() and asked.isdigit() and len(asked) < 6
    return min(max(int(asked), 1), LAST_PAGE) if is_number else 1
