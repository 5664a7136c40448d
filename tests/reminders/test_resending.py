from datetime import timedelta

import pytest

from appointments.models import Appointment
from reminders import messages, reachability, resending, rules
from reminders.models import Channel, InboundText, Kind, Message
from reminders.resending import CannotSendAgain
from scheduling import booking
from tests import factories as make
from tests.factories import NOW
from tests.reminders.post import Post
from tests.reminders.sending import agreed, message, notice
from tests.together import at_once

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
State = Message.State


@pytest.fixture
def appointment() -> Appointment:
    """Today at 11:00, of somebody who agreed to texts. What planning wrote of it is gone."""
    return booked()


def booked() -> Appointment:
    appointment = make.appointment()
    agreed(customer=appointment.customer)
    Message.objects.filter(appointment=appointment).delete()
    return appointment


def text(appointment: Appointment, **fields) -> Message:
    return notice(of=appointment, channel=Channel.PHONE, **fields)


def reminder(appointment: Appointment, channel: str, **fields) -> Message:
    rule = next(rule for rule in rules.of(appointment.program) if rule.channel == channel)
    return notice(of=appointment, kind=Kind.REMINDER, channel=channel, rule=rule, **fields)


def again(row: Message, **given) -> Message:
    return resending.send_again(row, **{"reason": "They lost it", "by": None, "now": NOW, **given})


# ------------------------------------------------------------------------------------------------------ once more


def test_a_copy_is_a_row_of_its_own_that_names_why_and_by_whom(appointment):
    first = Post().deliver(
        notice(of=appointment, language="es", before={"starts_at": "2026-11-23T15:00:00+00:00"})
    )
    user = make.user()
    copy = again(first, by=user)
    copy.refresh_from_db()
    assert (copy.copy, copy.again_of, copy.again_reason, copy.again_by) == (1, first, "They lost it", user)
    same = ("kind", "channel", "address", "language", "customer", "appointment", "revision", "rule", "before")
    assert [getattr(copy, name) for name in same] == [getattr(first, name) for name in same]
    assert (copy.state, copy.due_at, copy.created_at, copy.handed_over_at) == (State.PENDING, NOW, NOW, None)
    assert messages.read(copy) is None
    assert copy.reference != first.reference


def test_a_copy_is_worded_and_sent_like_any_other(appointment):
    post = Post()
    first = post.deliver(notice(of=appointment))
    sent = post.deliver(again(first))
    assert (sent.state, len(post.taken)) == (State.DONE, 2)
    one, two = post.taken
    assert one.letter.subject == two.letter.subject
    assert one.reference != two.reference


def test_copies_are_numbered_whichever_they_are_made_of(appointment):
    first = notice(of=appointment)
    second = again(first)
    assert [again(first).copy, again(second).copy, again(first, channel="phone").copy] == [2, 3, 1]


def test_a_copy_goes_where_the_customer_is_reached_now(appointment):
    first = notice(of=appointment)
    appointment.customer.email = "new@example.org"
    appointment.customer.save()
    assert again(fresh(first)).address == "new@example.org"
    assert again(fresh(first), channel="phone").address == appointment.customer.phone


def test_a_copy_may_be_due_later(appointment):
    assert again(notice(of=appointment), due_at=NOW + HOUR).due_at == NOW + HOUR


def test_what_has_nowhere_to_go_or_is_a_code_is_not_sent_again(appointment):
    with pytest.raises(CannotSendAgain, match="no appointment"):
        again(message())
    appointment.customer.email = ""
    appointment.customer.save()
    with pytest.raises(CannotSendAgain, match="no address"):
        again(fresh(text(appointment)), channel="email")
    assert Message.objects.filter(again_of__isnull=False).count() == 0


@pytest.mark.django_db(transaction=True)
def test_copies_made_at_the_same_moment_are_two(appointment):
    first = notice(of=appointment)
    copies = at_once([lambda: again(fresh(first)).copy] * 4)
    assert sorted(copies) == [1, 2, 3, 4]


def fresh(row: Message) -> Message:
    related = Message.objects.select_related(
        "appointment__customer", "appointment__facility", "again_of", "rule"
    )
    return related.get(pk=row.pk)


# --------------------------------------------------------------------------------------------- the other channel


def fall_back(row: Message, *, now=NOW) -> Message | None:
    return resending.fall_back(fresh(row), now=now)


