"""Calendars as administrators look into them: read by those who may, and changed by nobody but for an address that is ended."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from appointments.models import Facility, Organisation, StaffMember
from appointments.models.organisation import Role
from calendarsync import credentials, feeds
from calendarsync.models import CalendarConnection, CalendarFeed, CalendarSync, Reconciliation, SyncedEvent
from tests import factories as make
from tests.administering import list_of, page_of, rows_shown, words
from tests.appointments.signing_in import give_password
from tests.calendarsync.shelf import connection
from tests.scheduling.desk import text_of

pytestmark = pytest.mark.django_db

NOW = make.NOW


@pytest.fixture
def place() -> Facility:
    return make.facility(name="Northside")


@pytest.fixture
def administrator(place: Facility) -> StaffMember:
    return make.staff(at=place, role=Role.ADMINISTRATOR)


@pytest.fixture
def admin_client(client: Client, administrator: StaffMember) -> Client:
    give_password(client, administrator.user)
    return client


def zephyr(place: Facility, number: int = 0) -> StaffMember:
    member = make.staff(at=place, display_name=f"Zephyr {number}")
    make.week(staff=member, at=place)
    return member


def calendar(place: Facility, number: int = 0, **given: Any) -> CalendarConnection:
    return connection(zephyr(place, number), **given)


def row(place: Facility, number: int = 0, **given: Any) -> CalendarSync:
    """What a booking at this place writes for its staff member's calendar."""
    owner = calendar(place, number)
    program = make.program(at=place, staff=owner.staff)
    customer = make.customer(at=place, family_name=f"Quill{number}")
    booked = make.appointment(program=program, staff=owner.staff, customer=customer)
    CalendarSync.objects.filter(appointment=booked).update(**given)
    return CalendarSync.objects.get(appointment=booked)


def comparison(place: Facility, number: int = 0, **given: Any) -> Reconciliation:
    return Reconciliation.objects.create(connection=calendar(place, number), started_at=NOW, **given)


def feed(place: Facility, number: int = 0) -> CalendarFeed:
    feeds.create(staff=zephyr(place, number), by=None, now=NOW)
    return CalendarFeed.objects.latest("pk")


def customers_feed(place: Facility, number: int = 0) -> CalendarFeed:
    feeds.create(customer=make.customer(at=place, family_name=f"Zephyr{number}"), by=None, now=NOW)
    return CalendarFeed.objects.latest("pk")


ROWS: dict[type, Callable[[Facility, int], Any]] = {
    CalendarConnection: calendar,
    CalendarSync: row,
    Reconciliation: comparison,
    CalendarFeed: feed,
}
QUERIES = {CalendarConnection: 6, CalendarSync: 8, Reconciliation: 8, CalendarFeed: 6}
each_model = pytest.mark.parametrize("model", ROWS, ids=lambda model: model.__name__)


def found(client: Client, model: type, **query: Any) -> list[Any]:
    return rows_shown(client.get(list_of(model), query))


def test_every_registered_model_is_tested_here() -> None:
    """What is known to stand in a calendar is for machines."""
    ours = {model for model in admin.site._registry if model._meta.app_label == "calendarsync"}
    assert ours == set(ROWS)
    assert SyncedEvent not in ours


@each_model
def test_list_page_and_search_find_the_row(admin_client: Client, place: Facility, model: type) -> None:
    mine = ROWS[model](place, 1)
    assert found(admin_client, model) == [mine]
    assert found(admin_client, model, q="zephyr 1") == [mine]
    assert found(admin_client, model, q="Xylophone") == []


@each_model
def test_administrator_sees_those_of_their_own_facilities_only(
    admin_client: Client, place: Facility, model: type
) -> None:
    mine, foreign = ROWS[model](place, 1), ROWS[model](make.facility(), 2)
    assert found(admin_client, model) == [mine]
    assert found(admin_client, model, q="zephyr") == [mine]
    assert admin_client.get(page_of(foreign)).status_code == 302
    superuser = Client()
    give_password(superuser, make.user(is_superuser=True))
    assert set(found(superuser, model)) == {mine, foreign}


