"""What follows, in messages, when customers book, move or cancel."""

import re
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone, translation

from appointments import branding, links
from appointments.models import Appointment, Customer, Organisation
from reminders import consent, messages, notices, segments
from reminders.models import Channel, ConsentLog, Kind, Message
from scheduling import booking
from scheduling.booking import Contact
from securecare import wording
from tests import factories as make
from tests.portal.clinic import Clinic

pytestmark = pytest.mark.django_db

# Two days before the Wednesday that follows, in New York's winter.
NOW = make.NOW
WEDNESDAY = date(2026, 11, 25)
LINK = re.compile(r"http://localhost:8000/portal/a/([\w-]+)/")


@pytest.fixture
def clinic() -> Clinic:
    clinic = Clinic.open(
        name="Downtown Clinic",
        address="1 Main Street",
        program={
            "name": "Intake Interview",
            "public_note": "Bring an ID.",
            "min_notice_hours": 24,
            "max_advance_days": 400,
        },
    )
    clinic.staff.display_name = "Dana Reyes"
    clinic.staff.save()
    return clinic


@pytest.fixture
def ada(clinic: Clinic) -> Customer:
    return make.customer(
        at=clinic.facility, family_name="Nguyen", email="ada@example.org", phone="+12125550143"
    )


def agree(number: str = "+12125550143", granted: bool = True) -> None:
    consent.record(
        phone=number, granted=granted, source=ConsentLog.Source.PORTAL_BOOKING, wording="Yes", now=NOW
    )


def book(clinic: Clinic, customer: Customer, **given: Any) -> Appointment:
    """By the customer, on Wednesday at a quarter to eleven."""
    fields: dict[str, Any] = {"starts_at": clinic.at(10, 45, WEDNESDAY), "by": None, "now": NOW}
    place = {"customer": customer, "staff": clinic.staff, "program": clinic.program, "minutes": 30}
    return booking.book(**{**place, **fields, **given})


def sent(kind: str, channel: str = Channel.EMAIL) -> messages.Letter:
    return messages.read(Message.objects.get(kind=kind, channel=channel))


def outbox() -> list[tuple[str, str, str]]:
    return [(m.kind, m.channel, m.state) for m in Message.objects.order_by("id")]


def test_booking_writes_an_email_that_says_all(clinic: Clinic, ada: Customer) -> None:
    appointment = book(clinic, ada, public_note="Second floor.")

    message = Message.objects.get()
    letter = messages.read(message)
    assert (message.kind, message.channel, message.address) == (Kind.BOOKED, Channel.EMAIL, "ada@example.org")
    assert (message.customer, message.appointment, message.revision) == (ada, appointment, 0)
    assert (message.due_at, message.created_at, message.state) == (NOW, NOW, "pending")
    assert letter.subject == "Appointment booked: Wednesday, November 25, 10:45 AM EST"
    assert LINK.sub("LINK", letter.text) == (
        "Your appointment is booked.\n\n"
        "What: Intake Interview\n"
        "When: Wednesday, November 25, 2026, 10:45 AM to 11:15 AM EST\n"
        "With: Dana Reyes\n"
        "Where: Downtown Clinic, 1 Main Street\n"
        "For: Ada Nguyen\n\n"
        "What to bring or know:\nBring an ID.\n\n"
        "A note for you:\nSecond floor.\n\n"
        "See, move or cancel it:\nLINK\n"
        "You can change it yourself until Tuesday, November 24, 10:45 AM EST.\n"
        "Questions? Call (212) 555-0100.\n\n"
        "SecureCare\n"
    )


def test_link_in_the_email_opens_the_appointment(clinic: Clinic, ada: Customer) -> None:
    appointment = book(clinic, ada)

    (token,) = LINK.findall(sent(Kind.BOOKED).text)

    found = links.find(token, purpose="manage", now=NOW)
    assert found is not None
    assert found.appointment == appointment


def test_text_goes_to_who_agreed_and_tells_nothing_of_the_care(clinic: Clinic, ada: Customer) -> None:
    agree()
    book(clinic, ada, public_note="Second floor.")

    letter = sent(Kind.BOOKED, Channel.PHONE)
    assert outbox() == [("booked", "email", "pending"), ("booked", "phone", "pending")]
    assert letter.subject == ""
    assert LINK.sub("LINK", letter.text) == (
        "SecureCare: booked for Wed, Nov 25, 10:45 AM EST, Downtown Clinic. See or change it: LINK"
    )
    for secret in ("Intake", "Dana", "Bring", "Second floor", "Ada"):
        assert secret not in letter.text


@pytest.mark.parametrize("log", [[], [True, False], [False]])
def test_no_text_without_the_last_word_being_yes(clinic: Clinic, ada: Customer, log: list[bool]) -> None:
    for granted in log:
        agree(granted=granted)

    book(clinic, ada)

    assert outbox() == [("booked", "email", "pending")]


