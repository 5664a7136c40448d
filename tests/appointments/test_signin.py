import re

import pytest
from axes.models import AccessAttempt, AccessLog
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from appointments.models.organisation import Role
from appointments.signin.forms import NOT_ON_STAFF
from tests import factories
from tests.appointments.signing_in import give_password, reaches_pages, signed_in_user

pytestmark = pytest.mark.django_db


def test_sign_in_takes_staff_to_the_page_they_asked_for(client: Client) -> None:
    staff = factories.staff()

    answer = give_password(client, staff.user, next_url="/account/password/")

    assert (answer.status_code, answer.url) == (302, "/account/password/")
    assert signed_in_user(client) == staff.user
    assert reaches_pages(client)


def test_sign_in_changes_the_session_key(client: Client) -> None:
    client.get("/sign-in/")
    client.session["planted"] = True
    before = client.session.session_key

    give_password(client, factories.staff().user)

    assert client.session.session_key != before


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/",
        "//evil.example/x",
        "javascript:alert(1)",
        "http:///evil.example",
        "\\\\evil.example",
    ],
)
def test_sign_in_never_leads_to_another_site(client: Client, elsewhere: str) -> None:
    answer = give_password(client, factories.staff().user, next_url=elsewhere)

    assert (answer.status_code, answer.url) == (302, reverse("schedule"))


def test_sign_in_answers_alike_for_a_wrong_password_and_an_unknown_user(client: Client) -> None:
    staff = factories.staff()
    stranger = User(username="nobody-of-that-name")

    def page(answer: object, name: str) -> str:
        text = answer.content.decode().replace(name, "NAME")
        return re.sub(r'value="\w{64}"|"X-CSRFToken": "\w{64}"', "TOKEN", text)

    wrong = give_password(client, staff.user, password="not-the-password")
    unknown = give_password(client, stranger, password="not-the-password")

    assert wrong.status_code == unknown.status_code == 422
    assert [str(e) for e in wrong.context["form"].non_field_errors()] == [
        "User name and password do not match. Check both: capital letters count."
    ]
    assert page(wrong, staff.user.username) == page(unknown, "nobody-of-that-name")
    assert not reaches_pages(client)


def test_sign_in_answers_an_inactive_user_as_an_unknown_one(client: Client) -> None:
    staff = factories.staff()
    staff.user.is_active = False
    staff.user.save()

    answer = give_password(client, staff.user)

    assert [str(e) for e in answer.context["form"].non_field_errors()] == [
        "User name and password do not match. Check both: capital letters count."
    ]


@pytest.mark.parametrize("of", ["left", "customer"])
def test_sign_in_refuses_who_is_not_on_staff_and_says_why(client: Client, of: str) -> None:
    user = (
        factories.staff(is_active=False).user
        if of == "left"
        else factories.customer(user=factories.user()).user
    )

    answer = give_password(client, user)

    assert answer.status_code == 422
    assert [str(e) for e in answer.context["form"].non_field_errors()] == [NOT_ON_STAFF]
    assert not reaches_pages(client)


def test_superuser_without_a_staff_member_signs_in(client: Client) -> None:
    user = factories.user(is_superuser=True)

    give_password(client, user)

    assert signed_in_user(client) == user


def test_session_ends_when_its_owner_leaves_the_staff(client: Client) -> None:
    staff = factories.staff()
    give_password(client, staff.user)
    staff.is_active = False
    staff.save()

    answer = client.get("/account/")

    assert (answer.status_code, answer.url) == (302, "/sign-in/?next=%2Faccount%2F&why=left")
    assert b"no longer has one" in client.get(answer.url).content
    assert signed_in_user(client) is None


def test_five_wrong_passwords_close_sign_in_even_to_the_right_one(client: Client) -> None:
    staff = factories.staff()

    statuses = [give_password(client, staff.user, password="wrong").status_code for _ in range(5)]
    answer = give_password(client, staff.user)

    assert statuses == [422, 422, 422, 422, 429]
    assert (answer.status_code, answer["Retry-After"]) == (429, "900")
    assert b"Wait 15 minutes, then try again" in answer.content
    assert not reaches_pages(client)


def test_lockout_is_for_one_user_name_from_one_address(client: Client) -> None:
    locked, other = factories.staff(), factories.staff()
    for _ in range(5):
        give_password(client, locked.user, password="wrong")

    assert give_password(client, other.user).status_code == 302
    assert give_password(Client(), locked.user, REMOTE_ADDR="198.51.100.7").status_code == 302


def test_lockout_ends_a_quarter_of_an_hour_after_the_fifth_failure_whatever_is_tried_meanwhile(
    client: Client, settings: object
) -> None:
    staff = factories.staff()
    for _ in range(7):
        give_password(client, staff.user, password="wrong")

    attempt = AccessAttempt.objects.get()
    assert attempt.failures_since_start == 5
    AccessAttempt.objects.update(attempt_time=attempt.attempt_time - settings.AXES_COOLOFF_TIME)

    assert give_password(client, staff.user).status_code == 302


