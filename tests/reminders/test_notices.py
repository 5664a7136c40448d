"""Which notices follow from a change: at once for customers' own, after a while for what staff do, none for what was taken back."""

from datetime import date, timedelta
from typing import Any

import pytest
from django.utils import translation

from appointments.models import Appointment, Customer
from reminders import consent, suppression
from reminders.models import NOTICES, Channel, ConsentLog, Kind, Message
from reminders.notices import OVERTAKEN, STAFF_EDIT_DELAY, TAKEN_BACK
from reminders.planning import TOLD
from scheduling import booking
from scheduling.booking import BookingRefused, Contact
from tests import factories as make
from tests.portal.clinic import Clinic

pytestmark = pytest.mark.django_db

# Two days before the Wednesday that follows, in New York's winter.
NOW = make.NOW
SOON = NOW + timedelta(minutes=1)
MINUTE = timedelta(minutes=1)
WEDNESDAY = date(2026, 11, 25)
Row = tuple[str, str, str, str]


@pytest.fixture
def clinic() -> Clinic:
    return Clinic.open(name="Downtown Clinic", program={"max_advance_days": 400})


@pytest.fixture
def ada(clinic: Clinic) -> Customer:
    return make.customer(at=clinic.facility, email="ada@example.org", phone="+12125550143")


def agree(number: str = "+12125550143", *, granted: bool = True, now: Any = NOW) -> None:
    consent.record(
        phone=number, granted=granted, source=ConsentLog.Source.PORTAL_BOOKING, wording="Yes", now=now
    )


def book(clinic: Clinic, customer: Customer, **given: Any) -> Appointment:
    """By staff unless told otherwise, on Wednesday at a quarter to eleven."""
    fields: dict[str, Any] = {
        "starts_at": clinic.at(10, 45, WEDNESDAY),
        "by": clinic.staff.user,
        "now": NOW,
        "minutes": 30,
    }
    place = {"customer": customer, "staff": clinic.staff, "program": clinic.program}
    return booking.book(**{**place, **fields, **given})


def rows(channel: str = Channel.EMAIL) -> list[Row]:
    """Kind, state, why closed, and the revision, of the notices by one channel."""
    found = Message.objects.filter(kind__in=NOTICES, channel=channel).order_by("id")
    return [(m.kind, m.state, m.closed_reason, str(m.revision)) for m in found]


def waiting(channel: str = Channel.EMAIL) -> Message:
    return Message.objects.get(kind__in=NOTICES, channel=channel, state="pending")


def test_customers_own_booking_is_answered_at_once(clinic: Clinic, ada: Customer) -> None:
    agree()
    appointment = book(clinic, ada, by=None)

    for channel, address in (("email", "ada@example.org"), ("phone", "+12125550143")):
        message = waiting(channel)
        assert (message.kind, message.address, message.due_at) == (Kind.BOOKED, address, NOW)
        assert (message.customer, message.appointment, message.revision) == (ada, appointment, 0)
        assert (message.ciphertext, message.before, message.rule) == (None, {}, None)


def test_booking_by_staff_is_told_three_minutes_later(clinic: Clinic, ada: Customer) -> None:
    book(clinic, ada)

    assert waiting().due_at == NOW + timedelta(minutes=3)


def test_text_without_consent_is_a_closed_row_that_says_so(clinic: Clinic, ada: Customer) -> None:
    book(clinic, ada, by=None)

    assert rows("phone") == [("booked", "closed", suppression.NOT_AGREED, "0")]
    assert rows("email") == [("booked", "pending", "", "0")]


def test_customer_without_addresses_gets_rows_that_say_so(clinic: Clinic) -> None:
    book(clinic, make.customer(at=clinic.facility, email="", phone=""))

    assert rows("email") == [("booked", "closed", suppression.NO_EMAIL, "0")]
    assert rows("phone") == [("booked", "closed", suppression.NO_NUMBER, "0")]


def test_notices_go_to_the_contact_given_with_the_booking(clinic: Clinic, ada: Customer) -> None:
    agree("+12125550199")
    contact = Contact("Ada N.", "new@example.org", "+12125550199")
    book(clinic, ada, by=None, contact=contact)

    assert (waiting().address, waiting("phone").address) == ("new@example.org", "+12125550199")


def test_number_not_given_for_the_booking_is_not_texted(clinic: Clinic, ada: Customer) -> None:
    agree()
    book(clinic, ada, by=None, contact=Contact(no_texts=True))

    assert rows("phone") == [("booked", "closed", suppression.NO_NUMBER, "0")]


def move(appointment: Appointment, clinic: Clinic, hour: int, **given: Any) -> None:
    given = {"by": clinic.staff.user, "now": SOON, **given}
    booking.reschedule(appointment=appointment, starts_at=clinic.at(hour, 0, WEDNESDAY), **given)


