"""Ending e-mails to an address, for whoever has one of them. Mail programs post here by themselves (RFC 8058): without
cookies, and without a page in between."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from portal.pages import secret_page
from reminders import consent, unsubscribing
from reminders.consent import Origin
from reminders.models import Message, Source
from securecare.client import address_of


@csrf_exempt  # the token in the address is the proof, and a mail program has no other
@secret_page
@require_http_methods(["GET", "HEAD", "POST"])
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    message = unsubscribing.message_of(token)
    if message is None:
        raise Http404
    if request.method == "POST":
        _turn(request, message, on="again" in request.POST)
    context = {"address": hinted(message.address), "is_on": consent.may_email(message.address)}
    return render(request, "portal/unsubscribe.html", context)


def hinted(address: str) -> str:
    """a…@example.org: its owner knows it, and whoever the e-mail was forwarded to learns little."""
    name, _, host = address.partition("@")
    return f"{name[:1]}…@{host}"


def _turn(request: HttpRequest, message: Message, *, on: bool) -> None:
    """Write it down, in the words that stood on what was pressed. Pressed again, nothing changes."""
    if consent.may_email(message.address) == on:
        return
    one_click = request.POST.get("List-Unsubscribe") == "One-Click"
    pressed = gettext("Turn e-mails on again") if on else gettext("Stop e-mails")
    consent.record_email(
        address=message.address,
        granted=on,
        source=Source.PORTAL_PROFILE if on else Source.UNSUBSCRIBE,
        wording="List-Unsubscribe=One-Click" if one_click else pressed,
        now=timezone.now(),
        customer=message.customer,
        origin=Origin(address_of(request), request.headers.get("User-Agent", "")),
    )
