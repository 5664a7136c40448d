"""The pages on which Google calendars are connected: by the staff member, who goes to Google and back, or for them."""

import html
import logging
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from django.conf import settings as site
from django.test import Client
from django.urls import reverse

from calendarsync import credentials
from calendarsync.models import CalendarConnection
from calendarsync.oauth import UNTICKED
from tests import factories as make
from tests.calendarsync.ways import EMAIL, ByGoogle
from tests.contracts.doubles import ANY
from tests.contracts.google_accounts import SCOPE
from tests.scheduling.desk import Desk, alerts_of, errors_of, signed_in, text_of, value_of

pytestmark = pytest.mark.django_db

FIRST, BACK, DELEGATED = "/calendars/google/", "/calendars/google/callback/", "/calendars/google/delegated/"
NO_CALENDAR = (
    "There is no such calendar any more, or it is no longer shared with this account. "
    "Connect it again, or another."
)


@pytest.fixture
def desk() -> Desk:
    return Desk.open(name="Northside")


@pytest.fixture
def client(desk: Desk) -> Client:
    return signed_in(desk.staff)


@pytest.fixture(autouse=True)
def _known_to_google(by_google: ByGoogle, settings: Any) -> None:
    settings.PUBLIC_BASE_URL = "http://localhost:8000"
    by_google.double.accounts.person = EMAIL


def address_of(client: Client) -> str:
    """Where the link to Google leads."""
    [found] = re.findall(r'href="([^"]+)"[^>]*>Go on to Google<', client.get(FIRST).content.decode())
    return html.unescape(found)


def at_google(address: str) -> str:
    """The person decides there; with what their browser comes back."""
    answer = requests.get(address, allow_redirects=False, timeout=5)
    assert answer.status_code == 302, answer.text
    assert answer.headers["Location"].startswith("http://localhost:8000" + BACK)
    return BACK + "?" + urlsplit(answer.headers["Location"]).query


def unfinished(client: Client) -> CalendarConnection:
    client.get(at_google(address_of(client)))
    return CalendarConnection.objects.get(state="new")


def choose_url(connection: CalendarConnection) -> str:
    return reverse("calendar-choose", args=[connection.reference])


def told(response: Any) -> list[str]:
    return [str(message) for message in response.context["messages"]]


# ------------------------------------------------------------------------------------------- to Google and back


def test_a_calendar_is_connected_by_way_of_google(desk, client, by_google):
    desk.appointment()
    back = client.get(at_google(address_of(client)))
    begun = CalendarConnection.objects.get()
    assert (back.status_code, back["Location"], begun.state) == (302, choose_url(begun), "new")
    page = client.get(back["Location"])
    assert f"Signed in as {EMAIL} ." in text_of(page)
    assert value_of(page, "calendar") == "primary"
    done = client.post(back["Location"], {"calendar": "primary", "title_style": "reference"}, follow=True)
    assert done.redirect_chain == [(reverse("calendar", args=[begun.reference]), 302)]
    assert told(done) == [f"{EMAIL} is connected. The appointments ahead are being put in now."]
    begun.refresh_from_db()
    assert (begun.staff, begun.state, begun.key, begun.title_style, begun.syncs.count()) == (
        desk.staff,
        "active",
        EMAIL,
        "reference",
        1,
    )
    secrets = credentials.read(begun)
    assert (secrets["kind"], secrets["scopes"]) == ("oauth", [SCOPE])
    assert secrets["refresh_token"].encode() not in bytes(begun.ciphertext)


def test_the_page_says_what_will_be_asked_and_the_link_asks_no_more(client):
    shown = text_of(client.get(FIRST))
    assert "whether this site may view and edit events on all your calendars" in shown
    asked = parse_qs(urlsplit(address_of(client)).query)
    assert (asked["scope"], asked["access_type"]) == ([SCOPE], ["offline"])


def test_neither_code_nor_permission_is_shown_or_logged(desk, client, caplog):
    caplog.set_level(logging.DEBUG)
    back = at_google(address_of(client))
    code = parse_qs(urlsplit(back).query)["code"][0]
    shown = client.get(back, follow=True).content.decode()
    token = credentials.read(CalendarConnection.objects.get())["refresh_token"]
    for secret in (code, token, site.GOOGLE_CLIENT_SECRET):
        ours = [line for line in caplog.messages if "testserver" not in line]
        assert secret not in shown + "\n".join(ours)