def told(message: Message) -> None:
    """As if it had been sent."""
    Message.objects.filter(pk=message.pk).update(state="done", settled_at=SOON, handed_over_at=SOON)


def test_move_by_staff_is_told_with_the_time_it_had(clinic: Clinic, ada: Customer) -> None:
    appointment = book(clinic, ada)
    told(waiting())
    move(appointment, clinic, 15)

    message = waiting()
    assert (message.kind, message.revision, message.due_at) == (Kind.MOVED, 1, SOON + STAFF_EDIT_DELAY)
    assert message.before == {
        "starts_at": clinic.at(10, 45, WEDNESDAY).isoformat(),
        "ends_at": clinic.at(11, 15, WEDNESDAY).isoformat(),
        "staff": clinic.staff.pk,
    }


def test_move_and_undo_send_nothing(clinic: Clinic, ada: Customer) -> None:
    appointment = book(clinic, ada)
    told(waiting())
    move(appointment, clinic, 15)
    booking.reschedule(
        appointment=appointment, starts_at=clinic.at(10, 45, WEDNESDAY), by=clinic.staff.user, now=SOON
    )

    assert rows() == [
        ("booked", "done", "", "0"),
        ("moved", "closed", OVERTAKEN, "1"),
        ("moved", "closed", TAKEN_BACK, "2"),
    ]


def test_move_and_undo_after_it_was_told_tells_again(clinic: Clinic, ada: Customer) -> None:
    appointment = book(clinic, ada)
    told(waiting())
    move(appointment, clinic, 15)
    told(waiting())
    move(appointment, clinic, 10)

    assert (waiting().kind, waiting().before["starts_at"]) == (
        Kind.MOVED,
        clinic.at(15, 0, WEDNESDAY).isoformat(),
    )


def test_each_channel_is_told_from_what_its_own_reader_knows(clinic: Clinic, ada: Customer) -> None:
    """The e-mail of a move went out, the text did not: moving back is news to the one and not to the other."""
    agree()
    appointment = book(clinic, ada)
    told(waiting("email"))
    told(waiting("phone"))
    move(appointment, clinic, 15)
    told(waiting("email"))
    booking.reschedule(
        appointment=appointment, starts_at=clinic.at(10, 45, WEDNESDAY), by=clinic.staff.user, now=SOON
    )

    assert rows("email")[-1] == ("moved", "pending", "", "2")
    assert rows("phone")[-1] == ("moved", "closed", TAKEN_BACK, "2")


def test_what_may_have_been_told_already_is_corrected(clinic: Clinic, ada: Customer) -> None:
    """Its worker went silent in the middle of sending."""
    appointment = book(clinic, ada)
    told(waiting())
    move(appointment, clinic, 15)
    Message.objects.filter(pk=waiting().pk).update(handed_over_at=SOON)
    booking.reschedule(
        appointment=appointment, starts_at=clinic.at(10, 45, WEDNESDAY), by=clinic.staff.user, now=SOON
    )

    assert rows()[1:] == [("moved", "pending", "", "1"), ("moved", "pending", "", "2")]


def test_several_moves_are_told_once_from_the_first_time(clinic: Clinic, ada: Customer) -> None:
    appointment = book(clinic, ada)
    told(waiting())
    for hour in (13, 14, 15):
        move(appointment, clinic, hour)

    assert waiting().revision == 3
    assert waiting().before["starts_at"] == clinic.at(10, 45, WEDNESDAY).isoformat()


def test_booking_that_moves_before_it_is_told_is_a_booking(clinic: Clinic, ada: Customer) -> None:
    appointment = book(clinic, ada)
    move(appointment, clinic, 15)

    assert rows() == [("booked", "closed", OVERTAKEN, "0"), ("booked", "pending", "", "1")]


def test_booking_cancelled_before_it_is_told_is_never_told(clinic: Clinic, ada: Customer) -> None:
    appointment = book(clinic, ada)
    booking.cancel(appointment=appointment, reason="Slip", by=clinic.staff.user, now=SOON)

    assert rows() == [("booked", "closed", OVERTAKEN, "0"), ("cancelled", "closed", TAKEN_BACK, "0")]


def test_cancelling_and_undoing_sends_nothing(clinic: Clinic, ada: Customer) -> None:
    appointment = book(clinic, ada)
    told(waiting())
    booking.cancel(appointment=appointment, reason="", by=clinic.staff.user, now=SOON)
    booking.mark(appointment=appointment, status="scheduled", by=clinic.staff.user, now=SOON)

    assert rows() == [
        ("booked", "done", "", "0"),
        ("cancelled", "closed", OVERTAKEN, "0"),
        ("booked", "closed", TAKEN_BACK, "1"),
    ]