def test_consent_of_another_number_counts_for_that_number_only(clinic: Clinic, ada: Customer) -> None:
    agree("+12125550199")

    book(clinic, ada, contact=Contact(contact_phone="+12125550199"))
    book(clinic, ada, starts_at=clinic.at(14, 0, WEDNESDAY))

    assert list(Message.objects.filter(channel=Channel.PHONE).values_list("address", flat=True)) == [
        "+12125550199"
    ]


def test_notices_go_to_the_contact_given_with_the_booking(clinic: Clinic, ada: Customer) -> None:
    book(clinic, ada, contact=Contact("Ada N.", "new@example.org"))

    message = Message.objects.get()
    assert message.address == "new@example.org"
    assert "For: Ada N.\n" in messages.read(message).text


@pytest.mark.parametrize("name", ["Win at www.prize.example", "http://prize.example", "Visit prize.example"])
def test_name_that_carries_an_address_is_not_sent_on(clinic: Clinic, ada: Customer, name: str) -> None:
    book(clinic, ada, contact=Contact(name, "victim@example.org"))

    letter = sent(Kind.BOOKED)
    assert "prize" not in letter.text + letter.subject
    assert "For:" not in letter.text


@pytest.mark.parametrize("name", ["Dr. A.J. Nguyen", "عائشة نغوين", "Ada 🌱"])
def test_name_of_a_person_is_sent(clinic: Clinic, ada: Customer, name: str) -> None:
    book(clinic, ada, contact=Contact(name, "ada2@example.org"))

    assert f"For: {name}\n" in sent(Kind.BOOKED).text


def test_customer_without_email_and_consent_gets_none(clinic: Clinic) -> None:
    appointment = book(clinic, make.customer(at=clinic.facility, email=""))

    assert outbox() == []
    assert not appointment.links.exists()


def test_move_closes_what_it_overtakes_and_tells_both_times(clinic: Clinic, ada: Customer) -> None:
    agree()
    appointment = book(clinic, ada)
    later = NOW + timedelta(minutes=5)

    booking.reschedule(appointment=appointment, starts_at=clinic.at(14, 0, WEDNESDAY), by=None, now=later)

    assert outbox() == [
        ("booked", "email", "closed"),
        ("booked", "phone", "closed"),
        ("moved", "email", "pending"),
        ("moved", "phone", "pending"),
    ]
    closed = Message.objects.filter(state="closed")
    assert {(m.closed_reason, m.settled_at) for m in closed} == {
        ("The customer moved the appointment.", later)
    }
    letter = sent(Kind.MOVED)
    assert letter.subject == "Appointment moved to Wednesday, November 25, 2:00 PM EST"
    assert "When: Wednesday, November 25, 2026, 2:00 PM to 2:30 PM EST\n" in letter.text
    assert "Instead of: Wednesday, November 25, 10:45 AM EST\n" in letter.text
    assert LINK.sub("LINK", sent(Kind.MOVED, Channel.PHONE).text) == (
        "SecureCare: moved to Wed, Nov 25, 2:00 PM EST, Downtown Clinic. See or change it: LINK"
    )


def test_moving_twice_leaves_one_notice_to_send(clinic: Clinic, ada: Customer) -> None:
    appointment = book(clinic, ada)

    for hour in (14, 15):
        booking.reschedule(appointment=appointment, starts_at=clinic.at(hour, 0, WEDNESDAY), by=None, now=NOW)

    waiting = Message.objects.get(state="pending")
    assert (waiting.kind, waiting.revision) == ("moved", 2)
    assert "3:00 PM" in messages.read(waiting).subject


def test_cancelling_closes_what_it_overtakes_and_says_how_to_book_again(
    clinic: Clinic, ada: Customer
) -> None:
    agree()
    appointment = book(clinic, ada, public_note="Second floor.")

    booking.cancel(appointment=appointment, reason="Ill", by=None, now=NOW)

    assert outbox()[2:] == [("cancelled", "email", "pending"), ("cancelled", "phone", "pending")]
    assert Message.objects.filter(state="closed").count() == 2
    assert sent(Kind.CANCELLED).text == (
        "Your appointment is cancelled.\n\n"
        "What: Intake Interview\n"
        "When: Wednesday, November 25, 2026, 10:45 AM to 11:15 AM EST\n"
        "With: Dana Reyes\n"
        "Where: Downtown Clinic, 1 Main Street\n"
        "For: Ada Nguyen\n\n"
        "Book another time:\n"
        f"http://localhost:8000/portal/book/{clinic.program.pk}/\n"
        "Questions? Call (212) 555-0100.\n\n"
        "SecureCare\n"
    )
    assert sent(Kind.CANCELLED, Channel.PHONE).text == (
        "SecureCare: Wed, Nov 25, 10:45 AM EST, Downtown Clinic is cancelled. Was that not you? Call (212) 555-0100."
    )


def test_cancelled_notice_of_a_program_no_longer_public_offers_no_booking(
    clinic: Clinic, ada: Customer
) -> None:
    appointment = book(clinic, ada)
    clinic.program.allows_public_booking = False
    clinic.program.save()

    booking.cancel(appointment=appointment, reason="", by=None, now=NOW)

    assert "/portal/book/" not in sent(Kind.CANCELLED).text


