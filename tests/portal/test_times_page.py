"""The page to pick a time, as a browser without scripts uses it."""

import re
from datetime import timedelta
from html import unescape
from html.parser import HTMLParser
from urllib.parse import parse_qsl, urlsplit

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from portal import holds
from portal.picker import write_at
from portal.views.times import MOST_HOLDS
from scheduling.availability import open_times
from scheduling.staffing import time_off
from tests import factories as make
from tests.portal.clinic import DAY, Clinic

pytestmark = pytest.mark.django_db
WANTED = {"day": DAY.isoformat()}


class Page(HTMLParser):
    """The forms of a page as a browser would send them, and its links."""

    def __init__(self, response):
        super().__init__()
        self.source = response.content.decode()
        self.forms, self.links, self.current_days = [], [], []
        self.feed(self.source)

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        if tag == "form":
            self.forms.append({"hidden": {}, "at": [], "checked": [], **found})
        elif tag in ("input", "button") and found.get("name") == "at":
            self.forms[-1]["at"].append(found["value"])
            self.forms[-1]["checked"] += [found["value"]] if "checked" in found else []
        elif tag == "input" and found.get("type") == "hidden":
            self.forms[-1]["hidden"][found["name"]] = found.get("value", "")
        elif tag == "a":
            self.links.append(found.get("href"))
            self.current_days += [found["href"]] if found.get("aria-current") == "date" else []

    @property
    def times(self):
        return next(form for form in self.forms if form.get("class") == "times")

    @property
    def words(self):
        return " ".join(unescape(re.sub(r"<[^>]*>", " ", self.source)).split())


@pytest.fixture
def clinic():
    return Clinic.open(program={"name": "Counseling", "description": "Talk to somebody.\n\nIn confidence."})


def address(clinic):
    return f"/portal/book/{clinic.program.pk}/"


def get(clinic, client=None, **asked):
    return Page((client or Client()).get(address(clinic), asked))


def post(clinic, client=None, *, at=None, **fields):
    sent = {
        "staff": "",
        **({"at": at if isinstance(at, str) else f"{at:%Y-%m-%dT%H:%M:%SZ}"} if at else {}),
        **fields,
    }
    return (client or Client()).post(address(clinic), sent)


def held(clinic):
    return holds.held(clinic.facility.pk, besides="", now=timezone.now())


# ---------------------------------------------------------------------------------------------- without scripts


def test_the_page_says_what_it_is_for(clinic):
    words = get(clinic, **WANTED).words
    for text in (
        "Counseling · 30 minutes",
        "Talk to somebody.",
        "Times in Eastern Time",
        "Next available",
        "9:00 AM",
    ):
        assert text in words


def test_a_time_is_picked_by_links_and_one_form(clinic):
    browser = Client(enforce_csrf_checks=True)
    first = get(clinic, browser)
    second = get(clinic, browser, **dict(parse_qsl(first.links[-3].removeprefix("?"))))
    form = second.times
    response = browser.post(address(clinic), {**form["hidden"], "at": form["at"][4]})
    assert response.status_code == 303
    went = urlsplit(response.headers["Location"])
    assert went.path == f"/portal/book/{clinic.program.pk}/details/"
    assert dict(parse_qsl(went.query, keep_blank_values=True)) == {"at": form["at"][4], "staff": ""}


def test_next_available_is_one_button(clinic):
    browser = Client(enforce_csrf_checks=True)
    form = get(clinic, browser).forms[1]
    assert len(form["at"]) == 1
    response = browser.post(address(clinic), {**form["hidden"], "at": form["at"][0]})
    assert response.status_code == 303
    assert f"at={form['at'][0].replace(':', '%3A')}" in response.headers["Location"]


def test_continue_without_a_time_says_so_and_stays_on_the_day(clinic):
    response = post(clinic, **WANTED)
    page = Page(response)
    assert response.status_code == 422
    assert "Choose a time first." in page.words
    assert page.current_days == [f"?day={DAY}"]


def test_a_link_from_elsewhere_can_have_a_time_chosen_already(clinic):
    page = get(clinic, at=f"{clinic.at(10, 45):%Y-%m-%dT%H:%M:%SZ}")
    assert page.times["checked"] == [f"{clinic.at(10, 45):%Y-%m-%dT%H:%M:%SZ}"]


def test_a_browsers_zone_is_told_by_its_cookie(clinic):
    browser = Client()
    browser.cookies["zone"] = "Asia/Tokyo"
    page = get(clinic, browser, **WANTED)
    assert "Times in Eastern Time, below each the same in Japan Standard Time" in page.words
    assert 'data-own-zone="Asia/Tokyo"' in page.source


def test_a_page_of_times_is_kept_by_nobody(clinic):
    assert "no-store" in Client().get(address(clinic)).headers["Cache-Control"]


def test_getting_changes_nothing(clinic):
    response = Client().get(
        address(clinic), {"at": f"{clinic.at(10):%Y-%m-%dT%H:%M:%SZ}", "staff": clinic.staff.pk}
    )
    assert held(clinic) == {}
    assert "visitor" not in response.cookies


