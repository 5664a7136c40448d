"""Connecting a calendar of a CalDAV server, and giving it a new password once it has stopped."""

from uuid import UUID

from django.contrib import messages as told
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from calendarsync import connecting
from calendarsync.connecting import CannotConnect
from calendarsync.forms import PasswordForm, ServerForm
from calendarsync.models import CalendarConnection, Provider
from calendarsync.models.connection import MIRRORS
from calendarsync.views.own import TOO_OFTEN, may_ask, staff_of, user_of

SERVER = "calendarsync/caldav.html"
PASSWORD = "calendarsync/password.html"  # noqa: S105
NOT_YOURS = "This is not a calendar of yours that could have a new password. Yours are listed here."


@never_cache
@sensitive_post_parameters("server", "password")
@require_http_methods(["GET", "POST"])
def connect(request: HttpRequest) -> HttpResponse:
    staff, now = staff_of(request), timezone.now()
    form = ServerForm(request.POST if request.method == "POST" else None)
    if not form.is_valid():
        return render(request, SERVER, {"form": form}, status=422 if form.is_bound else 200)
    if not may_ask(request):
        return _refuse(request, SERVER, {"form": form}, TOO_OFTEN, status=429)
    try:
        begun, _ = connecting.begin_caldav(staff=staff, **form.cleaned_data, by=user_of(request), now=now)
    except CannotConnect as refusal:
        return _refuse(request, SERVER, {"form": form}, str(refusal))
    return redirect("calendar-choose", begun.reference)


@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
def password(request: HttpRequest, reference: UUID) -> HttpResponse:
    mine = CalendarConnection.objects.filter(staff=staff_of(request), state__in=MIRRORS)
    found = mine.filter(reference=reference).first()
    if found is None:
        told.error(request, NOT_YOURS)
        return redirect("calendars")
    if found.provider == Provider.GOOGLE:
        return redirect("calendar-google")
    form = PasswordForm(request.POST if request.method == "POST" else None)
    context = {"form": form, "connection": found}
    if not form.is_valid():
        return render(request, PASSWORD, context, status=422 if form.is_bound else 200)
    if not may_ask(request):
        return _refuse(request, PASSWORD, context, TOO_OFTEN, status=429)
    secrets = {"kind": "password", "username": found.account, **form.cleaned_data}
    try:
        connecting.renew(connection=found, secrets=secrets, by=user_of(request), now=timezone.now())
    except CannotConnect as refusal:
        return _refuse(request, PASSWORD, context, str(refusal))
    told.success(
        request, f"{found.calendar_name} opens with the new password. What waited is being written now."
    )
    return redirect("calendars")


def _refuse(
    request: HttpRequest, page: str, context: dict[str, object], why: str, *, status: int = 422
) -> HttpResponse:
    return render(request, page, {**context, "refusal": why}, status=status)
