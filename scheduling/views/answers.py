"""How staff's forms answer: in the dialog by its part, without JavaScript by a message and the schedule."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django_htmx.http import HttpResponseClientRedirect

from appointments.access import Access
from appointments.models import Appointment
from securecare.parts import done_in_dialog, wants_part


def appointment_of(access: Access, reference: Any) -> Appointment:
    """The appointment at one of the user's facilities, or 404."""
    related = ("customer", "staff", "facility", "program", "case", "arrived_by")
    seen = Appointment.objects.visible_at(access.facility_ids).select_related(*related)
    found = seen.filter(reference=reference).first()
    if found is None:
        raise Http404
    return found


def done(
    request: HttpRequest, text: str, *, day: date, action: Mapping[str, Any] | None = None
) -> HttpResponse:
    """The change is made: close the dialog with a toast, or go to that day's schedule with a message."""
    if wants_part(request):
        return done_in_dialog(toast={"text": text, "action": action} if action else {"text": text})
    messages.success(request, text)
    return redirect(f"{reverse('schedule')}?date={day:%Y-%m-%d}")


def go(request: HttpRequest, to: str, text: str) -> HttpResponse:
    """The change is made on a page that shows it: go there with a message."""
    messages.success(request, text)
    return HttpResponseClientRedirect(to) if wants_part(request) else redirect(to)
