"""Appointments as they are, with their history. Actions call the booking verbs; times and people change on the schedule."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ActionForm
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from appointments.access import CHANGE_APPOINTMENT
from appointments.admin.base import OfOwnFacilities, ReadOnly, acting_user
from appointments.models import Appointment, AppointmentEvent, Customer, Facility
from scheduling import booking
from securecare import localtime

Status = Appointment.Status


class ReasonForm(ActionForm):
    reason = forms.CharField(max_length=200, required=False, label="Reason for cancelling")


class EventInline(ReadOnly, admin.TabularInline):
    model = AppointmentEvent
    verbose_name_plural = "history"
    fields = ["at", "kind", "actor", "by", "before", "after", "overrides", "reason"]
    ordering = ["-id"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[AppointmentEvent]:
        return super().get_queryset(request).select_related("by", "appointment__customer")


def _marking(status: str, words: str) -> Any:
    @admin.action(description=words, permissions=["settle"])
    def mark(model_admin: "AppointmentAdmin", request: HttpRequest, rows: QuerySet[Appointment]) -> None:
        model_admin.settle(
            request,
            rows,
            lambda one: booking.mark(
                appointment=one,
                status=status,
                by=acting_user(request),
                now=timezone.now(),
                version=one.version,
            ),
        )

    mark.__name__ = f"mark_{status}"
    return mark


@admin.register(Appointment)
class AppointmentAdmin(OfOwnFacilities, ReadOnly, admin.ModelAdmin):
    inlines = [EventInline]
    list_display = ["when", "customer", "staff", "program", "facility", "status"]
    list_filter = ["status", "facility", "starts_at"]
    search_fields = ["reference"]
    search_help_text = "Customer's name, phone number or birth date; staff member; reference"
    ordering = ["-starts_at", "-id"]
    show_full_result_count = False
    action_form = ReasonForm
    actions = [
        _marking(Status.ARRIVED, "Mark as arrived"),
        _marking(Status.COMPLETED, "Mark as completed"),
        _marking(Status.NO_SHOW, "Mark as no-show"),
        _marking(Status.SCHEDULED, "Back to scheduled (undo)"),
        "cancel",
    ]
    fieldsets = [
        (None, {"fields": ["when", "minutes", "status", "customer", "staff", "program", "facility", "case"]}),
        ("Notes", {"fields": ["public_note", "cancel_reason"]}),
        (
            "Record",
            {
                "fields": [
                    "reference",
                    "revision",
                    "version",
                    "placed_at",
                    "outside_hours",
                    "email_confirmed_at",
                    "phone_confirmed_at",
                    "arrived_at",
                    "arrived_by",
                    "cancelled_at",
                ]
            },
        ),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Appointment]:
        related = ("customer", "staff", "program", "facility", "case", "arrived_by")
        return super().get_queryset(request).select_related(*related)

    @admin.display(description="When", ordering="starts_at")
    def when(self, appointment: Appointment) -> str:
        zone = appointment.facility.zone
        ends = f"{appointment.local_ends_at:%H:%M}"
        return f"{appointment.local_starts_at:%a %Y-%m-%d %H:%M}–{ends} {localtime.abbreviation(appointment.starts_at, zone)}"

    def of_facilities(self, rows: Any, facilities: list[Facility]) -> QuerySet[Appointment]:
        found: QuerySet[Appointment] = rows.visible_at(facilities)
        return found

    def has_settle_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(CHANGE_APPOINTMENT)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Appointment], search_term: str
    ) -> tuple[QuerySet[Appointment], bool]:
        text = search_term.strip().replace("\0", "")
        if not text:
            return queryset, False
        found = Q(customer__in=Customer.objects.matching(text).values("pk"))
        found |= Q(staff__display_name__icontains=text)
        if reference := _reference(text):
            found |= Q(reference=reference)
        return queryset.filter(found), False

    @admin.action(description="Cancel (give a reason)", permissions=["settle"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[Appointment]) -> None:
        reason = request.POST.get("reason", "").strip()
        if not reason:
            self.message_user(request, "Give a reason beside the action, then run it again.", messages.ERROR)
            return
        self.settle(
            request,
            queryset,
            lambda one: booking.cancel(
                appointment=one,
                reason=reason,
                by=acting_user(request),
                now=timezone.now(),
                version=one.version,
            ),
        )

    def settle(
        self, request: HttpRequest, rows: QuerySet[Appointment], change: Callable[[Appointment], Any]
    ) -> None:
        """Change one by one; each that cannot be changed says why and leaves the others alone."""
        done = 0
        for appointment in rows:
            try:
                change(appointment)
                done += 1
            except (booking.ChangeRefused, booking.BookingRefused, booking.StaleAppointment) as refused:
                text = f"{appointment.customer}, {self.when(appointment)}: {refused}"
                self.message_user(request, text, messages.ERROR)
        if done:
            what = "appointment" if done == 1 else "appointments"
            self.message_user(request, f"{done} {what} changed.", messages.SUCCESS)


def _reference(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
