"""Who may enter the admin site, and what it does for sign-ins: users, lost phones, locked-out people."""

import pytest
from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from appointments.models import Customer, Facility, StaffMember
from appointments.models.organisation import Role
from appointments.signin import second_factor
from tests import factories
from tests.administering import list_of, page_of, rows_shown, words
from tests.appointments.signing_in import device, give_password, reaches_pages

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("role", sorted(set(Role.values) - {Role.ADMINISTRATOR}))
def test_admin_is_closed_to_other_roles_and_says_so(client: Client, role: str) -> None:
    give_password(client, factories.staff(role=role).user)

    answer = client.get(reverse("admin:index"), follow=True)

    assert answer.status_code == 403
    assert b"Administration is for administrators" in answer.content
    assert client.get(list_of(Customer)).status_code == 302


def test_admin_is_closed_to_who_only_has_django_staff_status(client: Client) -> None:
    give_password(client, factories.staff(role=Role.MANAGER, user=factories.user(is_staff=True)).user)

    assert client.get(reverse("admin:index"), follow=True).status_code == 403


def test_admin_sends_a_visitor_to_the_one_sign_in(client: Client) -> None:
    page = client.get(list_of(Customer))
    login = client.get(reverse("admin:login"))
    posted = client.post(reverse("admin:login"), {"username": "x", "password": "y"})

    assert page.url == "/sign-in/?next=%2Fadmin%2Fappointments%2Fcustomer%2F"
    assert login.url == posted.url == "/sign-in/?next=%2Fadmin%2F"


def test_admin_warns_before_the_idle_sign_out(admin_client: Client) -> None:
    page = admin_client.get(reverse("admin:index")).content.decode()

    assert "js/idle.js" in page
    assert 'data-activity-url="/account/activity/"' in page


def test_second_factor_holds_for_admin(client: Client, administrator: StaffMember) -> None:
    device(administrator.user)
    give_password(client, administrator.user)

    assert client.get(reverse("admin:index")).url == "/sign-in/?next=%2Fadmin%2F"


def test_admin_sign_out_and_password_change_are_the_sites(admin_client: Client) -> None:
    assert admin_client.get(reverse("admin:password_change")).url == "/account/password/"
    assert admin_client.post(reverse("admin:logout")).url == "/sign-in/"
    assert not reaches_pages(admin_client)


def test_reset_of_a_second_factor_is_recorded_and_signs_out(admin_client: Client, place: Facility) -> None:
    lost = factories.staff(at=place)
    elsewhere = Client()
    give_password(elsewhere, lost.user)
    device(lost.user)

    sent = {"action": "reset_second_factor", "_selected_action": [lost.user.pk]}
    answer = admin_client.post(list_of(User), sent, follow=True)

    assert second_factor.device_of(lost.user) is None
    assert not reaches_pages(elsewhere)
    assert words(answer) == f"{lost.user} signs in by password alone until they set up a new one."
    assert LogEntry.objects.get().get_change_message() == "Reset the second factor."


def test_administrator_cannot_reach_for_a_superuser(admin_client: Client) -> None:
    root = factories.user(is_superuser=True, username="root")
    phone = device(root)

    sent = {"action": "reset_second_factor", "_selected_action": [root.pk]}
    answer = admin_client.post(list_of(User), sent, follow=True)
    changed = admin_client.post(page_of(root), {"username": "root", "is_active": ""})
    new_password = admin_client.post(
        reverse("admin:auth_user_password_change", args=[root.pk]),
        {"password1": "x" * 14, "password2": "x" * 14},
    )

    assert words(answer) == "root is a superuser: only another one may do this."
    assert second_factor.device_of(root) == phone
    assert (changed.status_code, new_password.status_code) == (403, 403)


def test_administrator_cannot_become_a_superuser(admin_client: Client, administrator: StaffMember) -> None:
    me = administrator.user
    sent = {"username": me.username, "is_active": "on", "is_superuser": "on", "email": "ines@example.org"}
    answer = admin_client.post(page_of(me), sent)

    me.refresh_from_db()
    assert answer.status_code == 302
    assert (me.email, me.is_superuser) == ("ines@example.org", False)


def test_administrator_may_grant_one_person_a_permission(admin_client: Client, place: Facility) -> None:
    desk = factories.staff(at=place, role=Role.FRONT_DESK)
    permission = Permission.objects.get(codename="view_privatenote")
    sent = {"username": desk.user.username, "is_active": "on", "user_permissions": [permission.pk]}

    before = desk.user.has_perm("appointments.view_privatenote")
    admin_client.post(page_of(desk.user), sent)

    assert (before, User.objects.get(pk=desk.user.pk).has_perm("appointments.view_privatenote")) == (
        False,
        True,
    )


def test_record_of_sign_ins_is_searchable_and_only_the_lock_can_be_deleted(
    admin_client: Client, administrator: StaffMember
) -> None:
    give_password(Client(), factories.staff(user=factories.user(username="zephyr")).user, password="wrong")
    attempt, failure, log = (
        AccessAttempt.objects.get(),
        AccessFailureLog.objects.get(),
        AccessLog.objects.get(),
    )

    found = [
        rows_shown(admin_client.get(list_of(type(row)), {"q": row.username}))
        for row in (attempt, failure, log)
    ]
    pages = [admin_client.get(page_of(row)).status_code for row in (attempt, failure, log)]
    deleting = [admin_client.get(page_of(row, "delete")).status_code for row in (attempt, failure, log)]

    assert found == [[attempt], [failure], [log]]
    assert (pages, deleting) == ([200, 200, 200], [200, 403, 403])


def test_administrator_opens_a_locked_sign_in(admin_client: Client, place: Facility) -> None:
    locked = factories.staff(at=place)
    for _ in range(5):
        give_password(Client(), locked.user, password="wrong")
    before = give_password(Client(), locked.user).status_code

    attempt = AccessAttempt.objects.get(username=locked.user.username)
    admin_client.post(page_of(attempt, "delete"), {"post": "yes"})

    assert (before, give_password(Client(), locked.user).status_code) == (429, 302)


def test_administrator_sets_a_new_password(admin_client: Client, place: Facility) -> None:
    forgot, elsewhere = factories.staff(at=place), Client()
    give_password(elsewhere, forgot.user)
    new = "a-much-better-password"

    sent = {"password1": new, "password2": new, "usable_password": "true"}
    answer = admin_client.post(reverse("admin:auth_user_password_change", args=[forgot.user.pk]), sent)

    assert answer.status_code == 302
    assert not reaches_pages(elsewhere)
    assert give_password(Client(), forgot.user, password=new).status_code == 302


def test_sign_in_without_a_place_on_staff_is_added(admin_client: Client) -> None:
    new = "a-much-better-password"
    sent = {"username": "billing-bot", "password1": new, "password2": new, "usable_password": "true"}

    answer = admin_client.post(list_of(User) + "add/", sent)

    assert answer.status_code == 302
    assert User.objects.get(username="billing-bot").check_password(new)
