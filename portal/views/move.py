"""Moving one appointment: pick a time, look at what will change, move it. Both doors open onto it."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext

from appointments.models import Appointment, StaffMember
from portal import holds, moving, picker, refusals, visitor
from portal.moving import ShownMove
from portal.own import Door
from portal.times import Search
from portal.views import manage
from portal.views.times import may_hold
from scheduling import booking
from scheduling.availability import OpenTime, serving
from scheduling.booking import BookingRefused, ChangeRefused, StaleAppointment
from securecare import wording


@dataclass(frozen=True)
class Visit:
    """One request at one door."""

    request: HttpRequest
    appointment: Appointment
    door: Door
    now: datetime

    @property
    def is_post(self) -> bool:
        return self.request.method == "POST"

    @property
    def asked(self) -> dict[str, str]:
        """`staff` and `at` as the picker names them; the address of the review step has the chosen time as `to`."""
        if self.is_post:
            return self.request.POST.dict()
        asked = self.request.GET.dict()
        return asked | {"at": asked["to"]} if "to" in asked else asked

    def shown(self) -> dict[str, Any]:
        return manage.shown(self.request, self.appointment, self.door, now=self.now)

    def search(self) -> Search:
        search = moving.search_for(self.appointment, self.door, visitor=visitor.visitor_of(self.request))
        return picker.with_staff(search, self.asked.get("staff"), serving(search.program))


def move(request: HttpRequest, appointment: Appointment, door: Door) -> HttpResponse:
    visit = Visit(request, appointment, door, timezone.now())
    if not visit.shown()["appointment"].may_move:
        return redirect(door.see)
    if not visit.is_post and "to" not in request.GET:
        return _pick(visit)
    starts_at = picker.read_at(visit.asked.get("at", ""))
    if starts_at is None:
        return _pick(visit, gettext("Choose one of these times."), status=422)
    if not visit.is_post:
        return _review(visit, starts_at)
    return _move(visit, starts_at) if "version" in request.POST else _choose(visit, starts_at)


def _pick(visit: Visit, problem: str = "", *, status: int = 200) -> HttpResponse:
    visitor_name = visitor.visitor_of(visit.request)
    search = moving.search_for(visit.appointment, visit.door, visitor=visitor_name)
    shown = picker.pick(
        search,
        asked=visit.asked,
        now=visit.now,
        visitor_zone=visitor.zone_of_visitor(visit.request),
    )
    context = visit.shown() | {"picker": shown, "problem": problem}
    return render(visit.request, "portal/move.html", context, status=status)


def _choose(visit: Visit, starts_at: datetime) -> HttpResponse:
    """Hold the time that was picked and go on to look at it."""
    search = visit.search()
    if moving.is_there_already(search, starts_at):
        return _is_there(visit)
    try:
        chosen = moving.aim(search, starts_at, now=visit.now)
    except BookingRefused as refusal:
        return _refuse(visit, refusal)
    name = search.visitor or visitor.new_visitor()
    if may_hold(visit.request):
        holds.hold(chosen, facility=search.program.facility_id, visitor=name, now=visit.now)
    query = {"to": picker.write_at(starts_at), "staff": visit.asked.get("staff", "")}
    response = redirect(f"{visit.door.move}?{urlencode(query)}")
    visitor.remember(response, name)
    return response


def _review(visit: Visit, starts_at: datetime, *, was_changed: bool = False) -> HttpResponse:
    search = visit.search()
    if moving.is_there_already(search, starts_at):
        return redirect(visit.door.see)
    try:
        chosen = moving.aim(search, starts_at, now=visit.now)
    except BookingRefused as refusal:
        return _refuse(visit, refusal)
    context = visit.shown() | {"goal": _goal(visit, chosen), "was_changed": was_changed}
    return render(visit.request, "portal/move_review.html", context, status=409 if was_changed else 200)


def _move(visit: Visit, starts_at: datetime) -> HttpResponse:
    """Move the appointment as it was when the customer looked at it; if it has changed since, have them look again."""
    staff = _taker(visit)
    if staff is None:
        return _review(visit, starts_at)
    if (visit.appointment.starts_at, visit.appointment.staff_id) == (starts_at, staff.pk):
        return _is_there(visit)
    try:
        booking.reschedule(
            appointment=visit.appointment,
            starts_at=starts_at,
            staff=staff,
            by=None,
            now=visit.now,
            version=manage.version_seen(visit.request),
        )
    except StaleAppointment as stale:
        return _look_again(replace(visit, appointment=stale.appointment), starts_at, staff)
    except BookingRefused as refusal:
        return _refuse(visit, refusal)
    except ChangeRefused:
        return redirect(visit.door.see)
    holds.release(facility=visit.appointment.facility_id, visitor=visitor.visitor_of(visit.request))
    messages.success(visit.request, _say(gettext("Moved: your appointment is now on %(moment)s."), visit))
    return redirect(visit.door.see)


def _look_again(visit: Visit, starts_at: datetime, staff: StaffMember) -> HttpResponse:
    """A form sent twice finds its own work done; any other change is shown."""
    if (visit.appointment.starts_at, visit.appointment.staff_id) == (starts_at, staff.pk):
        return _is_there(visit)
    if not visit.shown()["appointment"].may_move:
        return redirect(visit.door.see)
    return _review(visit, starts_at, was_changed=True)


def _is_there(visit: Visit) -> HttpResponse:
    messages.info(visit.request, _say(gettext("Your appointment is on %(moment)s already."), visit))
    return redirect(visit.door.see)


def _refuse(visit: Visit, refusal: BookingRefused) -> HttpResponse:
    """Say why, and offer other times; unless the notice has passed meanwhile, which the appointment's own page says."""
    visit = replace(visit, now=timezone.now())
    if not visit.shown()["appointment"].may_move:
        return redirect(visit.door.see)
    program, is_signed_in = visit.appointment.program, visit.door.is_signed_in
    problem = refusals.explain(refusal, program, is_signed_in=is_signed_in)
    return _pick(visit, problem, status=refusals.status_of(refusal))


def _taker(visit: Visit) -> StaffMember | None:
    """Who the review step said will have it."""
    asked = visit.request.POST.get("taker", "")
    people = serving(visit.appointment.program)
    return next((member for member in people if str(member.pk) == asked), None)


def _goal(visit: Visit, chosen: OpenTime) -> ShownMove:
    return ShownMove(
        at=picker.write_at(chosen.starts_at),
        starts_at=chosen.starts_at,
        staff=chosen.staff.display_name,
        staff_id=chosen.staff.pk,
        asked_staff=visit.asked.get("staff", ""),
    )


def _say(words: str, visit: Visit) -> str:
    appointment = visit.appointment
    return words % {"moment": wording.moment(appointment.starts_at, appointment.facility.zone)}
