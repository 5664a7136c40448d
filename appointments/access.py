"""Who may do what. A role stands for a set of Django permissions; an administrator may grant further ones in admin.

What a person sees is bounded by the facilities they belong to, whatever their role: every page starts from `Access`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import Permission, User
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.db.models import Q
from django.http import HttpRequest

from appointments.models.organisation import Facility, Organisation, Role, SecondFactor, StaffMember
from securecare.adminsite import ENTER_ADMIN

SEE_SCHEDULE = "appointments.view_appointment"
BOOK = "appointments.add_appointment"
CHANGE_APPOINTMENT = "appointments.change_appointment"
READ_PRIVATE_NOTE = "appointments.view_privatenote"
WRITE_PRIVATE_NOTE = "appointments.change_privatenote"
SEE_CUSTOMERS = "appointments.view_customer"
CHANGE_CUSTOMERS = "appointments.change_customer"
SEE_HOURS = "scheduling.view_shift"
CHANGE_HOURS = "scheduling.change_shift"
ASK_TIME_OFF = "scheduling.add_timeoff"
DECIDE_TIME_OFF = "scheduling.change_timeoff"
CHANGE_CLOSURES = "scheduling.change_closure"
SEE_MESSAGES = "reminders.view_message"
SEND_MESSAGES = "reminders.add_message"
CHANGE_REMINDERS = "reminders.change_reminderrule"
# One's own calendars; those of colleagues at one's facilities; connecting one for a colleague, without their password.
HAVE_CALENDARS = "calendarsync.add_calendarconnection"
SEE_CALENDARS = "calendarsync.view_calendarconnection"
CONNECT_FOR_COLLEAGUES = "calendarsync.change_calendarconnection"
# Documents for signature: seeing those of one's facilities, asking for them, and saying what they are.
SEE_DOCUMENTS = "signatures.view_signaturerequest"
SEND_DOCUMENTS = "signatures.add_signaturerequest"
CHANGE_DOCUMENTS = "signatures.change_documenttemplate"

_DESK = {
    SEE_SCHEDULE,
    BOOK,
    CHANGE_APPOINTMENT,
    SEE_CUSTOMERS,
    CHANGE_CUSTOMERS,
    SEE_HOURS,
    ASK_TIME_OFF,
    SEE_MESSAGES,
    SEND_MESSAGES,
    HAVE_CALENDARS,
    SEE_DOCUMENTS,
    SEND_DOCUMENTS,
}
_PROVIDER = _DESK | {READ_PRIVATE_NOTE, WRITE_PRIVATE_NOTE}
_MANAGER = _PROVIDER | {
    CHANGE_HOURS,
    DECIDE_TIME_OFF,
    CHANGE_CLOSURES,
    CHANGE_REMINDERS,
    SEE_CALENDARS,
    CHANGE_DOCUMENTS,
}

# The Administrator role adds Django admin itself: see StaffBackend.
PERMISSIONS: dict[str, frozenset[str]] = {
    Role.FRONT_DESK: frozenset(_DESK),
    Role.PROVIDER: frozenset(_PROVIDER),
    Role.MANAGER: frozenset(_MANAGER),
    Role.BILLING: frozenset({SEE_SCHEDULE, SEE_CUSTOMERS, SEE_HOURS}),
    Role.ADMINISTRATOR: frozenset(_MANAGER | {CONNECT_FOR_COLLEAGUES, ENTER_ADMIN}),
}
# Administrators keep the organisation's records in Django admin. Private notes are no part of it, and of the record of
# sign-ins they may only delete what keeps a person locked out.
ADMIN_APPS = frozenset(
    {"appointments", "scheduling", "calendarsync", "signatures", "reminders", "portal", "auth"}
)
SIGN_IN_RECORD = frozenset(
    {
        "axes.view_accessattempt",
        "axes.delete_accessattempt",
        "axes.view_accesslog",
        "axes.view_accessfailurelog",
    }
)


class StaffBackend(ModelBackend):
    """Signs in by password; loads the staff member with the user; answers permissions from the role first."""

    def get_user(self, user_id: int) -> User | None:
        user = _user_with_staff_member(user_id)
        return user if user is not None and self.user_can_authenticate(user) else None

    def has_perm(self, user_obj: Any, perm: str, obj: Any = None) -> bool:
        if not may_sign_in(user_obj):
            return False
        role = role_of(user_obj)
        if obj is None and role is not None:
            if perm in PERMISSIONS[role]:
                return True
            if role == Role.ADMINISTRATOR and _is_administration(perm):
                return True
        return super().has_perm(user_obj, perm, obj=obj)

    def get_all_permissions(self, user_obj: Any, obj: Any = None) -> set[str]:
        """Those granted to the user and to their groups, in one query instead of two."""
        if obj is not None or not user_obj.is_active or user_obj.is_superuser:
            return super().get_all_permissions(user_obj, obj)
        if not hasattr(user_obj, "_perm_cache"):
            granted = Permission.objects.filter(Q(user=user_obj) | Q(group__user=user_obj)).order_by()
            names = granted.values_list("content_type__app_label", "codename").distinct()
            user_obj._perm_cache = {f"{app}.{name}" for app, name in names}
        return set(user_obj._perm_cache)

    def has_module_perms(self, user_obj: Any, app_label: str) -> bool:
        if role_of(user_obj) == Role.ADMINISTRATOR and app_label in ADMIN_APPS | {"axes"}:
            return True
        return may_sign_in(user_obj) and super().has_module_perms(user_obj, app_label)


_USER_COLUMNS = [field.attname for field in User._meta.concrete_fields]
_STAFF_COLUMNS = [field.attname for field in StaffMember._meta.concrete_fields]


def _user_with_staff_member(user_id: int) -> User | None:
    """As `select_related("staff_member")` reads them. Every request runs this, and building that query costs more than it."""
    columns = [f"u.{name}" for name in _USER_COLUMNS] + [f"s.{name}" for name in _STAFF_COLUMNS]
    join = "auth_user u LEFT JOIN appointments_staffmember s ON s.user_id = u.id"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(columns)} FROM {join} WHERE u.id = %s", [user_id])  # noqa: S608 - our own names
        row = cursor.fetchone()
    if row is None:
        return None
    user = User.from_db(connection.alias, _USER_COLUMNS, row[: len(_USER_COLUMNS)])
    theirs = row[len(_USER_COLUMNS) :]
    staff = StaffMember.from_db(connection.alias, _STAFF_COLUMNS, theirs) if theirs[0] is not None else None
    User.staff_member.related.set_cached_value(user, staff)
    if staff is not None:
        StaffMember.user.field.set_cached_value(staff, user)
    return user


def _is_administration(perm: str) -> bool:
    app, _, name = perm.partition(".")
    return perm in SIGN_IN_RECORD or (app in ADMIN_APPS and not name.endswith("_privatenote"))


def belongs_to_staff(user: Any) -> bool:
    """Whether this is a sign-in for staff pages, of somebody who may have left; others are customers."""
    return user.is_superuser or getattr(user, "staff_member", None) is not None


def may_sign_in(user: Any) -> bool:
    """Whether staff pages are open to this user: an active staff member, or a superuser who is not on staff."""
    if getattr(user, "staff_member", None) is None:
        return bool(user.is_superuser and user.is_active)
    return staff_member_of(user) is not None


def staff_member_of(user: Any) -> StaffMember | None:
    """The active staff member a user is, or None."""
    staff: StaffMember | None = getattr(user, "staff_member", None)
    return staff if staff is not None and staff.is_active and user.is_active else None


def role_of(user: Any) -> str | None:
    staff = staff_member_of(user)
    return staff.role if staff else None


def needs_second_factor(user: Any) -> bool:
    """Whether the organisation asks this user for a second factor."""
    rule = Organisation.current().second_factor
    if rule == SecondFactor.EVERYONE:
        return True
    privileged = user.is_superuser or role_of(user) in (Role.MANAGER, Role.ADMINISTRATOR)
    return rule == SecondFactor.PRIVILEGED and privileged


_FACILITIES = """
SELECT * FROM appointments_facility
 WHERE is_active AND id IN (SELECT facility_id FROM appointments_staffmember_facilities WHERE staffmember_id = %s)
 ORDER BY name
