"""The portal's front page, a facility's own, and the switch between languages."""

from urllib.parse import urlsplit

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.urls import Resolver404, resolve
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST, require_safe

from appointments.models import Customer
from portal import offers
from portal.pages import customer_of, is_portal, portal_page, remember_language


@portal_page
@require_safe
def home(request: HttpRequest) -> HttpResponse:
    text = request.GET.get("q", "").replace("\0", "").strip()[: offers.SEARCH_LIMIT]
    places = offers.places(text=text)
    context = {
        "text": text,
        "places": places,
        "to_call": [] if places or text else offers.reachable_by_phone(),
        "search_limit": offers.SEARCH_LIMIT,
    }
    return render(request, "portal/home.html", context)


@portal_page
@require_safe
def facility(request: HttpRequest, pk: int) -> HttpResponse:
    places = offers.places(facility=pk)
    if not places:
        raise Http404
    return render(request, "portal/facility.html", {"place": places[0]})


@portal_page
@require_POST
def language(request: HttpRequest) -> HttpResponse:
    """Choose the language of this browser, and of the signed-in customer's messages."""
    chosen = request.POST.get("language", "")
    response = redirect(_way_back(request))
    if chosen in dict(settings.LANGUAGES):
        remember_language(response, chosen)
        if customer := customer_of(request):
            Customer.objects.filter(pk=customer.pk).update(language=chosen)
    return response


def _way_back(request: HttpRequest) -> str:
    """The page the switch was on, as far as it is one of the portal's."""
    home = resolve_url("portal-home")
    asked = request.POST.get("next", "")
    is_ours = asked.startswith("/") and url_has_allowed_host_and_scheme(asked, {request.get_host()})
    if not is_ours or not is_portal(urlsplit(asked).path):
        return home
    try:
        resolve(urlsplit(asked).path)
    except Resolver404:
        return home
    return asked
