"""Documents and disclosures. Documents are changed on the staff pages; a disclosure is followed by a further one."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Max, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html

from appointments.admin.base import OfOwnFacilities, ReadOnly
from appointments.models import Facility
from signatures.models import (
    Disclosure,
    DocumentRequirement,
    DocumentTemplate,
    SigningRules,
    TemplateVersion,
)


class VersionInline(ReadOnly, admin.TabularInline):
    model = TemplateVersion
    fk_name = "template"
    fields = ["number", "source", "pdf_name", "signers", "created_by", "published_at", "published_by"]
    extra = 0

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer("body", "pdf").select_related("created_by", "published_by")


@admin.register(DocumentTemplate)
class DocumentTemplateAdmin(OfOwnFacilities, ReadOnly, admin.ModelAdmin):
    list_display = ["title", "kind", "valid_months", "asks_birth_date", "is_active", "words"]
    list_filter = ["kind", "is_active", "facilities"]
    search_fields = ["title"]
    fields = [
        "title",
        "kind",
        "facilities",
        "valid_months",
        "asks_birth_date",
        "is_active",
        "created_at",
        "created_by",
        "reference",
        "words",
    ]
    inlines = [VersionInline]

    def of_facilities(self, rows: QuerySet[Any], facilities: list[Facility]) -> QuerySet[Any]:
        return rows.visible_at(facilities)  # type: ignore[attr-defined]

    @admin.display(description="What it says")
    def words(self, template: DocumentTemplate) -> str:
        page = reverse("document-template", args=[template.reference])
        return format_html('<a href="{}">Read or change on the staff page</a>', page)


class _OfProgram(OfOwnFacilities, ReadOnly, admin.ModelAdmin):
    list_select_related = ["program__facility"]
    search_fields = ["program__name", "program__facility__name"]
    search_help_text = "Program or facility"

    def of_facilities(self, rows: QuerySet[Any], facilities: list[Facility]) -> QuerySet[Any]:
        return rows.filter(program__facility__in=facilities)

    @admin.display(description="Change")
    def staff_page(self, row: Any) -> str:
        page = reverse("program-documents", args=[row.program_id])
        return format_html('<a href="{}">Change on the staff page</a>', page)


@admin.register(DocumentRequirement)
class DocumentRequirementAdmin(_OfProgram):
    list_display = ["program", "template", "staff_page"]
    list_select_related = ["program__facility", "template"]
    list_filter = ["template", "program__facility"]
    fields = ["program", "template", "staff_page"]


@admin.register(SigningRules)
class SigningRulesAdmin(_OfProgram):
    list_display = ["program", "sends_on_booking", "holds_arrival", "remind_days_before", "staff_page"]
    list_filter = ["sends_on_booking", "holds_arrival", "program__facility"]
    fields = ["program", "sends_on_booking", "holds_arrival", "remind_days_before", "staff_page"]


@admin.register(Disclosure)
class DisclosureAdmin(admin.ModelAdmin):
    """New words are a further number; those that somebody agreed to stay."""

    list_display = ["language", "number", "created_at"]
    list_filter = ["language"]
    fields = ["language", "number", "text", "created_at"]
    readonly_fields = ["number", "created_at"]

    def has_change_permission(self, request: HttpRequest, obj: Disclosure | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Disclosure | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Disclosure, form: forms.ModelForm, change: bool) -> None:
        last = Disclosure.objects.filter(language=obj.language).aggregate(last=Max("number"))["last"]
        obj.number, obj.created_at = (last or 0) + 1, timezone.now()
        super().save_model(request, obj, form, change)
