"""One week of everyone at the user's facilities, time off ahead, and requests that wait for a decision."""

from datetime import date, datetime, timedelta
from typing import Any

from django.core.exceptions import BadRequest
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from appointments.access import (
    ASK_TIME_OFF,
    CHANGE_CLOSURES,
    CHANGE_HOURS,
    DECIDE_TIME_OFF,
    SEE_HOURS,
    Access,
    access_of,
    staff_member_of,
)
from appointments.models import Facility, StaffMember
from scheduling.forms.hours import monday_of
from scheduling.models import Closure, TimeOff
from scheduling.staffing.overview import week_of
from securecare import localtime

WEEK = timedelta(days=7)
AHEAD = timedelta(days=90)


@require_safe
def overview(request: HttpRequest) -> HttpResponse:
    access, now = access_of(request), timezone.now()
    access.demand(SEE_HOURS)
    facilities = _facilities(request, access)
    today = _today(facilities, now)
    monday = _monday(request.GET.get("week", ""), today)
    staff = _staff(facilities)
    rows = week_of(staff=staff, facilities=facilities, monday=monday)
    context: dict[str, Any] = {
        "rows": rows,
        "days": [monday + timedelta(days=offset) for offset in range(7)],
        "today": today,
        "earlier": monday - WEEK,
        "later": monday + WEEK,
        "facilities": access.facilities,
        "facility": facilities[0] if len(facilities) == 1 < len(access.facilities) else None,
        "has_several": len(facilities) > 1,
        "closures": Closure.objects.filter(
            facility__in=facilities, date__range=(today, today + AHEAD)
        ).select_related("facility"),
        "requests": _requests(request, access, staff, today),
        "time_off": _ahead(staff, today).filter(state=TimeOff.State.APPROVED, first_day__lte=today + AHEAD),
        **_rights(request, access),
    }
    return render(request, "scheduling/hours.html", context)


def _facilities(request: HttpRequest, access: Access) -> list[Facility]:
    """The one asked for, if the user sees it; else all of theirs."""
    chosen = request.GET.get("facility", "")
    return [facility for facility in access.facilities if str(facility.pk) == chosen] or access.facilities


def _monday(asked: str, today: date) -> date:
    """The Monday of the week asked for, this week's when none is. Raises BadRequest for what is no date."""
    if not asked:
        return today - timedelta(days=today.weekday())
    monday = monday_of(asked)
    if monday is None:
        raise BadRequest("A week is named by a date, such as 2026-11-23.")
    return monday


def _today(facilities: list[Facility], now: datetime) -> date:
    return localtime.local_date(now, facilities[0].time_zone if facilities else "UTC")


def _staff(facilities: list[Facility]) -> list[StaffMember]:
    """Who has hours: takes appointments, or works there all the same."""
    there = StaffMember.facilities.through.objects.filter(facility__in=facilities)
    found = StaffMember.objects.filter(is_active=True, pk__in=there.values("staffmember_id"))
    rostered = Q(takes_appointments=True) | Q(shifts__facility__in=facilities)
    return list(found.filter(rostered).distinct())


def _ahead(staff: list[StaffMember], today: date) -> QuerySet[TimeOff]:
    return TimeOff.objects.filter(staff__in=staff, last_day__gte=today).select_related("staff")


def _requests(
    request: HttpRequest, access: Access, staff: list[StaffMember], today: date
) -> QuerySet[TimeOff]:
    """Everyone's for who decides; one's own for anyone else: what is not approved is no business of colleagues."""
    waiting = _ahead(staff, today).filter(state=TimeOff.State.REQUESTED).order_by("first_day", "pk")
    return waiting if access.may(DECIDE_TIME_OFF) else waiting.filter(staff=staff_member_of(request.user))


def _rights(request: HttpRequest, access: Access) -> dict[str, Any]:
    return {
        "me": staff_member_of(request.user),
        "may_change": access.may(CHANGE_HOURS),
        "may_decide": access.may(DECIDE_TIME_OFF),
        "may_ask": access.may(ASK_TIME_OFF),
        "may_close": access.may(CHANGE_CLOSURES),
    }
