"""One appointment, for whoever holds its link. Unknown, expired and revoked links look the same."""

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from appointments.models import Appointment
from portal import own
from portal.own import Door
from portal.pages import secret_page
from portal.views import manage
from portal.views import move as moving


@secret_page
@require_safe
def appointment(request: HttpRequest, token: str) -> HttpResponse:
    return manage.show(request, _named_by(token), Door.of_link(token))


@secret_page
@require_safe
def booked(request: HttpRequest, token: str) -> HttpResponse:
    """The page at the end of booking. Whoever comes back to it later finds the appointment as it is then."""
    appointment, door, now = _named_by(token), Door.of_link(token), timezone.now()
    told = own.just_booked(appointment, now=now)
    if told is None:
        return redirect(door.see)
    context = manage.shown(request, appointment, door, now=now)
    context |= {"told": told, "way_back": settings.PUBLIC_BASE_URL + door.see}
    return render(request, "portal/booked.html", context)


@secret_page
@require_http_methods(["GET", "HEAD", "POST"])
def move(request: HttpRequest, token: str) -> HttpResponse:
    return moving.move(request, _named_by(token), Door.of_link(token))


@secret_page
@require_http_methods(["GET", "HEAD", "POST"])
def cancel(request: HttpRequest, token: str) -> HttpResponse:
    return manage.cancel(request, _named_by(token), Door.of_link(token))


@secret_page
@require_safe
def calendar_file(request: HttpRequest, token: str) -> HttpResponse:
    return manage.calendar_file(_named_by(token))


def _named_by(token: str) -> Appointment:
    found = own.of_link(token, timezone.now())
    if found is None:
        raise Http404
    return found
