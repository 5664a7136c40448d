"""The week editor: one person's weekly hours at one facility, from a date on."""

from datetime import date, datetime, timedelta
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from appointments.access import CHANGE_HOURS, SEE_HOURS, Access, access_of
from appointments.models import Facility, StaffMember
from scheduling import staffing, words
from scheduling.forms.hours import monday_of
from scheduling.forms.week import WeekForm, rearranged, rows_in, values_of
from scheduling.models import Shift
from scheduling.staffing import StaleHours
from scheduling.staffing.changing import today_at
from scheduling.views.answers import go
from scheduling.views.hours.changing import change, effect_of, member_of, told
from scheduling.views.hours.person import facilities_of
from securecare.parts import respond

PAGE = "scheduling/hours_week.html"
PARTS = {"hours-week": "scheduling/_hours_week.html"}
WEEK = timedelta(days=7)


@require_http_methods(["GET", "POST"])
def week(request: HttpRequest, pk: int, facility: int) -> HttpResponse:
    access, now = access_of(request), timezone.now()
    access.demand(SEE_HOURS, CHANGE_HOURS)
    staff = member_of(access, pk)
    place = next((found for found in facilities_of(access, staff) if found.pk == facility), None)
    if place is None:
        raise Http404
    editor = Editor(request, access, staff, place, now)
    if request.method == "GET":
        return editor.show(editor.first_form())
    if {"add", "spread"} & set(request.POST):
        return editor.show(editor.rearranged_form())
    return editor.save()


class Editor:
    """One request about one person's week at one facility."""

    def __init__(
        self, request: HttpRequest, access: Access, staff: StaffMember, facility: Facility, now: datetime
    ) -> None:
        self.request, self.access, self.now = request, access, now
        self.staff, self.facility = staff, facility
        self.today = today_at(facility, now)

    @property
    def next_monday(self) -> date:
        return self.today + timedelta(days=7 - self.today.weekday())

    def first_form(self) -> WeekForm:
        """The week in force on the date it would start, or the one that is copied."""
        source = self.copied()
        shifts = source if source is not None else self.versions(self.next_monday)[0].shifts
        values, rows = values_of(shifts)
        return WeekForm(initial={**values, "first_day": self.next_monday}, rows=rows)

    def copied(self) -> staffing.week.Week | None:
        """The week the address asks to copy: of somebody at this facility."""
        asked = self.request.GET
        monday = monday_of(asked.get("week", ""))
        source = next((one for one in self.colleagues if str(one.pk) == asked.get("copy")), None)
        if monday is None or source is None:
            return None
        return staffing.copied_week(staff=source, facility=self.facility, monday=monday)

    @property
    def colleagues(self) -> list[StaffMember]:
        return list(StaffMember.objects.filter(facilities=self.facility, is_active=True))

    def rearranged_form(self) -> WeekForm:
        data, rows, added = rearranged(self.request.POST)
        return WeekForm(initial=data.dict(), rows=rows, added=added)

    def save(self) -> HttpResponse:
        form = self.form_of(self.request.POST)
        if not form.is_valid():
            return self.show(form, status=422)
        cleaned = form.cleaned_data
        try:
            review = change(
                self.request,
                form,
                self.access,
                self.now,
                staffing.set_week,
                staff=self.staff,
                facility=self.facility,
                shifts=form.shifts,
                first_day=cleaned["first_day"],
                last_day=cleaned["last_day"],
                replaces_later=cleaned["replaces_later"],
                known=cleaned["known"],
            )
        except StaleHours:
            return self.show(form, is_stale=True, status=409)
        if review is None:
            return self.show(form, status=422 if form.errors else 200 if form.is_check else 409)
        text = f"{self.staff}’s hours at {self.facility} are set from {words.short_day(cleaned['first_day'])} on."
        return go(self.request, reverse("hours-person", args=[self.staff.pk]), told(text, review))

    def form_of(self, data: QueryDict) -> WeekForm:
        return WeekForm(data, rows=rows_in(data))

    def versions(self, day: date) -> list[staffing.Version]:
        rows = Shift.objects.filter(staff=self.staff, facility=self.facility)
        return staffing.versions(rows, day=day)

    def show(self, form: WeekForm, *, is_stale: bool = False, status: int = 200) -> HttpResponse:
        present, *later = self.versions(self.today)
        last_week = self.today - timedelta(days=self.today.weekday()) - WEEK
        context: dict[str, Any] = {
            "form": form,
            "staff": self.staff,
            "facility": self.facility,
            "present": present,
            "later": later,
            "known": self.known(form, is_stale),
            "is_stale": is_stale,
            "colleagues": self.colleagues,
            "last_week": last_week,
            "here": reverse("hours-week", args=[self.staff.pk, self.facility.pk]),
            "back": reverse("hours-person", args=[self.staff.pk]),
            **effect_of(form, self.access),
        }
        return respond(self.request, PAGE, context, parts=PARTS, status=status)

    def known(self, form: WeekForm, is_stale: bool) -> str:
        """What the form was built on; what is in force now for a new one, and for one whose user is told of a change."""
        built_on = str(form["known"].value() or "")
        if built_on and not is_stale:
            return built_on
        return staffing.fingerprint(staff=self.staff, facility=self.facility)
