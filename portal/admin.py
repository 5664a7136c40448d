"""Who booked online, from where: to look into misuse. Nothing here changes or shows a customer's link."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet

from appointments.admin.base import OfOwnFacilities, ReadOnly
from appointments.models import Facility
from portal.models import OnlineBooking


@admin.register(OnlineBooking)
class OnlineBookingAdmin(OfOwnFacilities, ReadOnly, admin.ModelAdmin):
    list_display = ["at", "appointment", "program", "ip"]
    list_filter = ["at"]
    list_select_related = ["appointment__customer", "appointment__program"]
    search_fields = ["appointment__customer__given_name", "appointment__customer__family_name", "=ip"]
    search_help_text = "Customer's name, or an IP address"
    fields = ["at", "appointment", "program", "typed", "ip", "user_agent"]
    readonly_fields = ["at", "appointment", "program", "typed", "ip", "user_agent"]
    show_full_result_count = False

    def of_facilities(self, rows: QuerySet[Any], facilities: list[Facility]) -> QuerySet[Any]:
        return rows.filter(appointment__facility__in=facilities)

    @admin.display(description="Program")
    def program(self, booking: OnlineBooking) -> str:
        return booking.appointment.program.name

    @admin.display(description="Name and contact as typed, where the record says otherwise")
    def typed(self, booking: OnlineBooking) -> str:
        booked = booking.appointment
        given = (booked.contact_name, booked.contact_email, booked.contact_phone)
        return ", ".join(text for text in given if text) or "as on record"
