"""The page behind the link of a message: say that one will be there, or go on to move or cancel."""

from datetime import datetime

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods
from limits import parse

from appointments import confirmation
from appointments.models import AppointmentLink
from portal import own
from portal.asking import ShownQuestion
from portal.own import Door
from portal.pages import secret_page
from portal.showing import ShownFacility
from portal.views import manage
from reminders.links import manage_token
from securecare import limits
from securecare.client import address_of, network_of


@csrf_exempt
@secret_page
@require_http_methods(["GET", "HEAD", "POST"])
def confirm(request: HttpRequest, token: str) -> HttpResponse:
    """Looking changes nothing: mail scanners follow links.

    The form needs no cookie, which browsers within mail apps may not keep. Its address is a secret: who could have somebody
    else send it could as well send it.
    """
    now = timezone.now()
    link = own.confirm_link(token, now)
    if link is None:
        raise Http404
    return (
        _confirm(request, link, token, now) if request.method == "POST" else _ask(request, link, token, now)
    )


def _confirm(request: HttpRequest, link: AppointmentLink, token: str, now: datetime) -> HttpResponse:
    """Confirm the appointment as it was when the customer was asked, by the page or else by the message; if it has changed
    since, ask again."""
    appointment, rate = link.appointment, settings.CONFIRMATIONS_PER_ADDRESS
    if not limits.allowed("confirmations from an address", network_of(address_of(request)), rate):
        return _too_many(request, link, rate)
    seen = manage.number_sent(request, "revision") if "revision" in request.POST else link.revision
    if seen == appointment.revision:
        confirmation.confirm(appointment=appointment, channel=link.channel, now=now)
    if seen != appointment.revision:
        return _ask(request, link, token, now, seen=seen)
    answer = redirect("confirm", token)
    answer.status_code = 303
    return answer


def _ask(
    request: HttpRequest, link: AppointmentLink, token: str, now: datetime, *, seen: int | None = None
) -> HttpResponse:
    """`seen` is the revision that somebody meant to confirm, which is not the present one."""
    context = manage.shown(request, link.appointment, Door.of_link(manage_token(token)), now=now)
    context["question"] = ShownQuestion.of(link, now=now, seen=seen)
    return render(request, "portal/confirm.html", context, status=200 if seen is None else 409)


def _too_many(request: HttpRequest, link: AppointmentLink, rate: str) -> HttpResponse:
    facility = ShownFacility.of(link.appointment.facility)
    answer = render(request, "portal/too_many_confirmations.html", {"facility": facility}, status=429)
    answer.headers["Retry-After"] = str(parse(rate).get_expiry())
    return answer
