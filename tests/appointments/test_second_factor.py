import pytest
from django.test import Client
from django_otp.plugins.otp_static.models import StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from appointments.models.organisation import Role, SecondFactor
from appointments.signin import second_factor
from tests import factories
from tests.appointments.signing_in import (
    code_of,
    device,
    give_password,
    organisation,
    reaches_pages,
    signed_in_user,
)

pytestmark = pytest.mark.django_db


def test_password_alone_signs_nobody_in_who_has_a_device(client: Client) -> None:
    staff = factories.staff()
    device(staff.user)

    answer = give_password(client, staff.user)

    assert (answer.status_code, answer.url) == (302, "/sign-in/code/")
    assert signed_in_user(client) is None
    assert not reaches_pages(client)


def test_code_of_the_app_completes_sign_in(client: Client) -> None:
    staff = factories.staff()
    phone = device(staff.user)
    give_password(client, staff.user, next_url="/account/password/")

    answer = client.post("/sign-in/code/", {"code": code_of(phone.key)})

    assert (answer.status_code, answer.url) == (302, "/account/password/")
    assert signed_in_user(client) == staff.user
    assert reaches_pages(client)


def test_code_may_be_typed_with_a_space(client: Client) -> None:
    staff = factories.staff()
    code = code_of(device(staff.user).key)
    give_password(client, staff.user)

    assert client.post("/sign-in/code/", {"code": f"{code[:3]} {code[3:]}"}).status_code == 302


def test_code_works_once(client: Client) -> None:
    staff = factories.staff()
    code = code_of(device(staff.user).key)
    give_password(client, staff.user)
    client.post("/sign-in/code/", {"code": code})
    thief = Client()
    give_password(thief, staff.user)

    answer = thief.post("/sign-in/code/", {"code": code})

    assert answer.status_code == 422
    assert answer.context["form"].errors["code"] == [
        "That code is wrong or was used before. Enter the one the app shows now, or a recovery code."
    ]
    assert not reaches_pages(thief)


def test_code_of_somebody_else_is_refused(client: Client) -> None:
    staff, other = factories.staff(), factories.staff()
    device(staff.user)
    others_code = code_of(device(other.user).key)
    give_password(client, staff.user)

    assert client.post("/sign-in/code/", {"code": others_code}).status_code == 422
    assert not reaches_pages(client)


def test_recovery_code_signs_in_once(client: Client) -> None:
    staff = factories.staff()
    device(staff.user)
    codes = second_factor.renew_recovery_codes(user=staff.user)
    give_password(client, staff.user)

    first = client.post("/sign-in/code/", {"code": codes[3].upper()})
    again = Client()
    give_password(again, staff.user)
    second = again.post("/sign-in/code/", {"code": codes[3]})

    assert (first.status_code, second.status_code) == (302, 422)
    assert second_factor.codes_left(staff.user) == 9


def test_wrong_code_makes_the_next_one_wait_even_if_right(client: Client) -> None:
    staff = factories.staff()
    phone = device(staff.user)
    give_password(client, staff.user)
    phone.throttling_failure_count = 5
    phone.save()
    client.post("/sign-in/code/", {"code": "000000"})

    answer = client.post("/sign-in/code/", {"code": code_of(phone.key)})

    assert answer.status_code == 422
    assert answer.context["form"].errors["code"] == [
        "Too many wrong codes. Wait 32 seconds and enter the next one."
    ]
    assert not reaches_pages(client)


def test_waiting_for_the_code_ends(client: Client) -> None:
    staff = factories.staff()
    phone = device(staff.user)
    give_password(client, staff.user)
    session = client.session
    session["sign_in_pending"] = {**session["sign_in_pending"], "until": 0}
    session.save()

    answer = client.post("/sign-in/code/", {"code": code_of(phone.key)})

    assert (answer.status_code, answer.url) == (302, "/sign-in/?why=waited")
    assert b"The code took too long" in client.get(answer.url).content


def test_waiting_ends_with_a_change_of_the_password(client: Client) -> None:
    staff = factories.staff()
    phone = device(staff.user)
    give_password(client, staff.user)
    staff.user.set_password("another-good-password")
    staff.user.save()

    assert client.post("/sign-in/code/", {"code": code_of(phone.key)}).url == "/sign-in/?why=waited"


