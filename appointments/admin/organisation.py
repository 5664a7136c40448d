from typing import Any

from django.conf import settings
from django.contrib import admin
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html

from appointments import branding
from appointments.admin.addresses import to_copy
from appointments.models import Organisation, Program


@admin.register(Organisation)
class OrganisationAdmin(admin.ModelAdmin):
    """One row: the list leads straight to it."""

    fieldsets = [
        (
            "Name and words",
            {
                "fields": ["name", "customer_word", "customers_word"],
                "description": "Customers read the name on the portal and in messages; staff read the words on their pages.",
            },
        ),
        ("Customer portal", {"fields": ["portal", "privacy_url", "embedding_origins"]}),
        ("Calendars of staff", {"fields": ["calendars_show_public_notes"]}),
        ("Sign-in of staff", {"fields": ["second_factor", "idle_minutes"]}),
    ]
    readonly_fields = ["portal"]
    formfield_overrides = {models.URLField: {"assume_scheme": "https"}}

    @admin.display(description="Its address")
    def portal(self, organisation: Organisation) -> str:
        address = settings.PUBLIC_BASE_URL + reverse("portal-home")
        return format_html('<a href="{}">{}</a>', address, address)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        return redirect("admin:appointments_organisation_change", Organisation.current().pk)

    def save_model(self, request: HttpRequest, obj: Organisation, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        branding.forget()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Program)
class ProgramAdmin(admin.ModelAdmin):
    list_display = ["name", "facility", "lead_staff", "default_minutes", "allows_public_booking", "is_active"]
    list_filter = ["is_active", "allows_public_booking", "facility"]
    list_select_related = ["facility", "lead_staff"]
    search_fields = ["name", "description", "facility__name", "lead_staff__display_name"]
    autocomplete_fields = ["facility", "lead_staff", "staff"]
    readonly_fields = ["addresses"]
    fieldsets = [
        (None, {"fields": ["facility", "name", "description", "is_active"]}),
        (
            "Appointments",
            {"fields": ["lead_staff", "staff", "default_minutes", "buffer_minutes", "cool_down_days"]},
        ),
        (
            "Booking by customers",
            {
                "fields": [
                    "allows_public_booking",
                    "min_notice_hours",
                    "max_advance_days",
                    "public_note",
                    "addresses",
                ]
            },
        ),
    ]

    @admin.display(description="For your own site")
    def addresses(self, program: Program) -> str:
        is_public = program.pk and program.is_active and program.facility.is_active
        if not (is_public and program.allows_public_booking):
            return "Once customers may book it, links to copy appear here."
        return to_copy(
            page="portal-times", frame="portal-embed-times", pk=program.pk, title=f"Book: {program.name}"
        )
