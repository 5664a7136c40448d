"""Pages that an organisation may show inside its own site: links alone, no forms and no cookies.

Off until the organisation lists the sites that may: see Organisation.embedding_origins.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.clickjacking import xframe_options_exempt
from django.views.decorators.http import require_safe

from appointments.branding import brand
from portal import offers
from portal.pages import portal_page
from portal.picker import pick
from portal.showing import ShownProgram
from portal.times import Search

View = Callable[..., HttpResponse]


def embeddable(view: View) -> View:
    """Only the sites on the organisation's list may frame it; without a list there is no such page."""

    @wraps(view)
    def framed(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        sites = brand().embedders
        if not sites:
            raise Http404
        response: HttpResponse = xframe_options_exempt(view)(request, *args, **kwargs)
        setattr(response, "_csp_replace", {"frame-ancestors": list(sites)})  # noqa: B010 - what csp_replace does
        return response

    return portal_page(require_safe(framed))


@embeddable
def facility(request: HttpRequest, pk: int) -> HttpResponse:
    places = offers.places(facility=pk)
    if not places:
        raise Http404
    return render(request, "portal/embed_facility.html", {"place": places[0]})


@embeddable
def times(request: HttpRequest, program: int) -> HttpResponse:
    """Everybody's view of the times: a frame never shows what belongs to a signed-in customer."""
    found = offers.public_program(program)
    picker = pick(Search(found), asked=request.GET, now=timezone.now(), visitor_zone=None)
    return render(request, "portal/embed_times.html", {"program": ShownProgram.of(found), "picker": picker})
