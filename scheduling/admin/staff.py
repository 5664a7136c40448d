"""Facilities and staff members: their time zone, places and presence decide working hours too."""

from collections.abc import Collection
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from appointments.admin.addresses import to_copy
from appointments.admin.base import ZoneForm
from appointments.models import Facility, Program, StaffMember
from scheduling import reassignment
from scheduling.admin.reviewed import ReviewedAdmin


class FacilityForm(ZoneForm):
    class Meta:
        model = Facility
        fields = ["name", "time_zone", "address", "phone", "is_active"]


@admin.register(Facility)
class FacilityAdmin(ReviewedAdmin):
    form = FacilityForm
    list_display = ["name", "time_zone", "address", "phone", "is_active"]
    list_filter = ["is_active", "time_zone"]
    search_fields = ["name", "address", "time_zone"]
    fields = ["name", "time_zone", "address", "phone", "is_active", "addresses"]
    readonly_fields = ["addresses"]

    @admin.display(description="For your own site")
    def addresses(self, facility: Facility) -> str:
        public = Program.objects.filter(facility=facility.pk, is_active=True, allows_public_booking=True)
        if not (facility.is_active and public.exists()):
            return "Once customers may book a program here, links to copy appear here."
        return to_copy(
            page="portal-facility",
            frame="portal-embed-facility",
            pk=facility.pk,
            title=f"Book at {facility.name}",
        )

    def staff_of(self, row: Facility) -> Collection[int]:
        return reassignment.staff_at(row.pk) if row.pk else []


class StaffMemberForm(forms.ModelForm):
    """A staff member, and a new sign-in with it when a user name is given."""

    new_username = forms.CharField(
        label="User name",
        required=False,
        max_length=150,
        validators=[User.username_validator],
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none"}),
    )
    new_email = forms.EmailField(label="E-mail", required=False, max_length=254)
    new_password = forms.CharField(
        label="First password",
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="At least 12 characters. The person can change it under Your account.",
    )

    class Meta:
        model = StaffMember
        fields = ["display_name", "role", "facilities", "takes_appointments", "is_active", "user"]

    def clean_new_username(self) -> str:
        name: str = self.cleaned_data["new_username"]
        if name and self.cleaned_data.get("user"):
            raise ValidationError("Choose an existing sign-in or give a new one, not both.")
        if name and User.objects.filter(username__iexact=name).exists():
            raise ValidationError("This user name is taken. Choose another.")
        return name

    def clean_new_password(self) -> str:
        password: str = self.cleaned_data["new_password"]
        name = self.cleaned_data.get("new_username", "")
        if name and not password:
            raise ValidationError("Give a first password for the new sign-in.")
        if name:
            validate_password(password, User(username=name, email=self.cleaned_data.get("new_email", "")))
        return password


@admin.register(StaffMember)
class StaffMemberAdmin(ReviewedAdmin):
    form = StaffMemberForm
    list_display = ["display_name", "role", "user", "takes_appointments", "is_active"]
    list_filter = ["role", "is_active", "takes_appointments", "facilities"]
    list_select_related = ["user"]
    search_fields = ["display_name", "user__username", "user__email", "facilities__name"]
    autocomplete_fields = ["user", "facilities"]
    fieldsets = [
        (None, {"fields": ["display_name", "role", "facilities", "takes_appointments", "is_active"]}),
        ("Sign-in", {"fields": ["user", ("new_username", "new_email", "new_password")]}),
    ]

    def staff_of(self, row: StaffMember) -> Collection[int]:
        return [row.pk] if row.pk else []

    def save_model(self, request: HttpRequest, obj: StaffMember, form: Any, change: bool) -> None:
        if name := form.cleaned_data["new_username"]:
            email, password = form.cleaned_data["new_email"], form.cleaned_data["new_password"]
            obj.user = User.objects.create_user(name, email, password)
        obj.save()

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """The facilities come last, so the review waits for them. All of it is one transaction."""
        save = super().save_related
        self.review(request, [form.instance.pk], lambda: save(request, form, formsets, change))
