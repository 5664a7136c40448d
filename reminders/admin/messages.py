"""Messages and consents as administrators read them. Nothing here changes either."""

import csv
from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.db.models.functions import Lower
from django.http import HttpRequest, StreamingHttpResponse
from django.utils import timezone
from django.utils.html import format_html

from appointments.access import access_of
from appointments.admin.base import OfOwnFacilities, ReadOnly
from appointments.models import Customer, Facility
from reminders import reading
from reminders.models import ConsentLog, Message
from securecare.spreadsheet import harmless

FEWEST_DIGITS = 4
HEADINGS = (
    "At (UTC)",
    "Address",
    "Channel",
    "Agreed",
    "Wording",
    "Version of the wording",
    "Where",
    "Customer",
    "By",
    "IP address",
    "Browser",
)


class FoundByNumber(admin.ModelAdmin):
    """Finds a phone number however it is written, as (212) 555-0143."""

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        digits = "".join(c for c in search_term if c.isdecimal())
        if len(digits) >= FEWEST_DIGITS and not any(c.isalpha() for c in search_term):
            return queryset.filter(address__contains=digits), False
        return super().get_search_results(request, queryset, search_term)


@admin.register(Message)
class MessageAdmin(OfOwnFacilities, ReadOnly, FoundByNumber):
    list_display = ["due_at", "kind", "channel", "address", "state", "customer", "appointment"]
    list_filter = ["state", "delivery", "kind", "channel", "due_at"]
    list_select_related = ["customer", "appointment__customer"]
    search_fields = ["address", "customer__given_name", "customer__family_name", "=appointment__reference"]
    search_help_text = "Customer's name, phone number, e-mail, or an appointment's reference"
    ordering = ["-id"]
    show_full_result_count = False
    fieldsets = [
        (
            None,
            {
                "fields": [
                    "kind",
                    "rule",
                    "channel",
                    "address",
                    "language",
                    "customer",
                    "appointment",
                    "revision",
                ]
            },
        ),
        ("Text", {"fields": ["subject", "text"]}),
        (
            "Sending",
            {
                "fields": [
                    "state",
                    "due_at",
                    "created_at",
                    "useful_until",
                    "attempts",
                    "handed_over_at",
                    "settled_at",
                    "closed_reason",
                    "last_error",
                    "transport",
                    "provider_id",
                    "reference",
                ]
            },
        ),
        ("Delivery", {"fields": ["delivery", "delivery_at", "delivery_detail"]}),
        ("Sent again", {"fields": ["copy", "again_of", "again_reason", "again_by"]}),
        (
            "Needed a person",
            {"fields": ["needs_person_since", "handled_at", "handled_by", "handled_note"]},
        ),
    ]

    def of_facilities(self, rows: QuerySet[Any], facilities: list[Facility]) -> QuerySet[Any]:
        return rows.visible_at(facilities)  # type: ignore[attr-defined]

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        message = super().get_object(request, object_id, from_field)
        if message is not None:
            message.shown = reading.shown(access_of(request), message, now=timezone.now())
        return message

    @admin.display(description="Subject")
    def subject(self, message: Any) -> str:
        return message.shown.letter.subject if message.shown.letter else "–"

    @admin.display(description="Text")
    def text(self, message: Any) -> str:
        shown = message.shown
        text = shown.letter.text if shown.letter else shown.problem
        heading = "As it would read now:\n\n" if shown.is_preview else ""
        return format_html('<span style="white-space: pre-wrap">{}{}</span>', heading, text)


@admin.register(ConsentLog)
class ConsentLogAdmin(OfOwnFacilities, ReadOnly, FoundByNumber):
    list_display = ["at", "address", "granted", "source", "wording_version", "customer", "by", "ip"]
    list_filter = ["granted", "channel", "source", "at"]
    list_select_related = ["customer", "by"]
    search_fields = ["address", "customer__given_name", "customer__family_name"]
    search_help_text = "Phone number, e-mail or customer's name"
    ordering = ["-id"]
    show_full_result_count = False
    actions = ["export"]

    def of_facilities(self, rows: QuerySet[Any], facilities: list[Facility]) -> QuerySet[Any]:
        """Entries of the customers of these facilities, and those of nobody on record about one of their addresses."""
        theirs = Customer.objects.known_at(facilities)
        numbers = Q(address__in=theirs.exclude(phone="").values("phone"))
        emails = Q(address__in=theirs.exclude(email="").values(lower=Lower("email")))
        return rows.filter(Q(customer__in=theirs) | Q(numbers | emails, customer=None))

    @admin.action(description="Export as CSV", permissions=["view"])
    def export(self, request: HttpRequest, rows: QuerySet[ConsentLog]) -> StreamingHttpResponse:
        lines = _lines(rows.select_related("customer", "by").order_by("id"))
        return StreamingHttpResponse(
            lines,
            content_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": 'attachment; filename="consents.csv"'},
        )


class _Echo:
    """A file that hands back what is written to it."""

    def write(self, line: str) -> str:
        return line


def _lines(rows: QuerySet[ConsentLog]) -> Iterator[str]:
    writer = csv.writer(_Echo())
    yield "\ufeff" + writer.writerow(HEADINGS)
    for row in rows.iterator():
        yield writer.writerow(harmless(cell) for cell in _cells(row))


def _cells(row: ConsentLog) -> tuple[str, ...]:
    return (
        row.at.isoformat(),
        row.address,
        row.get_channel_display(),
        "yes" if row.granted else "no",
        row.wording,
        row.wording_version,
        row.get_source_display(),
        str(row.customer or ""),
        str(row.by or ""),
        row.ip or "",
        row.user_agent,
    )
