"""Reminders as rows: written with the booking, and brought to what is wanted whenever that changes."""

from datetime import date, datetime, time, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from appointments.models import Appointment, Channel, Customer
from reminders import consent, planning, reachability, rules, suppression
from reminders.models import ConsentLog, InboundText, Message, ReminderRule
from reminders.planned import PASSED
from scheduling import booking, reassignment
from scheduling.booking import Contact
from tests import factories as make
from tests.portal.clinic import Clinic
from tests.reminders import sending
from tests.together import at_once

pytestmark = pytest.mark.django_db

NOW = make.NOW
SOON = NOW + timedelta(minutes=1)
# Nine days ahead, so that the usual rules all lie ahead too.
DAY = date(2026, 12, 2)
NUMBER = "+12125550143"


@pytest.fixture
def clinic() -> Clinic:
    return Clinic.open(program={"max_advance_days": 400})


@pytest.fixture
def ada(clinic: Clinic) -> Customer:
    return make.customer(at=clinic.facility, email="ada@example.org", phone=NUMBER)


def book(clinic: Clinic, customer: Customer, **given: Any) -> Appointment:
    fields = {"starts_at": clinic.at(14, 0, DAY), "by": clinic.staff.user, "now": NOW, "minutes": 30}
    place = {"customer": customer, "staff": clinic.staff, "program": clinic.program}
    return booking.book(**{**place, **fields, **given})


def agree(number: str = NUMBER, *, granted: bool = True) -> None:
    sending.agreed(phone=number, granted=granted, now=SOON)


def reminders(appointment: Appointment | None = None, **given: Any) -> list[tuple[str, Any, str]]:
    """Channel, when due and why closed, the earliest first."""
    found = Message.objects.filter(kind="reminder", **given).order_by("due_at", "channel", "revision")
    if appointment is not None:
        found = found.filter(appointment=appointment)
    return [(m.channel, m.due_at, m.closed_reason) for m in found]


def pending(**given: Any) -> list[tuple[str, datetime]]:
    return [row[:2] for row in reminders(state="pending", **given)]


def usual(clinic: Clinic, day: date = DAY, hour: int = 14) -> list[tuple[str, datetime]]:
    return [
        ("email", clinic.at(10, 0, day - timedelta(days=7))),
        ("email", clinic.at(10, 0, day - timedelta(days=2))),
        ("phone", clinic.at(10, 0, day - timedelta(days=2))),
        ("phone", clinic.at(hour - 2, 0, day)),
    ]


def test_booking_plans_the_programs_reminders(clinic: Clinic, ada: Customer) -> None:
    agree()
    appointment = book(clinic, ada)

    assert pending() == usual(clinic)
    message = Message.objects.filter(kind="reminder", channel="email").first()
    assert message is not None
    assert (message.appointment, message.customer, message.address) == (appointment, ada, "ada@example.org")
    assert (message.revision, message.ciphertext) == (0, None)


def test_planning_costs_three_statements(clinic: Clinic, ada: Customer) -> None:
    book(clinic, ada)
    other = make.customer(at=clinic.facility)
    with CaptureQueriesContext(connection) as queries:
        book(clinic, other, starts_at=clinic.at(15, 0, DAY))

    ours = [query["sql"] for query in queries if "reminders_" in query["sql"]]
    assert len(ours) == 3


def test_reminder_whose_time_has_passed_is_a_closed_row(clinic: Clinic, ada: Customer) -> None:
    agree()
    book(clinic, ada, starts_at=clinic.at(14, 0, date(2026, 11, 25)))

    assert [(channel, why) for channel, _, why in reminders()] == [
        ("email", PASSED),
        ("email", ""),
        ("phone", ""),
        ("phone", ""),
    ]


def test_reminder_is_planned_to_the_second_before_its_time(clinic: Clinic, ada: Customer) -> None:
    due = clinic.at(10, 0, DAY - timedelta(days=7))
    for now in (due - timedelta(seconds=1), due):
        hour = 9 if now == due else 14
        someone = make.customer(at=clinic.facility)
        book(clinic, someone, starts_at=clinic.at(hour, 0, DAY), now=now, by=None)

    assert [why for _, at, why in reminders(channel="email") if at == due] == ["", PASSED]


