"""Who may do what: every role against every permission, and nobody beyond their facilities."""

from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.core.exceptions import PermissionDenied

from appointments import access
from appointments.access import Access, StaffBackend
from appointments.models import StaffMember
from appointments.models.organisation import Role, SecondFactor
from securecare.adminsite import ENTER_ADMIN
from tests import factories
from tests.appointments.signing_in import organisation

pytestmark = pytest.mark.django_db

DESK, PROVIDER, MANAGER, BILLING, ADMINISTRATOR = Role.values

# Written out a second time, apart from the code, so that a change of the matrix is a change of this table too.
MATRIX = {
    "appointments.view_appointment": {DESK, PROVIDER, MANAGER, BILLING, ADMINISTRATOR},
    "appointments.add_appointment": {DESK, PROVIDER, MANAGER, ADMINISTRATOR},
    "appointments.change_appointment": {DESK, PROVIDER, MANAGER, ADMINISTRATOR},
    "appointments.view_customer": {DESK, PROVIDER, MANAGER, BILLING, ADMINISTRATOR},
    "appointments.change_customer": {DESK, PROVIDER, MANAGER, ADMINISTRATOR},
    "appointments.view_privatenote": {PROVIDER, MANAGER, ADMINISTRATOR},
    "appointments.change_privatenote": {PROVIDER, MANAGER, ADMINISTRATOR},
    "scheduling.view_shift": {DESK, PROVIDER, MANAGER, BILLING, ADMINISTRATOR},
    "scheduling.change_shift": {MANAGER, ADMINISTRATOR},
    "scheduling.add_timeoff": {DESK, PROVIDER, MANAGER, ADMINISTRATOR},
    "scheduling.change_timeoff": {MANAGER, ADMINISTRATOR},
    "scheduling.change_closure": {MANAGER, ADMINISTRATOR},
    "reminders.view_message": {DESK, PROVIDER, MANAGER, ADMINISTRATOR},
    "reminders.add_message": {DESK, PROVIDER, MANAGER, ADMINISTRATOR},
    "reminders.change_reminderrule": {MANAGER, ADMINISTRATOR},
    "calendarsync.add_calendarconnection": {DESK, PROVIDER, MANAGER, ADMINISTRATOR},
    "calendarsync.view_calendarconnection": {MANAGER, ADMINISTRATOR},
    "calendarsync.change_calendarconnection": {ADMINISTRATOR},
    "signatures.view_signaturerequest": {DESK, PROVIDER, MANAGER, ADMINISTRATOR},
    "signatures.add_signaturerequest": {DESK, PROVIDER, MANAGER, ADMINISTRATOR},
    "signatures.change_documenttemplate": {MANAGER, ADMINISTRATOR},
    ENTER_ADMIN: {ADMINISTRATOR},
    # Django admin's own
    "appointments.change_facility": {ADMINISTRATOR},
    "appointments.add_staffmember": {ADMINISTRATOR},
    "appointments.change_organisation": {ADMINISTRATOR},
    "appointments.view_appointmentevent": {ADMINISTRATOR},
    "appointments.view_privatenoteread": {ADMINISTRATOR},
    "auth.change_user": {ADMINISTRATOR},
    "axes.view_accessattempt": {ADMINISTRATOR},
    "axes.delete_accessattempt": {ADMINISTRATOR},
    "axes.view_accesslog": {ADMINISTRATOR},
    # Nobody's
    "appointments.add_privatenote": set(),
    "appointments.delete_privatenote": set(),
    "axes.delete_accesslog": set(),
    "axes.change_accessattempt": set(),
    "otp_totp.view_totpdevice": set(),
    "otp_static.view_staticdevice": set(),
    "sessions.view_session": set(),
    "securecare.view_session": set(),
    "nonsense": set(),
}


def fresh(member: StaffMember) -> User:
    """The user as a request loads it."""
    user = StaffBackend().get_user(member.user_id)
    assert user is not None
    return user


@pytest.mark.parametrize("role", Role.values)
def test_role_has_exactly_its_permissions(role: str) -> None:
    user = fresh(factories.staff(role=role))

    assert {perm for perm in MATRIX if user.has_perm(perm)} == {
        perm for perm, roles in MATRIX.items() if role in roles
    }


def test_matrix_names_every_permission_that_a_role_carries() -> None:
    carried = {perm for perms in access.PERMISSIONS.values() for perm in perms}

    assert carried | access.SIGN_IN_RECORD - {"axes.view_accessfailurelog"} <= set(MATRIX)


@pytest.mark.parametrize("role", Role.values)
def test_who_left_has_no_permission_even_if_granted_one(role: str) -> None:
    member = factories.staff(role=role, is_active=False)
    member.user.user_permissions.add(Permission.objects.get(codename="view_privatenote"))
    user = fresh(member)

    assert [perm for perm in MATRIX if user.has_perm(perm)] == []
    assert not user.has_module_perms("appointments")


