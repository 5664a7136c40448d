"""What speaks against a message at the moment of sending."""

from datetime import date, timedelta
from typing import Any

import pytest

from appointments.models import Appointment
from reminders import consent, reachability, rules, suppression
from reminders.models import Kind, Message
from scheduling import booking
from tests import factories as make
from tests.portal.clinic import Clinic
from tests.reminders import sending

pytestmark = pytest.mark.django_db

NOW = make.NOW
DAY = date(2026, 11, 25)
NUMBER = "+12125550143"


@pytest.fixture
def clinic() -> Clinic:
    return Clinic.open()


@pytest.fixture
def appointment(clinic: Clinic) -> Appointment:
    customer = make.customer(at=clinic.facility, email="ada@example.org", phone=NUMBER)
    return make.appointment(
        customer=customer, staff=clinic.staff, program=clinic.program, starts_at=clinic.at(14, 0, DAY)
    )


def reminder(of: Appointment, channel: str = "email") -> Message:
    rule = next(rule for rule in rules.of(of.program) if rule.channel == channel)
    return sending.notice(of=of, kind=Kind.REMINDER, rule=rule, channel=channel)


def against(message: Message, now: Any = NOW) -> str:
    related = ("appointment__customer", "appointment__facility", "appointment__staff", "rule")
    return suppression.reason(Message.objects.select_related(*related).get(pk=message.pk), now=now)


@pytest.mark.parametrize(
    ("log", "why"),
    [
        ([], suppression.NOT_AGREED),
        ([(True, "portal_booking")], ""),
        (
            [(True, "portal_booking"), (False, "text_stop")],
            "Texts to this number were ended by texting STOP.",
        ),
        ([(False, "staff")], "Texts to this number were ended: staff were told so."),
        ([(False, "portal_profile")], suppression.WITHDRAWN),
        ([(False, "text_stop"), (True, "text_start")], ""),
    ],
)
def test_text_is_sent_if_the_last_word_about_the_number_is_yes(
    appointment: Appointment, log: list[tuple[bool, str]], why: str
) -> None:
    message = reminder(appointment, "phone")
    for granted, source in log:
        sending.agreed(phone=NUMBER, granted=granted, source=source)

    assert against(message) == why


def test_consent_of_the_number_before_is_not_the_new_one_s(appointment: Appointment) -> None:
    sending.agreed(phone=NUMBER)
    message = reminder(appointment, "phone")
    assert against(message) == ""
    appointment.customer.phone = "+12125550199"
    appointment.customer.save()

    assert against(message) == suppression.NOT_AGREED


def test_unsubscribed_and_unreachable_addresses_get_no_reminder(appointment: Appointment) -> None:
    message = reminder(appointment)
    reachability.flag(
        channel="email", address="ADA@example.org", reason="No such user", message=None, now=NOW
    )
    assert against(message) == "This address cannot be reached: No such user"
    reachability.clear(channel="email", address="ada@example.org", by=None, now=NOW)
    assert against(message) == ""
    consent.record_email(
        address="Ada@Example.org", granted=False, source="unsubscribe", wording="Stop", now=NOW
    )
    assert against(message) == suppression.UNSUBSCRIBED


@pytest.mark.parametrize("kind", [Kind.SIGN_IN, Kind.CONTACT, Kind.ALERT])
def test_codes_and_warnings_go_to_an_unsubscribed_address(kind: str) -> None:
    consent.record_email(
        address="ada@example.org", granted=False, source="unsubscribe", wording="Stop", now=NOW
    )

    assert against(sending.message(kind=kind)) == ""


@pytest.mark.parametrize(
    ("kind", "log", "why"),
    [
        (Kind.SIGN_IN, [], ""),
        (Kind.SIGN_IN, [False], suppression.WITHDRAWN),
        (Kind.ALERT, [], suppression.NOT_AGREED),
        (Kind.ALERT, [True], ""),
    ],
)
def test_code_is_texted_to_who_asks_but_not_against_a_no(kind: str, log: list[bool], why: str) -> None:
    for granted in log:
        sending.agreed(phone=NUMBER, granted=granted, source="portal_profile")

    assert against(sending.message(kind=kind, channel="phone", address=NUMBER)) == why


def test_code_is_not_sent_once_it_opens_nothing(clinic: Clinic) -> None:
    until = NOW + timedelta(minutes=15)
    message = sending.message(useful_until=until)

    assert against(message, until - timedelta(seconds=1)) == ""
    assert against(message, until) == suppression.TOO_LATE


def test_reminder_is_sent_up_to_the_start(clinic: Clinic, appointment: Appointment) -> None:
    message = reminder(appointment)

    assert against(message, appointment.starts_at - timedelta(seconds=1)) == ""
    assert against(message, appointment.starts_at) == suppression.STARTED


def test_notice_is_sent_up_to_midnight_at_the_facility(clinic: Clinic, appointment: Appointment) -> None:
    message = sending.notice(of=appointment)
    midnight = make.at(DAY + timedelta(days=1), 0)

    assert against(message, midnight - timedelta(seconds=1)) == ""
    assert against(message, midnight) == suppression.PAST


def test_message_about_a_time_it_no_longer_has_is_not_sent(clinic: Clinic, appointment: Appointment) -> None:
    messages = [reminder(appointment), sending.notice(of=appointment)]
    booking.reschedule(
        appointment=appointment, starts_at=clinic.at(15, 0, DAY), by=clinic.staff.user, now=NOW
    )

    assert [against(message) for message in messages] == [suppression.MOVED] * 2


def test_cancelled_appointment_is_told_as_cancelled_alone(clinic: Clinic, appointment: Appointment) -> None:
    called_off = sending.notice(of=appointment, kind=Kind.CANCELLED)
    booked = sending.notice(of=appointment)
    assert (against(called_off), against(booked)) == (suppression.NOT_CANCELLED, "")
    booking.cancel(appointment=appointment, reason="", by=clinic.staff.user, now=NOW)

    assert (against(called_off), against(booked)) == ("", suppression.CANCELLED)


@pytest.mark.parametrize(
    ("status", "why"),
    [
        ("arrived", suppression.SETTLED),
        ("no_show", suppression.SETTLED),
        ("pending_reassignment", suppression.STRANDED),
    ],
)
def test_reminder_of_what_is_not_simply_ahead_is_not_sent(
    appointment: Appointment, status: str, why: str
) -> None:
    message = reminder(appointment)
    fields = {"arrived_at": NOW, "arrived_by": appointment.staff.user} if status == "arrived" else {}
    Appointment.objects.update(status=status, **fields)

    assert against(message) == why


def test_rule_switched_off_is_not_followed_but_what_staff_send_again_is(appointment: Appointment) -> None:
    message = reminder(appointment)
    message.rule.is_active = False
    message.rule.save()
    assert against(message) == suppression.RULE_OFF
    Message.objects.filter(pk=message.pk).update(copy=1)

    assert against(message) == ""


def test_what_is_known_of_many_addresses_is_one_query(django_assert_num_queries: Any) -> None:
    sending.agreed(phone=NUMBER)
    asked = [("phone", NUMBER), ("phone", "+12125550199"), ("email", "ada@example.org"), ("email", "")]
    with django_assert_num_queries(1):
        found = suppression.standings(asked)

    assert [found[address].granted for address in asked] == [True, None, None, None]
