"""Booking by a visitor who leaves a number: what they agree to, and what is kept of it."""

import pytest

from appointments import branding
from appointments.models import Appointment, Customer, Organisation
from portal.models import OnlineBooking
from reminders.models import ConsentLog
from tests import factories as make
from tests.portal.booking_online import ADA, MOBILE, Form, Visitor, booked_by, problems
from tests.portal.clinic import Clinic
from tests.portal.visiting import text_of
from tests.reminders import sending

pytestmark = pytest.mark.django_db
WORDING = (
    "By entering it you agree to appointment texts from SecureCare at this number. About 3 per appointment; "
    "message and data rates may apply. Reply STOP to end, HELP for help."
)


@pytest.fixture
def clinic():
    return Clinic.open()


@pytest.fixture
def visitor(clinic):
    return Visitor(clinic)


def test_a_number_writes_the_consent_exactly_as_shown(visitor, clinic):
    visitor.book(clinic.at(10), phone=MOBILE)
    entry = ConsentLog.objects.get()
    booked = Appointment.objects.get()
    assert (entry.address, entry.granted, entry.wording, entry.wording_version) == (
        "+12125550143",
        True,
        WORDING,
        "2026-11",
    )
    assert (entry.source, entry.ip, entry.user_agent) == ("portal_booking", "192.0.2.1", "Firefox")
    assert (entry.by, entry.customer, entry.at) == (None, booked.customer, OnlineBooking.objects.get().at)
    assert booked_by() == ["email", "phone"]


def test_a_number_that_its_phone_stopped_is_not_agreed_to_by_a_form(visitor, clinic):
    """Whoever knows the number could else have it texted again."""
    sending.agreed(phone="+12125550143", granted=False, source="text_stop")
    visitor.book(clinic.at(10), phone=MOBILE)

    assert ConsentLog.objects.count() == 1
    assert booked_by() == ["email"]


def test_no_number_writes_no_consent(visitor, clinic):
    visitor.book(clinic.at(10))
    assert Appointment.objects.count() == 1
    assert not ConsentLog.objects.exists()
    assert booked_by() == ["email"]


def test_a_refused_booking_writes_no_consent(visitor, clinic):
    review = visitor.fill_in(clinic.at(10), phone=MOBILE)
    clinic.appointment(make.customer(at=clinic.facility), 10)
    assert visitor.press(review).status_code == 409
    assert not ConsentLog.objects.exists()
    assert Customer.objects.filter(family_name="Nguyen").count() == 0


def test_where_a_tick_is_asked_for_a_number_without_it_is_told(visitor, clinic, settings):
    settings.SMS_CONSENT_REQUIRES_TICK = True
    page = visitor.open(clinic.at(10))
    words = "I agree to appointment texts from SecureCare at this number."
    assert words in text_of(page)
    assert "By entering it" not in text_of(page)
    assert "may_text" not in Form(page).sent  # unticked
    unticked = visitor.fill_in(clinic.at(10), phone=MOBILE)
    assert problems(unticked) == ["Tick the box to get texts, or leave the mobile number empty."]
    assert Form(unticked).typed == ADA | {"phone": MOBILE}
    no_number = visitor.fill_in(clinic.at(10), may_text="on")
    assert problems(no_number) == ["Enter the mobile number for texts, or clear the box below it."]
    assert Form(no_number).sent["may_text"] == "on"
    review = visitor.fill_in(clinic.at(10), phone=MOBILE, may_text="on")
    assert words in text_of(review)
    assert "may_text" in Form(visitor.press(review, "change", "yes")).sent  # ticked
    visitor.press(review)
    assert ConsentLog.objects.get().wording.startswith(words)


def test_where_a_tick_is_asked_for_leaving_both_empty_books_without_consent(visitor, clinic, settings):
    settings.SMS_CONSENT_REQUIRES_TICK = True
    assert visitor.book(clinic.at(10)).status_code == 302
    assert not ConsentLog.objects.exists()


def test_the_privacy_policy_stands_beside_the_consent(visitor, clinic):
    assert "How we use your data" not in text_of(visitor.open(clinic.at(10)))
    Organisation.objects.update_or_create(pk=1, defaults={"privacy_url": "https://example.org/privacy"})
    branding.forget()
    page = visitor.open(clinic.at(10)).content.decode()
    assert '<a href="https://example.org/privacy">How we use your data</a>' in page
