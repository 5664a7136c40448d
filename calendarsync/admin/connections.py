"""Calendars that staff have connected, and how each comparison of them ended."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

from appointments.admin.base import OfOwnFacilities, ReadOnly
from appointments.models import Facility, StaffMember
from calendarsync.admin.timeline import Timeline
from calendarsync.models import CalendarConnection, Reconciliation


@admin.register(CalendarConnection)
class CalendarConnectionAdmin(OfOwnFacilities, ReadOnly, admin.ModelAdmin):
    """What opens a calendar is never shown. Its owner and their managers act on the calendar's own page."""

    list_display = [
        "staff",
        "provider",
        "calendar_name",
        "state",
        "last_synced_at",
        "reconciled_at",
        "last_error",
    ]
    list_filter = ["state", "provider", "title_style", ("retry_at", admin.EmptyFieldListFilter)]
    list_select_related = ["staff"]
    search_fields = ["staff__display_name", "calendar_name", "account", "calendar"]
    search_help_text = "Staff member, or the calendar’s name, account or address"
    show_full_result_count = False
    fieldsets = [
        (None, {"fields": ["staff", "page", "state", "title_style"]}),
        ("Calendar", {"fields": ["provider", "server", "account", "calendar_name", "calendar"]}),
        (
            "How it is going",
            {
                "fields": [
                    "last_synced_at",
                    "reconciled_at",
                    "tested_at",
                    "last_error",
                    "last_error_at",
                    "failures",
                    "retry_at",
                    "broken_at",
                    "told_at",
                ]
            },
        ),
        ("Connected", {"fields": ["created_at", "created_by", "connected_at", "disconnected_at"]}),
    ]

    def of_facilities(self, rows: QuerySet[Any], facilities: list[Facility]) -> QuerySet[Any]:
        return rows.filter(staff__in=staff_of(facilities))

    @admin.display(description="Its page")
    def page(self, connection: CalendarConnection) -> str:
        address = reverse("calendar", args=[connection.reference])
        return format_html('<a href="{}">Test, change or disconnect</a>', address)


class Found(admin.SimpleListFilter):
    title = "what was found"
    parameter_name = "found"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("something", "Something was put right")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Reconciliation]) -> QuerySet[Reconciliation]:
        right = {"missing": 0, "changed": 0, "stray": 0}
        return queryset.exclude(**right) if self.value() == "something" else queryset


@admin.register(Reconciliation)
class ReconciliationAdmin(OfOwnFacilities, ReadOnly, Timeline):
    list_display = ["started_at", "connection", "compared", "missing", "changed", "stray", "error"]
    list_filter = [Found, ("error", admin.EmptyFieldListFilter)]
    date_hierarchy = "started_at"
    list_select_related = ["connection__staff"]
    search_fields = ["connection__staff__display_name", "connection__calendar_name"]
    search_help_text = "Staff member or calendar"
    ordering = ["-id"]
    show_full_result_count = False

    def of_facilities(self, rows: QuerySet[Any], facilities: list[Facility]) -> QuerySet[Any]:
        return rows.filter(connection__staff__in=staff_of(facilities))


def staff_of(facilities: list[Facility]) -> QuerySet[StaffMember]:
    return StaffMember.objects.filter(facilities__in=facilities).order_by()
