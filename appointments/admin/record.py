from typing import Any

from django.contrib import admin
from django.db.models import QuerySet

from appointments.admin.base import OfOwnFacilities, ReadOnly
from appointments.models import AppointmentEvent, Facility, PrivateNoteRead

CUSTOMER_NAMES = ["appointment__customer__given_name", "appointment__customer__family_name"]


class OfAppointments(OfOwnFacilities):
    def of_facilities(self, rows: QuerySet[Any], facilities: list[Facility]) -> QuerySet[Any]:
        return rows.filter(appointment__facility__in=facilities)


@admin.register(AppointmentEvent)
class AppointmentEventAdmin(OfAppointments, ReadOnly, admin.ModelAdmin):
    list_display = ["at", "kind", "appointment", "actor", "by", "reason"]
    list_filter = ["kind", "actor", "at"]
    list_select_related = ["appointment__customer", "by"]
    search_fields = [*CUSTOMER_NAMES, "by__username", "reason"]
    ordering = ["-id"]
    show_full_result_count = False


@admin.register(PrivateNoteRead)
class PrivateNoteReadAdmin(OfAppointments, ReadOnly, admin.ModelAdmin):
    """Who opened private notes. The notes themselves are not in admin."""

    list_display = ["at", "by", "appointment", "was_readable"]
    list_filter = ["was_readable", "at"]
    list_select_related = ["appointment__customer", "by"]
    search_fields = [*CUSTOMER_NAMES, "by__username"]
    show_full_result_count = False
