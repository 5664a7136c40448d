"""Addresses at which calendars subscribe to somebody's appointments."""

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from appointments.admin.base import OfOwnFacilities, ReadOnly
from appointments.models import Customer, Facility
from calendarsync import feeds
from calendarsync.admin.connections import staff_of
from calendarsync.models import CalendarFeed


@admin.register(CalendarFeed)
class CalendarFeedAdmin(OfOwnFacilities, ReadOnly, admin.ModelAdmin):
    """Addresses themselves are known to their holders alone."""

    list_display = ["owner", "title_style", "created_at", "created_by", "last_read_at", "revoked_at"]
    list_filter = [
        ("revoked_at", admin.EmptyFieldListFilter),
        ("staff", admin.EmptyFieldListFilter),
        "created_at",
    ]
    list_select_related = ["staff", "customer", "created_by"]
    search_fields = ["staff__display_name", "customer__given_name", "customer__family_name"]
    search_help_text = "Staff member or customer"
    ordering = ["-id"]
    show_full_result_count = False
    actions = ["revoke"]
    fields = ["staff", "customer", "title_style", "created_at", "created_by", "last_read_at", "revoked_at"]

    def of_facilities(self, rows: QuerySet[Any], facilities: list[Facility]) -> QuerySet[Any]:
        theirs = Customer.objects.known_at(facilities)
        return rows.filter(Q(staff__in=staff_of(facilities)) | Q(customer__in=theirs))

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("calendarsync.change_calendarfeed")

    @admin.display(description="Whose")
    def owner(self, feed: CalendarFeed) -> str:
        return str(feed.staff or feed.customer)

    @admin.action(description="End these addresses", permissions=["revoke"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[CalendarFeed]) -> None:
        ended = 0
        for feed in queryset.filter(revoked_at=None).select_related("staff", "customer"):
            ended += feeds.revoke(staff=feed.staff, customer=feed.customer, now=timezone.now())
        what = "address ends" if ended == 1 else "addresses end"
        self.message_user(request, f"{ended} {what} now. Who read there makes a new one on their own page.")
