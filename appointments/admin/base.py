"""What the admin pages of several models share."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest

from appointments import zones
from appointments.access import access_of
from appointments.models import Facility


class ReadOnly(admin.options.BaseModelAdmin):
    """For what the record keeps: to look at, never to add, change or delete here."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class OfOwnFacilities(admin.options.BaseModelAdmin):
    """Rows about customers: an administrator sees those of the facilities they belong to, a superuser all."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = super().get_queryset(request)
        return rows if request.user.is_superuser else self.of_facilities(rows, access_of(request).facilities)

    def of_facilities(self, rows: QuerySet[Any], facilities: list[Facility]) -> QuerySet[Any]:
        raise NotImplementedError


class ZoneForm(forms.ModelForm):
    """Takes `time_zone` from the pick-list by country."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields.get("time_zone")
        if field is not None:
            empty = [("", "Choose a time zone" if field.required else "The facility's")]
            field.widget = forms.Select(choices=[*empty, *zones.with_current(self.instance.time_zone)])
            field.help_text = ""


def acting_user(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # noqa: S101 - admin lets nobody else in
    return request.user
