"""What was to be brought to which calendar, when, why, and how it ended."""

from string import hexdigits
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from appointments.admin.base import OfOwnFacilities, ReadOnly
from appointments.models import Appointment, Customer, Facility
from calendarsync.admin.timeline import Timeline
from calendarsync.models import CalendarConnection, CalendarSync

FEWEST_DIGITS, UUID_DIGITS = 8, 32
MOST_FOUND = 10_000


class NeedsAttention(admin.SimpleListFilter):
    title = "what failed"
    parameter_name = "failed"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("still", "Failed, and not made good since")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[CalendarSync]) -> QuerySet[CalendarSync]:
        given_up = {"state": CalendarSync.State.GIVEN_UP, "resolved_at": None}
        return queryset.filter(**given_up) if self.value() == "still" else queryset


@admin.register(CalendarSync)
class CalendarSyncAdmin(OfOwnFacilities, ReadOnly, Timeline):
    list_display = ["created_at", "reason", "connection", "appointment", "state", "outcome", "settled_at"]
    list_filter = [NeedsAttention, "state", "reason", "outcome", "connection__provider"]
    list_select_related = ["connection__staff", "appointment__customer"]
    date_hierarchy = "created_at"
    search_fields = ["appointment__reference"]
    search_help_text = "Customer, staff member, or the first eight digits of an appointment’s reference"
    # Rows are written in the order of their time: the primary key has it.
    ordering = ["-id"]
    show_full_result_count = False
    fieldsets = [
        (None, {"fields": ["appointment", "version", "connection", "reason", "event", "note"]}),
        (
            "How it went",
            {
                "fields": [
                    "state",
                    "outcome",
                    "created_at",
                    "due_at",
                    "attempts",
                    "settled_at",
                    "last_error",
                    "closed_reason",
                    "covered_by",
                    "resolved_at",
                ]
            },
        ),
    ]

    def of_facilities(self, rows: QuerySet[Any], facilities: list[Facility]) -> QuerySet[Any]:
        return rows.filter(appointment__facility__in=facilities)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[CalendarSync], search_term: str
    ) -> tuple[QuerySet[CalendarSync], bool]:
        text = search_term.strip().replace("\0", "")
        if not text:
            return queryset, False
        appointments = [*_of_customers(text), *_of_reference(text)]
        calendars = CalendarConnection.objects.filter(staff__display_name__icontains=text).order_by()
        # As lists, each is read by an index of its own.
        found = Q(appointment__in=appointments) | Q(
            connection__in=list(calendars.values_list("pk", flat=True))
        )
        return queryset.filter(found), False


def _of_customers(text: str) -> list[int]:
    theirs = Appointment.objects.filter(customer__in=Customer.objects.matching(text)).order_by()
    return list(theirs.values_list("pk", flat=True)[:MOST_FOUND])


def _of_reference(text: str) -> list[int]:
    """Those whose reference begins so: of the titles of entries, some show that much."""
    digits = text.split()[-1].replace("-", "")
    if not FEWEST_DIGITS <= len(digits) <= UUID_DIGITS or not set(digits) <= set(hexdigits):
        return []
    first, last = UUID(digits.ljust(UUID_DIGITS, "0")), UUID(digits.ljust(UUID_DIGITS, "f"))
    return list(Appointment.objects.filter(reference__range=(first, last)).values_list("pk", flat=True))