def test_changes_by_staff_write_nothing_and_close_nothing(clinic: Clinic, ada: Customer) -> None:
    agree()
    booked = book(clinic, ada, by=clinic.staff.user)
    booking.reschedule(
        appointment=booked, starts_at=clinic.at(12, 0, WEDNESDAY), by=clinic.staff.user, now=NOW
    )
    booking.cancel(appointment=booked, reason="Ill", by=clinic.staff.user, now=NOW)

    assert outbox() == []


def test_staff_booking_pays_nothing_for_notices(clinic: Clinic, ada: Customer) -> None:
    with CaptureQueriesContext(connection) as queries:
        book(clinic, ada, by=clinic.staff.user)

    assert not [q["sql"] for q in queries if "reminders_" in q["sql"] or "appointmentlink" in q["sql"]]


def test_notice_goes_out_on_the_day_of_the_appointment_and_not_after_it(
    clinic: Clinic, ada: Customer
) -> None:
    clinic.program.min_notice_hours = 0
    clinic.program.save()
    appointment = book(clinic, ada)
    event = appointment.events.get()
    Message.objects.all().delete()
    event.at = clinic.at(23, 59, WEDNESDAY)
    notices.plan(event)
    on_the_day = outbox()
    Message.objects.all().delete()
    event.at = clinic.at(0, 0, WEDNESDAY + timedelta(days=1))
    notices.plan(event)

    assert on_the_day == [("booked", "email", "pending")]
    assert outbox() == []


def test_same_event_planned_twice_writes_once(clinic: Clinic, ada: Customer) -> None:
    appointment = book(clinic, ada)

    notices.plan(appointment.events.get())

    assert outbox() == [("booked", "email", "pending")]


def test_notice_is_in_the_language_on_record(clinic: Clinic, ada: Customer) -> None:
    ada.language = "es"
    ada.save()

    with translation.override("en"):
        book(clinic, ada)

    message = Message.objects.get()
    with translation.override("es"):
        said = wording.moment(clinic.at(10, 45, WEDNESDAY), "America/New_York")
    assert message.language == "es"
    assert said in messages.read(message).subject
    assert "miércoles" in said


@pytest.mark.parametrize(("active", "written"), [("es", "es"), ("en-us", "en"), ("en", "en")])
def test_notice_is_else_in_the_language_just_read(
    clinic: Clinic, ada: Customer, active: str, written: str
) -> None:
    with translation.override(active):
        book(clinic, ada)

    assert Message.objects.get().language == written


def test_language_on_record_is_not_told_to_an_address_that_is_not(clinic: Clinic, ada: Customer) -> None:
    ada.language = "es"
    ada.save()

    with translation.override("en"):
        book(clinic, ada, contact=Contact(contact_email="somebody@example.org"))

    assert Message.objects.get().language == "en"


@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize("day", [date(2026, 12, day) for day in range(7, 14)])
def test_every_text_fits_one_segment_with_a_public_address(
    clinic: Clinic, ada: Customer, settings: Any, language: str, day: date
) -> None:
    settings.PUBLIC_BASE_URL = "https://book.example.org"
    agree()
    with translation.override(language):
        appointment = book(clinic, ada, starts_at=clinic.at(10, 45, day))
        booking.reschedule(appointment=appointment, starts_at=clinic.at(12, 0, day), by=None, now=NOW)
        booking.cancel(appointment=appointment, reason="", by=None, now=NOW)

    texts = [messages.read(m).text for m in Message.objects.filter(channel=Channel.PHONE)]
    assert [segments.count(text) for text in texts] == [1, 1, 1]


def test_long_names_shorten_the_wording_before_they_cost_a_segment(clinic: Clinic, ada: Customer) -> None:
    agree()
    clinic.facility.name = "Downtown Clinic at the Old Harbor"
    clinic.facility.save()
    clinic.program.facility = clinic.facility

    book(clinic, ada)

    letter = sent(Kind.BOOKED, Channel.PHONE)
    assert LINK.sub("LINK", letter.text) == (
        "SecureCare: Wed, Nov 25, 10:45 AM EST, Downtown Clinic at the Old Harbor. LINK"
    )


def test_sender_is_the_organization(clinic: Clinic, ada: Customer) -> None:
    current = Organisation.current()
    current.name = "Harbor Health"
    current.save()
    branding.forget()
    agree()

    book(clinic, ada)

    assert sent(Kind.BOOKED).text.endswith("\n\nHarbor Health\n")
    assert sent(Kind.BOOKED, Channel.PHONE).text.startswith("Harbor Health: ")


def test_refused_booking_writes_nothing(clinic: Clinic, ada: Customer) -> None:
    with pytest.raises(booking.BookingRefused):
        book(clinic, ada, starts_at=timezone.now() - timedelta(days=1000))

    assert outbox() == []
