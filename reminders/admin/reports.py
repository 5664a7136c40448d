"""What came back from providers and customers, as administrators read it. Nothing here changes any of it."""

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.db.models.functions import Lower

from appointments.admin.base import OfOwnFacilities, ReadOnly
from appointments.models import Customer, Facility
from reminders.admin.messages import FoundByNumber
from reminders.models import ChannelStop, ContactProblem, DeliveryReport, InboundText


@admin.register(DeliveryReport)
class DeliveryReportAdmin(OfOwnFacilities, ReadOnly, admin.ModelAdmin):
    list_display = ["at", "message", "transport", "status", "delivery", "code"]
    list_filter = ["delivery", "transport", "at"]
    list_select_related = ["message"]
    search_fields = ["=message__reference", "=message__provider_id", "=code"]
    search_help_text = "A message's reference, the provider's id of it, or a code"
    ordering = ["-id"]
    show_full_result_count = False

    def of_facilities(self, rows: QuerySet[Any], facilities: list[Facility]) -> QuerySet[Any]:
        theirs = Customer.objects.known_at(facilities)
        about_nothing = Q(message__appointment=None, message__customer__in=theirs)
        return rows.filter(Q(message__appointment__facility__in=facilities) | about_nothing)


@admin.register(ContactProblem)
class ContactProblemAdmin(OfOwnFacilities, ReadOnly, FoundByNumber):
    list_display = ["since", "address", "reason", "cleared_at", "cleared_by"]
    list_filter = ["channel", "since", ("cleared_at", admin.EmptyFieldListFilter)]
    list_select_related = ["cleared_by"]
    search_fields = ["address"]
    search_help_text = "Phone number or e-mail"
    show_full_result_count = False

    def of_facilities(self, rows: QuerySet[Any], facilities: list[Facility]) -> QuerySet[Any]:
        about_theirs = Q(message__appointment__facility__in=facilities)
        return rows.filter(
            about_theirs | Q(address__in=_numbers(facilities)) | Q(address__in=_emails(facilities))
        )


@admin.register(InboundText)
class InboundTextAdmin(OfOwnFacilities, ReadOnly, FoundByNumber):
    """Without its words: staff read those where they answer it."""

    list_display = ["received_at", "address", "meaning", "holds_texts", "needs_person", "handled_at"]
    list_filter = ["meaning", "holds_texts", "needs_person", "received_at"]
    search_fields = ["address"]
    search_help_text = "Phone number"
    show_full_result_count = False
    fields = [
        "received_at",
        "address",
        "meaning",
        "answer",
        "appointment",
        "holds_texts",
        "needs_person",
        "handled_at",
        "handled_by",
        "handled_note",
        "provider_id",
    ]

    def of_facilities(self, rows: QuerySet[Any], facilities: list[Facility]) -> QuerySet[Any]:
        return rows.filter(Q(appointment__facility__in=facilities) | Q(address__in=_numbers(facilities)))


@admin.register(ChannelStop)
class ChannelStopAdmin(ReadOnly, admin.ModelAdmin):
    """Of the whole organisation: a provider that refuses its account stops a channel everywhere."""

    list_display = ["channel", "reason", "since", "next_try_at"]


def _numbers(facilities: list[Facility]) -> QuerySet[Any, Any]:
    return Customer.objects.known_at(facilities).exclude(phone="").values("phone")


def _emails(facilities: list[Facility]) -> QuerySet[Any, Any]:
    return Customer.objects.known_at(facilities).exclude(email="").values(lowered=Lower("email"))