"""


@dataclass(frozen=True)
class Access:
    """What one signed-in user may see: the active facilities they belong to; all of them for a superuser."""

    user: Any

    @cached_property
    def facilities(self) -> list[Facility]:
        if self.user.is_superuser:
            return list(Facility.objects.filter(is_active=True))
        staff = staff_member_of(self.user)
        return list(Facility.objects.raw(_FACILITIES, [staff.pk])) if staff else []

    @cached_property
    def facility_ids(self) -> frozenset[int]:
        return frozenset(facility.pk for facility in self.facilities)

    def sees(self, facility_id: int) -> bool:
        return facility_id in self.facility_ids

    def may(self, permission: str) -> bool:
        return bool(self.user.has_perm(permission))

    def demand(self, *permissions: str) -> None:
        """Raises PermissionDenied unless the user has every one of these permissions."""
        if not all(self.may(permission) for permission in permissions):
            raise PermissionDenied("Your role does not include this. Ask a manager or an administrator.")

    def among(self, facilities: Iterable[int]) -> list[Facility]:
        """Of these facility ids, those the user sees, in the order of `facilities`."""
        wanted = set(facilities)
        return [facility for facility in self.facilities if facility.pk in wanted]


def access_of(request: HttpRequest) -> Access:
    """The request's Access, made once per request."""
    access: Access | None = getattr(request, "_access", None)
    if access is None:
        access = Access(request.user)
        request._access = access  # type: ignore[attr-defined]
    return access