def test_reminder_that_would_come_after_the_start_is_not_sent(clinic: Clinic, ada: Customer) -> None:
    ReminderRule.objects.create(
        program=clinic.program, channel=Channel.EMAIL, days_before=0, at_time=time(14)
    )
    book(clinic, ada)

    assert [why for _, _, why in reminders()] == [suppression.STARTED]


def test_move_plans_anew_and_closes_the_old(clinic: Clinic, ada: Customer) -> None:
    agree()
    appointment = book(clinic, ada)
    later = DAY + timedelta(days=5)
    booking.reschedule(
        appointment=appointment, starts_at=clinic.at(15, 0, later), by=clinic.staff.user, now=SOON
    )

    assert pending() == usual(clinic, later, 15)
    assert {why for _, _, why in reminders(revision=0)} == {suppression.MOVED}


def test_cancelled_appointment_is_not_reminded_of_until_it_is_undone(clinic: Clinic, ada: Customer) -> None:
    agree()
    appointment = book(clinic, ada)
    booking.cancel(appointment=appointment, reason="", by=clinic.staff.user, now=SOON)
    assert {why for _, _, why in reminders()} == {suppression.CANCELLED}

    booking.mark(appointment=appointment, status="scheduled", by=clinic.staff.user, now=SOON)
    assert pending() == usual(clinic)


@pytest.mark.parametrize("status", ["arrived", "completed", "no_show"])
def test_settled_appointment_is_not_reminded_of_until_it_is_undone(
    clinic: Clinic, ada: Customer, status: str
) -> None:
    agree()
    appointment = book(clinic, ada)
    booking.mark(appointment=appointment, status=status, by=clinic.staff.user, now=SOON)
    assert {why for _, _, why in reminders()} == {suppression.SETTLED}

    booking.mark(appointment=appointment, status="scheduled", by=clinic.staff.user, now=SOON)
    assert pending() == usual(clinic)


def test_stranded_appointment_is_not_reminded_of_until_hours_come_back(clinic: Clinic, ada: Customer) -> None:
    agree()
    book(clinic, ada)
    with reassignment.changing_hours(staff=[clinic.staff.pk], by=None, now=SOON):
        closure = make.closure(at=clinic.facility, date=DAY)
    assert {why for _, _, why in reminders()} == {suppression.STRANDED}
    with reassignment.changing_hours(staff=[clinic.staff.pk], by=None, now=SOON):
        closure.delete()

    assert pending() == usual(clinic)


def test_consent_opens_and_ends_the_texts_that_lie_ahead(clinic: Clinic, ada: Customer) -> None:
    book(clinic, ada)
    texts = usual(clinic)[2:]
    assert [why for _, _, why in reminders(channel="phone")] == [suppression.NOT_AGREED] * 2
    agree()
    assert pending(channel="phone") == texts
    agree(granted=False)
    assert [why for _, _, why in reminders(channel="phone")] == [suppression.WITHDRAWN] * 2
    agree()
    assert pending(channel="phone") == texts
    assert len(reminders()) == 4


def test_consent_of_a_number_that_two_customers_share_is_both_theirs(clinic: Clinic, ada: Customer) -> None:
    child = make.customer(at=clinic.facility, phone=NUMBER)
    book(clinic, ada)
    book(clinic, child, starts_at=clinic.at(15, 0, DAY))
    agree()

    assert len(pending(channel="phone")) == 4
    agree(granted=False)
    assert pending(channel="phone") == []


def test_consent_of_another_number_changes_nothing(clinic: Clinic, ada: Customer) -> None:
    book(clinic, ada)
    agree("+12125550199")

    assert pending(channel="phone") == []


def test_consent_reaches_the_number_given_with_a_booking(clinic: Clinic, ada: Customer) -> None:
    book(clinic, ada, contact=Contact(contact_phone="+12125550199"))
    agree("+12125550199")

    assert len(pending(channel="phone", address="+12125550199")) == 2


def test_unsubscribed_address_gets_no_reminders_until_it_wants_them_again(
    clinic: Clinic, ada: Customer
) -> None:
    book(clinic, ada)
    for granted, why in ((False, suppression.UNSUBSCRIBED), (True, "")):
        consent.record_email(
            address="Ada@Example.org",
            granted=granted,
            source=ConsentLog.Source.UNSUBSCRIBE,
            wording="Stop these e-mails",
            now=SOON,
        )
        assert [row[2] for row in reminders(channel="email")] == [why] * 2