@each_model
def test_page_shows_the_row_and_lets_nobody_change_it(
    admin_client: Client, place: Facility, model: type
) -> None:
    mine = ROWS[model](place, 1)
    answer = admin_client.get(page_of(mine))
    assert (answer.status_code, answer.context["original"]) == (200, mine)
    assert "_save" not in answer.content.decode()
    assert admin_client.get(list_of(model) + "add/").status_code == 403
    assert admin_client.post(page_of(mine), {"state": "active"}).status_code == 403
    assert admin_client.post(page_of(mine, "delete"), {"post": "yes"}).status_code == 403
    assert found(admin_client, model) == [mine]


@each_model
@pytest.mark.parametrize("rows", [1, 30])
def test_list_page_costs_the_same_for_one_row_and_thirty(
    admin_client: Client, place: Facility, model: type, rows: int, django_assert_num_queries: Any
) -> None:
    for number in range(rows):
        ROWS[model](place, number)
    admin_client.get(reverse("admin:index"))
    with django_assert_num_queries(QUERIES[model]):
        admin_client.get(list_of(model))


@each_model
def test_nonsense_in_a_search_breaks_nothing(admin_client: Client, place: Facility, model: type) -> None:
    ROWS[model](place, 1)
    statuses = [
        admin_client.get(list_of(model), {"q": q}).status_code for q in ("\0", "%", "9" * 40, "'", " ")
    ]
    assert statuses == [200] * 5


@pytest.mark.parametrize("role", [Role.MANAGER, Role.PROVIDER])
def test_others_on_staff_do_not_get_in(client: Client, place: Facility, role: str) -> None:
    give_password(client, make.staff(at=place, role=role).user)
    for model in ROWS:
        assert client.get(list_of(model)).status_code == 302


# ---------------------------------------------------------------------------------------------- connections


def test_nothing_that_opens_a_calendar_is_shown(admin_client: Client, place: Facility) -> None:
    secrets = {"kind": "password", "username": "dana", "password": "hunter2-hunter2"}
    mine = calendar(place)
    CalendarConnection.objects.update(**credentials.sealed(secrets, mine.reference))
    mine.refresh_from_db()
    page = admin_client.get(page_of(mine)).content.decode()
    sealed = [bytes(mine.ciphertext).hex(), str(bytes(mine.ciphertext)), bytes(mine.salt).hex()]
    assert "https://calendars.example.org/dana/" in page
    assert [each for each in (*sealed, "hunter2", "ciphertext", "key_id") if each in page] == []


def test_page_says_why_it_stopped_and_leads_to_where_it_is_mended(
    admin_client: Client, place: Facility
) -> None:
    why = "The server refused the password."
    mine = calendar(place, state="broken", broken_at=NOW, last_error=why)
    answer = admin_client.get(page_of(mine))
    page = text_of(answer)
    assert ("Stopped" in page, why in page) == (True, True)
    address = reverse("calendar", args=[mine.reference])
    assert f'href="{address}"' in answer.content.decode()
    assert admin_client.get(address).status_code == 200


def test_connections_are_found_by_account_and_state(admin_client: Client, place: Facility) -> None:
    stopped = calendar(place, 1, state="broken", broken_at=NOW, account="dreyes")
    calendar(place, 2)
    assert found(admin_client, CalendarConnection, q="dreyes") == [stopped]
    assert found(admin_client, CalendarConnection, state__exact="broken") == [stopped]


# ----------------------------------------------------------------------------------------------------- rows


def test_rows_are_found_by_customer_and_by_the_beginning_of_a_reference(
    admin_client: Client, place: Facility
) -> None:
    one, _ = row(place, 1), row(place, 2)
    reference = str(one.appointment.reference)
    asked = ["Quill1", reference, reference[:8], reference[:8].upper(), f"Appointment {reference[:8]}"]
    assert [found(admin_client, CalendarSync, q=text) for text in asked] == [[one]] * 5
    assert found(admin_client, CalendarSync, q=reference[:7]) == []


def test_rows_are_filtered_by_what_needs_a_person(admin_client: Client, place: Facility) -> None:
    failed = {"state": "given_up", "settled_at": NOW, "last_error": "Refused"}
    still = row(place, 1, **failed)
    row(place, 2, **failed, resolved_at=NOW)
    row(place, 3)
    assert found(admin_client, CalendarSync, failed="still") == [still]
    assert "Refused" in text_of(admin_client.get(page_of(still)))


def days(client: Client, **query: Any) -> list[str]:
    """The links of the timeline."""
    timeline = client.get(list_of(CalendarSync), query).context["cl"].timeline()
    return [choice["title"] for choice in timeline.get("choices", [])]


