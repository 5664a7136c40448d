from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from appointments import customers
from appointments.admin.base import OfOwnFacilities, ReadOnly, ZoneForm, acting_user
from appointments.models import Case, Customer, Facility


class CustomerForm(ZoneForm):
    language = forms.ChoiceField(
        choices=customers.languages,
        required=False,
        help_text="In which they are written to, and the portal speaks to them once they sign in.",
    )

    class Meta:
        model = Customer
        fields = [
            "given_name",
            "family_name",
            "date_of_birth",
            "email",
            "phone",
            "time_zone",
            "language",
            "facilities",
            "user",
        ]


class CaseInline(ReadOnly, admin.TabularInline):
    model = Case
    extra = 0
    fields = ["reference", "title", "opened_at", "opened_by", "closed_at", "closed_by"]
    show_change_link = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[Case]:
        return super().get_queryset(request).select_related("opened_by", "closed_by")


@admin.register(Customer)
class CustomerAdmin(OfOwnFacilities, admin.ModelAdmin):
    form = CustomerForm
    inlines = [CaseInline]
    list_display = ["family_name", "given_name", "date_of_birth", "phone", "email"]
    list_display_links = ["family_name", "given_name"]
    list_filter = ["facilities"]
    search_fields = ["email"]
    search_help_text = "Name, phone number, e-mail or birth date (such as 1991-04-12)"
    autocomplete_fields = ["facilities", "user"]

    def save_model(self, request: HttpRequest, obj: Customer, form: Any, change: bool) -> None:
        if change:
            customers.save_details(obj, fields=[name for name in form.changed_data if name != "facilities"])
        else:
            super().save_model(request, obj, form, change)

    def of_facilities(self, rows: Any, facilities: list[Facility]) -> QuerySet[Customer]:
        found: QuerySet[Customer] = rows.known_at(facilities)
        return found

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Customer], search_term: str
    ) -> tuple[QuerySet[Customer], bool]:
        text = search_term.strip().replace("\0", "")
        if not text:
            return queryset, False
        matching = Customer.objects.matching(text).values("pk")
        return queryset.filter(Q(pk__in=matching) | Q(email__icontains=text)), False


class CaseForm(forms.ModelForm):
    reference = forms.CharField(
        max_length=32, required=False, help_text="Your own file number; leave empty to have one made."
    )

    class Meta:
        model = Case
        fields = ["customer", "reference", "title"]


@admin.register(Case)
class CaseAdmin(OfOwnFacilities, admin.ModelAdmin):
    form = CaseForm
    list_display = ["reference", "customer", "title", "opened_at", "opened_by", "closed_at"]
    list_filter = [("closed_at", admin.EmptyFieldListFilter), "opened_at"]
    list_select_related = ["customer", "opened_by"]
    search_fields = ["reference", "title", "customer__given_name", "customer__family_name"]
    autocomplete_fields = ["customer"]
    readonly_fields = ["opened_at", "opened_by", "closed_at", "closed_by"]
    actions = ["close"]

    def of_facilities(self, rows: QuerySet[Case], facilities: list[Facility]) -> QuerySet[Case]:
        return rows.filter(customer__in=Customer.objects.known_at(facilities).values("pk"))

    def get_readonly_fields(self, request: HttpRequest, obj: Case | None = None) -> list[str]:
        return [*self.readonly_fields, "customer", "reference"] if obj else list(self.readonly_fields)

    def save_model(self, request: HttpRequest, obj: Case, form: Any, change: bool) -> None:
        if change:
            return super().save_model(request, obj, form, change)
        opened = customers.open_case(
            customer=obj.customer,
            by=acting_user(request),
            now=timezone.now(),
            title=obj.title,
            reference=obj.reference,
        )
        obj.__dict__.update(opened.__dict__)
        return None

    @admin.action(description="Close selected cases", permissions=["change"])
    def close(self, request: HttpRequest, queryset: QuerySet[Case]) -> None:
        for case in queryset:
            try:
                customers.close_case(case=case, by=acting_user(request), now=timezone.now())
            except customers.CaseRefused as refused:
                self.message_user(request, f"{case}: {refused}", messages.ERROR)
            else:
                self.message_user(request, f"{case} is closed.", messages.SUCCESS)