def test_code_page_without_a_password_given_leads_to_sign_in(client: Client) -> None:
    assert client.get("/sign-in/code/").url == "/sign-in/?why=waited"


@pytest.mark.parametrize("code", ["", "x" * 500, "²²²²²²", "٣٣٣٣٣٣", "\0", "-1"])
def test_nonsense_as_code_is_refused(client: Client, code: str) -> None:
    staff = factories.staff()
    device(staff.user)
    give_password(client, staff.user)

    answer = client.post("/sign-in/code/", {"code": code})

    assert answer.status_code == 422
    assert answer.context["form"].errors["code"]


PRIVILEGED = {Role.MANAGER, Role.ADMINISTRATOR}


@pytest.mark.parametrize("role", Role.values)
@pytest.mark.parametrize("rule", SecondFactor.values)
def test_organisation_rule_decides_who_must_set_up(client: Client, rule: str, role: str) -> None:
    organisation(second_factor=rule)
    must = rule == SecondFactor.EVERYONE or (rule == SecondFactor.PRIVILEGED and role in PRIVILEGED)

    answer = give_password(client, factories.staff(role=role).user)

    assert answer.url == ("/account/second-factor/" if must else "/account/")
    assert reaches_pages(client) is not must


def test_who_must_set_up_reaches_no_other_page_until_done(client: Client) -> None:
    organisation(second_factor=SecondFactor.EVERYONE)
    staff = factories.staff()
    give_password(client, staff.user, next_url="/account/password/")

    page = client.get("/account/second-factor/")
    gates = [client.get(path).status_code for path in ("/account/", "/account/password/", "/admin/")]
    done = client.post("/account/second-factor/", {"code": code_of(page.context["new"].key)})

    assert gates == [302, 302, 302]
    assert (done.status_code, done.context["next"]) == (200, "/account/password/")
    assert signed_in_user(client) == staff.user
    assert reaches_pages(client)


def test_code_page_leads_who_must_set_up_to_the_set_up(client: Client) -> None:
    organisation(second_factor=SecondFactor.EVERYONE)
    give_password(client, factories.staff().user)

    assert client.get("/sign-in/code/").url == "/account/second-factor/"


def test_who_has_a_device_cannot_replace_it_before_the_code(client: Client) -> None:
    staff = factories.staff()
    device(staff.user)
    give_password(client, staff.user)

    assert client.get("/account/second-factor/").url == "/sign-in/code/"


def test_set_up_shows_ten_recovery_codes_that_work(client: Client) -> None:
    staff = factories.staff()
    give_password(client, staff.user)
    page = client.get("/account/second-factor/")

    done = client.post("/account/second-factor/", {"code": code_of(page.context["new"].key)})

    codes = done.context["codes"]
    assert len(set(codes)) == 10
    assert all(f"<code>{code}</code>" in done.content.decode() for code in codes)
    assert set(StaticToken.objects.values_list("token", flat=True)) == {c.replace("-", "") for c in codes}
    assert "no-store" in done["Cache-Control"]
    again = Client()
    assert give_password(again, staff.user).url == "/sign-in/code/"
    assert again.post("/sign-in/code/", {"code": codes[0]}).status_code == 302


def test_set_up_with_a_wrong_code_turns_nothing_on_and_keeps_the_key(client: Client) -> None:
    staff = factories.staff()
    give_password(client, staff.user)
    key = client.get("/account/second-factor/").context["new"].key

    answer = client.post("/account/second-factor/", {"code": code_of(key, steps=20)})

    assert answer.status_code == 422
    assert answer.context["form"].errors["code"] == [
        "That is not the code the app shows now. Wait for the next one and enter it."
    ]
    assert answer.context["new"].key == key
    assert not TOTPDevice.objects.exists()


def test_set_up_offers_the_key_as_picture_and_text(client: Client) -> None:
    give_password(client, factories.staff().user)

    page = client.get("/account/second-factor/")

    new = page.context["new"]
    assert new.picture.startswith("data:image/svg+xml;base64,")
    assert f'src="{new.picture}"' in page.content.decode()
    assert f'<code class="key">{new.text}</code>' in page.content.decode()


def test_setting_up_signs_out_sessions_that_only_gave_a_password(client: Client) -> None:
    staff, elsewhere = factories.staff(), Client()
    give_password(elsewhere, staff.user)
    give_password(client, staff.user)
    key = client.get("/account/second-factor/").context["new"].key

    client.post("/account/second-factor/", {"code": code_of(key)})

    assert reaches_pages(client)
    assert not reaches_pages(elsewhere)


