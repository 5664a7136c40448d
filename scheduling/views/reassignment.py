"""Pending Reassignment: appointments that lost their working hours, over all dates, each with who or when else."""

import csv
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from typing import Any
from uuid import UUID

from django.core.paginator import Page, Paginator
from django.db.models import Count, Max, Sum
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from appointments.access import CHANGE_APPOINTMENT, SEE_SCHEDULE, Access, access_of
from appointments.branding import said
from appointments.models import Appointment, AppointmentQuerySet, StaffMember
from scheduling import suggestions, words
from scheduling.forms import choices
from scheduling.suggestions import Options, Outcome
from securecare import localtime
from securecare.parts import respond
from securecare.spreadsheet import harmless

PAGE = "scheduling/reassignment.html"
PARTS = {"reassignment-list": "scheduling/_reassignment_list.html"}
PAGE_SIZE = 50
MOST_CHOSEN = 200
UNREADABLE = "This cannot be read. Reload the page and choose again."
HEADINGS = (
    "Date",
    "Starts",
    "Ends",
    "Time zone",
    said("{Customer}"),
    "Phone",
    "Program",
    "Facility",
    "Staff",
    "Reason",
    "Free at this time",
    "Other times",
    "Reference",
)


@dataclass(frozen=True)
class Choice:
    """One appointment as the page showed it."""

    reference: UUID
    version: int

    @classmethod
    def read(cls, text: str) -> "Choice | None":
        reference, _, version = text.partition("@")
        if not (version.isdecimal() and len(version) < 10):
            return None
        try:
            return cls(UUID(reference), int(version))
        except ValueError:
            return None


@require_http_methods(["GET", "POST"])
def reassignment(request: HttpRequest) -> HttpResponse:
    access, now = access_of(request), timezone.now()
    access.demand(SEE_SCHEDULE)
    if request.method == "POST":
        access.demand(CHANGE_APPOINTMENT)
        return _act(request, access, now)
    if request.GET.get("known", "") == _fingerprint(access):
        return HttpResponse(status=204)
    return _show(request, access, now)


def waiting(access: Access) -> AppointmentQuerySet:
    """Stranded appointments at the user's facilities, the soonest first."""
    stranded = Appointment.objects.visible_at(access.facility_ids)
    stranded = stranded.filter(status=Appointment.Status.PENDING_REASSIGNMENT)
    return stranded.select_related("customer", "staff", "facility", "program__facility").order_by(
        "starts_at", "pk"
    )


def _fingerprint(access: Access) -> str:
    """Changes whenever an appointment enters or leaves the list, or one on it changes."""
    found = waiting(access).order_by().aggregate(n=Count("pk"), last=Max("pk"), versions=Sum("version"))
    return "-".join(str(found[name] or 0) for name in ("n", "last", "versions"))


def _act(request: HttpRequest, access: Access, now: datetime) -> HttpResponse:
    """Reassign the one whose button was pressed, or those that were ticked; the page then tells what became of each."""
    act = _take if "take" in request.POST else _take_ticked
    outcomes = act(request, access, now)
    if outcomes is None:
        return _show(request, access, now, problem=UNREADABLE, status=422)
    problem = "" if outcomes else "Tick the appointments to reassign first."
    refused = not any(outcome.staff for outcome in outcomes)
    return _show(request, access, now, outcomes=outcomes, problem=problem, status=409 if refused else 200)


def _take(request: HttpRequest, access: Access, now: datetime) -> list[Outcome] | None:
    text, _, staff_id = request.POST["take"].rpartition("@")
    choice = Choice.read(text)
    staff = _staff(access, staff_id)
    found = _chosen(access, [choice]) if choice else []
    if choice is None or staff is None or not found:
        return None
    appointment, version = found[0]
    outcome = suggestions.give(
        appointment=appointment,
        staff=staff,
        version=version,
        by=request.user,  # type: ignore[arg-type]
        now=now,
    )
    return [outcome]


def _staff(access: Access, key: str) -> StaffMember | None:
    if not (key.isdecimal() and len(key) < 10):
        return None
    return choices.staff_members(access).filter(pk=int(key)).first()


def _take_ticked(request: HttpRequest, access: Access, now: datetime) -> list[Outcome] | None:
    read = [Choice.read(text) for text in request.POST.getlist("chosen")[:MOST_CHOSEN]]
    ticked = [choice for choice in read if choice is not None]
    if len(ticked) != len(read):
        return None
    return suggestions.reassign_to_best(chosen=_chosen(access, ticked), by=request.user, now=now)  # type: ignore[arg-type]


def _chosen(access: Access, ticked: list[Choice]) -> list[tuple[Appointment, int]]:
    """Those the user may see, with the version seen; also one that is no longer stranded, which is then told as changed."""
    versions = {choice.reference: choice.version for choice in ticked}
    seen = Appointment.objects.visible_at(access.facility_ids).filter(reference__in=versions)
    related = seen.select_related("customer", "staff", "facility", "program__facility")
    return [(appointment, versions[appointment.reference]) for appointment in related]


@dataclass(frozen=True)
class Day:
    date: date
    rows: list[Options]


def _show(
    request: HttpRequest,
    access: Access,
    now: datetime,
    *,
    outcomes: list[Outcome] | None = None,
    problem: str = "",
    status: int = 200,
) -> HttpResponse:
    known = _fingerprint(access)
    page: Page[Appointment] = Paginator(waiting(access), PAGE_SIZE).get_page(request.GET.get("page"))
    options = suggestions.suggest(appointments=list(page.object_list), now=now)
    context: dict[str, Any] = {
        "days": [Day(day, list(rows)) for day, rows in groupby(options, lambda o: o.appointment.local_date)],
        "page": page,
        "known": known,
        "now": now,
        "outcomes": outcomes or [],
        "problem": problem,
        "may_change": (may_change := access.may(CHANGE_APPOINTMENT)),
        "may_choose": may_change and any(row.best for row in options),
    }
    return respond(request, PAGE, context, parts=PARTS, status=status)


@require_safe
def reassignment_csv(request: HttpRequest) -> HttpResponse:
    """All of the list. A byte order mark says UTF-8 to spreadsheets, and no cell begins a formula."""
    access, now = access_of(request), timezone.now()
    access.demand(SEE_SCHEDULE)
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="pending-reassignment.csv"'
    response["Cache-Control"] = "private, no-store"
    response.write("\ufeff")
    writer = csv.writer(response)
    writer.writerow(HEADINGS)
    for options in suggestions.suggest(appointments=list(waiting(access)), now=now):
        writer.writerow([harmless(cell) for cell in _cells(options)])
    return response


def _cells(options: Options) -> list[str]:
    a = options.appointment
    zone = a.facility.zone
    return [
        f"{a.local_date:%Y-%m-%d}",
        words.clock(a.starts_at, zone),
        words.clock(a.ends_at, zone),
        localtime.abbreviation(a.starts_at, zone),
        str(a.customer),
        words.phone(a.customer.phone),
        str(a.program),
        str(a.facility),
        str(a.staff),
        options.why,
        "; ".join(str(member) for member in options.colleagues),
        "; ".join(words.short_moment(offer.starts_at, zone) for offer in options.times),
        str(a.reference),
    ]
