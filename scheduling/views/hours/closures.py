"""Dates on which a facility is closed."""

from datetime import timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from appointments.access import CHANGE_CLOSURES, SEE_HOURS, access_of
from scheduling import staffing, words
from scheduling.forms.hours import ClosureForm, ConfirmForm
from scheduling.models import Closure
from scheduling.views.answers import go
from scheduling.views.hours.changing import change, told
from scheduling.views.hours.person import show_change

DAY = timedelta(days=1)


@require_http_methods(["GET", "POST"])
def closures(request: HttpRequest) -> HttpResponse:
    access, now = access_of(request), timezone.now()
    access.demand(SEE_HOURS, CHANGE_CLOSURES)
    form = ClosureForm(request.POST or None, facilities=access.facilities)
    if request.method == "POST" and form.is_valid():
        asked = form.cleaned_data
        what = {"facility": asked["facility"], "first_day": asked["first_day"], "last_day": form.last}
        what |= {"reason": asked["reason"]}
        if review := change(request, form, access, now, staffing.close_facility, **what):
            return go(
                request, reverse("hours-closures"), told(f"{asked['facility']} is closed then.", review)
            )
    ahead = Closure.objects.filter(facility__in=access.facility_ids, date__gte=now.date() - DAY)
    context: dict[str, Any] = {
        "form": form,
        "fields": ["facility", "first_day", "last_day", "reason"],
        "title": "Close a facility",
        "text": "Nobody works there on these days. Appointments on them wait for reassignment.",
        "back": reverse("hours"),
        "submit": "Close these days",
        "may_check": True,
        "closures": ahead.select_related("facility"),
    }
    return show_change(request, form, access, context)


@require_http_methods(["GET", "POST"])
def reopen(request: HttpRequest, pk: int) -> HttpResponse:
    access, now = access_of(request), timezone.now()
    access.demand(SEE_HOURS, CHANGE_CLOSURES)
    closure = get_object_or_404(
        Closure.objects.select_related("facility"), pk=pk, facility__in=access.facility_ids
    )
    form = ConfirmForm(request.POST if request.method == "POST" else {"check": "1"})
    form.is_valid()
    review = change(request, form, access, now, staffing.reopen, closure=closure)
    if review is not None:
        return go(request, reverse("hours-closures"), told(f"{closure.facility} is open then.", review))
    context: dict[str, Any] = {
        "form": form,
        "fields": [],
        "title": f"Reopen {closure.facility}?",
        "text": words.day(closure.date),
        "back": reverse("hours-closures"),
        "submit": "" if form.errors else "Reopen",
    }
    return show_change(request, form, access, context)
