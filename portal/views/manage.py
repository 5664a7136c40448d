"""What both doors open onto: seeing and cancelling one appointment, and taking it along to a calendar."""

from datetime import datetime
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from appointments import calendar_file as calendars
from appointments.models import Appointment
from portal import own
from portal.own import Door
from portal.showing import ShownAppointment
from portal.visitor import zone_of_visitor
from scheduling import booking
from scheduling.booking import BookingRefused, ChangeRefused, StaleAppointment


class CancelForm(forms.Form):
    reason = forms.CharField(max_length=200, required=False)


def shown(request: HttpRequest, appointment: Appointment, door: Door, *, now: datetime) -> dict[str, Any]:
    """What every page about one appointment is given."""
    return {
        "appointment": ShownAppointment.of(appointment, now=now),
        "door": door,
        "own_zone": own.where_it_differs(zone_of_visitor(request), appointment),
        "book_again": own.book_again(appointment.program),
        "version": appointment.version,
    }


def show(request: HttpRequest, appointment: Appointment, door: Door) -> HttpResponse:
    return render(request, "portal/appointment.html", shown(request, appointment, door, now=timezone.now()))


def calendar_file(appointment: Appointment) -> HttpResponse:
    return calendars.download(appointment, now=timezone.now())


def cancel(request: HttpRequest, appointment: Appointment, door: Door) -> HttpResponse:
    """Ask, then cancel the appointment as it was when asked. Sent twice, it shows the same page."""
    now = timezone.now()
    context = shown(request, appointment, door, now=now)
    if not context["appointment"].may_cancel:
        return redirect(door.see)
    form = CancelForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            booking.cancel(
                appointment=appointment,
                reason=form.cleaned_data["reason"],
                by=None,
                now=now,
                version=version_seen(request),
            )
        except StaleAppointment as stale:
            return _look_again(request, stale.appointment, door, form)
        except (BookingRefused, ChangeRefused):
            pass  # its own page says how it is
        return redirect(door.see)
    return render(request, "portal/cancel.html", context | {"form": form}, status=422 if form.errors else 200)


def _look_again(request: HttpRequest, appointment: Appointment, door: Door, form: CancelForm) -> HttpResponse:
    context = shown(request, appointment, door, now=timezone.now())
    if not context["appointment"].may_cancel:
        return redirect(door.see)
    return render(request, "portal/cancel.html", context | {"form": form, "was_changed": True}, status=409)


def version_seen(request: HttpRequest) -> int:
    """The version of the appointment that the form was made for; one that never was, if it does not tell."""
    return number_sent(request, "version")


def number_sent(request: HttpRequest, name: str) -> int:
    """-1 if there is none."""
    sent = request.POST.get(name, "")
    return int(sent) if sent.isascii() and sent.isdigit() and len(sent) < 10 else -1