def test_a_right_password_forgets_the_wrong_ones(client: Client) -> None:
    staff = factories.staff()
    for _ in range(4):
        give_password(client, staff.user, password="wrong")
    give_password(client, staff.user)

    assert give_password(Client(), staff.user, password="wrong").status_code == 422
    assert AccessAttempt.objects.get().failures_since_start == 1


def test_failed_attempts_keep_no_password(client: Client) -> None:
    give_password(client, factories.staff().user, password="my-secret-typo")

    attempt = AccessAttempt.objects.get()
    assert "my-secret-typo" not in f"{attempt.post_data}{attempt.get_data}{attempt.username}"
    assert "next=" in attempt.post_data


def test_forwarded_address_counts_only_behind_a_proxy(client: Client, settings: object) -> None:
    staff = factories.staff()
    forwarded = {"HTTP_X_FORWARDED_FOR": "203.0.113.9, 198.51.100.7", "REMOTE_ADDR": "10.0.0.2"}

    give_password(client, staff.user, **forwarded)
    settings.BEHIND_PROXY = True
    give_password(Client(), staff.user, **forwarded)

    assert list(AccessLog.objects.order_by("pk").values_list("ip_address", flat=True)) == [
        "10.0.0.2",
        "198.51.100.7",
    ]


@pytest.mark.parametrize("nonsense", ["", "not an address", "999.1.1.1", "1.2.3.4:55"])
def test_nonsense_in_a_forwarded_address_breaks_nothing(
    client: Client, settings: object, nonsense: str
) -> None:
    settings.BEHIND_PROXY = True

    answer = give_password(client, factories.staff().user, HTTP_X_FORWARDED_FOR=nonsense)

    assert answer.status_code == 302
    assert AccessLog.objects.get().ip_address is None


def test_sign_out_ends_the_session(client: Client) -> None:
    give_password(client, factories.staff().user)

    answer = client.post("/sign-out/")

    assert (answer.status_code, answer.url) == (302, "/sign-in/")
    assert not reaches_pages(client)


def test_sign_out_is_no_link(client: Client) -> None:
    give_password(client, factories.staff().user)

    assert client.get("/sign-out/").status_code == 405
    assert reaches_pages(client)


def test_page_sends_a_visitor_to_sign_in_and_back(client: Client) -> None:
    answer = client.get("/account/password/?from=mail&x=1")

    assert answer.status_code == 302
    assert answer.url == "/sign-in/?next=%2Faccount%2Fpassword%2F%3Ffrom%3Dmail%26x%3D1"
    assert client.get(answer.url).context["next"] == "/account/password/?from=mail&x=1"


def test_htmx_request_of_a_visitor_redirects_the_page_and_not_the_part(client: Client) -> None:
    headers = {"HX-Request": "true", "HX-Current-URL": "http://testserver/account/?tab=2"}

    answer = client.get("/account/password/", headers=headers)

    assert answer.status_code == 200
    assert answer.content == b""
    assert answer["HX-Redirect"] == "/sign-in/?next=%2Faccount%2F%3Ftab%3D2"


def test_poll_of_a_visitor_is_told_to_sign_in(client: Client) -> None:
    headers = {"X-Passive": "1", "Referer": "http://testserver/account/"}

    answer = client.get("/account/password/", headers=headers)

    assert answer.status_code == 401
    assert answer["HX-Redirect"] == "/sign-in/?next=http%3A%2F%2Ftestserver%2Faccount%2F"


def test_form_of_a_visitor_leads_back_to_its_page_and_not_to_a_foreign_one(client: Client) -> None:
    ours = client.post("/account/sign-out-elsewhere/", headers={"Referer": "http://testserver/account/"})
    foreign = client.post("/account/sign-out-elsewhere/", headers={"Referer": "http://evil.example/"})

    assert ours.url == "/sign-in/?next=http%3A%2F%2Ftestserver%2Faccount%2F"
    assert foreign.url == "/sign-in/?next=%2F"


@pytest.mark.parametrize(
    "sent", [{}, {"username": "a" * 5000, "password": "x"}, {"username": "\0", "password": "\0"}]
)
def test_sign_in_with_malformed_fields_is_refused_beside_them(client: Client, sent: dict[str, str]) -> None:
    answer = client.post("/sign-in/", sent)

    assert answer.status_code == 422
    assert answer.context["form"].errors


def test_signed_in_page_costs_two_queries_before_its_own(
    client: Client, django_assert_num_queries: object
) -> None:
    staff = factories.staff(role=Role.FRONT_DESK)
    give_password(client, staff.user)

    with django_assert_num_queries(2):  # the session; the user with the staff member
        assert reaches_pages(client)
