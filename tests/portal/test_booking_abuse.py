"""Robots, impatience and curiosity: what whoever means no good, or is in a hurry, gets from booking online."""

import re
from datetime import date

import pytest
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from appointments.models import Appointment, Customer
from reminders import rules
from tests import factories as make
from tests.portal.booking_online import ADA, GONE, MOBILE, Form, Visitor, nothing_is_booked
from tests.portal.clinic import Clinic
from tests.portal.visiting import text_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def clinic():
    return Clinic.open(name="Northside", program={"name": "Counseling"})


@pytest.fixture
def visitor(clinic):
    return Visitor(clinic)


# ------------------------------------------------------------------------------------------------------- robots


def test_a_program_that_fills_in_everything_is_answered_like_who_comes_too_late(visitor, clinic):
    robot = visitor.book(clinic.at(10), website="https://spam.example")
    assert nothing_is_booked()
    assert robot.status_code == 409
    assert GONE in text_of(robot)
    assert visitor.book(clinic.at(10)).status_code == 302


def test_the_trap_is_out_of_sight_and_reach(visitor, clinic):
    page = visitor.open(clinic.at(10)).content.decode()
    trap = re.search(r'<div class="honey" aria-hidden="true">.*?</div>', page)[0]
    assert 'tabindex="-1"' in trap
    assert 'autocomplete="off"' in trap


def test_bookings_from_one_address_are_limited_and_nothing_typed_is_lost(visitor, clinic, settings):
    settings.BOOKINGS_PER_ADDRESS = "2/hour"
    for hour in (9, 10):
        assert visitor.book(clinic.at(hour), email=f"ada{hour}@example.org").status_code == 302
    page = visitor.book(clinic.at(11), email="ada11@example.org", phone=MOBILE)
    assert (page.status_code, page["Retry-After"]) == (429, "3600")
    shown = text_of(page)
    assert "Nothing is booked yet. Try again in 1 hour, or sooner." in shown
    assert "To talk to somebody, call Northside: (212) 555-0100." in shown
    assert Form(page).typed == ADA | {"email": "ada11@example.org", "phone": MOBILE}
    assert Appointment.objects.count() == 2
    elsewhere = Visitor(clinic, address="192.0.2.2")
    assert elsewhere.press(page).status_code == 302


def test_all_addresses_of_one_ipv6_line_are_limited_as_one(clinic, settings):
    settings.BOOKINGS_PER_ADDRESS = "1/hour"
    answers = [
        Visitor(clinic, address=address).book(clinic.at(9 + number), email=f"ada{number}@example.org")
        for number, address in enumerate(["2001:db8::1", "2001:db8::ffff:1", "2001:db8:0:1::1"])
    ]
    assert [answer.status_code for answer in answers] == [302, 429, 302]


@pytest.mark.parametrize("same", [{"email": "ADA@example.org"}, {"phone": "+1 212 555 0143"}])
def test_bookings_by_one_contact_are_limited_wherever_they_come_from(visitor, clinic, settings, same):
    settings.BOOKINGS_PER_CONTACT = "2/day"
    answers = []
    for number in range(3):
        typed = {"email": f"ada{number}@example.org", **same}
        somewhere = Visitor(clinic, address=f"192.0.2.{number}")
        answers.append(somewhere.book(clinic.at(9 + number), **typed))
    assert [answer.status_code for answer in answers] == [302, 302, 429]
    assert "Try again in 24 hours, or sooner." in text_of(answers[2])
    somebody_else = Visitor(clinic).book(clinic.at(15), email="ben@example.org", given_name="Ben")
    assert somebody_else.status_code == 302


def test_looking_counts_no_bookings(visitor, clinic, settings):
    settings.BOOKINGS_PER_ADDRESS = "1/hour"
    for _ in range(5):
        review = visitor.fill_in(clinic.at(10))
        visitor.press(review, mac="forged")
    assert visitor.press(review).status_code == 302


def test_a_page_of_another_site_cannot_send_the_form(visitor, clinic):
    strict = Visitor(clinic, Client(enforce_csrf_checks=True))
    assert strict.fill_in(clinic.at(10)).status_code == 403
    assert strict.post(strict.confirm, Form(visitor.fill_in(clinic.at(10))).sent).status_code == 403
    assert nothing_is_booked()


# ------------------------------------------------------------------------------------------------ who is known


