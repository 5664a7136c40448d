"""The last step of connecting: which calendar it is, and what its entries show."""

from typing import Any
from uuid import UUID

from django.contrib import messages as told
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from calendarsync import connecting
from calendarsync.connecting import CannotConnect
from calendarsync.forms import CalendarForm, GoogleCalendarForm
from calendarsync.models import CalendarConnection, Provider
from calendarsync.models.connection import State
from calendarsync.views.own import TOO_OFTEN, may_ask, staff_of, user_of

CHOOSE = "calendarsync/choose.html"
NOT_BEGUN = "This calendar is not being set up any more. Those you have connected are listed here."


@never_cache
@require_http_methods(["GET", "POST"])
def choose(request: HttpRequest, reference: UUID) -> HttpResponse:
    unfinished = CalendarConnection.objects.filter(staff=staff_of(request), state=State.NEW)
    found = unfinished.filter(reference=reference).first()
    if found is None:
        told.info(request, NOT_BEGUN)
        return redirect("calendars")
    if not may_ask(request):
        return _show(request, found, None, TOO_OFTEN, status=429)
    if request.method == "GET":
        return _offer(request, found)
    form = _form(found, request.POST)
    if not form.is_valid():
        return _offer(request, found, request.POST)
    try:
        connected = connecting.choose(
            connection=found, **form.cleaned_data, by=user_of(request), now=timezone.now()
        )
    except CannotConnect as refusal:
        return _offer(request, found, request.POST, refusal=str(refusal))
    told.success(
        request, f"{connected.calendar_name} is connected. The appointments ahead are being put in now."
    )
    return redirect("calendar", connected.reference)


def _offer(
    request: HttpRequest, found: CalendarConnection, data: Any = None, *, refusal: str = ""
) -> HttpResponse:
    """The form, with what the server has now. A server that gives no list sends back to the first step."""
    try:
        form = _form(found, data, ask=True)
    except CannotConnect as problem:
        told.error(request, refusal or str(problem))
        return redirect("calendar-caldav")
    return _show(request, found, form, refusal, status=422 if form.is_bound else 200)


def _form(found: CalendarConnection, data: Any, *, ask: bool = False) -> CalendarForm | GoogleCalendarForm:
    if found.provider == Provider.GOOGLE:
        return GoogleCalendarForm(data)
    return CalendarForm(data, offered=connecting.choices(found) if ask else None)


def _show(
    request: HttpRequest, found: CalendarConnection, form: Any, refusal: str, *, status: int
) -> HttpResponse:
    context = {"connection": found, "form": form, "refusal": refusal}
    return render(request, CHOOSE, context, status=status)
