"""The Day Scheduler: one day of the staff and facilities this user chose, and what they chose."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import patch_cache_control, patch_vary_headers
from django.views.decorators.http import require_POST, require_safe

from appointments.access import BOOK, CHANGE_APPOINTMENT, SEE_SCHEDULE, Access, access_of
from appointments.models.appointment import Status
from scheduling import listing
from scheduling.day import Day, load
from scheduling.freshness import Fresh, fresh
from scheduling.grid import draw
from scheduling.models import SchedulerView
from scheduling.selection import ORIENTATIONS, remember, selection_of, toggled, zones_of
from scheduling.words import zone_name
from securecare import localtime
from securecare.parts import respond, wants_part

PAGE = "scheduling/day.html"
PARTS = {"day-grid": "scheduling/_day_grid.html", "day": "scheduling/_day.html"}
FIRST, LAST = date(1900, 1, 1), date(2100, 12, 31)


class MalformedAddress(ValueError):
    """The date or the view that the address names cannot be read; the message is for the user."""


@require_safe
def schedule(request: HttpRequest) -> HttpResponse:
    access, now = access_of(request), timezone.now()
    access.demand(SEE_SCHEDULE)
    try:
        day, orientation = date_of(request.GET), _orientation(request.GET)
    except MalformedAddress as error:
        return malformed(request, error)
    on, state = _state(access, day, now)
    known = request.GET.get("known")
    if known is not None and known == state.fingerprint:
        return HttpResponse(status=204)
    if orientation and orientation != state.view.orientation:
        state.view.orientation = orientation
        if known is None:  # a page that only refreshes keeps its own turn, and leaves other pages theirs
            remember(user=request.user, orientation=orientation)  # type: ignore[arg-type]
    return _show(request, access, on, state, now)


def _state(access: Access, asked: date | None, now: datetime) -> tuple[date, Fresh]:
    """The date, today where the axis is when none is asked for, and the user's view of it."""
    on = asked or _today(access, now)
    state = fresh(access=access, day=on, now=now)
    if asked is None:
        today = localtime.local_date(now, selection_of(state.view, access).zone)
        if today != on:
            return today, fresh(access=access, day=today, now=now)
    return on, state


def _show(request: HttpRequest, access: Access, on: date, state: Fresh, now: datetime) -> HttpResponse:
    """The page, or the part that is asked for."""
    day = load(access=access, selection=selection_of(state.view, access), date=on, now=now)
    context = _context(access, day, now) | {"known": state.fingerprint}
    template = PARTS.get(request.headers.get("HX-Target", ""), PAGE)
    response = render(request, template, context)
    patch_vary_headers(response, ["HX-Request", "HX-Target"])
    patch_cache_control(response, private=True, no_store=True)
    return response


def _today(access: Access, now: datetime) -> date:
    zone = access.facilities[0].time_zone if access.facilities else "UTC"
    return localtime.local_date(now, zone)


def date_of(asked: QueryDict) -> date | None:
    """The date the address names; None for no date. Raises MalformedAddress."""
    text = asked.get("date")
    if not text:
        return None
    try:
        day = datetime.strptime(text, "%Y-%m-%d").date()  # noqa: DTZ007 - a date has no zone
    except ValueError:
        raise MalformedAddress(f"“{text[:40]}” is not a date. Dates look like 2026-11-24.") from None
    if not FIRST <= day <= LAST:
        raise MalformedAddress(f"The schedule has no year {day:%Y}. Choose a date from 1900 to 2100.")
    return day


def _orientation(asked: QueryDict) -> str:
    orientation = asked.get("view", "")
    if orientation and orientation not in ORIENTATIONS:
        raise MalformedAddress("There is no such view. Choose vertical, horizontal or list.")
    return orientation


def malformed(request: HttpRequest, error: MalformedAddress) -> HttpResponse:
    return render(request, "scheduling/malformed_address.html", {"problem": error}, status=400)


def _context(access: Access, day: Day, now: datetime) -> dict[str, Any]:
    selection, axis = day.selection, day.axis
    may_book = access.may(BOOK) and access.may(CHANGE_APPOINTMENT)
    is_list = selection.orientation == SchedulerView.Orientation.LIST
    return {
        "day": day,
        "date": axis.day,
        "axis": axis,
        "selection": selection,
        "now": now,
        "today": localtime.local_date(now, axis.zone),
        "previous": max(FIRST, axis.day - timedelta(days=1)),
        "next": min(LAST, axis.day + timedelta(days=1)),
        "may_book": may_book,
        "chips": chips(day),
        "unconfirmed": day.unconfirmed,
        "is_list": is_list,
        "grid": None if is_list or not day.columns else draw(day, orientation=selection.orientation),
        "sections": listing.sections(day, now=now) if is_list else [],
        "facilities": access.facilities,
        "is_everyone": selection.staff is None,
        "people": partial(_choices, day),
        "has_zones": len(zones_of(access)) > 1,
        "zones": partial(_zones, access),
    }


@dataclass(frozen=True)
class Chip:
    """One status of the filter, which is also the legend."""

    status: str
    label: str
    count: int
    is_shown: bool