def test_customer_with_a_sign_in_has_no_permission() -> None:
    user = factories.customer(user=factories.user()).user

    assert [perm for perm in MATRIX if user.has_perm(perm)] == []


def test_granted_permission_adds_to_the_role() -> None:
    member = factories.staff(role=Role.FRONT_DESK)
    member.user.user_permissions.add(Permission.objects.get(codename="view_privatenote"))
    user = fresh(member)

    assert user.has_perm("appointments.view_privatenote")
    assert not user.has_perm("appointments.change_privatenote")


def test_permission_of_a_group_adds_to_the_role_for_one_query(django_assert_num_queries: Any) -> None:
    member = factories.staff(role=Role.BILLING)
    group = Group.objects.create(name="Readers")
    group.permissions.add(Permission.objects.get(codename="view_privatenote"))
    member.user.groups.add(group)
    user = fresh(member)

    with django_assert_num_queries(1):
        assert user.has_perm("appointments.view_privatenote")
        assert not user.has_perm("appointments.change_privatenote")


def test_superuser_has_every_permission() -> None:
    user = factories.user(is_superuser=True)

    assert all(user.has_perm(perm) for perm in MATRIX)


def test_inactive_user_is_not_loaded() -> None:
    member = factories.staff()
    User.objects.filter(pk=member.user_id).update(is_active=False)

    assert StaffBackend().get_user(member.user_id) is None


def test_access_is_bounded_by_the_facilities_one_belongs_to() -> None:
    ours, also, theirs = (
        factories.facility(name="A"),
        factories.facility(name="B"),
        factories.facility(name="C"),
    )
    closed = factories.facility(name="D", is_active=False)
    seen = Access(fresh(factories.staff(at=[ours, also, closed], role=Role.ADMINISTRATOR)))

    assert seen.facilities == [ours, also]
    assert [seen.sees(one.pk) for one in (ours, also, theirs, closed)] == [True, True, False, False]
    assert seen.among([theirs.pk, also.pk, closed.pk]) == [also]


def test_access_of_a_superuser_reaches_every_active_facility() -> None:
    first, second = factories.facility(name="A"), factories.facility(name="B")
    factories.facility(name="C", is_active=False)

    assert Access(factories.user(is_superuser=True)).facilities == [first, second]


@pytest.mark.parametrize("who", ["left", "customer", "nobody"])
def test_access_of_who_is_not_on_staff_is_empty(who: str) -> None:
    place = factories.facility()
    users = {
        "left": lambda: fresh(factories.staff(at=place, is_active=False)),
        "customer": lambda: factories.customer(at=place, user=factories.user()).user,
        "nobody": factories.user,
    }

    assert Access(users[who]()).facilities == []


def test_demand_names_what_to_do() -> None:
    seen = Access(fresh(factories.staff(role=Role.BILLING)))

    seen.demand(access.SEE_SCHEDULE, access.SEE_CUSTOMERS)
    with pytest.raises(PermissionDenied, match="Ask a manager or an administrator"):
        seen.demand(access.SEE_SCHEDULE, access.BOOK)


def test_user_permissions_and_facilities_cost_two_queries(django_assert_num_queries: Any) -> None:
    member = factories.staff(role=Role.MANAGER, at=[factories.facility(), factories.facility()])

    with django_assert_num_queries(2):  # the user with the staff member; the facilities
        seen = Access(fresh(member))
        seen.demand(*access.PERMISSIONS[Role.MANAGER])
        assert len(seen.facilities) == len(seen.facility_ids) == 2


@pytest.mark.parametrize(
    ("rule", "who"),
    [
        (SecondFactor.OPTIONAL, set()),
        (SecondFactor.PRIVILEGED, {MANAGER, ADMINISTRATOR, "superuser"}),
        (SecondFactor.EVERYONE, {*Role.values, "superuser"}),
    ],
)
def test_second_factor_is_asked_of_whom_the_rule_names(rule: str, who: set[str]) -> None:
    organisation(second_factor=rule)
    users = {role: fresh(factories.staff(role=role)) for role in Role.values}
    users["superuser"] = factories.user(is_superuser=True)

    assert {name for name, user in users.items() if access.needs_second_factor(user)} == who


@pytest.mark.parametrize(
    ("staff_is_active", "is_superuser", "opens"),
    [
        (True, False, True),
        (False, False, False),
        (None, False, False),
        (None, True, True),
        (False, True, False),
    ],
)
def test_staff_pages_open_to_active_staff_and_to_superusers_who_never_left(
    staff_is_active: bool | None, is_superuser: bool, opens: bool
) -> None:
    user = factories.user(is_superuser=is_superuser)
    if staff_is_active is not None:
        factories.staff(user=user, is_active=staff_is_active)

    assert access.may_sign_in(StaffBackend().get_user(user.pk)) is opens
