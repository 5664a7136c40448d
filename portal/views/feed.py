"""A signed-in customer's address for calendars that subscribe: made, shown once, ended."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods

from appointments.models import Customer
from calendarsync import feeds
from calendarsync.feeds import Use
from portal import accounts
from portal.pages import own_page

CREATE, END = "create", "end"


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
    """`token` is of an address just made: this answer alone shows it."""
    context: dict[str, Any] = {"use": Use.of(feeds.of_customer(customer), now=timezone.now())}
    if token:
        context |= {"address": feeds.address(token), "subscribing": feeds.subscribing_address(token)}
    return render(request, "portal/feed.html", context)
