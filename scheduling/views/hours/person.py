"""One person's hours: the weeks in force and to come, extra shifts, time off."""

from datetime import date
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from appointments.access import (
    ASK_TIME_OFF,
    CHANGE_HOURS,
    DECIDE_TIME_OFF,
    SEE_HOURS,
    Access,
    access_of,
    staff_member_of,
)
from appointments.models import Facility, StaffMember
from scheduling import staffing, words
from scheduling.forms.hours import ConfirmForm, ExtraShiftForm
from scheduling.models import ExtraShift, TimeOff
from scheduling.staffing.changing import today_at
from scheduling.staffing.time_off import earliest_today
from scheduling.staffing.week import Version, shifts_of
from scheduling.views.answers import go
from scheduling.views.hours.changing import change, effect_of, member_of, told


@require_safe
def person(request: HttpRequest, pk: int) -> HttpResponse:
    access, now = access_of(request), timezone.now()
    access.demand(SEE_HOURS)
    staff = member_of(access, pk)
    places = facilities_of(access, staff)
    today = earliest_today(staff, now)
    is_own = staff_member_of(request.user) == staff
    context: dict[str, Any] = {
        "staff": staff,
        "places": _places(staff, places, today),
        "extra_shifts": ExtraShift.objects.filter(staff=staff, facility__in=places, date__gte=today)
        .select_related("facility")
        .order_by("date", "starts"),
        "time_off": _time_off(staff, today, with_requests=is_own or access.may(DECIDE_TIME_OFF)),
        "is_own": is_own,
        "may_change": access.may(CHANGE_HOURS),
        "may_decide": access.may(DECIDE_TIME_OFF),
        "may_ask": is_own and access.may(ASK_TIME_OFF),
    }
    return render(request, "scheduling/hours_person.html", context)


def _time_off(staff: StaffMember, today: date, *, with_requests: bool) -> QuerySet[TimeOff]:
    """Ahead. Colleagues see what is approved; what was asked, declined or withdrawn is between the person and who decides."""
    ahead = TimeOff.objects.filter(staff=staff, last_day__gte=today)
    seen = ahead if with_requests else ahead.filter(state=TimeOff.State.APPROVED)
    return seen.select_related("decided_by__staff_member")


def facilities_of(access: Access, staff: StaffMember) -> list[Facility]:
    """Where this person works, as far as the user sees it."""
    return access.among(staff.facilities.values_list("pk", flat=True))


def _places(
    staff: StaffMember, facilities: list[Facility], today: date
) -> list[tuple[Facility, Version, list[Version]]]:
    """Each facility with the week in force and those to come."""
    shifts = shifts_of(staff=staff, facilities=facilities, day=today)
    found = []
    for facility in facilities:
        present, *later = staffing.versions(shifts[facility.pk], day=today)
        found.append((facility, present, later))
    return found


@require_http_methods(["GET", "POST"])
def extra(request: HttpRequest, pk: int) -> HttpResponse:
    access, now = access_of(request), timezone.now()
    access.demand(SEE_HOURS, CHANGE_HOURS)
    staff = member_of(access, pk)
    places = facilities_of(access, staff)
    form = ExtraShiftForm(request.POST or None, facilities=places)
    if request.method == "POST" and form.is_valid():
        asked = form.cleaned_data
        what = {"staff": staff, "facility": asked["facility"], "day": asked["date"]}
        what |= {"starts": asked["starts"], "ends": asked["ends"]}
        if review := change(request, form, access, now, staffing.add_extra_shift, **what):
            return go(request, reverse("hours-person", args=[pk]), told("Extra shift entered.", review))
    context: dict[str, Any] = {"form": form, "staff": staff, "title": f"Extra shift for {staff}"}
    context |= {
        "fields": ["facility", "date", "starts", "ends"],
        "back": reverse("hours-person", args=[pk]),
        "submit": "Save",
        "may_check": True,
    }
    return show_change(request, form, access, context)


def show_change(request: HttpRequest, form: Any, access: Access, context: dict[str, Any]) -> HttpResponse:
    """The page of one change of hours: its form, and the effect where it is known."""
    status = 422 if form.errors else 409 if form.effect and not form.is_check else 200
    context |= effect_of(form, access) | {"shown": [form[name] for name in context["fields"]]}
    return render(request, "scheduling/hours_change.html", context, status=status)


@require_http_methods(["GET", "POST"])
def extra_remove(request: HttpRequest, pk: int) -> HttpResponse:
    """Shows whom the removal would strand, and removes."""
    access, now = access_of(request), timezone.now()
    access.demand(SEE_HOURS, CHANGE_HOURS)
    shift = get_object_or_404(
        ExtraShift.objects.select_related("staff", "facility"), pk=pk, facility__in=access.facility_ids
    )
    back = reverse("hours-person", args=[shift.staff_id])
    form = ConfirmForm(request.POST if request.method == "POST" else {"check": "1"})
    form.is_valid()
    review = change(request, form, access, now, staffing.remove_extra_shift, shift=shift)
    if review is not None:
        return go(request, back, told("Extra shift removed.", review))
    when = f"{words.day(shift.date)}, {words.wall_span(shift.starts, shift.ends)}, {shift.facility}"
    context: dict[str, Any] = {"form": form, "fields": [], "title": f"Remove {shift.staff}’s extra shift?"}
    context |= {"text": when, "back": back, "submit": "Remove"}
    if shift.date < today_at(shift.facility, now):
        context["submit"] = ""
    return show_change(request, form, access, context)