ORDER = (
    Status.SCHEDULED,
    Status.ARRIVED,
    Status.COMPLETED,
    Status.NO_SHOW,
    Status.CANCELLED,
    Status.PENDING_REASSIGNMENT,
)


def chips(day: Day) -> list[Chip]:
    counts, shown = day.counts, day.selection.statuses
    return [Chip(each.value, str(each.label), counts[each.value], each.value in shown) for each in ORDER]


def _zones(access: Access) -> list[tuple[str, str]]:
    return [(zone, zone_name(zone)) for zone in zones_of(access)]


def _choices(day: Day) -> list[dict[str, Any]]:
    """Everyone at the chosen facilities, for the staff picker."""
    selection = day.selection
    shown = {column.person.id for column in day.columns}
    names = {facility.pk: facility.name for facility in selection.facilities}
    return [
        {
            "id": person.id,
            "name": person.name,
            "at": ", ".join(names[pk] for pk in person.facilities if pk in names),
            "is_shown": person.id in shown,
        }
        for person in day.people
        if selection.facility_ids.intersection(person.facilities)
    ]


@require_POST
def choose(request: HttpRequest) -> HttpResponse:
    """Store what the user chose in one of the pickers, and show it."""
    access, now = access_of(request), timezone.now()
    access.demand(SEE_SCHEDULE)
    try:
        day = date_of(request.POST)
    except MalformedAddress as error:
        return malformed(request, error)
    user: Any = request.user
    view = SchedulerView.objects.filter(user=user).first() or SchedulerView(user=user)
    if fields := _chosen(request.POST, view, access):
        remember(user=user, **fields)
    if request.headers.get("HX-Target") in PARTS:
        return _show(request, access, *_state(access, day, now), now)
    return redirect(f"{reverse('schedule')}?date={day:%Y-%m-%d}" if day else "schedule")


def _chosen(sent: QueryDict, view: SchedulerView, access: Access) -> dict[str, Any]:
    """The fields that the button pressed stands for."""
    match sent.get("choose"):
        case "facilities":
            ids = _ids(sent.getlist("facility")) & access.facility_ids
            return {"facilities": sorted(ids) if ids and ids != access.facility_ids else None}
        case "staff":
            return {"staff": sorted(_ids(sent.getlist("staff")))}
        case "everyone":
            return {"staff": None}
        case "nobody":
            return {"staff": []}
        case "zone" if sent.get("zone") in zones_of(access):
            return {"zone": sent["zone"]}
        case "hours":
            return {"whole_day": sent.get("whole_day") == "1"}
        case "unconfirmed":
            return _narrowed(view, to_unconfirmed=sent.get("unconfirmed") == "1")
    status = sent.get("status", "")
    if status in Status.values:
        return {"statuses": toggled(view.statuses, status)}
    return {}


def _narrowed(view: SchedulerView, *, to_unconfirmed: bool) -> dict[str, Any]:
    """Whoever asks for what is unconfirmed means to see it, although they hid what is scheduled."""
    statuses = view.statuses
    if to_unconfirmed and statuses is not None and Status.SCHEDULED not in statuses:
        statuses = toggled(statuses, Status.SCHEDULED)
    return {"unconfirmed": to_unconfirmed, "statuses": statuses}


def _ids(values: list[str]) -> set[int]:
    return {int(value) for value in values if value.isascii() and value.isdigit() and len(value) < 19}


SHORTCUTS = (
    (("←", "↑", "→", "↓"), "Move over the grid"),
    (("Home", "End"), "Start and end of the row"),
    (("Ctrl Home", "Ctrl End"), "First and last corner of the grid"),
    (("Page Up", "Page Down"), "An hour back or on"),
    (("Enter",), "Book a free time, or open an appointment"),
    (
        ("M",),
        "Move the appointment: arrows carry it, Shift with an arrow changes its length, Enter puts it down",
    ),
    (("T",), "Today"),
    (("[", "]"), "The day before, the day after"),
    (("N",), "New appointment"),
    (("F",), "Find a time"),
    (("/",), "Choose staff"),
    (("V", "H", "L"), "Vertical, horizontal, list"),
    (("W",), "Working hours or the whole day"),
    (("U",), "Only what starts within 24 hours and nobody has confirmed"),
    (("G",), "Back to the grid"),
    (("P",), "Day sheet to print"),
    (("?",), "These keys"),
)
MARKS = (
    ("✉\ufe0e✓", "Confirmed by e-mail"),
    ("☎\ufe0e✓", "Confirmed by text; where both stand, the first one confirmed first"),
    ("✎2/3", "Two of three documents are signed"),
    ("✎✓", "All documents are signed"),
)


@require_safe
def keys(request: HttpRequest) -> HttpResponse:
    access_of(request).demand(SEE_SCHEDULE)
    context = {
        "shortcuts": SHORTCUTS,
        "marks": MARKS,
        "in_dialog": wants_part(request),
        "back": reverse("schedule"),
    }
    return respond(request, "scheduling/keys.html", context, parts={}, dialog="scheduling/_keys.html")
