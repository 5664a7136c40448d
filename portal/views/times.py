"""The page to pick a time. Choosing one holds it for a while and leads on to the details."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render, resolve_url
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from portal import holds, visitor
from portal.fairness import fairest
from portal.offers import public_program
from portal.pages import customer_of, portal_page
from portal.picker import pick, read_at, with_staff, write_at
from portal.showing import ShownProgram
from portal.times import Search, offered_at
from scheduling.availability import OpenTime, serving
from securecare import limits
from securecare.client import address_of, network_of

# In as long as a hold lasts: no robot blanks a day. Whoever asks more often goes on without a hold.
MOST_HOLDS = "10/5minute"


@portal_page
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def times(request: HttpRequest, program: int) -> HttpResponse:
    found = public_program(program)
    search = Search(found, customer=customer_of(request), visitor=visitor.visitor_of(request))
    now = timezone.now()
    if request.method == "POST":
        return _choose(request, search, now)
    return _show(request, search, now, asked=request.GET)


def may_hold(request: HttpRequest) -> bool:
    """Count one more hold; whether the visitor's network may have it."""
    return limits.allowed("hold", network_of(address_of(request)), MOST_HOLDS)


def _show(
    request: HttpRequest,
    search: Search,
    now: datetime,
    *,
    asked: Mapping[str, str],
    problem: str = "",
    status: int = 200,
) -> HttpResponse:
    picker = pick(search, asked=asked, now=now, visitor_zone=visitor.zone_of_visitor(request))
    shown = {"program": ShownProgram.of(search.program), "picker": picker, "problem": problem}
    return render(request, "portal/times.html", shown, status=status)


def _choose(request: HttpRequest, search: Search, now: datetime) -> HttpResponse:
    asked = request.POST.get("staff", "")
    starts_at = read_at(request.POST.get("at", ""))
    if starts_at is None:
        problem = gettext("Choose a time first.")
        return _show(request, search, now, asked=request.POST, problem=problem, status=422)
    name = search.visitor or visitor.new_visitor()
    offers = _offers(search, asked, starts_at, now)
    if not offers or (may_hold(request) and not _hold(offers, name, search.program.facility_id, now)):
        problem = gettext("This time has just been taken. These are the next ones.")
        return _show(request, search, now, asked=request.POST, problem=problem, status=409)
    query = urlencode({"at": write_at(starts_at), "staff": asked})
    response = HttpResponseRedirect(f"{resolve_url('portal-details', search.program.pk)}?{query}", status=303)
    visitor.remember(response, name)
    return response


def _offers(search: Search, asked: str, starts_at: datetime, now: datetime) -> list[OpenTime]:
    """Who can be booked then, of whom was asked for, in the order in which to try them."""
    wanted = with_staff(search, asked, serving(search.program))
    if asked and wanted.staff is None:
        return []
    return fairest(offered_at(wanted, starts_at, now=now), program=search.program)


def _hold(offers: Sequence[OpenTime], name: str, facility: int, now: datetime) -> bool:
    """Hold the first of these that nobody else holds; False if all are held."""
    return any(holds.hold(offer, facility=facility, visitor=name, now=now) for offer in offers)
