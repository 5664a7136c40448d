"""The organization's own words: kept in memory, renewed when they change, and said on every page that names customers."""

from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from appointments import branding
from appointments.branding import Brand, brand, said
from appointments.models import Appointment, Organisation
from tests.administering import page_of
from tests.scheduling.desk import DAY, Desk, text_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def clients() -> None:
    """The organization calls them clients."""
    Organisation.current()
    Organisation.objects.update(name="Harbor Care", customer_word="client", customers_word="clients")
    branding.forget()


def test_brand_is_read_once_and_then_remembered(clients: None, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1):
        first = brand()
    with django_assert_num_queries(0):
        again = brand()

    assert first == again == Brand("Harbor Care", "client", "clients", "", ())


def test_brand_is_remembered_for_a_minute_at_most(clients: None) -> None:
    brand()

    [expires] = [at for key, at in cache._expire_info.items() if key.endswith(branding.KEY)]
    assert expires is not None


def test_saving_in_admin_shows_at_once(admin_client: Client) -> None:
    assert brand().customer == "customer"
    sent = {"name": "Harbor Care", "second_factor": "optional", "idle_minutes": "30"}
    sent |= {"customer_word": "patient", "customers_word": "patients"}

    answer = admin_client.post(page_of(Organisation.current()), sent)

    assert answer.status_code == 302
    assert (brand().name, brand().customer, brand().customers) == ("Harbor Care", "patient", "patients")


def test_words_of_forms_follow_the_organization(clients: None) -> None:
    text = said("{Customer}, {customer}, {Customers}, {customers}")

    assert str(text) == "Client, client, Clients, clients"
    Organisation.objects.update(customer_word="student", customers_word="students")
    branding.forget()
    assert str(text) == "Student, student, Students, students"


PAGES = {
    "/customers/": ["Clients", "1 client", "New client"],
    "/customers/?q=nobody": ["Nobody found"],
    "/customers/new/": ["New client"],
    "/customers/search/?customer_search=nobody": ["tick “New client”"],
    "/schedule/book/": ["Client", "New client", "The client sees it in e-mail."],
    "/schedule/": ["Clients"],
    "/schedule/?view=list": ["Clients", "Client and program"],
}


@pytest.mark.parametrize("address", PAGES)
def test_staff_pages_say_the_organizations_word(clients: None, address: str) -> None:
    shown = visible(Desk.open().signed_in().get(address))

    assert [words for words in PAGES[address] if words not in shown] == []
    assert "customer" not in shown.lower()


def test_empty_list_says_the_organizations_word(clients: None) -> None:
    desk = Desk.open()
    desk.customer.delete()

    shown = visible(desk.signed_in().get("/customers/"))

    assert "No clients yet Clients appear here" in shown


@pytest.mark.parametrize("page", ["", "move/", "cancel/", "notes/"])
def test_pages_of_an_appointment_say_the_organizations_word(clients: None, page: str) -> None:
    desk = Desk.open()
    booked = desk.appointment()

    shown = visible(desk.signed_in().get(f"/appointments/{booked.reference}/{page}"))

    assert "lient" in shown
    assert "customer" not in shown.lower()


@pytest.mark.parametrize("page", ["day-sheet", "day-csv", "reassignment-csv"])
def test_sheets_say_the_organizations_word(clients: None, page: str) -> None:
    desk = Desk.open()
    desk.appointment()
    Appointment.objects.update(status="pending_reassignment")

    shown = visible(desk.signed_in().get(reverse(page), {"date": DAY.isoformat()}))

    assert "Client" in shown
    assert "ustomer" not in shown


def test_refusals_of_the_booking_form_say_the_organizations_word(clients: None) -> None:
    desk = Desk.open()
    client = desk.signed_in()
    desk.appointment(10)

    refused = client.post("/schedule/book/", desk.form(staff=desk.colleague().pk))
    unknown = client.post("/schedule/book/", desk.form(customer="", customer_search=""))

    assert "The client already has an appointment at this time." in text_of(refused)
    assert "Choose who it is for, or tick “New client”." in text_of(unknown)


def visible(answer: Any) -> str:
    assert answer.status_code == 200
    return text_of(answer)
