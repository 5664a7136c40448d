"""Connecting a Google calendar: by signing in to Google, or for a staff member by the site's service account."""

from typing import Any

from django.conf import settings
from django.contrib import messages as told
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_safe

from appointments.access import CONNECT_FOR_COLLEAGUES, access_of
from calendarsync import connecting, oauth
from calendarsync.connecting import CannotConnect
from calendarsync.forms import DelegatedForm
from calendarsync.oauth import NotGranted
from calendarsync.views.own import TOO_OFTEN, may_ask, staff_of, user_of

CONNECT = "calendarsync/google.html"
DELEGATED = "calendarsync/google_delegated.html"


@never_cache
@require_safe
def connect(request: HttpRequest) -> HttpResponse:
    """What Google will ask, and the way there: a link, because the browser follows no form's redirect to another site."""
    staff_of(request)
    context = {
        "address": oauth.begin(request.session) if has_client() else "",
        "may_delegate": access_of(request).may(CONNECT_FOR_COLLEAGUES),
    }
    return render(request, CONNECT, context)


@never_cache
@require_GET
def callback(request: HttpRequest) -> HttpResponse:
    """Where Google sends back to. The one GET that changes something: what it brings is good once, and for who asked only."""
    staff = staff_of(request)
    brought = {name: request.GET.get(name, "") for name in ("state", "code", "error")}
    try:
        secrets = oauth.finish(request.session, **brought)
        begun = connecting.begin_google(staff=staff, secrets=secrets, by=user_of(request), now=timezone.now())
    except (NotGranted, CannotConnect) as refusal:
        told.error(request, str(refusal))
        return redirect("calendar-google")
    return redirect("calendar-choose", begun.reference)


@never_cache
@require_http_methods(["GET", "POST"])
def delegated(request: HttpRequest) -> HttpResponse:
    access = access_of(request)
    access.demand(CONNECT_FOR_COLLEAGUES)
    form = DelegatedForm(request.POST if request.method == "POST" else None, facilities=access.facility_ids)
    if not has_service_account() or not form.is_valid():
        return _show(request, form, status=422 if form.is_bound else 200)
    if not may_ask(request):
        return _show(request, form, TOO_OFTEN, status=429)
    given = form.cleaned_data
    secrets = {"kind": "delegated", "subject": given.pop("subject")}
    try:
        connected = connecting.connect_google(
            secrets=secrets, **given, by=user_of(request), now=timezone.now()
        )
    except CannotConnect as refusal:
        return _show(request, form, str(refusal), status=422)
    told.success(
        request,
        f"{connected.calendar_name} is connected for {connected.staff}. The appointments ahead are being put in now.",
    )
    return redirect("calendars")


def _show(request: HttpRequest, form: Any, refusal: str = "", *, status: int) -> HttpResponse:
    context = {"form": form, "refusal": refusal, "is_possible": has_service_account()}
    return render(request, DELEGATED, context, status=status)


def has_client() -> bool:
    return bool(settings.GOOGLE_CLIENT_ID and settings.GOOGLE_CLIENT_SECRET)


def has_service_account() -> bool:
    return bool(settings.GOOGLE_SERVICE_ACCOUNT_FILE)
