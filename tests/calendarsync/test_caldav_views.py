"""The pages on which staff connect a calendar of a CalDAV server, asked of a real one."""

import logging
import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from calendarsync import credentials
from calendarsync.models import CalendarConnection
from tests import factories as make
from tests.calendarsync.ways import ByCaldav
from tests.contracts.doubles import ANY
from tests.contracts.radicale import USERS
from tests.scheduling.desk import Desk, alerts_of, errors_of, signed_in, text_of, value_of

pytestmark = pytest.mark.django_db

FIRST = "/calendars/caldav/"
SECRET = "hunter2-of-dana"
SAID_OFTEN = "Calendar servers were asked too often. Wait an hour, then try again."


@pytest.fixture
def desk() -> Desk:
    return Desk.open(name="Northside")


@pytest.fixture
def client(desk: Desk) -> Client:
    return signed_in(desk.staff)


def typed(by_caldav: ByCaldav, **fields: str) -> dict[str, str]:
    return {"server": by_caldav.road.base, "username": "dana", "password": USERS["dana"], **fields}


def choose_url(connection: CalendarConnection) -> str:
    return reverse("calendar-choose", args=[connection.reference])


def password_url(connection: CalendarConnection) -> str:
    return reverse("calendar-password", args=[connection.reference])


def told(response: Any) -> list[str]:
    return [str(message) for message in response.context["messages"]]


# ---------------------------------------------------------------------------------------------- both steps


def test_a_calendar_is_connected_in_two_steps(desk, client, by_caldav):
    desk.appointment()
    first = client.post(FIRST, typed(by_caldav))
    connection = CalendarConnection.objects.get()
    assert (first.status_code, first["Location"]) == (302, choose_url(connection))
    page = client.get(first["Location"])
    offered = re.findall(r'name="calendar" value="([^"]+)"', page.content.decode())
    assert (page.status_code, offered) == (200, [by_caldav.address])
    done = client.post(first["Location"], {"calendar": by_caldav.address, "title_style": "busy"}, follow=True)
    assert done.redirect_chain == [(reverse("calendar", args=[connection.reference]), 302)]
    assert told(done) == ["Work is connected. The appointments ahead are being put in now."]
    connection.refresh_from_db()
    assert (connection.staff, connection.state, connection.calendar, connection.title_style) == (
        desk.staff,
        "active",
        by_caldav.address,
        "busy",
    )
    assert (connection.created_by, connection.syncs.count()) == (desk.staff.user, 1)
    assert credentials.read(connection) == by_caldav.secrets


def test_an_address_without_its_scheme_is_taken_for_https(client, by_caldav):
    response = client.post(FIRST, typed(by_caldav, server=by_caldav.road.address))
    assert response.status_code == 422
    assert value_of(response, "server") == by_caldav.road.address
    assert len(alerts_of(response)) == 1


def test_each_title_style_shows_an_example(desk, client, by_caldav):
    page = text_of(client.get(choose_url(by_caldav.begin(desk.staff))))
    assert [
        said in page
        for said in (
            "Busy, and nothing else, such as “Busy”",
            "The appointment’s reference, such as “Appointment 3f9a1c22”",
            "The customer’s initials, such as “A. N.”",
            "The customer’s full name, such as “Ada Nguyen”",
        )
    ] == [True] * 4


def test_the_only_calendar_and_the_least_telling_usual_style_are_chosen_beforehand(desk, client, by_caldav):
    by_caldav.road.calendar("dana", "Tasks", component="VTODO")
    page = client.get(choose_url(by_caldav.begin(desk.staff))).content.decode()
    checked = re.findall(r'<input[^>]*value="([^"]+)"[^>]* checked', page)
    assert checked == [by_caldav.address, "initials"]