def test_rows_are_gone_through_by_year_month_and_day(admin_client: Client, place: Facility) -> None:
    at = [datetime(2025, 11, 30, 23, 59, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC), NOW]
    made = [row(place, number, created_at=when) for number, when in enumerate(at)]
    assert days(admin_client) == ["2025", "2026"]
    assert days(admin_client, created_at__year=2025) == ["November 2025", "December 2025"]
    assert days(admin_client, created_at__month=11) == ["2025", "2026"]
    november = {"created_at__year": 2025, "created_at__month": 11}
    assert days(admin_client, **november) == ["November 30"]
    assert found(admin_client, CalendarSync, **november, created_at__day=30) == [made[0]]
    page = admin_client.get(list_of(CalendarSync), {**november, "created_at__day": 30, "state": "pending"})
    assert page.context["cl"].timeline()["back"] == {
        "link": "?created_at__month=11&created_at__year=2025&state=pending",
        "title": "November 2025",
    }
    assert "November 30" in text_of(page)


def test_timeline_begins_where_there_is_something_to_choose(admin_client: Client, place: Facility) -> None:
    assert days(admin_client) == []
    row(place, 1)
    assert days(admin_client) == ["November 23"]
    row(place, 2, created_at=NOW + timedelta(days=10))
    assert days(admin_client) == ["November 2026", "December 2026"]


@pytest.mark.parametrize(
    "query", [{"created_at__year": "x"}, {"created_at__year": 2026, "created_at__month": 13}]
)
def test_date_that_is_none_leads_back_to_the_list(admin_client: Client, place: Facility, query: Any) -> None:
    row(place)
    assert admin_client.get(list_of(CalendarSync), query)["Location"].endswith("?e=1")


def test_comparisons_that_found_something_are_filtered(admin_client: Client, place: Facility) -> None:
    drifted = comparison(place, 1, missing=1)
    failed = comparison(place, 2, error="Nobody answers.")
    assert found(admin_client, Reconciliation, found="something") == [drifted]
    assert found(admin_client, Reconciliation, error__isempty=0) == [failed]


# ---------------------------------------------------------------------------------------------------- feeds


def test_addresses_are_ended_and_only_those_chosen(admin_client: Client, place: Facility) -> None:
    ended, kept, patrons = feed(place, 1), feed(place, 2), customers_feed(place)
    sent = {"action": "revoke", "_selected_action": [ended.pk, patrons.pk]}
    said = [words(admin_client.post(list_of(CalendarFeed), sent, follow=True)) for _ in range(2)]
    assert said == [
        "2 addresses end now. Who read there makes a new one on their own page.",
        "0 addresses end now. Who read there makes a new one on their own page.",
    ]
    live = CalendarFeed.objects.filter(revoked_at=None)
    assert list(live) == [kept]


def test_address_made_since_is_not_ended_with_an_old_one(admin_client: Client, place: Facility) -> None:
    old = feed(place)
    feeds.create(staff=old.staff, by=None, now=NOW)
    sent = {"action": "revoke", "_selected_action": [old.pk]}
    admin_client.post(list_of(CalendarFeed), sent)
    assert CalendarFeed.objects.filter(revoked_at=None).count() == 1


def test_addresses_of_customers_elsewhere_are_not_seen(admin_client: Client, place: Facility) -> None:
    mine = customers_feed(place)
    customers_feed(make.facility())
    assert found(admin_client, CalendarFeed) == [mine]


def test_token_and_its_digest_are_not_shown(admin_client: Client, place: Facility) -> None:
    mine = feed(place)
    page = admin_client.get(page_of(mine)).content.decode()
    assert (bytes(mine.digest).hex() in page, "digest" in page) == (False, False)


def test_organization_decides_whether_public_notes_are_shown(admin_client: Client) -> None:
    page = page_of(Organisation.current())
    sent = {"name": "Harbor Care", "second_factor": "optional", "idle_minutes": "15"}
    sent |= {"customer_word": "client", "customers_word": "clients"}
    admin_client.post(page, sent | {"calendars_show_public_notes": "on"})
    assert Organisation.current().calendars_show_public_notes
    admin_client.post(page, sent)
    assert not Organisation.current().calendars_show_public_notes