def signed_in_with_device(client: Client, **fields: object) -> tuple[object, TOTPDevice]:
    staff = factories.staff(**fields)
    phone = device(staff.user)
    give_password(client, staff.user)
    client.post("/sign-in/code/", {"code": code_of(phone.key)})
    return staff.user, phone


def test_turning_off_asks_for_the_password(client: Client) -> None:
    user, _ = signed_in_with_device(client)

    refused = client.post("/account/second-factor/change/", {"do": "turn-off", "password": "wrong"})
    still_on = second_factor.device_of(user) is not None
    client.post("/account/second-factor/change/", {"do": "turn-off", "password": factories.PASSWORD})

    assert refused.status_code == 422
    assert refused.context["form"].errors["password"] == [
        "That is not your password. Enter the one you signed in with."
    ]
    assert still_on
    assert second_factor.device_of(user) is None


def test_passwords_guessed_in_a_borrowed_session_close_sign_in(client: Client) -> None:
    signed_in_with_device(client)

    sent = [
        client.post("/account/second-factor/change/", {"do": "turn-off", "password": "wrong"}).status_code
        for _ in range(5)
    ]

    assert sent == [422, 422, 422, 422, 429]


def test_turning_off_is_refused_to_whom_the_rule_binds(client: Client) -> None:
    organisation(second_factor=SecondFactor.PRIVILEGED)
    user, _ = signed_in_with_device(client, role=Role.MANAGER)

    page = client.get("/account/second-factor/")
    client.post("/account/second-factor/change/", {"do": "turn-off", "password": factories.PASSWORD})

    assert page.context["may_turn_off"] is False
    assert b"turn-off" not in page.content
    assert second_factor.device_of(user) is not None


def test_replacing_keeps_the_old_phone_until_the_new_one_is_proved(client: Client) -> None:
    user, old = signed_in_with_device(client)
    client.post("/account/second-factor/change/", {"do": "replace", "password": factories.PASSWORD})

    key = client.get("/account/second-factor/").context["new"].key
    before = second_factor.device_of(user)
    client.post("/account/second-factor/", {"code": code_of(key)})

    assert before == old
    assert second_factor.device_of(user).key == key
    assert TOTPDevice.objects.filter(user=user).count() == 1


def test_replacing_asks_for_the_password_first(client: Client) -> None:
    user, old = signed_in_with_device(client)

    page = client.get("/account/second-factor/")
    client.post("/account/second-factor/", {"code": "123456"})

    assert "new" not in page.context
    assert second_factor.device_of(user) == old


def test_new_recovery_codes_replace_the_old(client: Client) -> None:
    user, _ = signed_in_with_device(client)
    old = second_factor.renew_recovery_codes(user=user)

    answer = client.post(
        "/account/second-factor/change/", {"do": "new-codes", "password": factories.PASSWORD}
    )

    assert len(answer.context["codes"]) == 10
    assert not set(answer.context["codes"]) & set(old)
    assert second_factor.codes_left(user) == 10


def test_reset_takes_the_device_and_ends_every_session(client: Client) -> None:
    user, _ = signed_in_with_device(client)
    second_factor.renew_recovery_codes(user=user)

    second_factor.reset(user=user)

    assert second_factor.device_of(user) is None
    assert second_factor.codes_left(user) == 0
    assert not reaches_pages(client)


def test_session_made_by_other_means_is_sent_to_the_code(client: Client) -> None:
    staff = factories.staff()
    device(staff.user)
    client.force_login(staff.user)

    answer = client.get("/account/password/")

    assert (answer.status_code, answer.url) == (302, "/sign-in/code/")
    assert signed_in_user(client) is None


def test_htmx_request_of_such_a_session_redirects_the_page(client: Client) -> None:
    staff = factories.staff()
    device(staff.user)
    client.force_login(staff.user)

    answer = client.get("/account/password/", headers={"HX-Request": "true"})

    assert answer["HX-Redirect"] == "/sign-in/code/"


def test_settled_session_with_a_device_costs_no_query_more(
    client: Client, django_assert_num_queries: object
) -> None:
    signed_in_with_device(client)

    with django_assert_num_queries(2):  # the session; the user with the staff member
        assert reaches_pages(client)
