"""The day on paper and as a file: the same people, facilities and statuses as on the grid."""

import csv
from collections.abc import Iterator
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from appointments.access import SEE_SCHEDULE, access_of
from appointments.branding import said
from appointments.models.appointment import Status
from scheduling import listing
from scheduling.day import BUSY, Day, load
from scheduling.freshness import fresh
from scheduling.selection import selection_of
from scheduling.views.day import MalformedAddress, date_of, malformed
from securecare import localtime
from securecare.spreadsheet import harmless

HEADINGS = (
    "Staff",
    "Date",
    "Starts",
    "Ends",
    "Time zone",
    said("{Customer}"),
    "Program",
    "Facility",
    "Status",
    "Confirmed",
    "Reference",
)


def _day(request: HttpRequest) -> Day:
    """The day the address names, as the user's view shows it. Raises MalformedAddress."""
    access, now = access_of(request), timezone.now()
    access.demand(SEE_SCHEDULE)
    asked = date_of(request.GET)
    zone = access.facilities[0].time_zone if access.facilities else "UTC"
    today = localtime.local_date(now, zone)
    selection = selection_of(fresh(access=access, day=asked or today, now=now).view, access)
    return load(access=access, selection=selection, date=asked or today, now=now)


@require_safe
def day_sheet(request: HttpRequest) -> HttpResponse:
    try:
        day = _day(request)
    except MalformedAddress as error:
        return malformed(request, error)
    context: dict[str, Any] = {
        "day": day,
        "date": day.axis.day,
        "axis": day.axis,
        "sections": listing.sections(day, with_free=False),
        "printed_at": timezone.now(),
        "has_facilities": len(day.facilities) > 1,
    }
    return render(request, "scheduling/day_sheet.html", context)


@require_safe
def day_csv(request: HttpRequest) -> HttpResponse:
    """Opens in a spreadsheet as it is: a byte order mark says UTF-8, and no cell begins a formula."""
    try:
        day = _day(request)
    except MalformedAddress as error:
        return malformed(request, error)
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="schedule-{day.axis.day:%Y-%m-%d}.csv"'
    response["Cache-Control"] = "private, no-store"
    response.write("\ufeff")
    writer = csv.writer(response)
    writer.writerow(HEADINGS)
    for row in _rows(day):
        writer.writerow([harmless(cell) for cell in row])
    return response


def _rows(day: Day) -> Iterator[list[str]]:
    """Appointments by person and time, on the clock of their own facility."""
    names = {column.person.id: column.person.name for column in day.columns}
    order = {staff_id: number for number, staff_id in enumerate(names)}
    for card in sorted(day.shown, key=lambda each: (order[each.staff_id], each.start)):
        if card.status == BUSY:
            continue
        facility = day.facilities[card.facility_id]
        start = localtime.local(day.axis.instant(card.start), facility.zone)
        end = localtime.local(day.axis.instant(card.end), facility.zone)
        yield [
            names[card.staff_id],
            f"{start:%Y-%m-%d}",
            f"{start:%H:%M}",
            f"{end:%H:%M}",
            localtime.abbreviation(day.axis.instant(card.start), facility.zone),
            card.customer,
            card.program,
            facility.name,
            str(Status(card.status).label),
            listing.CONFIRMED[card.confirmed],
            card.reference,
        ]
