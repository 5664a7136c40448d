"""Sign-ins: the users, their further permissions, and help for who is locked out or lost a phone."""

from typing import Any

import django_otp.plugins.otp_static.admin
import django_otp.plugins.otp_totp.admin  # noqa: F401 - registers what is taken out below
from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, Permission, User
from django.db.models import Exists, OuterRef, QuerySet
from django.forms import ModelMultipleChoiceField
from django.http import HttpRequest
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from appointments.signin import second_factor
from securecare import sessions

# Roles stand in for groups. Nobody looks at another person's second factor: it can only be reset.
for model in (User, Group, TOTPDevice, StaticDevice):
    admin.site.unregister(model)

GRANTABLE = ("appointments", "scheduling")


@admin.register(User)
class UserAdmin(DjangoUserAdmin):
    list_display = ["username", "staff_member", "email", "is_active", "has_second_factor", "last_login"]
    list_filter = ["is_active", "is_superuser", "staff_member__role"]
    list_select_related = ["staff_member"]
    search_fields = ["username", "first_name", "last_name", "email", "staff_member__display_name"]
    filter_horizontal = ["user_permissions"]
    readonly_fields = ["last_login", "date_joined"]
    fieldsets = [
        (None, {"fields": ["username", "password", "is_active"]}),
        ("Person", {"fields": ["first_name", "last_name", "email"]}),
        (
            "Beyond the role",
            {
                "fields": ["user_permissions", "is_superuser"],
                "description": "The staff member's role decides what they may do. Add here what one person needs besides.",
            },
        ),
        ("Dates", {"fields": ["last_login", "date_joined"]}),
    ]
    actions = ["reset_second_factor", "sign_out"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        device = TOTPDevice.objects.filter(user=OuterRef("pk"), confirmed=True)
        return super().get_queryset(request).annotate(second_factor=Exists(device))

    @admin.display(description="Second factor", boolean=True)
    def has_second_factor(self, user: Any) -> bool:
        return bool(user.second_factor)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return [*self.readonly_fields, *([] if request.user.is_superuser else ["is_superuser"])]

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_change_permission(request, obj) and _may_touch(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_delete_permission(request, obj) and _may_touch(request, obj)

    def formfield_for_manytomany(
        self, db_field: Any, request: HttpRequest, **kwargs: Any
    ) -> ModelMultipleChoiceField | None:
        if db_field.name == "user_permissions":
            kwargs["queryset"] = Permission.objects.filter(content_type__app_label__in=GRANTABLE)
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    @admin.action(description="Reset second factor and sign out", permissions=["change"])
    def reset_second_factor(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        for user in self._touchable(request, queryset):
            second_factor.reset(user=user)
            self.log_change(request, user, "Reset the second factor.")
            self.message_user(request, f"{user} signs in by password alone until they set up a new one.")

    @admin.action(description="Sign out everywhere", permissions=["change"])
    def sign_out(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        for user in self._touchable(request, queryset):
            ended = sessions.end_all(user_id=user.pk)
            self.log_change(request, user, "Signed out everywhere.")
            self.message_user(request, f"{user}: {ended} sessions ended.")

    def _touchable(self, request: HttpRequest, users: QuerySet[User]) -> list[User]:
        refused = [user for user in users if not _may_touch(request, user)]
        for user in refused:
            self.message_user(
                request, f"{user} is a superuser: only another one may do this.", messages.ERROR
            )
        return [user for user in users if user not in refused]


def _may_touch(request: HttpRequest, user: User | None) -> bool:
    """An administrator must not become a superuser by way of one's account."""
    return user is None or not user.is_superuser or request.user.is_superuser