def test_address_that_cannot_be_reached_gets_no_reminders(clinic: Clinic, ada: Customer) -> None:
    reachability.flag(
        channel="email", address="ada@example.org", reason="Mailbox full", message=None, now=NOW
    )
    book(clinic, ada)

    assert {row[2] for row in reminders(channel="email")} == {"This address cannot be reached: Mailbox full"}


def test_contact_put_on_record_later_is_reminded(clinic: Clinic) -> None:
    customer = make.customer(at=clinic.facility, email="")
    book(clinic, customer)
    assert {row[2] for row in reminders(channel="email")} == {suppression.NO_EMAIL}
    customer.email = "new@example.org"
    customer.save()
    planning.customer_changed(customer, now=SOON)

    assert len(pending(channel="email", address="new@example.org")) == 2


def test_language_put_on_record_later_is_written_in(clinic: Clinic, ada: Customer) -> None:
    book(clinic, ada)
    ada.language = "es"
    ada.save()
    planning.customer_changed(ada, now=SOON)

    assert set(Message.objects.filter(kind="reminder").values_list("language", flat=True)) == {"es"}


def test_rule_added_changed_and_switched_off(clinic: Clinic, ada: Customer) -> None:
    book(clinic, ada)
    week, two_days = (rule for rule in rules.of(clinic.program) if rule.channel == "email")
    week.is_active = False
    week.save()
    ReminderRule.objects.filter(pk=two_days.pk).update(days_before=3)
    ReminderRule.objects.create(program=clinic.program, channel="email", hours_before=24)
    planning.rules_changed(clinic.program, now=SOON)

    assert pending() == [
        ("email", clinic.at(10, 0, DAY - timedelta(days=3))),
        ("email", clinic.at(14, 0, DAY - timedelta(days=1))),
    ]
    assert reminders(rule=week)[0][2] == suppression.RULE_OFF


def test_rule_of_another_program_changes_nothing(clinic: Clinic, ada: Customer) -> None:
    book(clinic, ada)
    before = reminders()
    planning.rules_changed(make.program(at=clinic.facility), now=SOON)

    assert reminders() == before


def test_what_was_sent_stays_and_is_not_planned_again(clinic: Clinic, ada: Customer) -> None:
    book(clinic, ada)
    Message.objects.filter(kind="reminder", channel="email").update(
        state="done", settled_at=SOON, handed_over_at=SOON
    )
    planning.plan_anew(now=SOON)

    assert pending() == []
    assert len(reminders(state="done")) == 2


def test_what_may_have_been_sent_is_left_alone(clinic: Clinic, ada: Customer) -> None:
    """Its worker went silent: whoever takes it over asks the provider first."""
    appointment = book(clinic, ada)
    Message.objects.filter(kind="reminder").update(handed_over_at=SOON)
    booking.cancel(appointment=appointment, reason="", by=clinic.staff.user, now=SOON)

    assert len(reminders(channel="email", state="pending")) == 2


def test_what_may_have_been_sent_is_not_planned_over(clinic: Clinic, ada: Customer) -> None:
    agree()
    book(clinic, ada)
    Message.objects.filter(kind="reminder").update(handed_over_at=SOON)
    agree(granted=False)

    assert pending() == usual(clinic)


@pytest.mark.parametrize("state", ["done", "given_up"])
def test_what_was_settled_by_sending_is_not_planned_over(clinic: Clinic, ada: Customer, state: str) -> None:
    book(clinic, ada)
    Message.objects.filter(kind="reminder").update(state=state, settled_at=SOON)
    planning.plan_anew(now=SOON)

    assert pending() == []


def test_reminder_due_while_it_is_planned_anew_is_still_sent(clinic: Clinic, ada: Customer) -> None:
    book(clinic, ada)
    planning.plan_anew(now=clinic.at(10, 0, DAY - timedelta(days=7)) + timedelta(seconds=10))

    assert len(pending(channel="email")) == 2


