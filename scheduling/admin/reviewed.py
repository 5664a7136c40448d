"""Saving and deleting what decides working hours: appointments that no longer fit are stranded, others come back."""

from collections.abc import Callable, Collection
from typing import Any

from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html

from appointments.admin.base import acting_user
from scheduling.reassignment import Review, changing_hours


class ReviewedAdmin(admin.ModelAdmin):
    """Wraps every way of writing in `changing_hours`, and says what it did."""

    def staff_of(self, row: Any) -> Collection[int]:
        """Ids of the staff members whose hours this row decides."""
        raise NotImplementedError

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        staff = set(self.staff_of(obj))
        if change:
            staff.update(self.staff_of(type(obj)._default_manager.get(pk=obj.pk)))
        self.review(request, staff, lambda: super(ReviewedAdmin, self).save_model(request, obj, form, change))

    def delete_model(self, request: HttpRequest, obj: Model) -> None:
        self.review(request, self.staff_of(obj), obj.delete)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        staff = {member for row in queryset for member in self.staff_of(row)}
        self.review(request, staff, queryset.delete)

    def review(self, request: HttpRequest, staff: Collection[int], change: Callable[[], Any]) -> None:
        with changing_hours(staff=staff, by=acting_user(request), now=timezone.now()) as review:
            change()
        _tell(request, review)


def _tell(request: HttpRequest, review: Review) -> None:
    if stranded := len(review.stranded):
        words = "{} {} no longer inside working hours. <a href='{}'>Give {} a new time or another person</a>."
        what, whom = ("appointment is", "it") if stranded == 1 else ("appointments are", "them")
        link = reverse("reassignment")
        messages.warning(request, format_html(words, stranded, what, link, whom))
    if restored := len(review.restored):
        what = "appointment is" if restored == 1 else "appointments are"
        messages.info(request, f"{restored} {what} back inside working hours and scheduled again.")
