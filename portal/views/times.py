"""The page to pick a time. Choosing one holds it for a while and leads on to the details."""

from collections.abc import Mapping
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render, resolve_url
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from portal import holds, visitor
from portal.fairness import fairest
from portal.pages import customer_of, portal_page
from portal.picker import pick, read_at, with_staff, write_at
from portal.showing import ShownProgram
from portal.times import Search, bookable_programs, offered_at
from scheduling.availability import serving
from securecare import limits
from securecare.client import address_of

# As long as a hold lasts: a robot does not blank a day. Whoever asks more often goes on without a hold.
MOST_HOLDS = "10/5minute"


@portal_page
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def times(request: HttpRequest, program: int) -> HttpResponse:
    found = get_object_or_404(bookable_programs(), pk=program)
    search = Search(found, customer=customer_of(request), visitor=visitor.visitor_of(request))
    if request.method == "POST":
        return _choose(request, search)
    return _show(request, search, asked=request.GET)


def _show(
    request: HttpRequest, search: Search, *, asked: Mapping[str, str], problem: str = "", status: int = 200
) -> HttpResponse:
    zone = visitor.zone_of_visitor(request)
    picker = pick(search, asked=asked, now=timezone.now(), visitor_zone=zone)
    shown = {"program": ShownProgram.of(search.program), "picker": picker, "problem": problem}
    return render(request, "portal/times.html", shown, status=status)


def _choose(request: HttpRequest, search: Search) -> HttpResponse:
    now, asked = timezone.now(), request.POST.get("staff", "")
    starts_at = read_at(request.POST.get("at", ""))
    if starts_at is None:
        return _show(request, search, asked=request.POST, problem=gettext("Choose a time first."), status=422)
    wanted = with_staff(search, asked, serving(search.program))
    is_known = (wanted.staff is not None) == bool(asked)
    offers = offered_at(wanted, starts_at, now=now) if is_known else []
    if not offers:
        gone = gettext("This time has just been taken. These are the next ones.")
        return _show(request, search, asked=request.POST, problem=gone, status=409)
    offer = fairest(offers, program=search.program)[0]
    query = urlencode({"at": write_at(starts_at), "staff": asked})
    response = HttpResponseRedirect(f"{resolve_url('portal-details', search.program.pk)}?{query}", status=303)
    if limits.allowed("hold", address_of(request) or "", MOST_HOLDS):
        name = search.visitor or visitor.new_visitor()
        holds.hold(offer, facility=search.program.facility_id, visitor=name, now=now)
        visitor.remember(response, name)
    return response