def test_of_several_calendars_none_is_chosen_for_anybody(desk, client, by_caldav):
    other = by_caldav.road.calendar("dana", 'Private <b>"&')
    page = client.get(choose_url(by_caldav.begin(desk.staff))).content.decode()
    assert set(re.findall(r'name="calendar" value="([^"]+)"', page)) == {by_caldav.address, other}
    assert re.findall(r'<input[^>]*value="([^"]+)"[^>]* checked', page) == ["initials"]
    assert "Private &lt;b&gt;&quot;&amp;" in page


# ------------------------------------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("fields", "errors"),
    [
        ({"server": ""}, ["Enter the address of the calendar server."]),
        ({"username": " "}, ["Enter the user name, often your e-mail address."]),
        ({"password": ""}, ["Enter the app password."]),
        (
            {"server": "not an address"},
            ["This is not the address of a calendar server. It looks like https://caldav.example.org."],
        ),
        ({"username": "da\x00na"}, ["Null characters are not allowed."]),
    ],
)
def test_what_cannot_be_right_is_said_beside_the_field_before_anybody_is_asked(
    client, by_caldav, fields, errors
):
    by_caldav.road.requests.clear()
    response = client.post(FIRST, typed(by_caldav, **fields))
    assert (response.status_code, errors_of(response)) == (422, errors)
    assert alerts_of(response) == ["Not connected yet. Look at the field marked below."]
    assert (by_caldav.road.requests, CalendarConnection.objects.count()) == ([], 0)


def test_a_wrong_password_is_said_and_never_repeated(client, by_caldav, caplog):
    caplog.set_level(logging.DEBUG)
    response = client.post(FIRST, typed(by_caldav, password=SECRET))
    assert (response.status_code, alerts_of(response)) == (
        422,
        ["The server does not accept the user name or the password. Enter an app password, if it has those."],
    )
    assert (value_of(response, "server"), value_of(response, "username")) == (by_caldav.road.base, "dana")
    assert value_of(response, "password") is None
    assert SECRET not in response.content.decode() + caplog.text + str(response.headers)
    assert CalendarConnection.objects.count() == 0


@pytest.mark.parametrize(
    "server",
    [
        f"https://dana:{SECRET}@cal.example.org/dav",
        f"dana:{SECRET}@cal.example.org/dav",
        f"https:/dana:{SECRET}@cal.example.org/dav",
        f"ftp://dana:{SECRET}@cal.example.org/dav",
        f"https://dana:{SECRET}@",
        f"https://dana:{SECRET}@[cal.example.org",
    ],
)
def test_a_password_typed_into_the_address_is_not_repeated_either(client, by_caldav, server):
    response = client.post(FIRST, typed(by_caldav, server=server))
    assert response.status_code == 422
    assert len(errors_of(response)) == 1
    assert SECRET not in response.content.decode()


@pytest.mark.parametrize(
    ("server", "words"),
    [
        ("https://127.0.0.1:9/dav", "private network"),
        ("https://[::1]/", "private network"),
        ("https://10.1.2.3/", "private network"),
        ("http://calendar.example.org/", "https://"),
    ],
)
def test_an_address_of_a_private_network_or_without_tls_is_refused(client, by_caldav, server, words):
    response = client.post(FIRST, typed(by_caldav, server=server))
    [alert] = alerts_of(response)
    assert (response.status_code, words in alert, CalendarConnection.objects.count()) == (422, True, 0)


@pytest.mark.parametrize(
    "trouble",
    [
        {"status": 500},
        {"status": 200, "body": "<html>Welcome</html>"},
        {"drop": True},
        {"status": 302, "headers": {"Location": "http://169.254.169.254/latest/"}},
    ],
)
def test_a_server_that_is_none_is_said_and_nothing_is_kept(client, by_caldav, trouble):
    by_caldav.road.trouble(method=ANY, times=None, **trouble)
    response = client.post(FIRST, typed(by_caldav))
    assert (response.status_code, len(alerts_of(response))) == (422, 1)
    assert CalendarConnection.objects.count() == 0