@pytest.mark.parametrize(("channel", "other"), [("phone", "email"), ("email", "phone")])
def test_the_other_channel_tells_what_one_could_not(appointment, channel, other):
    first = notice(of=appointment, channel=channel)
    copy = fall_back(first)
    assert (copy.channel, copy.again_of, copy.copy, copy.again_by) == (other, first, 1, None)
    assert (
        copy.again_reason
        == {"phone": "The text message did not arrive.", "email": "The e-mail did not arrive."}[channel]
    )
    assert copy.address == {"email": appointment.email, "phone": appointment.phone}[other]


def test_it_is_asked_for_twice_and_made_once(appointment):
    first = text(appointment)
    copy = fall_back(first)
    assert fall_back(first) == copy
    assert Message.objects.count() == 2


@pytest.mark.parametrize("state", ["pending", "claimed", "done"])
def test_what_says_the_same_anyway_is_enough(appointment, state):
    twin = notice(of=appointment)
    settle(twin, state)
    assert fall_back(text(appointment)) == twin


@pytest.mark.parametrize(
    "lost", [{"state": "given_up"}, {"state": "closed"}, {"state": "done", "delivery": "failed"}]
)
def test_a_twin_that_failed_as_well_is_not(appointment, lost):
    twin = notice(of=appointment)
    settle(twin, **lost)
    copy = fall_back(text(appointment))
    assert (copy.copy, copy.channel) == (1, "email")


def settle(row: Message, state: str, **fields) -> None:
    settled = {"settled_at": NOW} if state in ("done", "closed", "given_up") else {}
    claimed = {"claim": row.reference, "claimed_at": NOW} if state == "claimed" else {}
    Message.objects.filter(pk=row.pk).update(state=state, **settled, **claimed, **fields)


def test_a_reminder_of_another_occasion_is_no_twin(appointment):
    near = reminder(appointment, "email", due_at=NOW - 5 * HOUR)
    first = reminder(appointment, "phone")
    assert fall_back(first) == near
    Message.objects.filter(pk=near.pk).update(due_at=NOW - 7 * HOUR)
    copy = fall_back(first)
    assert (copy.copy, copy.again_of, copy.channel, copy.rule) == (1, first, "email", first.rule)


def test_a_reminder_by_email_says_what_the_rule_of_the_text_says(appointment):
    post = Post()
    sent = post.deliver(fall_back(reminder(appointment, "phone")))
    assert sent.state == State.DONE
    [envelope] = post.taken
    assert envelope.letter.subject
    assert envelope.to == appointment.email


def nothing_else(appointment: Appointment) -> dict:
    """What may stand in the way of a text in place of an e-mail."""
    customer, phone = appointment.customer, appointment.phone
    return {
        "no number": lambda: type(customer).objects.filter(pk=customer.pk).update(phone=""),
        "not agreed": lambda: agreed(customer=customer, granted=False),
        "held": lambda: InboundText.objects.create(
            provider_id="SM1",
            address=phone,
            received_at=NOW,
            meaning="maybe_stop",
            ciphertext=b"",
            salt=b"",
            holds_texts=True,
            needs_person=True,
        ),
        "flagged": lambda: reachability.flag(
            channel="phone", address=phone, reason="landline", message=None, now=NOW
        ),
        "cancelled": lambda: booking.cancel(appointment=appointment, reason="", by=make.user(), now=NOW),
        "moved": lambda: Appointment.objects.filter(pk=appointment.pk).update(revision=9),
    }


@pytest.mark.parametrize("name", ["no number", "not agreed", "held", "flagged", "cancelled", "moved"])
def test_there_is_no_other_channel_where_something_speaks_against_it(appointment, name):
    first = notice(of=appointment)
    nothing_else(appointment)[name]()
    before = Message.objects.count()
    assert fall_back(first) is None
    assert Message.objects.count() == before


def test_an_email_that_was_unsubscribed_is_no_other_channel(appointment):
    from reminders import consent

    consent.record_email(address=appointment.email, granted=False, source="unsubscribe", wording="x", now=NOW)
    assert fall_back(text(appointment)) is None


def test_it_is_too_late_once_the_day_is_past(appointment):
    assert fall_back(text(appointment), now=NOW + timedelta(days=2)) is None


def test_two_channels_that_fail_in_turn_come_to_an_end(appointment):
    first = text(appointment)
    second = fall_back(first)
    settle(first, "done", delivery="failed")
    settle(second, "done", delivery="failed")
    assert fall_back(second) is None
    third = again(fresh(second))
    assert fall_back(third) is None


def test_a_code_has_no_other_channel():
    assert fall_back(message(channel="phone", address="+12125550143")) is None
