"""A signed-in customer's address for calendars that subscribe: made, shown once, ended."""

from dataclasses import dataclass
from datetime import datetime

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods

from appointments.models import Customer
from calendarsync import feeds
from portal import accounts
from portal.pages import own_page

CREATE, END = "create", "end"


@dataclass(frozen=True)
class ShownFeed:
    """`address` and `subscribing` are empty but right after it was made: only its digest is kept."""

    created_at: datetime
    last_read_at: datetime | None
    address: str
    subscribing: str


@own_page
@require_http_methods(["GET", "HEAD", "POST"])
def feed(request: HttpRequest, customer: Customer) -> HttpResponse:
    """It is not for who came by a link: they may know one appointment, and a feed tells of all."""
    if request.method != "POST":
        return _show(request, customer)
    asked = request.POST.get("feed")
    if asked == CREATE:
        return _show(request, customer, token=_create(request, customer))
    if asked != END:
        raise Http404
    if feeds.revoke(customer=customer, now=timezone.now()):
        messages.success(request, gettext("Your calendar address has ended."))
    return redirect("portal-feed")


def _create(request: HttpRequest, customer: Customer) -> str:
    """It will show what this session may see."""
    proved = accounts.proved(request)
    return feeds.create(
        customer=customer,
        emails=[contact.address for contact in proved if contact.is_email],
        numbers=[contact.address for contact in proved if not contact.is_email],
        by=None,
        now=timezone.now(),
    )


def _show(request: HttpRequest, customer: Customer, *, token: str = "") -> HttpResponse:
    found = feeds.of_customer(customer)
    shown = found and ShownFeed(
        found.created_at,
        found.last_read_at,
        feeds.address(token) if token else "",
        feeds.subscribing_address(token) if token else "",
    )
    return render(request, "portal/feed.html", {"feed": shown})
