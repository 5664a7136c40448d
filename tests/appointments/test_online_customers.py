"""Who a visitor to the portal is: recognised by birth date and a contact, never by a name alone."""

from datetime import date

import pytest
from django.db import connection, transaction

from appointments import customers
from appointments.models import Customer, Facility
from tests import factories as make
from tests import together

BORN = date(1991, 4, 12)


def arrive(facility: Facility, **given: object) -> Customer:
    typed = {
        "given_name": "Ada",
        "family_name": "Nguyen",
        "date_of_birth": BORN,
        "email": "ada@example.org",
        "phone": "",
        **given,
    }
    with transaction.atomic():
        return customers.register_online(facility=facility, **typed)  # type: ignore[arg-type]


@pytest.fixture
def facility(db: None) -> Facility:
    return make.facility()


@pytest.fixture
def ada(facility: Facility) -> Customer:
    return make.customer(
        at=facility, family_name="Nguyen", date_of_birth=BORN, email="Ada@Example.org", phone="+12125550143"
    )


def test_somebody_new_gets_a_record_with_what_they_gave(facility: Facility) -> None:
    made = arrive(facility, phone="+12125550111")
    assert (made.full_name, made.date_of_birth, made.email, made.phone, made.user) == (
        "Ada Nguyen",
        BORN,
        "ada@example.org",
        "+12125550111",
        None,
    )


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"email": "ADA@example.org"},
        {"email": "new@example.org", "phone": "+12125550143"},
        {"given_name": "A.", "family_name": "N."},
    ],
)
def test_birth_date_and_either_contact_recognise_whatever_name_is_given(
    facility: Facility, ada: Customer, given: dict[str, str]
) -> None:
    before = Customer.objects.values().get(pk=ada.pk)
    assert arrive(facility, **given) == ada
    assert Customer.objects.values().get(pk=ada.pk) == before


@pytest.mark.parametrize(
    "given",
    [
        {"date_of_birth": date(1991, 4, 13)},
        {"email": "other@example.org"},
        {"email": "other@example.org", "phone": "+12125550144"},
    ],
)
def test_less_than_both_recognises_nobody(
    facility: Facility, ada: Customer, given: dict[str, object]
) -> None:
    assert arrive(facility, **given) != ada


def test_empty_contacts_on_record_match_no_empty_ones(facility: Facility) -> None:
    make.customer(at=facility, date_of_birth=BORN, email="", phone="")
    assert arrive(facility, phone="") in Customer.objects.filter(email="ada@example.org")


def test_of_twins_who_share_a_contact_the_name_decides(facility: Facility, ada: Customer) -> None:
    ben = make.customer(
        at=facility, given_name="Ben", family_name="Nguyen", date_of_birth=BORN, email="ada@example.org"
    )
    assert arrive(facility, given_name="BEN") == ben
    assert arrive(facility, given_name="Ada") == ada


def test_among_several_records_the_one_known_here_comes_first(facility: Facility) -> None:
    fields = {"family_name": "Nguyen", "date_of_birth": BORN, "email": "ada@example.org"}
    make.customer(at=make.facility(), **fields)
    here = make.customer(at=facility, **fields)
    assert arrive(facility) == here


@pytest.mark.django_db(transaction=True)
def test_two_bookings_at_once_by_somebody_new_make_one_record() -> None:
    facility = make.facility()
    jobs = [
        lambda number=n: arrive(facility, given_name=f"Ada {number}", phone="+12125550143") for n in range(6)
    ]
    assert len({customer.pk for customer in together.at_once(jobs)}) == 1
    assert Customer.objects.count() == 1


@pytest.mark.django_db
def test_looking_for_an_address_uses_its_index() -> None:
    """Every sign-in asks this: it must not read every customer."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    plan = Customer.objects.filter(email__iexact="ada@example.org").exclude(email="").order_by().explain()
    assert "customer_email" in plan