def without_secrets(page):
    return re.sub(r'(name="(csrfmiddlewaretoken|submission|issued|mac)" value=")[^"]*', r"\1", page)


def nobody(clinic):
    """Nobody on record has anything in common with the visitor."""


def of_another_birth_date(clinic):
    make.customer(at=clinic.facility, email="ada@example.org", date_of_birth=date(1991, 4, 13))


def known(clinic):
    make.customer(
        at=clinic.facility,
        given_name="Adelaide",
        family_name="Nguyen-Schmidt",
        email="Ada@Example.org",
        phone="+12125550199",
        time_zone="Asia/Tokyo",
        language="es",
    )


def known_by_another_spelling(clinic):
    make.customer(at=clinic.facility, given_name="ADA", family_name="nguyen", email="ADA@example.org")


def seen_by_a_visitor(clinic, **typed):
    """The whole way's pages without their secrets, which differ each time."""
    visitor = Visitor(clinic)
    review = visitor.fill_in(clinic.at(10), **typed)
    done = visitor.press(review)
    page = visitor.client.get(done["Location"])
    token = done["Location"].split("/")[3]
    statuses = (review.status_code, done.status_code, page.status_code)
    return statuses, *(without_secrets(each.content.decode()).replace(token, "") for each in (review, page))


@pytest.mark.parametrize("phone", ["", MOBILE])
def test_no_page_tells_whether_somebody_is_on_record(clinic, phone):
    seen = []
    for on_record in (nobody, of_another_birth_date, known, known_by_another_spelling):
        with transaction.atomic():
            on_record(clinic)
            seen.append(seen_by_a_visitor(clinic, phone=phone))
            transaction.set_rollback(True)
    assert seen[0][0] == (200, 302, 200)
    assert "ada@example.org" in seen[0][2]
    assert seen[0] == seen[1] == seen[2] == seen[3]


def test_an_appointment_of_somebody_recognised_looks_like_a_time_just_taken(clinic):
    known = make.customer(at=clinic.facility, email="ada@example.org")
    elsewhere = Clinic.open()
    busy, taken = Visitor(clinic), Visitor(clinic)
    reviews = busy.fill_in(clinic.at(10)), taken.fill_in(clinic.at(10), email="ben@example.org")
    elsewhere.appointment(known, 10)
    first = busy.press(reviews[0])
    clinic.appointment(make.customer(at=clinic.facility), 10)
    second = taken.press(reviews[1])
    assert first.status_code == second.status_code == 409
    assert GONE in text_of(first)
    assert text_of(first).partition("The nearest")[0] == text_of(second).partition("The nearest")[0]


def test_offers_do_not_depend_on_who_was_recognised(clinic):
    known = make.customer(at=clinic.facility, email="ada@example.org")
    reviews = [
        Visitor(clinic).fill_in(clinic.at(10), email=email) for email in ("ada@example.org", "b@c.org")
    ]
    Clinic.open().appointment(known, 9, 30)
    clinic.appointment(make.customer(at=clinic.facility), 10)
    pages = [Visitor(clinic).press(review) for review in reviews]
    assert Form(pages[0]).offers == Form(pages[1]).offers


def test_known_and_unknown_take_the_same_queries_but_for_the_new_record(clinic):
    make.customer(at=clinic.facility, email="ada@example.org", phone="")
    rules.of(clinic.program)
    counts = []
    for hour, email in ((10, "ada@example.org"), (11, "ben@example.org")):
        visitor = Visitor(clinic)
        review = visitor.fill_in(clinic.at(hour), email=email)
        with CaptureQueriesContext(connection) as queries:
            visitor.press(review)
        counts.append(len(queries))
    assert counts[1] - counts[0] == 1


def test_a_known_person_s_record_is_used_and_never_changed(clinic):
    known = make.customer(
        at=clinic.facility, email="ada@example.org", phone="+12125550199", given_name="Adelaide"
    )
    before = Customer.objects.filter(pk=known.pk).values().get()
    Visitor(clinic).book(clinic.at(10), phone=MOBILE)
    booked = Appointment.objects.get()
    assert booked.customer == known
    assert Customer.objects.filter(pk=known.pk).values().get() == before
    assert (booked.contact_name, booked.contact_email, booked.contact_phone) == (
        "Ada Nguyen",
        "",
        "+12125550143",
    )