def test_cancellation_undone_after_it_was_told_is_told_and_can_be_told_again(
    clinic: Clinic, ada: Customer
) -> None:
    appointment = book(clinic, ada)
    told(waiting())
    booking.cancel(appointment=appointment, reason="", by=None, now=SOON)
    told(waiting())
    booking.mark(appointment=appointment, status="scheduled", by=clinic.staff.user, now=SOON)
    assert (waiting().kind, waiting().before) == (Kind.BOOKED, {"cancelled": True})
    told(waiting())
    booking.cancel(appointment=appointment, reason="", by=None, now=SOON)

    assert rows() == [
        ("booked", "done", "", "0"),
        ("cancelled", "done", "", "0"),
        ("booked", "done", "", "1"),
        ("cancelled", "pending", "", "1"),
    ]


def test_another_staff_member_at_the_same_time_is_told(clinic: Clinic, ada: Customer) -> None:
    appointment = book(clinic, ada)
    told(waiting())
    booking.reassign(appointment=appointment, staff=clinic.colleague(), by=clinic.staff.user, now=SOON)

    assert (waiting().kind, waiting().before["staff"]) == (Kind.MOVED, clinic.staff.pk)


def test_notes_and_arrival_are_no_news(clinic: Clinic, ada: Customer) -> None:
    appointment = book(clinic, ada)
    told(waiting())
    booking.edit_notes(appointment=appointment, public_note="Ring", by=clinic.staff.user, now=SOON)
    booking.mark(appointment=appointment, status="arrived", by=clinic.staff.user, now=SOON)

    assert rows() == [("booked", "done", "", "0")]


@pytest.mark.parametrize("zone", ["America/New_York", "Pacific/Auckland", "Pacific/Pago_Pago"])
@pytest.mark.parametrize("change", ["move", "cancel"])
def test_nothing_is_told_once_the_date_at_the_facility_is_past(zone: str, change: str) -> None:
    """Up to the last second of its date, and never after, whatever is edited."""
    clinic = Clinic.open(time_zone=zone)
    midnight = make.at(WEDNESDAY + timedelta(days=1), 0, 0, zone)
    for number, at in enumerate([midnight - timedelta(seconds=1), midnight]):
        customer = make.customer(at=clinic.facility)
        appointment = book(clinic, customer, starts_at=clinic.at(9 + number, 0, WEDNESDAY))
        told(Message.objects.get(appointment=appointment, kind="booked", channel="email"))
        if change == "move":
            booking.reschedule(
                appointment=appointment,
                starts_at=clinic.at(13 + number, 0, WEDNESDAY),
                by=clinic.staff.user,
                now=at,
            )
        else:
            booking.cancel(appointment=appointment, reason="", by=clinic.staff.user, now=at)

    kind = "moved" if change == "move" else "cancelled"
    assert rows()[1] == (kind, "pending", "", str(int(change == "move")))
    assert rows()[3] == (kind, "closed", suppression.PAST, str(int(change == "move")))


def test_appointment_recorded_afterwards_is_told_to_nobody(clinic: Clinic, ada: Customer) -> None:
    agree()
    book(clinic, ada, starts_at=clinic.at(10, 0, date(2026, 11, 20)))

    assert rows("email") + rows("phone") == [("booked", "closed", suppression.PAST, "0")] * 2
    assert not Message.objects.filter(kind="reminder").exists()


def test_past_appointment_moved_ahead_is_told(clinic: Clinic, ada: Customer) -> None:
    appointment = book(clinic, ada, starts_at=clinic.at(10, 0, date(2026, 11, 20)))
    move(appointment, clinic, 15)

    assert rows()[-1] == ("moved", "pending", "", "1")


@pytest.mark.parametrize("active", ["es", "en-us"])
def test_notice_is_in_the_language_on_record(clinic: Clinic, ada: Customer, active: str) -> None:
    ada.language = "es"
    ada.save()
    with translation.override(active):
        book(clinic, ada, by=None)

    assert waiting().language == "es"


@pytest.mark.parametrize(("active", "language"), [("es", "es"), ("en-us", "en"), ("en", "en")])
def test_notice_is_else_in_the_language_just_read(
    clinic: Clinic, ada: Customer, active: str, language: str
) -> None:
    with translation.override(active):
        book(clinic, ada, by=None)

    assert waiting().language == language


def test_staff_write_in_the_language_the_customer_booked_in(clinic: Clinic, ada: Customer) -> None:
    with translation.override("es"):
        appointment = book(clinic, ada, by=None)
    told(waiting())
    with translation.override("en"):
        move(appointment, clinic, 15)

    assert waiting().language == "es"
    assert set(Message.objects.values_list("language", flat=True)) == {"es"}


def test_language_on_record_is_not_told_to_an_address_that_is_not(clinic: Clinic, ada: Customer) -> None:
    ada.language = "es"
    ada.save()
    with translation.override("en"):
        book(clinic, ada, by=None, contact=Contact(contact_email="other@example.org"))

    assert waiting().language == "en"


