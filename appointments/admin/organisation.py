from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from appointments import branding
from appointments.models import Organisation, Program


@admin.register(Organisation)
class OrganisationAdmin(admin.ModelAdmin):
    """One row: the list leads straight to it."""

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
