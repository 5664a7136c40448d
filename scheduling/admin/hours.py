"""Shifts, extra shifts, time off and closures."""

from collections.abc import Collection
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils import timezone

from appointments.admin.base import acting_user
from scheduling import reassignment
from scheduling.admin.reviewed import ReviewedAdmin
from scheduling.models import Closure, ExtraShift, Shift, TimeOff
from scheduling.staffing.changing import HoursRefused, check_order, check_quarter


class TimesForm(forms.ModelForm):
    """Holds `starts` and `ends` to what the staff pages hold them to."""

    def clean(self) -> dict[str, Any]:
        entered: dict[str, Any] = super().clean() or self.cleaned_data
        starts, ends = entered.get("starts"), entered.get("ends")
        try:
            check_quarter(starts, "starts")
            check_quarter(ends, "ends")
            if starts is not None and ends is not None:
                check_order(starts, ends, "ends")
        except HoursRefused as refused:
            self.add_error(refused.field, refused.message)
        return entered


class ShiftForm(TimesForm):
    class Meta:
        model = Shift
        fields = ["staff", "facility", "weekday", "starts", "ends", "valid_from", "valid_until"]
        help_texts = {"ends": "Not after the start: the shift runs over midnight."}

    def clean_valid_until(self) -> Any:
        first, until = self.cleaned_data.get("valid_from"), self.cleaned_data["valid_until"]
        if first and until and until <= first:
            raise ValidationError("Choose a date after the first one, or leave it empty.")
        return until


class OfOneStaffMember(ReviewedAdmin):
    def staff_of(self, row: Any) -> Collection[int]:
        return [row.staff_id]


@admin.register(Shift)
class ShiftAdmin(OfOneStaffMember):
    form = ShiftForm
    list_display = ["staff", "facility", "weekday", "starts", "ends", "valid_from", "valid_until"]
    list_filter = ["weekday", "facility", ("valid_until", admin.EmptyFieldListFilter)]
    list_select_related = ["staff", "facility"]
    search_fields = ["staff__display_name", "facility__name"]
    autocomplete_fields = ["staff", "facility"]


@admin.register(ExtraShift)
class ExtraShiftAdmin(OfOneStaffMember):
    form = TimesForm
    list_display = ["staff", "facility", "date", "starts", "ends"]
    list_filter = ["facility", "date"]
    list_select_related = ["staff", "facility"]
    search_fields = ["staff__display_name", "facility__name"]
    autocomplete_fields = ["staff", "facility"]
    ordering = ["-date", "starts"]


@admin.register(TimeOff)
class TimeOffAdmin(OfOneStaffMember):
    """Who asked and who decided is stamped, not typed."""

    list_display = ["staff", "first_day", "last_day", "starts", "ends", "state", "reason"]
    list_filter = ["state", "first_day"]
    list_select_related = ["staff"]
    search_fields = ["staff__display_name", "reason"]
    autocomplete_fields = ["staff"]
    readonly_fields = ["requested_by", "requested_at", "decided_by", "decided_at"]
    ordering = ["-first_day"]

    def save_model(self, request: HttpRequest, obj: TimeOff, form: Any, change: bool) -> None:
        if not change or "state" in form.changed_data:
            by, now = acting_user(request), timezone.now()
            if obj.state == TimeOff.State.REQUESTED:
                obj.requested_by, obj.requested_at = by, now
                obj.decided_by = obj.decided_at = None
            elif obj.state in (TimeOff.State.APPROVED, TimeOff.State.DECLINED):
                obj.decided_by, obj.decided_at = by, now
        super().save_model(request, obj, form, change)


@admin.register(Closure)
class ClosureAdmin(ReviewedAdmin):
    list_display = ["facility", "date", "reason"]
    list_filter = ["facility", "date"]
    list_select_related = ["facility"]
    search_fields = ["facility__name", "reason"]
    autocomplete_fields = ["facility"]
    ordering = ["-date"]

    def staff_of(self, row: Closure) -> Collection[int]:
        return reassignment.staff_at(row.facility_id)
