"""Calendars as their owners and managers see them: how each is doing, and what can be done about it."""

from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.contrib import messages as told
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from appointments.access import HAVE_CALENDARS, SEE_CALENDARS, Access, access_of, staff_member_of
from calendarsync import connecting, outcome, overview
from calendarsync.connecting import CannotConnect
from calendarsync.models import CalendarConnection, CalendarSync, TitleStyle
from calendarsync.models.connection import HAS_CREDENTIALS, State
from calendarsync.providers.base import CalendarError
from securecare import localtime
from securecare.parts import respond

LIST = "calendarsync/calendars.html"
CALENDAR = "calendarsync/calendar.html"
STANDING = "calendarsync/_standing.html"
FAILURES_SHOWN = 50
ROWS_SHOWN = 50
COMPARISONS_SHOWN = 10
LARGEST_ID = 2**63 - 1
REMOVE, LEAVE = "remove", "leave"
NOT_READ = "This cannot be read. Use the buttons on the page."


@never_cache
@require_safe
def calendar_list(request: HttpRequest) -> HttpResponse:
    access, now = _access_of(request), timezone.now()
    mine = overview.own(access).filter(state__in=HAS_CREDENTIALS).select_related("staff").order_by("pk")
    standings = overview.of_all(mine, now=now)
    context = {
        "own": standings,
        "people": overview.table(access, now=now),
        "may_connect": staff_member_of(access.user) is not None and access.may(HAVE_CALENDARS),
        "sees_colleagues": access.may(SEE_CALENDARS),
        **_shown_with(access),
    }
    return respond(request, LIST, context, parts={})


@never_cache
@require_safe
def calendar(request: HttpRequest, reference: UUID) -> HttpResponse:
    """The page of one, or the part of it that tells how it is doing, which is asked for again while there is news."""
    access, now = _access_of(request), timezone.now()
    found = _calendar_of(access, reference)
    context = {"one": overview.of(found, now=now), **_shown_with(access)}
    part = f"standing-{reference}"
    if request.headers.get("HX-Target") != part:
        context |= _whole_page(found, access, before=request.GET.get("before", ""))
    return respond(request, CALENDAR, context, parts={part: STANDING})


def _whole_page(found: CalendarConnection, access: Access, *, before: str) -> dict[str, Any]:
    rows = CalendarSync.objects.of(found).select_related(
        "appointment__customer", "appointment__facility", "appointment__staff", "event"
    )
    failures = rows.unresolved().order_by("-pk")[:FAILURES_SHOWN]
    before_id = int(before) if before.isdecimal() and int(before) <= LARGEST_ID else LARGEST_ID
    latest = list(rows.filter(pk__lt=before_id).order_by("-pk")[: ROWS_SHOWN + 1])
    return {
        "is_page": True,
        "failures": [(row, outcome.of(row), access.sees(row.appointment.facility_id)) for row in failures],
        "rows": [
            (row, outcome.of(row), access.sees(row.appointment.facility_id)) for row in latest[:ROWS_SHOWN]
        ],
        "next": latest[ROWS_SHOWN - 1].pk if len(latest) > ROWS_SHOWN else None,
        "is_first": not before,
        "comparisons": found.reconciliations.all()[:COMPARISONS_SHOWN],
    }


@require_POST
def test(request: HttpRequest, reference: UUID) -> HttpResponse:
    """Ask the calendar something now. One that had stopped goes on if it answers."""
    found, now = _calendar_of(_access_of(request), reference), timezone.now()
    try:
        checked = connecting.test(connection=found, now=now)
    except (CalendarError, CannotConnect) as problem:
        told.error(request, str(problem))
    else:
        resumed = " What waited is being written now." if found.state == State.BROKEN else ""
        told.success(request, f"{checked.name} answers and may be written to.{resumed}")
    return _back(request, found)


@require_POST
def retry(request: HttpRequest, reference: UUID) -> HttpResponse:
    found, now = _calendar_of(_access_of(request), reference), timezone.now()
    try:
        count = connecting.retry(connection=found, now=now)
    except CannotConnect as problem:
        told.error(request, str(problem))
    else:
        again = f"{count} {'entry is' if count == 1 else 'entries are'} tried again now."
        told.success(request, again if count else "Nothing was left to try again.")
    return _back(request, found)


@require_POST
def titles(request: HttpRequest, reference: UUID) -> HttpResponse:
    """What entries tell of customers. Only the owner knows who looks at that calendar."""
    access, now = _access_of(request), timezone.now()
    found = _calendar_of(access, reference)
    if not _is_own(found, access):
        raise PermissionDenied("What its entries show is for the calendar’s owner to decide.")
    style = request.POST.get("title_style", "")
    if style not in TitleStyle.values:
        told.error(request, NOT_READ)
        return _back(request, found)
    try:
        connecting.change_titles(connection=found, title_style=style, now=now)
    except CannotConnect as problem:
        told.error(request, str(problem))
    else:
        told.success(request, "Saved. Entries that are there already are changed now.")
    return _back(request, found)


@require_POST
def disconnect(request: HttpRequest, reference: UUID) -> HttpResponse:
    found, now = _calendar_of(_access_of(request), reference), timezone.now()
    entries = request.POST.get("entries", "")
    if entries not in (REMOVE, LEAVE):
        told.error(request, NOT_READ)
        return _back(request, found)
    connecting.disconnect(
        connection=found,
        removes_entries=entries == REMOVE,
        by=request.user,  # type: ignore[arg-type]
        now=now,
    )
    told.success(request, _farewell(found, entries))
    return redirect("calendars")


def _farewell(found: CalendarConnection, entries: str) -> str:
    if found.state == State.NEW:
        return "Forgotten. Nothing was written to it."
    if entries == REMOVE:
        return "The entries are being removed. Then it is disconnected."
    return "Disconnected. Entries that are in the calendar stay there, and change no more."


def _access_of(request: HttpRequest) -> Access:
    """Who may have calendars or see colleagues'. Raises PermissionDenied."""
    access = access_of(request)
    if not access.may(SEE_CALENDARS):
        access.demand(HAVE_CALENDARS)
    return access


def _calendar_of(access: Access, reference: UUID) -> CalendarConnection:
    return get_object_or_404(overview.visible(access).select_related("staff"), reference=reference)


def _is_own(found: CalendarConnection, access: Access) -> bool:
    staff = staff_member_of(access.user)
    return staff is not None and staff.pk == found.staff_id


def _shown_with(access: Access) -> dict[str, Any]:
    staff = staff_member_of(access.user)
    return {"me": staff.pk if staff else None, "zone": _own_zone(access), "title_styles": TitleStyle.choices}


def _own_zone(access: Access) -> ZoneInfo:
    return access.facilities[0].zone if access.facilities else localtime.zone_of("UTC")


def _back(request: HttpRequest, found: CalendarConnection) -> HttpResponse:
    """To the page whose button it was."""
    if request.POST.get("on") == "page":
        return redirect("calendar", reference=found.reference)
    return redirect("calendars")