@pytest.mark.parametrize(
    ("fields", "errors"),
    [
        ({}, ["Choose a calendar.", "Choose what entries show."]),
        ({"calendar": "", "title_style": "loud"}, ["Choose a calendar.", "Choose what entries show."]),
    ],
)
def test_nothing_chosen_is_said_with_the_list_still_there(desk, client, by_caldav, fields, errors):
    response = client.post(choose_url(by_caldav.begin(desk.staff)), fields)
    assert (response.status_code, errors_of(response)) == (422, errors)
    assert by_caldav.address in response.content.decode()
    assert CalendarConnection.objects.get().state == "new"


def test_a_calendar_that_is_not_in_the_list_is_refused(desk, client, by_caldav):
    sent = {"calendar": "https://elsewhere.example.org/", "title_style": "busy"}
    response = client.post(choose_url(by_caldav.begin(desk.staff)), sent)
    assert (response.status_code, alerts_of(response)) == (
        422,
        ["This calendar is not in the list any more. Choose one that is."],
    )
    assert re.findall(r'<input[^>]*value="([^"]+)"[^>]* checked', response.content.decode()) == ["busy"]


def test_a_calendar_of_a_colleague_is_refused_by_name(desk, client, by_caldav):
    kim = make.staff(at=desk.facility, display_name="Kim Osei")
    by_caldav.connect(kim)
    sent = {"calendar": by_caldav.address, "title_style": "busy"}
    response = client.post(choose_url(by_caldav.begin(desk.staff)), sent)
    assert response.status_code == 422
    assert alerts_of(response)[0].startswith("Work is connected already, by Kim Osei.")


def test_a_server_that_gives_no_list_any_more_leads_back_to_the_first_step(desk, client, by_caldav):
    url = choose_url(by_caldav.begin(desk.staff))
    by_caldav.road.trouble(method=ANY, times=None, status=503)
    for answer in (client.get(url, follow=True), client.post(url, {"calendar": "x"}, follow=True)):
        assert answer.redirect_chain == [(FIRST, 302)]
        assert len(told(answer)) == 1


def test_a_form_sent_again_or_too_late_leads_to_ones_calendars(desk, client, by_caldav):
    made = by_caldav.connect(desk.staff)
    sent = {"calendar": by_caldav.address, "title_style": "busy"}
    for answer in (
        client.get(choose_url(made), follow=True),
        client.post(choose_url(made), sent, follow=True),
    ):
        assert answer.redirect_chain == [("/calendars/", 302)]
        assert told(answer) == [
            "This calendar is not being set up any more. Those you have connected are listed here."
        ]
    made.refresh_from_db()
    assert made.title_style == "initials"


def test_what_was_begun_is_forgotten_by_its_own_button(desk, client, by_caldav):
    url = choose_url(by_caldav.begin(desk.staff))
    page = client.get(url).content.decode()
    [action] = re.findall(r'<form method="post" action="([^"]+)" id="forget">', page)
    assert 'form="forget"' in page
    client.post(action, {"entries": "leave"})
    assert CalendarConnection.objects.count() == 0


def test_servers_are_asked_only_so_often_for_one_person(desk, client, by_caldav):
    wrong = typed(by_caldav, password=SECRET)
    answers = [client.post(FIRST, {**wrong, "server": "https://10.0.0.1/"}) for _ in range(41)]
    assert [answer.status_code for answer in answers] == [422] * 40 + [429]
    assert (alerts_of(answers[-1]), value_of(answers[-1], "username")) == ([SAID_OFTEN], "dana")
    made = by_caldav.connect(desk.staff)
    begun_now = by_caldav.begin(desk.staff)
    for url, sent in ((choose_url(begun_now), {"calendar": "x"}), (password_url(made), {"password": "x"})):
        refused = client.post(url, sent)
        assert (refused.status_code, alerts_of(refused)) == (429, [SAID_OFTEN])
    assert signed_in(make.staff(at=desk.facility)).post(FIRST, wrong).status_code == 422