@pytest.mark.parametrize(
    ("consent", "words"),
    [
        ("refuse", "Google says that you did not allow it. Nothing was connected."),
        (
            "untick",
            UNTICKED,
        ),
    ],
)
def test_who_does_not_allow_it_is_told_so_and_may_start_again(client, by_google, consent, words):
    by_google.double.accounts.consent = consent
    answer = client.get(at_google(address_of(client)), follow=True)
    assert (answer.redirect_chain, told(answer)) == ([(FIRST, 302)], [words])
    assert CalendarConnection.objects.count() == 0
    assert "Go on to Google" in text_of(answer)


def test_a_return_is_good_once_and_for_who_went_only(desk, client):
    back = at_google(address_of(client))
    somebody_else = desk.signed_in()
    stale = (
        "This return from Google was used already, or is not the one that was last asked for. Start again."
    )
    assert told(somebody_else.get(back, follow=True)) == [stale]
    assert CalendarConnection.objects.count() == 0
    assert client.get(back).status_code == 302
    assert told(client.get(back, follow=True)) == [stale]
    assert CalendarConnection.objects.count() == 1


@pytest.mark.parametrize(
    "query", ["", "?state=x&code=y", "?code=y", "?error=<script>", "?state=%ff&code=%00"]
)
def test_a_return_that_nobody_was_sent_for_changes_nothing(client, query):
    answer = client.get(BACK + query, follow=True)
    assert (answer.redirect_chain, len(told(answer))) == ([(FIRST, 302)], 1)
    assert CalendarConnection.objects.count() == 0


@pytest.mark.parametrize("path", ["/token", "/calendar/v3/"])
def test_google_in_trouble_on_the_way_back_leaves_nothing(client, by_google, path):
    back = at_google(address_of(client))
    by_google.double.trouble(status=503, method=ANY, times=None, path=path)
    answer = client.get(back, follow=True)
    assert (answer.redirect_chain, len(told(answer))) == ([(FIRST, 302)], 1)
    assert CalendarConnection.objects.count() == 0


def test_only_a_get_comes_back(client):
    assert [getattr(client, verb)(BACK).status_code for verb in ("post", "head", "put")] == [405] * 3


# ---------------------------------------------------------------------------------------------- the calendar


@pytest.mark.parametrize(
    ("fields", "errors", "alerts"),
    [
        (
            {"calendar": "", "title_style": ""},
            ["Enter a calendar ID, or primary.", "Choose what entries show."],
            ["Not connected yet. Look at the fields marked below."],
        ),
        (
            {"calendar": "x" * 251, "title_style": "busy"},
            ["Ensure this value has at most 250 characters (it has 251)."],
            ["Not connected yet. Look at the field marked below."],
        ),
        (
            {"calendar": "nobody@group.calendar.google.com", "title_style": "busy"},
            [],
            [NO_CALENDAR],
        ),
        (
            {"calendar": "../../primary", "title_style": "busy"},
            [],
            [NO_CALENDAR],
        ),
    ],
)
def test_a_calendar_that_cannot_be_is_said(client, fields, errors, alerts):
    begun = unfinished(client)
    response = client.post(choose_url(begun), fields)
    assert (response.status_code, errors_of(response), alerts_of(response)) == (422, errors, alerts)
    begun.refresh_from_db()
    assert begun.state == "new"


def test_a_calendar_of_a_colleague_is_refused_by_name(desk, client, by_google):
    kim = make.staff(at=desk.facility, display_name="Kim Osei")
    by_google.connect(kim)
    begun = unfinished(client)
    response = client.post(choose_url(begun), {"calendar": "primary", "title_style": "busy"})
    assert alerts_of(response)[0].startswith(f"{EMAIL} is connected already, by Kim Osei.")


def test_a_permission_given_again_resumes_the_stopped_calendar(desk, client, by_google):
    made = by_google.connect(desk.staff)
    CalendarConnection.objects.update(state="broken", broken_at=make.NOW, last_error="Taken back.")
    begun = unfinished(client)
    done = client.post(choose_url(begun), {"calendar": EMAIL, "title_style": "initials"}, follow=True)
    assert done.redirect_chain == [(reverse("calendar", args=[made.reference]), 302)]
    [now] = CalendarConnection.objects.all()
    assert (now.pk, now.state, now.last_error, now.calendar) == (made.pk, "active", "", EMAIL)


# ---------------------------------------------------------------------------------------------- delegated


@pytest.fixture
def administrator(desk: Desk) -> Client:
    return desk.signed_in("administrator")


def sent(desk: Desk, **fields: Any) -> dict[str, Any]:
    return {
        "staff": desk.staff.pk,
        "subject": EMAIL,
        "calendar": "primary",
        "title_style": "busy",
        **fields,
    }