def test_the_page_is_light(clinic):
    for _ in range(19):
        clinic.colleague()
    assert len(Client().get(address(clinic), WANTED).content) < 30_000


# ------------------------------------------------------------------------------------------------ times and holds


def test_picking_holds_the_time_for_this_visitor(clinic):
    browser = Client()
    response = post(clinic, browser, at=clinic.at(10))
    assert held(clinic) == {clinic.staff.pk: [(clinic.at(10), clinic.at(10, 30))]}
    assert response.cookies["visitor"]["httponly"]
    ten = f"{clinic.at(10):%Y-%m-%dT%H:%M:%SZ}"
    assert ten in get(clinic, browser, **WANTED).times["at"]
    assert ten not in get(clinic, **WANTED).times["at"]
    staffs_own = open_times(program=clinic.program, first_day=DAY, last_day=DAY, now=timezone.now())
    assert clinic.at(10) in {time.starts_at for time in staffs_own}


def test_picking_another_time_lets_go_of_the_first(clinic):
    browser = Client()
    post(clinic, browser, at=clinic.at(10))
    post(clinic, browser, at=clinic.at(12))
    assert held(clinic) == {clinic.staff.pk: [(clinic.at(12), clinic.at(12, 30))]}


def test_any_staff_member_holds_the_one_with_the_least_to_do(clinic):
    other = clinic.colleague()
    clinic.appointment(make.customer(at=clinic.facility), 14)
    location = post(clinic, at=clinic.at(10)).headers["Location"]
    assert location.endswith("&staff=")
    assert list(held(clinic)) == [other.pk]


def test_a_chosen_staff_member_is_held_and_kept_in_the_address(clinic):
    clinic.colleague()
    location = post(clinic, at=clinic.at(10), staff=clinic.staff.pk).headers["Location"]
    assert location.endswith(f"&staff={clinic.staff.pk}")
    assert list(held(clinic)) == [clinic.staff.pk]


def test_a_time_that_is_gone_is_told_and_the_next_ones_of_that_day_are_shown(clinic):
    other = clinic.colleague()
    clinic.appointment(make.customer(at=clinic.facility), 10)
    response = post(clinic, at=clinic.at(10), staff=clinic.staff.pk)
    page = Page(response)
    assert response.status_code == 409
    assert "This time has just been taken. These are the next ones." in page.words
    assert page.current_days == [f"?day={DAY}&staff={clinic.staff.pk}".replace("&", "&")]
    assert page.times["hidden"]["staff"] == str(clinic.staff.pk)
    assert f"{clinic.at(10, 30):%Y-%m-%dT%H:%M:%SZ}" in page.times["at"]
    assert post(clinic, at=clinic.at(10)).status_code == 303
    assert list(held(clinic)) == [other.pk]


def test_a_time_that_another_visitor_just_picked_is_told(clinic):
    post(clinic, at=clinic.at(10))
    response = post(clinic, at=clinic.at(10, 15))
    assert response.status_code == 409
    assert "This time has just been taken." in Page(response).words


def test_time_off_takes_a_time_away_between_seeing_and_picking(clinic):
    ten = get(clinic, **WANTED).times["at"][4]
    manager = make.user()
    away = time_off.Away(DAY, DAY)
    asked = time_off.ask_time_off(staff=clinic.staff, away=away, reason="", by=manager, now=timezone.now())
    time_off.approve(time_off=asked, by=manager, now=timezone.now())
    response = post(clinic, at=ten)
    assert response.status_code == 409
    assert Page(response).current_days == [f"?day={DAY + timedelta(days=1)}"]


def test_too_many_holds_from_one_address_and_it_goes_on_without(clinic):
    most = int(MOST_HOLDS.partition("/")[0])
    for number in range(most):
        post(clinic, at=clinic.at(9) + number * timedelta(minutes=30))
    assert len(held(clinic)[clinic.staff.pk]) == most
    response = post(clinic, at=clinic.at(16))
    assert response.status_code == 303
    assert len(held(clinic)[clinic.staff.pk]) == most
    assert post(clinic, at=clinic.at(9)).status_code == 409


def test_holds_from_all_addresses_of_one_ipv6_line_are_counted_together(clinic):
    most = int(MOST_HOLDS.partition("/")[0])
    for number in range(most + 3):
        time = clinic.at(9) + number * timedelta(minutes=30)
        visitor = Client(REMOTE_ADDR=f"2001:db8:0:1::{number + 1:x}")
        visitor.post(f"/portal/book/{clinic.program.pk}/", {"at": write_at(time), "staff": ""})
    assert len(held(clinic)[clinic.staff.pk]) == most


def test_without_redis_times_are_shown_and_picked(clinic, settings):
    settings.REDIS_URL = "redis://127.0.0.1:1"
    ten = get(clinic, **WANTED).times["at"][4]
    assert post(clinic, at=ten).status_code == 303
    assert ten in get(clinic, **WANTED).times["at"]


