from datetime import date, timedelta

import pytest
from django.test import Client
from django.utils import timezone

from appointments import customers
from appointments.customers import CaseRefused
from appointments.models import Case, Customer
from scheduling import booking
from tests import factories as make
from tests.scheduling.desk import DAY, Desk, errors_of, part, text_of
from tests.together import at_once

pytestmark = pytest.mark.django_db
BORN = date(1984, 5, 6)
ROSA = {
    "given_name": "Rosa",
    "family_name": "Silva",
    "date_of_birth": "1984-05-06",
    "phone": "212 555 0143",
    "email": "rosa@example.org",
}


@pytest.fixture
def desk():
    return Desk.open()


@pytest.fixture
def client(desk):
    return desk.signed_in()


def search(client, text):
    response = client.get("/customers/search/", {"customer_search": text}, headers=part("customer-options"))
    assert response.status_code == 200
    return response


def found(client, text):
    content = search(client, text).content.decode()
    return [piece.split('"')[0] for piece in content.split('data-text="')[1:]]


@pytest.mark.parametrize(
    "text", ["rosa", "SILVA", "silva ro", "555 0143", "(212) 555-0143", "1984-05-06", "5/6/1984"]
)
def test_search_finds_by_name_phone_and_birth_date(desk, client, text):
    make.customer(
        at=desk.facility,
        given_name="Rosa",
        family_name="Silva",
        date_of_birth=BORN,
        phone="+12125550143",
    )
    make.customer(at=desk.facility, given_name="Omar", family_name="Farouk", phone="+13125559999")
    assert found(client, text) == ["Rosa Silva"]


def test_search_shows_what_tells_people_apart(desk, client):
    shown = text_of(search(client, "nguyen"))
    assert shown.startswith(f"{desk.customer.full_name} born Apr 12, 1991 · (212) 555-")


@pytest.mark.parametrize("text", ["", "a", "zzyzx", "%", "_" * 5, "\\", "x" * 300, "ro\x00sa", "99/99/9999"])
def test_search_for_odd_text_finds_nobody(desk, client, text):
    assert found(client, text) == []


def test_search_finds_nobody_of_another_facility(desk, client):
    other = Desk.open().customer
    assert other.full_name not in found(client, "nguyen")
    assert desk.customer.full_name in found(client, "nguyen")
    assert found(client, other.phone) == []


def test_search_says_that_more_match(desk, client):
    for _ in range(8):
        make.customer(at=desk.facility)
    assert len(found(client, "nguyen")) == 8
    assert "More match" in text_of(search(client, "nguyen"))


def test_list_shows_the_next_appointment_and_takes_the_same_queries_for_one_and_thirty(
    desk, client, django_assert_num_queries
):
    desk.appointment(10, minutes=15)
    client.get("/customers/", headers=part("customer-list"))
    with django_assert_num_queries(6):
        client.get("/customers/", headers=part("customer-list"))
    for number in range(29):
        hour, quarter = 10 + (number + 1) // 4, (number + 1) % 4
        desk.appointment(
            hour,
            15 * quarter,
            minutes=15,
            customer=make.customer(at=desk.facility),
            overrides={"outside_hours"},
        )
    with django_assert_num_queries(6):
        page = client.get("/customers/", headers=part("customer-list"))
    assert page.content.count(b'<th scope="row">') == 30
    assert f"{DAY:%a, %b %-d}, 10:00 AM" in text_of(page)


def test_list_is_paged_and_searched(desk, client):
    for _ in range(35):
        make.customer(at=desk.facility, family_name="Okafor")
    page = client.get("/customers/", {"q": "okafor", "page": "2"}, headers=part("customer-list"))
    assert "35 customers match “okafor”" in text_of(page)
    assert page.content.count(b'<th scope="row">') == 5
    for odd in ("0", "-3", "999", "x"):
        assert client.get("/customers/", {"page": odd}, headers=part("customer-list")).status_code == 200


def test_list_without_anybody_says_so(desk):
    Customer.objects.all().delete()
    assert "No customers yet" in text_of(desk.signed_in().get("/customers/", headers=part("customer-list")))
    nobody = desk.signed_in().get("/customers/", {"q": "zzyzx"}, headers=part("customer-list"))
    assert "Nobody found for “zzyzx”" in text_of(nobody)


