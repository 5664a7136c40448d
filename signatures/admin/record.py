"""Who was asked to sign, what they did and what was signed: to look at. What was filled in and the copies stay out of here."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from appointments.admin.base import OfOwnFacilities, ReadOnly
from appointments.models import Facility
from signatures.models import SignatureEvent, SignatureRequest, SignedDocument, Signer


class SignerInline(ReadOnly, admin.TabularInline):
    model = Signer
    fields = ["place", "role", "name", "consented_at", "viewed_at", "signed_at", "signed_as", "signed_by"]
    extra = 0


class EventInline(ReadOnly, admin.TabularInline):
    model = SignatureEvent
    fields = ["number", "at", "kind", "signer", "by", "ip", "user_agent", "detail"]
    extra = 0

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("signer", "by")


@admin.register(SignatureRequest)
class SignatureRequestAdmin(OfOwnFacilities, ReadOnly, admin.ModelAdmin):
    list_display = ["template", "customer", "facility", "state", "created_at", "sent_at", "closed_at"]
    list_filter = ["state", "facility", "template", "created_at"]
    list_select_related = ["template", "customer", "facility"]
    search_fields = ["customer__given_name", "customer__family_name", "template__title", "=reference"]
    search_help_text = "Customer's name, document, or its reference"
    ordering = ["-id"]
    show_full_result_count = False
    fields = [
        "template",
        "version",
        "customer",
        "facility",
        "appointment",
        "state",
        "created_at",
        "created_by",
        "sent_at",
        "opened_at",
        "closed_at",
        "closed_by",
        "closed_reason",
        "supersedes",
        "reference",
    ]
    inlines = [SignerInline, EventInline]

    def of_facilities(self, rows: QuerySet[Any], facilities: list[Facility]) -> QuerySet[Any]:
        return rows.visible_at(facilities)  # type: ignore[attr-defined]


@admin.register(SignedDocument)
class SignedDocumentAdmin(OfOwnFacilities, ReadOnly, admin.ModelAdmin):
    list_display = ["title", "customer", "signed_at", "sealed_at", "valid_until", "is_timestamped"]
    list_filter = ["is_timestamped", "signed_at", "request__facility"]
    list_select_related = ["customer"]
    search_fields = ["customer__given_name", "customer__family_name", "title", "=reference"]
    search_help_text = "Customer's name, document, or its reference"
    ordering = ["-id"]
    show_full_result_count = False
    fields = [
        "title",
        "version",
        "customer",
        "appointment",
        "signed_at",
        "sealed_at",
        "valid_until",
        "sha256",
        "is_timestamped",
        "size",
        "supersedes",
        "reference",
    ]

    def of_facilities(self, rows: QuerySet[Any], facilities: list[Facility]) -> QuerySet[Any]:
        return rows.visible_at(facilities)  # type: ignore[attr-defined]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer("content")

    @admin.display(description="SHA-256 of the copy")
    def sha256(self, document: SignedDocument) -> str:
        return bytes(document.sealed_sha256).hex()