# -------------------------------------------------------------------------------------------- customers signed in


def test_a_signed_in_customer_is_not_offered_what_they_cannot_take(clinic):
    clinic.program.cool_down_days = 30
    clinic.program.save()
    customer = make.customer(at=clinic.facility, user=make.user(), time_zone="America/Los_Angeles")
    clinic.appointment(customer, 10)
    browser = Client()
    browser.force_login(customer.user, "portal.accounts.PatronBackend")
    page = get(clinic, browser)
    allowed = DAY + timedelta(days=30)
    assert (
        f"at least 30 days apart: your next one can be on {allowed:%A, %B} {allowed.day} or later."
        in page.words
    )
    assert page.current_days == [f"?day={allowed}"]
    assert "below each the same in Pacific Time" in page.words
    assert post(clinic, browser, at=clinic.at(12)).status_code == 409
    assert post(clinic, at=clinic.at(12)).status_code == 303


# ------------------------------------------------------------------------------------------------------ no times


def test_no_times_at_all_say_whom_to_call(clinic):
    clinic.staff.shifts.all().delete()
    page = get(clinic)
    assert "There is no open time up to" in page.words
    assert "(212) 555-0100" in page.words
    assert [form for form in page.forms if form["at"]] == []


def test_no_times_of_one_staff_member_lead_to_everybodys(clinic):
    busy = make.staff(at=clinic.facility, display_name="Dana")
    clinic.program.staff.add(busy)
    page = get(clinic, staff=busy.pk)
    assert "Dana has no open time up to" in page.words
    assert "?" in page.links


@pytest.mark.parametrize(
    "change",
    [
        {"program": {"allows_public_booking": False}},
        {"program": {"is_active": False}},
        {"facility": {"is_active": False}},
    ],
)
def test_a_program_that_is_not_public_has_no_page(clinic, change):
    for name, fields in change.items():
        type(getattr(clinic, name)).objects.filter(pk=getattr(clinic, name).pk).update(**fields)
    for response in (Client().get(address(clinic)), post(clinic, at=clinic.at(10)), post(clinic)):
        assert response.status_code == 404
        assert "Counseling" not in response.content.decode()
    assert held(clinic) == {}


@pytest.mark.parametrize("number", ["0", "999", "9223372036854775808", "99999999999999999999999"])
def test_a_program_that_is_none_has_no_page(number):
    assert Client().get(f"/portal/book/{number}/").status_code == 404


# ------------------------------------------------------------------------------------------------ tampered fields


@pytest.mark.parametrize(
    "asked",
    [
        {"day": "abc"},
        {"staff": "999999999999"},
        {"at": "garbage"},
        {"day": "9999-12-31", "at": "9999-12-31T23:59:59Z"},
        {"staff": "\0", "day": "\0", "at": "\0"},
        {"day": "<script>", "staff": "<script>", "at": "<script>"},
    ],
)
def test_a_tampered_address_shows_a_sensible_page(clinic, asked):
    response = Client().get(address(clinic), asked)
    assert response.status_code == 200
    assert Page(response).times["hidden"]["staff"] == ""
    assert "<script>" not in response.content.decode()


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({"at": "garbage"}, 422),
        ({"at": "0001-01-01T00:00:00Z"}, 422),
        ({"at": "2199-12-31T23:59:59Z"}, 409),
        ({"at": "2020-01-01T10:00:00Z"}, 409),
        ({"at": "2026-11-30T10:07:00Z"}, 409),
        ({"at": "now", "staff": "\0"}, 409),
        ({"at": "now", "staff": "999999999999"}, 409),
        ({"at": "now", "staff": "abc"}, 409),
    ],
)
def test_tampered_fields_pick_nothing(clinic, sent, status):
    sent = {**sent, "at": clinic.at(10)} if sent["at"] == "now" else sent
    response = post(clinic, **sent)
    assert response.status_code == status
    assert Page(response).times["at"] != []
    assert held(clinic) == {}


def test_somebody_who_does_not_serve_the_program_cannot_be_picked(clinic):
    stranger = make.staff(at=clinic.facility)
    make.week(staff=stranger, at=clinic.facility)
    assert post(clinic, at=clinic.at(10), staff=stranger.pk).status_code == 409


def test_other_methods_are_refused(clinic):
    assert Client().put(address(clinic)).status_code == 405


# -------------------------------------------------------------------------------------------------------- queries


def test_a_visitor_costs_four_queries_for_one_and_for_twenty_staff(clinic):
    for more in (0, 19):
        for _ in range(more):
            clinic.colleague()
        with CaptureQueriesContext(connection) as asked:
            assert Client().get(address(clinic), WANTED).status_code == 200
        assert len(asked) == 4


def test_picking_costs_few_queries(clinic):
    for _ in range(19):
        clinic.colleague()
    with CaptureQueriesContext(connection) as asked:
        assert post(clinic, at=clinic.at(10)).status_code == 303
    assert len(asked) == 6