def test_customer_shows_appointments_at_the_users_facilities_only(desk, client):
    other = Desk.open()
    desk.appointment(10)
    past = desk.appointment(10, day=DAY - timedelta(days=20))
    other.appointment(14, customer=desk.customer)
    shown = text_of(client.get(f"/customers/{desk.customer.pk}/"))
    assert shown.count(desk.program.name) == 2
    assert f"{past.local_date:%a, %b %-d}, {past.local_date.year}" in shown
    assert [other.program.name in shown, other.facility.name in shown] == [False, False]


@pytest.mark.parametrize("page", ["", "edit/"])
def test_customer_of_another_facility_is_not_there(desk, client, page):
    other = Desk.open().customer
    response = client.get(f"/customers/{other.pk}/{page}")
    assert response.status_code == 404
    assert other.full_name not in text_of(response)
    assert client.get(f"/customers/{'9' * 30}/{page}").status_code == 404


def test_customer_is_edited(desk, client):
    response = client.post(f"/customers/{desk.customer.pk}/edit/", ROSA)
    assert (response.status_code, response.url) == (302, f"/customers/{desk.customer.pk}/")
    desk.customer.refresh_from_db()
    assert (desk.customer.full_name, desk.customer.phone) == ("Rosa Silva", "+12125550143")


def test_customers_language_is_edited_and_shown(desk, client):
    page = f"/customers/{desk.customer.pk}/"
    assert "Language" not in text_of(client.get(page))
    assert client.post(f"{page}edit/", ROSA | {"language": "es"}).status_code == 302
    assert "Language Español" in text_of(client.get(page))
    refused = client.post(f"{page}edit/", ROSA | {"language": "xx"})
    assert errors_of(refused) == ["Select a valid choice. xx is not one of the available choices."]


def test_customer_edit_keeps_what_was_typed(desk, client):
    response = client.post(f"/customers/{desk.customer.pk}/edit/", {**ROSA, "phone": "12"})
    assert (response.status_code, errors_of(response)) == (
        422,
        ["This number has too few or too many digits."],
    )
    assert 'value="Rosa"' in response.content.decode()
    desk.customer.refresh_from_db()
    assert desk.customer.given_name == "Ada"


def test_customer_without_a_birth_date_may_stay_so(desk, client):
    Customer.objects.update(date_of_birth=None)
    response = client.post(f"/customers/{desk.customer.pk}/edit/", {**ROSA, "date_of_birth": ""})
    assert response.status_code == 302


def test_new_customer_is_put_on_record(desk, client):
    response = client.post("/customers/new/", {**ROSA, "facility": desk.facility.pk})
    made = Customer.objects.get(family_name="Silva")
    assert (response.status_code, response.url) == (302, f"/customers/{made.pk}/")
    assert list(made.facilities.all()) == [desk.facility]


def test_new_customer_cannot_be_put_at_another_facility(desk, client):
    response = client.post("/customers/new/", {**ROSA, "facility": make.facility().pk})
    assert (response.status_code, errors_of(response)) == (422, ["Choose one of your facilities."])
    assert not Customer.objects.filter(family_name="Silva").exists()


@pytest.mark.parametrize("address", ["/customers/new/", "/customers/{}/edit/", "/customers/{}/cases/"])
def test_customers_are_not_changed_by_billing(desk, address):
    client = desk.signed_in("billing")
    assert client.post(address.format(desk.customer.pk), ROSA).status_code == 403
    assert client.get(f"/customers/{desk.customer.pk}/").status_code == 200
    assert not Case.objects.exists()


def register(facility, **fields):
    who = {"given_name": "Rosa", "family_name": "Silva", "date_of_birth": BORN}
    return customers.register(facility=facility, **{**who, **fields})


def test_register_knows_a_person_again_by_name_and_birth_date():
    here, there = make.facility(), make.facility()
    first = register(here, phone="+12125550143")
    again = register(there, given_name="ROSA", phone="+13125550199", email="new@example.org")
    assert (first.was_on_record, again.was_on_record) == (False, True)
    assert again.customer == first.customer
    assert (again.customer.phone, again.customer.email) == ("+12125550143", "")
    assert set(again.customer.facilities.all()) == {here, there}
    assert not register(there, date_of_birth=date(1984, 5, 7)).was_on_record


