import pytest
from django.test import Client

from appointments.models.organisation import Role
from securecare import sessions
from securecare.models import Session
from tests import factories
from tests.appointments.signing_in import device, give_password, reaches_pages, signed_in_user

pytestmark = pytest.mark.django_db


def test_account_names_who_one_is_here(client: Client) -> None:
    place = factories.facility(name="Northside")
    factories.facility(name="Westgate")
    staff = factories.staff(at=place, display_name="Amy Lindqvist", role=Role.FRONT_DESK)
    give_password(client, staff.user)

    page = client.get("/account/").content.decode()

    assert "Amy Lindqvist" in page
    assert "<dd>Front desk</dd>" in page
    assert "<dd>Northside</dd>" in page


def test_changed_password_signs_in_and_ends_other_sessions(client: Client) -> None:
    staff, elsewhere = factories.staff(), Client()
    give_password(elsewhere, staff.user)
    give_password(client, staff.user)
    new = "a-much-better-password"

    sent = {"old_password": factories.PASSWORD, "new_password1": new, "new_password2": new}
    answer = client.post("/account/password/", sent)

    assert answer.url == "/account/"
    assert reaches_pages(client)
    assert not reaches_pages(elsewhere)
    again = Client()
    give_password(again, staff.user, password=new)
    assert signed_in_user(again) == staff.user


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({"old_password": "wrong"}, "old_password"),
        ({"new_password2": "something-else-entirely"}, "new_password2"),
        ({"new_password1": "short", "new_password2": "short"}, "new_password2"),
    ],
)
def test_refused_password_is_told_beside_its_field(client: Client, sent: dict[str, str], field: str) -> None:
    staff = factories.staff()
    give_password(client, staff.user)
    new = "a-much-better-password"

    fields = {"old_password": factories.PASSWORD, "new_password1": new, "new_password2": new, **sent}
    answer = client.post("/account/password/", fields)

    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == [field]
    staff.user.refresh_from_db()
    assert staff.user.check_password(factories.PASSWORD)


def test_sign_out_elsewhere_ends_ones_other_sessions_only(client: Client) -> None:
    staff, others = factories.staff(), factories.staff()
    elsewhere, somebody = Client(), Client()
    give_password(elsewhere, staff.user)
    give_password(somebody, others.user)
    give_password(client, staff.user)

    answer = client.post("/account/sign-out-elsewhere/")

    assert answer.url == "/account/"
    assert [reaches_pages(browser) for browser in (client, elsewhere, somebody)] == [True, False, True]


def test_second_factor_page_tells_how_many_codes_are_left(client: Client) -> None:
    staff = factories.staff()
    give_password(client, staff.user)
    device(staff.user)

    page = client.get("/account/").content.decode()

    assert "On: signing in asks for a code" in page
    assert "0 recovery codes left" in page


def test_session_row_knows_whose_it_is(client: Client) -> None:
    client.get("/account/activity/")
    anonymous = client.session
    anonymous["anything"] = 1
    anonymous.save()
    before = Session.objects.get(pk=anonymous.session_key).user_id
    staff = factories.staff()
    give_password(client, staff.user)

    assert before is None
    assert Session.objects.get(pk=client.session.session_key).user_id == staff.user.pk
    assert sessions.end_all(user_id=staff.user.pk) == 1
    assert not reaches_pages(client)
