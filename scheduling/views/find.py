"""Find a time: the next open times of a program over chosen staff and days. A search only: nothing is held or changed."""

from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse, QueryDict
from django.utils import timezone
from django.views.decorators.http import require_safe

from appointments.access import BOOK, SEE_SCHEDULE, Access, access_of
from scheduling.finding import Found, find
from scheduling.forms.finding import FindForm
from securecare import localtime
from securecare.parts import respond, wants_part

PAGE = "scheduling/find.html"
PARTS = {"find-time": "scheduling/_find_time.html"}
SEARCHED = frozenset({"program", "weekdays", "earliest", "latest", "minutes"})


@require_safe
def find_time(request: HttpRequest) -> HttpResponse:
    access, now = access_of(request), timezone.now()
    access.demand(SEE_SCHEDULE)
    searched = bool(SEARCHED & request.GET.keys())
    form = FindForm(_with_day(request.GET, access, now), access=access) if searched else None
    found = find(form.wish(), now=now) if form is not None and form.is_valid() else None
    context: dict[str, Any] = {
        "form": form or FindForm(access=access, initial=_first_values(request.GET, access, now)),
        "found": found,
        "program": form.cleaned_data["program"] if form and found else None,
        "minutes": form.wish().minutes if form and found else None,
        "customer": form.cleaned_data["customer"] if form and found else None,
        "later": _later(request.GET, found),
        "may_book": access.may(BOOK),
        "in_dialog": wants_part(request),
    }
    status = 422 if form is not None and form.errors else 200
    return respond(request, PAGE, context, parts=PARTS, dialog=PARTS["find-time"], status=status)


def _first_values(asked: QueryDict, access: Access, now: datetime) -> dict[str, Any]:
    """An empty search, from the day the address names on."""
    values: dict[str, Any] = asked.dict()
    values.setdefault("date", _today(access, now))
    if "staff" in asked:
        values["staff"] = asked.getlist("staff")
    return values


def _with_day(asked: QueryDict, access: Access, now: datetime) -> QueryDict:
    data = asked.copy()
    data.setdefault("date", _today(access, now))
    return data


def _today(access: Access, now: datetime) -> str:
    zone = access.facilities[0].zone if access.facilities else "UTC"
    return localtime.local_date(now, zone).isoformat()


def _later(asked: QueryDict, found: Found | None) -> str:
    """The address of the same search from the first day not shown."""
    if found is None or found.next_day is None:
        return ""
    on = asked.copy()
    on["date"] = found.next_day.isoformat()
    return on.urlencode()
