"""Finding calendars from whatever address of a server people know."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from caldav.elements import dav

from calendarsync.providers import caldav
from calendarsync.providers.base import CalendarError, Choice, Fault
from calendarsync.providers.caldav_discovery import moved_to
from calendarsync.providers.dav import Dav, asking
from tests import factories as make
from tests.calendarsync.harness import CaldavHarness
from tests.contracts.doubles import ANY, Answer, Asked
from tests.contracts.radicale import USERS, RadicaleRoad

HTML = "<!DOCTYPE html><html><body>Welcome</body></html>"


def found(server: str, user: str = "dana", password: str | None = None) -> list[Choice]:
    return caldav.choices(server=server, username=user, password=password or USERS[user])


@pytest.mark.parametrize("path", ["", "/", "/dana/", "/dana", "/.well-known/caldav", "/nothing/here/"])
def test_calendars_are_found_from_any_address_of_the_server(radicale: RadicaleRoad, path: str):
    work, home = radicale.calendar(name="Work"), radicale.calendar(name="Home & garden, Ñ")
    choices = found(radicale.base + path)
    assert sorted(choices, key=lambda choice: choice.name) == [
        Choice(home, "Home & garden, Ñ"),
        Choice(work, "Work"),
    ]


def test_the_address_of_one_calendar_is_enough(radicale: RadicaleRoad):
    work, home = radicale.calendar(name="Work"), radicale.calendar(name="Home")
    choices = found(work.rstrip("/"))
    assert choices[0] == Choice(work, "Work")
    assert {choice.address for choice in choices} == {work, home}


def test_one_calendar_is_offered_where_the_server_does_not_say_whose_others_are(radicale: RadicaleRoad):
    work = radicale.calendar(name="Work")
    radicale.calendar(name="Home")

    def silent(asked: Asked, on: Any) -> Answer:
        answer = on(asked)
        body = re.sub(r"<[^/>]*(current-user-principal|calendar-home-set)>.*?</[^>]*\1>", "", answer.body)
        return Answer(answer.status, body, answer.headers)

    radicale.twist = silent
    assert found(work) == [Choice(work, "Work")]


def test_a_user_name_may_be_an_address_and_a_password_anything(radicale: RadicaleRoad):
    work = radicale.calendar("lee@example.org")
    assert found(radicale.base, "lee@example.org") == [Choice(work.replace("%40", "@"), "Work")]


def test_only_calendars_for_events_are_offered(radicale: RadicaleRoad):
    radicale.calendar(name="Tasks", component="VTODO")
    assert found(radicale.base) == []


def test_a_calendar_without_a_name_is_called_by_its_address(radicale: RadicaleRoad):
    work = radicale.calendar(name=" ")
    assert [choice.name for choice in found(radicale.base)] == [urlsplit(work).path.split("/")[2]]


def test_a_calendar_that_may_only_be_read_says_so(
    radicale: RadicaleRoad, caldav_harness: CaldavHarness, db: None
):
    work = radicale.calendar()

    def read_only(asked: Asked, on: Any) -> Answer:
        answer = on(asked)
        for name in ("all", "write", "write-content", "write-properties"):
            answer = Answer(
                answer.status, answer.body.replace(f"<privilege><{name} /></privilege>", ""), answer.headers
            )
        return answer

    radicale.twist = read_only
    assert found(radicale.base) == [Choice(work, "Work", may_write=False)]
    opened = caldav.open_calendar(
        caldav_harness.connection(make.staff(), calendar=work),
        {"username": "dana", "password": USERS["dana"]},
    )
    with pytest.raises(CalendarError, match="not write") as refused:
        opened.check()
    assert refused.value.fault is Fault.CALENDAR


@pytest.mark.parametrize("kind", ["home", "tasks"])
def test_what_is_no_calendar_for_events_is_none(
    radicale: RadicaleRoad, caldav_harness: CaldavHarness, db: None, kind: str
):
    tasks = radicale.calendar(component="VTODO")
    address = tasks if kind == "tasks" else f"{radicale.base}/dana/"
    connection = caldav_harness.connection(make.staff(), calendar=address)
    with pytest.raises(CalendarError) as refused:
        caldav.open_calendar(connection, {"username": "dana", "password": USERS["dana"]}).check()
    assert refused.value.fault is Fault.CALENDAR


def test_a_wrong_password_is_named(radicale: RadicaleRoad):
    with pytest.raises(CalendarError, match="password") as refused:
        found(radicale.base, password="another word of dana")
    assert (refused.value.fault, refused.value.code) == (Fault.CALENDAR, "401")
    assert "another word" not in str(refused.value)
    assert radicale.verbs == ["PROPFIND"]


def test_a_web_site_at_the_same_server_is_passed_by(radicale: RadicaleRoad):
    """The address that people know is that of a web site; its server says where calendars are."""
    work = radicale.calendar()

    def website(asked: Asked, on: Any) -> Answer:
        if asked.path == "/":
            return Answer(200, HTML)
        if asked.path == "/.well-known/caldav":
            return Answer(301, "", {"Location": "/dana/"})
        return on(asked)

    radicale.twist = website
    assert found(radicale.base) == [Choice(work, "Work")]


@pytest.mark.parametrize(
    "answer", [Answer(200, HTML), Answer(405), Answer(404), Answer(501), Answer(200, "hello")]
)
def test_a_server_without_calendars_says_so(radicale: RadicaleRoad, answer: Answer):
    radicale.twist = lambda _asked, _on: answer
    with pytest.raises(CalendarError, match="No CalDAV server") as refused:
        found(radicale.base)
    assert refused.value.fault is Fault.CALENDAR


def test_a_server_that_hangs_is_not_asked_again_elsewhere(radicale: RadicaleRoad, settings: Any):
    settings.PROVIDER_TIMEOUT_SECONDS = 0.1
    radicale.trouble(method=ANY, delay=0.15, times=None)
    with pytest.raises(CalendarError) as slow:
        found(radicale.base)
    assert slow.value.fault is Fault.PASSING
    assert radicale.asked == 1


@pytest.mark.parametrize(
    "server",
    [
        "",
        "  ",
        "https://",
        "ftp://example.org",
        "http://example.org/",
        "https://dana:secret@example.org/",
        "localhost",
        "10.0.0.1",
        "[::1",
    ],
)
def test_an_address_that_is_refused_says_why(server: str, settings: Any):
    settings.CALDAV_PRIVATE_HOSTS = []
    with pytest.raises(CalendarError) as refused:
        caldav.choices(server=server, username="dana", password="secret")
    assert refused.value.fault is Fault.CALENDAR
    assert len(str(refused.value)) > 20


@pytest.fixture
def elsewhere(radicale: RadicaleRoad) -> Iterator[RadicaleRoad]:
    """Another road to the same server, under another address."""
    road = RadicaleRoad(radicale.radicale)
    yield road
    road.stop()


@pytest.mark.parametrize("link", ["http://127.0.0.1:{port}/dana/", "http://calendars.internal:{port}/dana/"])
def test_a_home_that_is_named_by_plain_http_is_looked_for_at_the_known_server(
    radicale: RadicaleRoad, elsewhere: RadicaleRoad, link: str
):
    """Servers behind a proxy do not know their own address; and anybody could have said it, on the way."""
    work = radicale.calendar()
    home = link.format(port=elsewhere.base.rpartition(":")[2])

    def misled(asked: Asked, on: Any) -> Answer:
        answer = on(asked)
        body = re.sub(r"(<[^/>]*calendar-home-set><href>)/dana/<", rf"\g<1>{home}<", answer.body)
        said.append(home in body)
        return Answer(answer.status, body, answer.headers)

    said: list[bool] = []
    radicale.twist = misled
    assert found(radicale.base) == [Choice(work, "Work")]
    assert (any(said), elsewhere.asked) == (True, 0)


@pytest.mark.parametrize(
    ("home", "link", "asked_next"),
    [
        (
            "https://calendar.example.org/",
            "https://p42-calendar.example.org/1/",
            "https://p42-calendar.example.org/1/",
        ),
        ("https://calendar.example.org/", "/1/", "https://calendar.example.org/1/"),
        (
            "https://calendar.example.org/",
            "http://calendar.example.org/1/",
            "https://calendar.example.org/1/",
        ),
        ("https://calendar.example.org/", "http://p42.example.org/1/", "https://calendar.example.org/1/"),
        ("http://calendars.internal/", "https://calendar.example.org/1/", "http://calendars.internal/1/"),
    ],
)
def test_a_provider_may_keep_calendars_on_another_host_by_tls(
    settings: Any, home: str, link: str, asked_next: str
):
    settings.CALDAV_PRIVATE_HOSTS = ["calendars.internal"]
    client = Dav(home=home, username="dana", password="secret")
    path = moved_to(client, link)
    assert client.address(path) == asked_next


@pytest.mark.parametrize(
    "link", ["https://10.0.0.1/", "https://localhost:1/", "https://[::1", "https://169.254.169.254/"]
)
def test_no_provider_keeps_calendars_at_a_private_address(link: str):
    client = Dav(home="https://calendar.example.org/", username="dana", password="secret")
    with pytest.raises(CalendarError) as refused:
        client.resources("PROPFIND", moved_to(client, link), asking(dav.DisplayName))
    assert refused.value.fault is Fault.CALENDAR