def test_refused_booking_writes_nothing(clinic: Clinic, ada: Customer) -> None:
    book(clinic, ada)
    before = Message.objects.count()
    with pytest.raises(BookingRefused):
        book(clinic, make.customer(at=clinic.facility))

    assert Message.objects.count() == before


# --------------------------------------------------------------------------------- what was told by other means


def test_reminder_that_falls_due_before_the_notice_is_left_to_it(clinic: Clinic, ada: Customer) -> None:
    """Else it would be told before anybody heard that it is booked, and stay told if that is taken back."""
    agree()
    shortly_before = clinic.at(8, 43, WEDNESDAY)
    appointment = book(clinic, ada, now=shortly_before)

    two_hours = Message.objects.get(rule__hours_before=2)
    assert (two_hours.state, two_hours.closed_reason) == ("closed", TOLD)

    booking.cancel(appointment=appointment, reason="", by=clinic.staff.user, now=shortly_before + MINUTE)
    assert not Message.objects.filter(state="pending").exists()


def test_reminder_before_a_notice_that_is_not_sent_is(clinic: Clinic, ada: Customer) -> None:
    agree()
    book(clinic, ada)
    appointment = Appointment.objects.get()
    shortly_before = clinic.at(8, 43, WEDNESDAY)
    Message.objects.filter(kind__in=NOTICES).update(state="done", settled_at=NOW, handed_over_at=NOW)
    for at in (clinic.at(12, 0, WEDNESDAY), clinic.at(10, 45, WEDNESDAY)):
        booking.reschedule(appointment=appointment, starts_at=at, by=clinic.staff.user, now=shortly_before)

    assert Message.objects.get(rule__hours_before=2, revision=2).state == "pending"
    assert not Message.objects.filter(kind__in=NOTICES, state="pending").exists()


def test_what_a_reminder_told_while_the_notice_waited_is_corrected(clinic: Clinic, ada: Customer) -> None:
    """The provider was busy when the notice was due, and took the reminder later."""
    appointment = book(clinic, ada)
    reminder = Message.objects.filter(rule__days_before=2, channel="email")
    reminder.update(state="done", settled_at=SOON, handed_over_at=SOON)
    booking.cancel(appointment=appointment, reason="", by=clinic.staff.user, now=SOON)
    assert rows()[-1][:2] == (Kind.CANCELLED, "pending")

    # No reminder told that.
    booking.mark(appointment=appointment, status="scheduled", by=clinic.staff.user, now=SOON)
    assert rows()[-1][:3] == (Kind.BOOKED, "closed", TAKEN_BACK)


def test_booking_that_nobody_heard_of_is_not_told_as_restored(clinic: Clinic, ada: Customer) -> None:
    appointment = book(clinic, ada)
    booking.cancel(appointment=appointment, reason="", by=clinic.staff.user, now=SOON)
    booking.mark(
        appointment=appointment, status="scheduled", by=clinic.staff.user, now=NOW + timedelta(hours=1)
    )

    assert (waiting().kind, waiting().before) == (Kind.BOOKED, {})


def test_notice_that_a_worker_is_about_to_find_overtaken_counts_as_unsent(
    clinic: Clinic, ada: Customer
) -> None:
    appointment = book(clinic, ada)
    due = NOW + timedelta(minutes=3)
    claimed = Message.objects.claim(waiting().pk, now=due)
    booking.reschedule(
        appointment=appointment, starts_at=clinic.at(12, 0, WEDNESDAY), by=clinic.staff.user, now=due
    )

    assert claimed is not None
    assert (waiting().kind, waiting().before) == (Kind.BOOKED, {})


@pytest.mark.parametrize(("moved_at", "is_sent"), [((8, 44), True), ((8, 46), False)])
def test_reminder_that_falls_due_while_a_move_is_taken_back_is_sent_late(
    clinic: Clinic, ada: Customer, moved_at: tuple[int, int], is_sent: bool
) -> None:
    """Due at a quarter to nine. One that was sent before the move is not sent again."""
    agree()
    appointment = book(clinic, ada)
    Message.objects.filter(kind__in=NOTICES).update(state="done", settled_at=NOW, handed_over_at=NOW)
    moved = clinic.at(*moved_at, WEDNESDAY)
    move(appointment, clinic, 15, now=moved)
    booking.reschedule(
        appointment=appointment,
        starts_at=clinic.at(10, 45, WEDNESDAY),
        by=clinic.staff.user,
        now=moved + 2 * MINUTE,
    )

    late = Message.objects.get(rule__hours_before=2, revision=2)
    assert (late.state, late.due_at) == ("pending" if is_sent else "closed", clinic.at(8, 45, WEDNESDAY))