def test_reminder_that_was_put_off_when_it_was_due_is_still_sent(clinic: Clinic, ada: Customer) -> None:
    book(clinic, ada)
    due = clinic.at(10, 0, DAY - timedelta(days=7))
    first = Message.objects.get(kind="reminder", due_at=due)
    claimed = Message.objects.claim(first.pk, now=due)
    assert claimed is not None
    claimed.retry_later(error="The provider answered 429.", now=due)
    planning.plan_anew(now=due + timedelta(seconds=10))

    first.refresh_from_db()
    assert (first.state, first.attempts) == ("pending", 1)


def test_planning_anew_changes_nothing_and_finds_what_was_missed(clinic: Clinic, ada: Customer) -> None:
    agree()
    for hour in (9, 11, 14):
        book(clinic, ada, starts_at=clinic.at(hour, 0, DAY))
    before = list(Message.objects.order_by("id").values())
    planning.plan_anew(now=SOON)
    assert list(Message.objects.order_by("id").values()) == before

    Message.objects.filter(kind="reminder").delete()
    planning.plan_anew(now=SOON)
    assert len(pending()) == 12


@pytest.mark.parametrize("count", [1, 30])
def test_planning_anew_reads_as_much_for_many_as_for_one(clinic: Clinic, count: int) -> None:
    for number in range(count):
        customer = make.customer(at=clinic.facility)
        book(clinic, customer, starts_at=clinic.at(9 + number % 8, 0, DAY + timedelta(days=number // 8)))
    with CaptureQueriesContext(connection) as queries:
        planning.plan_anew(now=SOON)

    assert len(queries) == 6


def test_text_is_planned_in_the_customers_evening(clinic: Clinic) -> None:
    agree()
    customer = make.customer(at=clinic.facility, phone=NUMBER, time_zone="America/Los_Angeles")
    book(clinic, customer)

    assert pending(channel="phone") == [
        ("phone", make.at(DAY - timedelta(days=3), 19, 45, "America/Los_Angeles")),
        ("phone", clinic.at(12, 0, DAY)),
    ]


@pytest.mark.django_db(transaction=True)
def test_two_who_plan_at_once_write_each_row_once(clinic: Clinic, ada: Customer) -> None:
    book(clinic, ada)
    Message.objects.filter(kind="reminder").delete()
    at_once([lambda: planning.plan_anew(now=SOON)] * 4)

    assert len(reminders()) == 4


def test_held_number_is_not_texted_until_its_owner_agrees_anew(clinic: Clinic, ada: Customer) -> None:
    agree()
    InboundText.objects.create(
        provider_id="SM1",
        address=NUMBER,
        received_at=SOON,
        meaning="maybe_stop",
        ciphertext=b"x",
        salt=b"x",
        key_id="x",
        holds_texts=True,
        needs_person=True,
    )
    assert (consent.may_text(NUMBER), consent.was_withdrawn(NUMBER)) == (False, False)
    agree()

    assert consent.may_text(NUMBER)
    held = InboundText.objects.get()
    assert (held.handled_at, held.handled_by, held.handled_note) == (SOON, None, "Booked on the portal")


@pytest.mark.parametrize(
    ("source", "stopped"),
    [("text_stop", True), ("provider", True), ("portal_profile", False), ("staff", False)],
)
def test_stop_by_the_phone_itself_is_told_apart(source: str, stopped: bool) -> None:
    sending.agreed(phone=NUMBER, granted=False, source=source)

    assert consent.was_stopped(NUMBER) is stopped
    sending.agreed(phone=NUMBER, source="text_start")
    assert not consent.was_stopped(NUMBER)


@pytest.mark.django_db(transaction=True)
def test_planning_a_program_does_not_wait_for_an_appointment_that_moves() -> None:
    """It would hold messages that whoever moves the appointment needs, while it waits for the appointment."""
    appointment = make.appointment()

    def add_rule() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '2s'")
        ReminderRule.objects.create(program=appointment.program, channel=Channel.EMAIL, hours_before=1)
        planning.rules_changed(appointment.program, now=NOW)

    with transaction.atomic():
        booking._locked(appointment, None)
        at_once([add_rule])

    assert Message.objects.filter(appointment=appointment, rule__hours_before=1, state="pending").exists()