# ---------------------------------------------------------------------------------------------- new password


def test_a_new_password_lets_a_stopped_calendar_go_on(desk, client, by_caldav):
    made = by_caldav.connect(desk.staff)
    CalendarConnection.objects.update(state="broken", broken_at=make.NOW, last_error="Refused.")
    page = text_of(client.get(password_url(made)))
    assert [said in page for said in ("Work", by_caldav.road.base, "dana", "Refused.")] == [True] * 4
    done = client.post(password_url(made), {"password": USERS["dana"]}, follow=True)
    assert done.redirect_chain == [("/calendars/", 302)]
    assert told(done) == ["Work opens with the new password. What waited is being written now."]
    made.refresh_from_db()
    assert (made.state, made.last_error) == ("active", "")


@pytest.mark.parametrize(
    ("password", "said"),
    [
        ("", ["Enter the new app password."]),
        (
            SECRET,
            [
                "The server does not accept the user name or the password. Enter an app password, if it has those."
            ],
        ),
    ],
)
def test_a_bad_new_password_is_said_and_changes_nothing(desk, client, by_caldav, password, said):
    made = by_caldav.connect(desk.staff)
    CalendarConnection.objects.update(state="broken", broken_at=make.NOW)
    response = client.post(password_url(made), {"password": password})
    assert (response.status_code, errors_of(response) + alerts_of(response)) == (422, said)
    assert SECRET not in response.content.decode()
    made.refresh_from_db()
    assert (made.state, credentials.read(made)) == ("broken", by_caldav.secrets)


def test_the_password_of_a_google_calendar_is_googles(desk, client, by_google):
    made = by_google.connect(desk.staff)
    answer = client.get(password_url(made))
    assert (answer.status_code, answer["Location"]) == (302, "/calendars/google/")


# ------------------------------------------------------------------------------------------------- who may


@pytest.mark.parametrize(
    ("role", "status"),
    [("front_desk", 200), ("provider", 200), ("manager", 200), ("administrator", 200), ("billing", 403)],
)
def test_the_first_step_is_for_those_who_have_calendars(desk, role, status):
    assert desk.signed_in(role).get(FIRST).status_code == status


def test_a_superuser_who_is_not_on_staff_has_no_calendars(desk):
    root = Client()
    root.force_login(make.user(is_superuser=True, is_staff=True), backend="appointments.access.StaffBackend")
    refused = root.get(FIRST)
    assert refused.status_code == 403
    assert "Calendars belong to people on staff." in text_of(refused)


@pytest.mark.parametrize("role", ["provider", "manager", "administrator"])
def test_nobody_chooses_or_gives_credentials_for_a_colleague(desk, by_caldav, role):
    unfinished, made = by_caldav.begin(desk.staff), by_caldav.connect(make.staff(at=desk.facility))
    other = desk.signed_in(role)
    by_caldav.road.requests.clear()
    answers = [
        other.get(choose_url(unfinished)),
        other.post(choose_url(unfinished), {"calendar": by_caldav.address, "title_style": "busy"}),
        other.get(password_url(made)),
        other.post(password_url(made), {"password": USERS["dana"]}),
    ]
    assert [(answer.status_code, answer["Location"]) for answer in answers] == [(302, "/calendars/")] * 4
    assert by_caldav.road.requests == []
    unfinished.refresh_from_db()
    assert unfinished.state == "new"


def test_pages_with_credentials_are_kept_by_no_cache(desk, client, by_caldav):
    pages = (FIRST, choose_url(by_caldav.begin(desk.staff)), password_url(by_caldav.connect(desk.staff)))
    assert {client.get(page)["Cache-Control"] for page in pages} == {
        "max-age=0, no-cache, no-store, must-revalidate, private"
    }
