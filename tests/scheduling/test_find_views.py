import pytest

from tests import factories as make
from tests.scheduling.desk import DAY, Desk, errors_of, part, text_of

pytestmark = pytest.mark.django_db
FIND = "/schedule/find/"


@pytest.fixture
def desk():
    return Desk.open()


@pytest.fixture
def client(desk):
    return desk.signed_in()


def find(client, **query):
    return client.get(FIND, query, headers=part("find-time"))


def test_find_lists_times_that_open_the_booking_form(desk, client):
    response = find(client, program=desk.program.pk, date=DAY.isoformat(), minutes="45")
    assert f"{DAY:%A, %B %-d, %Y}" in text_of(response)
    at = f"{make.at(DAY, 9):%Y-%m-%dT%H:%M:%SZ}"
    link = f"/schedule/book/?staff={desk.staff.pk}&amp;program={desk.program.pk}&amp;minutes=45&amp;at={at}"
    assert f'href="{link}"' in response.content.decode()
    opened = client.get(link.replace("&amp;", "&"), headers=part("dialog-body"))
    assert "9:00–9:45 AM" in text_of(opened)


def test_find_carries_the_customer_along(desk, client):
    query = {"customer": desk.customer.pk, "program": desk.program.pk, "date": DAY.isoformat()}
    assert f"&amp;customer={desk.customer.pk}" in find(client, **query).content.decode()


def test_find_leads_on_to_later_days(desk, client):
    response = find(client, program=desk.program.pk, date=DAY.isoformat())
    assert "Later days" in text_of(response)


def test_find_says_what_to_do_when_nothing_is_free(desk, client):
    make.time_off(staff=desk.staff, first_day=DAY, last_day=DAY.replace(year=DAY.year + 1))
    response = find(client, program=desk.program.pk, date=DAY.isoformat())
    assert "No free time in the next sixteen weeks" in text_of(response)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"program": ""}, "Choose a program."),
        ({"program": "424242"}, "Choose a program from the list."),
        ({"date": "24.11."}, "This is not a date. Enter it as 11/24/2026."),
        ({"date": "0001-01-01"}, "Enter a date between 2000 and 2100."),
        ({"minutes": "20"}, "Lengths go by quarter hours: enter 15 or 30 minutes."),
        ({"earliest": "noon"}, "This is not a time of day. Enter it as 10:15 AM."),
        ({"earliest": "14:00", "latest": "12:00"}, "This is before the time it begins. Enter a later one."),
        ({"staff": "424242"}, "Choose staff members from the list."),
        ({"staff": "me"}, "Choose staff members from the list."),
        ({"weekdays": "8"}, "Choose weekdays from the list."),
    ],
)
def test_find_says_beside_the_field_what_is_wrong(desk, client, query, message):
    response = find(client, **{"program": desk.program.pk, "date": DAY.isoformat(), **query})
    assert (response.status_code, errors_of(response)) == (422, [message])


def test_find_knows_nothing_of_another_facility(desk, client):
    other = Desk.open()
    assert find(client, program=other.program.pk).status_code == 422
    assert find(client, program=desk.program.pk, staff=other.staff.pk).status_code == 422
    shown = text_of(find(client))
    assert [other.program.name in shown, desk.program.name in shown] == [False, True]


def test_find_shows_billing_times_but_no_way_to_book(desk):
    response = find(desk.signed_in("billing"), program=desk.program.pk, date=DAY.isoformat())
    assert "9:00 AM" in text_of(response)
    assert b"/schedule/book/" not in response.content