def test_register_prefers_the_record_known_at_the_facility():
    here, there = make.facility(), make.facility()
    fields = {"given_name": "Rosa", "family_name": "Silva", "date_of_birth": BORN}
    make.customer(at=there, **fields)
    own = make.customer(at=here, **fields)
    assert register(here).customer == own


@pytest.mark.django_db(transaction=True)
def test_register_by_many_desks_at_once_makes_one_record():
    facilities = [make.facility() for _ in range(4)]
    made = at_once([lambda f=f: register(f) for f in facilities])
    assert sorted(one.was_on_record for one in made) == [False, True, True, True]
    assert set(Customer.objects.get().facilities.all()) == set(facilities)


def test_case_is_opened_and_closed_with_who_and_when(desk, client):
    address = f"/customers/{desk.customer.pk}/"
    assert client.post(f"{address}cases/", {"title": "Housing"}).status_code == 302
    case = Case.objects.get()
    assert (case.customer, case.title, case.closed_at) == (desk.customer, "Housing", None)
    assert client.post(f"{address}cases/{case.pk}/close/").status_code == 302
    case.refresh_from_db()
    assert case.closed_by == case.opened_by
    page = text_of(client.get(address))
    assert f"{case.reference} Housing" in page
    assert "closed" in page


def test_case_with_a_reference_in_use_is_refused_beside_the_field(desk, client):
    make.case(of=make.customer(), by=desk.staff.user, reference="H-1")
    response = client.post(f"/customers/{desk.customer.pk}/cases/", {"reference": "H-1", "title": "Mine"})
    message = "There is a case H-1 already. Choose another reference."
    assert (response.status_code, errors_of(response)) == (422, [message])
    assert 'value="Mine"' in response.content.decode()


def test_case_is_closed_once(desk):
    case, now = make.case(of=desk.customer, by=desk.staff.user), make.NOW
    customers.close_case(case=case, by=desk.staff.user, now=now)
    with pytest.raises(CaseRefused):
        customers.close_case(case=case, by=desk.staff.user, now=now + timedelta(hours=1))
    case.refresh_from_db()
    assert case.closed_at == now


def test_case_of_somebody_else_is_not_closed(desk, client):
    other = Desk.open()
    own = make.case(of=make.customer(at=desk.facility), by=desk.staff.user)
    theirs = make.case(of=other.customer, by=other.staff.user)
    for customer, case in ((desk.customer, own), (other.customer, theirs), (desk.customer, theirs)):
        assert client.post(f"/customers/{customer.pk}/cases/{case.pk}/close/").status_code == 404
    assert not Case.objects.filter(closed_at__isnull=False).exists()


def test_customer_becomes_visible_where_somebody_books_them(desk, client):
    stranger = make.customer()
    assert client.get(f"/customers/{stranger.pk}/").status_code == 404
    booking.book(
        customer=stranger,
        staff=desk.staff,
        program=desk.program,
        starts_at=make.at(DAY, 10),
        minutes=30,
        by=desk.staff.user,
        now=timezone.now(),
    )
    assert client.get(f"/customers/{stranger.pk}/").status_code == 200


def test_customer_page_holds_the_part_it_refreshes(desk, client):
    desk.appointment(10)
    address = f"/customers/{desk.customer.pk}/"
    piece = client.get(address, headers=part("customer-visits")).content.decode().strip()
    assert piece.startswith('<div id="customer-visits"')
    assert piece in client.get(address).content.decode()


@pytest.mark.parametrize(
    ("corrected", "ends"), [({"email": "right@example.org"}, True), ({"given_name": "Eve"}, False)]
)
def test_correcting_a_contact_signs_out_whoever_came_in_by_the_old_one(desk, corrected, ends):
    customer = make.customer(at=desk.facility, user=make.user())
    as_customer = Client()
    as_customer.force_login(customer.user, backend="portal.accounts.PatronBackend")
    page = f"/customers/{customer.pk}/edit/"
    sent = {
        "given_name": customer.given_name,
        "family_name": customer.family_name,
        "date_of_birth": customer.date_of_birth.isoformat(),
        "email": customer.email,
        "phone": customer.phone,
    }
    answer = desk.signed_in("front_desk").post(page, {**sent, **corrected})
    assert answer.status_code in (204, 302), errors_of(answer)
    assert as_customer.get("/portal/account/").status_code == (302 if ends else 200)
