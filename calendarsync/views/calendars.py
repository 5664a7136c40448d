"""Calendars as their owners and managers see them: how each is doing, and what can be done about it."""

from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from django.contrib import messages as told
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import HttpResponseClientRefresh

from appointments.access import (
    HAVE_CALENDARS,
    SEE_CALENDARS,
    SEE_SCHEDULE,
    Access,
    access_of,
    staff_member_of,
)
from calendarsync import connecting, feeds, outcome, overview
from calendarsync.connecting import CannotConnect
from calendarsync.feeds import Use
from calendarsync.forms import STYLES, TitlesForm
from calendarsync.models import CalendarConnection, CalendarSync
from calendarsync.models.connection import HAS_CREDENTIALS, State
from calendarsync.outcome import Outcome
from calendarsync.overview import Standing
from calendarsync.providers.base import CalendarError
from calendarsync.views import google
from calendarsync.views.own import TOO_OFTEN, may_ask
from securecare import localtime
from securecare.parts import respond

LIST = "calendarsync/calendars.html"
CALENDAR = "calendarsync/calendar.html"
STANDING = "calendarsync/_standing.html"
FAILURES_SHOWN = 50
ROWS_SHOWN = 50
COMPARISONS_SHOWN = 10
LONGEST_ID = 19  # digits of a bigint
REMOVE, LEAVE = "remove", "leave"
PAGE = "page"
NOT_READ = "This cannot be read. Use the buttons on the page."


class Card(NamedTuple):
    standing: Standing
    titles: TitlesForm


@never_cache
@require_safe
def calendar_list(request: HttpRequest) -> HttpResponse:
    access, now = _access_of(request), timezone.now()
    mine = overview.own(access).filter(state__in=HAS_CREDENTIALS).select_related("staff").order_by("pk")
    standings, people = overview.of_all(mine, now=now), overview.table(access, now=now)
    staff = staff_member_of(access.user) if access.may(HAVE_CALENDARS) else None
    context = {
        "own": [Card(one, _titles_form(one.connection)) for one in standings],
        "people": people,
        "has_calendars": any(person.calendars for person in people),
        "without": [person.staff for person in people if not person.calendars],
        "may_connect": staff is not None,
        "has_google": google.has_client(),
        "feed": Use.of(feeds.of_staff(staff), now=now) if staff else None,
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
    part = f"standing-{reference}"
    is_page = request.headers.get("HX-Target") != part
    if not is_page and request.GET.get("was", found.state) != found.state:
        # What can be done with it has changed, too.
        return HttpResponseClientRefresh()
    context = {"one": overview.of(found, now=now), **_shown_with(access)}
    context["on"] = PAGE if is_page or request.GET.get("on") == PAGE else ""
    if is_page:
        context |= _whole_page(found, access, before=request.GET.get("before", ""))
    return respond(request, CALENDAR, context, parts={part: STANDING})


def _whole_page(found: CalendarConnection, access: Access, *, before: str) -> dict[str, Any]:
    rows = CalendarSync.objects.of(found).select_related(
        "appointment__customer", "appointment__facility", "event"
    )
    failures = rows.unresolved().order_by("-pk")[:FAILURES_SHOWN]
    latest = rows.filter(pk__lt=before) if _is_id(before) else rows
    listed = list(latest.order_by("-pk")[: ROWS_SHOWN + 1])
    return {
        "titles": _titles_form(found) if _is_own(found, access) else None,
        "style": STYLES.get(found.title_style),  # type: ignore[call-overload]
        "failures": [_row(sync, access) for sync in failures],
        "rows": [_row(sync, access) for sync in listed[:ROWS_SHOWN]],
        "next": listed[ROWS_SHOWN - 1].pk if len(listed) > ROWS_SHOWN else None,
        "is_first": not _is_id(before),
        "comparisons": list(found.reconciliations.all()[:COMPARISONS_SHOWN]),
    }


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < LONGEST_ID


class Row(NamedTuple):
    """`is_seen`: the reader may open the appointment, and read whose it is."""

    sync: CalendarSync
    why: str
    outcome: Outcome
    is_seen: bool


def _row(sync: CalendarSync, access: Access) -> Row:
    is_seen = access.may(SEE_SCHEDULE) and access.sees(sync.appointment.facility_id)
    return Row(sync, outcome.why(sync), outcome.of(sync), is_seen)


@require_POST
def test(request: HttpRequest, reference: UUID) -> HttpResponse:
    """Ask the calendar something now. One that had stopped goes on if it answers."""
    found, now = _calendar_of(_access_of(request), reference), timezone.now()
    if not may_ask(request):
        told.error(request, TOO_OFTEN)
        return _back(request, found)
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
    form = TitlesForm(request.POST)
    if not form.is_valid():
        told.error(request, NOT_READ)
        return _back(request, found)
    try:
        connecting.change_titles(connection=found, **form.cleaned_data, now=now)
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
    seen = overview.visible(access).select_related("staff", "created_by__staff_member")
    return get_object_or_404(seen, reference=reference)


def _is_own(found: CalendarConnection, access: Access) -> bool:
    staff = staff_member_of(access.user)
    return staff is not None and staff.pk == found.staff_id


def _shown_with(access: Access) -> dict[str, Any]:
    staff = staff_member_of(access.user)
    return {"me": staff.pk if staff else None, "zone": _own_zone(access)}


def _titles_form(found: CalendarConnection) -> TitlesForm:
    return TitlesForm(
        initial={"title_style": found.title_style}, auto_id=f"titles_{found.reference.hex[:8]}_%s"
    )


def _own_zone(access: Access) -> ZoneInfo:
    return access.facilities[0].zone if access.facilities else localtime.zone_of("UTC")


def _back(request: HttpRequest, found: CalendarConnection) -> HttpResponse:
    """To the page whose button it was."""
    if request.POST.get("on") == PAGE:
        return redirect("calendar", reference=found.reference)
    return redirect("calendars")
