"""The front page and a facility's own: what customers may book, how they find it, and what is not there."""

import re
from html import unescape
from typing import Any

import pytest
from django.test import Client

from appointments.models import Program
from portal import offers
from scheduling.availability import serving
from tests import factories as make
from tests.portal.clinic import Clinic

pytestmark = pytest.mark.django_db


def read(answer: Any) -> str:
    """What a visitor reads of the page's main part."""
    main = re.search(r"<main.*</main>", answer.content.decode(), re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", main[0])).split())


def titles(answer: Any, level: int = 3) -> list[str]:
    return [unescape(found) for found in re.findall(rf"<h{level}[^>]*>([^<]+)<", answer.content.decode())]


@pytest.fixture
def clinic() -> Clinic:
    return Clinic.open(
        name="Northside",
        address="212 Linden Street, Albany",
        program={"name": "Tutoring", "description": "Reading and math, one to one.", "default_minutes": 75},
    )


@pytest.mark.parametrize("address", ["/portal/", "/portal/book/"])
def test_home_shows_facilities_with_their_public_programs(
    client: Client, clinic: Clinic, address: str
) -> None:
    make.program(at=clinic.facility, name="Staff meeting")

    answer = client.get(address)

    assert titles(answer) == ["Tutoring"]
    assert "Northside 212 Linden Street, Albany Tutoring 1 hour 15 minutes Reading and math" in read(answer)
    assert f'href="/portal/book/{clinic.program.pk}/"' in answer.content.decode()
    assert f'href="/portal/facilities/{clinic.facility.pk}/"' in answer.content.decode()


def test_home_lists_facilities_and_programs_by_name(client: Client, clinic: Clinic) -> None:
    Clinic.open(name="Harbor House", program={"name": "Housing"})
    make.program(
        at=clinic.facility, staff=clinic.staff, name="Art", description="", allows_public_booking=True
    )

    answer = client.get("/portal/")

    assert [name.strip() for name in re.findall(r"<h2[^>]*><a[^>]*>([^<]+)", answer.content.decode())] == [
        "Harbor House",
        "Northside",
    ]
    assert titles(answer) == ["Housing", "Art", "Tutoring"]


@pytest.mark.parametrize(
    ("row", "change"),
    [
        ("program", {"allows_public_booking": False}),
        ("program", {"is_active": False}),
        ("facility", {"is_active": False}),
    ],
)
def test_what_is_not_public_is_nowhere(
    client: Client, clinic: Clinic, row: str, change: dict[str, bool]
) -> None:
    found = getattr(clinic, row)
    type(found).objects.filter(pk=found.pk).update(**change)

    home = client.get("/portal/")
    search = client.get("/portal/", {"q": "tutoring"})
    facility = client.get(f"/portal/facilities/{clinic.facility.pk}/")

    assert titles(home) == titles(search) == []
    assert facility.status_code == 404
    assert "There is nothing here" in read(facility)
    assert "Tutoring" not in read(facility) + read(home)


def test_home_without_programs_says_whom_to_call(client: Client) -> None:
    make.facility(name="Northside", phone="(518) 555-0100 ext. 4")
    make.facility(name="Closed", phone="518 555 0199", is_active=False)
    make.facility(name="Silent")

    answer = client.get("/portal/")

    assert "Please call us: Northside: (518) 555-0100 ext. 4" in read(answer)
    assert 'href="tel:5185550100"' in answer.content.decode()
    assert not re.search("Closed|Silent", read(answer))


def test_home_without_programs_or_phones_says_to_come_back(client: Client) -> None:
    assert "Please come back later." in read(client.get("/portal/"))


@pytest.mark.parametrize(
    "text", ["tutoring", "TUTÓRING", "math one", "northside", "linden", "  reading   albany ", "Tu"]
)
def test_search_finds_by_name_description_facility_and_address(
    client: Client, clinic: Clinic, text: str
) -> None:
    Clinic.open(name="Westgate", program={"name": "Counseling", "description": "With a counselor."})

    assert titles(client.get("/portal/", {"q": text})) == ["Tutoring"]


@pytest.mark.parametrize("text", ["nino", "NIÑO", "acompañamiento", "ACOMPANAMIENTO", "strasse", "Straße"])
def test_search_minds_neither_case_nor_accents(client: Client, text: str) -> None:
    Clinic.open(
        name="Westgate",
        address="Grüne Straße 4",
        program={"name": "Salud del niño", "description": "Acompañamiento"},
    )

    assert titles(client.get("/portal/", {"q": text})) == ["Salud del niño"]


def test_search_in_vain_says_what_to_do_and_keeps_the_words(client: Client, clinic: Clinic) -> None:
    answer = client.get("/portal/", {"q": "<b>dentist</b>"})

    assert "Nothing found for “<b>dentist</b>”. Try another word" in read(answer)
    assert "Show everything" in read(answer)
    assert 'value="&lt;b&gt;dentist&lt;/b&gt;"' in answer.content.decode()


@pytest.mark.parametrize("text", ["\0", "%", "'", "\\", "x" * 5000, "💡", "مرحبا"])
def test_odd_searches_break_nothing(client: Client, clinic: Clinic, text: str) -> None:
    answer = client.get("/portal/", {"q": text})

    assert answer.status_code == 200
    assert len(answer.context["text"]) <= offers.SEARCH_LIMIT


def test_search_needs_no_script(client: Client, clinic: Clinic) -> None:
    page = client.get("/portal/").content.decode()

    assert re.search(r'<form method="get" action="/portal/" role="search"', page)
    assert 'name="q"' in page


def test_program_that_nobody_serves_names_the_phone_instead(client: Client, clinic: Clinic) -> None:
    clinic.program.staff.clear()

    answer = client.get("/portal/")

    assert "No times are offered online at the moment. Please call Northside: (212) 555-0100" in read(answer)
    assert f"/portal/book/{clinic.program.pk}/" not in answer.content.decode()


def test_program_that_nobody_serves_without_a_phone_says_where_to_ask(client: Client) -> None:
    clinic = Clinic.open(name="Northside", phone="")
    clinic.program.staff.clear()

    assert "Please ask at Northside." in read(client.get("/portal/"))


@pytest.mark.parametrize(
    ("by_lead", "staff"),
    [
        (False, {}),
        (True, {}),
        (False, {"is_active": False}),
        (True, {"is_active": False}),
        (False, {"takes_appointments": False}),
        (False, {"elsewhere": True}),
        (True, {"elsewhere": True}),
    ],
)
def test_home_and_open_times_agree_on_who_serves(by_lead: bool, staff: dict[str, bool]) -> None:
    here, there = make.facility(), make.facility()
    elsewhere = staff.pop("elsewhere", False)
    member = make.staff(at=there if elsewhere else here, **staff)
    program = make.program(at=here, allows_public_booking=True)
    if by_lead:
        Program.objects.filter(pk=program.pk).update(lead_staff=member)
    else:
        program.staff.add(member)
    program.refresh_from_db()

    [place] = offers.places()

    assert [offer.is_served for offer in place.offers] == [bool(serving(program))]


def test_facility_page_shows_where_it_is_and_what_it_offers(client: Client, clinic: Clinic) -> None:
    Clinic.open(name="Westgate", program={"name": "Counseling"})

    answer = client.get(f"/portal/facilities/{clinic.facility.pk}/")
    page = answer.content.decode()

    assert titles(answer, 1) == ["Northside"]
    assert titles(answer) == ["Tutoring"]
    assert "Address 212 Linden Street, Albany Show on a map" in read(answer)
    assert "Times are in Eastern Time" in read(answer)
    assert "openstreetmap.org/search?query=212+Linden+Street%2C+Albany" in page
    assert 'href="tel:2125550100"' in page


def test_facility_page_without_address_and_phone_leaves_them_out(client: Client) -> None:
    clinic = Clinic.open(phone="", address="")

    text = read(client.get(f"/portal/facilities/{clinic.facility.pk}/"))

    assert not re.search("Address|Phone|map", text)


def test_facility_that_does_not_exist_looks_like_one_that_is_not_public(
    client: Client, clinic: Clinic
) -> None:
    silent = make.facility()

    answers = [client.get(f"/portal/facilities/{pk}/") for pk in (silent.pk, 10**9)]

    assert [answer.status_code for answer in answers] == [404, 404]
    assert read(answers[0]) == read(answers[1])


@pytest.mark.parametrize("programs", [1, 30])
def test_pages_cost_one_query_however_much_is_offered(
    client: Client, clinic: Clinic, programs: int, django_assert_num_queries: Any
) -> None:
    for _ in range(programs - 1):
        other = Clinic.open()
        make.program(at=clinic.facility, staff=other.staff, allows_public_booking=True)
    facility = f"/portal/facilities/{clinic.facility.pk}/"
    client.get(facility)

    with django_assert_num_queries(1):
        assert client.get("/portal/").status_code == 200
    with django_assert_num_queries(1):
        assert client.get(facility).status_code == 200


@pytest.mark.parametrize("address", ["/portal/", "/portal/book/"])
def test_pages_take_no_post(client: Client, address: str) -> None:
    assert client.post(address).status_code == 405
