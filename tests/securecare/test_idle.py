from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from appointments.models import Organisation
from securecare import idle
from securecare.models import Session
from tests import factories
from tests.appointments.signing_in import give_password, organisation, reaches_pages

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff_client(client: Client) -> Client:
    """Signed in where staff are signed out after ten minutes."""
    organisation(idle_minutes=10)
    give_password(client, factories.staff().user)
    return client


def let_pass(client: Client, **time: float) -> None:
    """Move what the session remembers into the past, as if time had passed."""
    session = client.session
    idle.record(session, at=idle.last_activity(session) - timedelta(**time))
    session.save()


def idle_for(client: Client) -> int:
    """Seconds since the remembered activity."""
    return round((timezone.now() - idle.last_activity(client.session)).total_seconds())


def test_session_takes_the_organisation_limit_at_sign_in(staff_client: Client) -> None:
    Organisation.objects.update(idle_minutes=700)

    assert idle.idle_seconds(staff_client.session) == 600


@pytest.mark.parametrize(("seconds", "stays"), [(599, True), (655, True), (665, False), (86_400, False)])
def test_session_ends_within_a_minute_of_its_limit(staff_client: Client, seconds: int, stays: bool) -> None:
    let_pass(staff_client, seconds=seconds)

    assert reaches_pages(staff_client) is stays


def test_expiry_removes_the_session_and_says_why(staff_client: Client) -> None:
    let_pass(staff_client, minutes=12)

    answer = staff_client.get("/account/password/")

    assert (answer.status_code, answer.url) == (302, "/sign-in/?next=%2Faccount%2Fpassword%2F&why=idle")
    assert b"You were signed out because nothing happened for a while" in staff_client.get(answer.url).content
    assert not Session.objects.exists()


def test_activity_keeps_the_session_far_beyond_its_limit(staff_client: Client) -> None:
    for _ in range(5):
        let_pass(staff_client, minutes=8)
        assert reaches_pages(staff_client)


def test_polls_are_no_activity(staff_client: Client) -> None:
    for _ in range(3):
        let_pass(staff_client, minutes=3)
        assert staff_client.get("/account/sign-out-elsewhere/", headers={"X-Passive": "1"}).status_code == 405
    let_pass(staff_client, minutes=3)

    answer = staff_client.get("/account/sign-out-elsewhere/", headers={"X-Passive": "1"})

    assert answer.status_code == 401


def test_session_is_written_at_most_once_a_minute(
    staff_client: Client, django_assert_num_queries: Any
) -> None:
    let_pass(staff_client, seconds=50)
    with django_assert_num_queries(2):  # the session; the user
        reaches_pages(staff_client)
    assert idle_for(staff_client) == 50

    let_pass(staff_client, seconds=15)
    with django_assert_num_queries(5):  # and the session's UPDATE in its savepoint
        reaches_pages(staff_client)
    assert idle_for(staff_client) == 0


def test_page_learns_how_long_is_left_without_prolonging_it(staff_client: Client) -> None:
    let_pass(staff_client, minutes=4)

    answers = [staff_client.get("/account/activity/").json()["seconds_left"] for _ in range(2)]

    assert answers[0] - 360 in (0, -1)
    assert idle_for(staff_client) == 240
    assert answers[1] <= answers[0]


def test_page_tells_of_activity_without_requests(staff_client: Client) -> None:
    let_pass(staff_client, minutes=9)

    answer = staff_client.post("/account/activity/", {"idle_for": "20"})

    assert answer.json()["seconds_left"] - 580 in (0, -1)
    assert idle_for(staff_client) == 20


def test_page_cannot_turn_time_back(staff_client: Client) -> None:
    let_pass(staff_client, minutes=2)

    staff_client.post("/account/activity/", {"idle_for": "500"})

    assert idle_for(staff_client) == 120


@pytest.mark.parametrize("nonsense", ["-5", "x", "", "9" * 5000, "1e9", "²"])
def test_nonsense_from_the_page_is_no_activity(staff_client: Client, nonsense: str) -> None:
    let_pass(staff_client, minutes=9)

    answer = staff_client.post("/account/activity/", {"idle_for": nonsense})

    assert answer.status_code == 200
    assert idle_for(staff_client) == 540


def test_page_of_an_ended_session_learns_it(staff_client: Client) -> None:
    let_pass(staff_client, minutes=11)

    answer = staff_client.get("/account/activity/")

    assert (answer.status_code, answer.json()) == (401, {"seconds_left": 0})


def test_telling_of_activity_needs_the_csrf_token(db: None) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(factories.staff().user)

    assert client.post("/account/activity/", {"idle_for": "0"}).status_code == 403


def test_page_that_ran_out_leads_back_after_sign_in(staff_client: Client) -> None:
    answer = staff_client.post("/sign-out/", {"why": "idle", "next": "/account/?x=1"})

    assert answer.url == "/sign-in/?why=idle&next=%2Faccount%2F%3Fx%3D1"
    assert not reaches_pages(staff_client)


def test_page_carries_its_limit_for_the_warning(staff_client: Client) -> None:
    page = staff_client.get("/account/password/").content.decode()

    assert 'data-idle-seconds="600" data-activity-url="/account/activity/"' in page
    assert "js/idle.js" in page