def test_an_administrator_connects_a_colleagues_calendar(desk, administrator):
    desk.appointment()
    done = administrator.post(DELEGATED, sent(desk), follow=True)
    assert done.redirect_chain == [("/calendars/", 302)]
    assert told(done) == [
        f"{EMAIL} is connected for {desk.staff}. The appointments ahead are being put in now."
    ]
    made = CalendarConnection.objects.get()
    assert (made.staff, made.state, made.account, made.title_style) == (desk.staff, "active", EMAIL, "busy")
    assert (made.syncs.count(), made.created_by != desk.staff.user) == (1, True)
    assert credentials.read(made) == {"kind": "delegated", "subject": EMAIL}


@pytest.mark.parametrize(
    ("fields", "errors"),
    [
        ({"staff": ""}, ["Choose a staff member."]),
        ({"staff": "0"}, ["Choose a staff member from the list."]),
        ({"subject": ""}, ["Enter their Google address."]),
        ({"subject": "dana"}, ["This is not an e-mail address. It looks like dana@example.org."]),
        ({"calendar": ""}, ["Enter a calendar ID, or primary."]),
        ({"title_style": "loud"}, ["Choose what entries show."]),
    ],
)
def test_bad_fields_are_said_beside_them(desk, administrator, fields, errors):
    response = administrator.post(DELEGATED, sent(desk, **fields))
    assert (response.status_code, errors_of(response)) == (422, errors)
    assert CalendarConnection.objects.count() == 0


def test_a_colleague_of_another_facility_cannot_be_chosen(desk, administrator):
    stranger = make.staff(at=make.facility())
    response = administrator.post(DELEGATED, sent(desk, staff=stranger.pk))
    assert errors_of(response) == ["Choose a staff member from the list."]
    assert str(stranger) not in response.content.decode()


@pytest.mark.parametrize(
    ("may_delegate", "subject", "words"),
    [
        (False, EMAIL, f"Google does not let this site act for {EMAIL}"),
        (
            True,
            "nobody@northside.example.org",
            "Google knows nobody of the name nobody@northside.example.org.",
        ),
    ],
)
def test_what_google_says_against_it_is_said(desk, administrator, by_google, may_delegate, subject, words):
    by_google.double.accounts.may_delegate = may_delegate
    response = administrator.post(DELEGATED, sent(desk, subject=subject))
    assert response.status_code == 422
    assert alerts_of(response)[0].startswith(words)
    assert CalendarConnection.objects.count() == 0


# ------------------------------------------------------------------------------------ without Google, and who may


@pytest.mark.parametrize("name", ["GOOGLE_CLIENT_ID", "GOOGLE_CLIENT_SECRET"])
def test_a_site_without_a_client_says_so_and_what_else_there_is(client, settings, name):
    setattr(settings, name, "")
    page = client.get(FIRST)
    assert "Nobody can sign in to Google here yet: this site has no Google client." in text_of(page)
    assert ("Go on to Google" in text_of(page), "/calendars/caldav/" in page.content.decode()) == (
        False,
        True,
    )
    assert "google-permission" not in client.session
    back = client.get(BACK + "?state=x&code=y", follow=True)
    assert (back.redirect_chain, CalendarConnection.objects.count()) == ([(FIRST, 302)], 0)


def test_a_site_without_a_service_account_says_so_and_connects_nothing(desk, administrator, settings):
    settings.GOOGLE_SERVICE_ACCOUNT_FILE = ""
    assert "This site has no Google service account." in text_of(administrator.get(DELEGATED))
    answer = administrator.post(DELEGATED, sent(desk))
    assert ('<button class="primary">Connect' in answer.content.decode(), answer.status_code) == (False, 422)
    assert CalendarConnection.objects.count() == 0


@pytest.mark.parametrize(
    ("role", "statuses"),
    [
        ("billing", [403, 403, 403]),
        ("front_desk", [200, 302, 403]),
        ("provider", [200, 302, 403]),
        ("manager", [200, 302, 403]),
        ("administrator", [200, 302, 200]),
    ],
)
def test_pages_are_for_those_who_may(desk, role, statuses):
    client = desk.signed_in(role)
    assert [client.get(page).status_code for page in (FIRST, BACK, DELEGATED)] == statuses
    is_led_there = role == "administrator"
    assert (DELEGATED in client.get(FIRST).content.decode()) == is_led_there


def test_a_manager_connects_nothing_for_a_colleague(desk):
    assert desk.signed_in("manager").post(DELEGATED, sent(desk)).status_code == 403
    assert CalendarConnection.objects.count() == 0


def test_servers_are_asked_only_so_often_for_one_administrator(desk, administrator):
    answers = [administrator.post(DELEGATED, sent(desk, subject="nobody@x.org")) for _ in range(41)]
    assert [answer.status_code for answer in answers] == [422] * 40 + [429]
    assert alerts_of(answers[-1]) == ["Calendar servers were asked too often. Wait an hour, then try again."]
