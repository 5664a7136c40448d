"""Reminder rules as administrators read them. They are changed on the staff pages, where the words can be tried out."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.urls import reverse
from django.utils.html import format_html

from appointments.admin.base import OfOwnFacilities, ReadOnly
from appointments.models import Facility
from reminders.models import ReminderRule, ReminderWording


class WordingInline(ReadOnly, admin.StackedInline):
    model = ReminderWording
    extra = 0


@admin.register(ReminderRule)
class ReminderRuleAdmin(OfOwnFacilities, ReadOnly, admin.ModelAdmin):
    list_display = ["program", "facility", "channel", "lead", "is_active", "words"]
    list_filter = ["is_active", "channel", "program__facility"]
    list_select_related = ["program__facility"]
    search_fields = ["program__name", "program__facility__name"]
    search_help_text = "Program or facility"
    fields = ["program", "channel", "lead", "is_active", "words"]
    inlines = [WordingInline]

    def of_facilities(self, rows: QuerySet[Any], facilities: list[Facility]) -> QuerySet[Any]:
        return rows.filter(program__facility__in=facilities)

    @admin.display(ordering="program__facility__name")
    def facility(self, rule: ReminderRule) -> str:
        return str(rule.program.facility)

    @admin.display(description="Time and words")
    def words(self, rule: ReminderRule) -> str:
        page = reverse("reminder-rule", args=[rule.program_id, rule.pk])
        return format_html('<a href="{}">Change on the staff page</a>', page)
