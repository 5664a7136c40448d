"""Texts that are held back: until somebody has read what their reader wrote, until morning, and those that are too many."""

from datetime import timedelta

import pytest

from appointments.models import AppointmentLink
from reminders import delays, rules
from reminders.models import Channel, InboundText, Kind, Message
from tests import factories as make
from tests.factories import NOW, TODAY
from tests.reminders.post import Post, silent
from tests.reminders.sending import agreed, message, notice
from tests.together import at_once

pytestmark = pytest.mark.django_db

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
TOMORROW = TODAY + DAY
NIGHT = make.at(TODAY, 21)
MORNING = make.at(TOMORROW, 8)
State = Message.State


def at(hour, minute=0, day=TOMORROW):
    return make.at(day, hour, minute)


def agreeing(**fields):
    """An appointment of somebody who agreed to texts: tomorrow at 10:00, unless told otherwise."""
    staff_member = make.staff(at=(place := make.facility()))
    make.week(staff=staff_member, at=place, starts=make.time(0), ends=make.time(23, 45))
    booked = make.appointment(staff=staff_member, **{"starts_at": at(10), **fields})
    agreed(customer=booked.customer)
    return booked


def text(appointment, **fields):
    return notice(of=appointment, channel=Channel.PHONE, **fields)


def reminder(appointment, **fields):
    rule = next(rule for rule in rules.of(appointment.program) if rule.channel == Channel.PHONE)
    return text(appointment, kind=Kind.REMINDER, rule=rule, **fields)


# ----------------------------------------------------------------------------------------------------------- held


def wrote(appointment, **fields):
    return InboundText.objects.create(
        **{
            "provider_id": "SM1",
            "address": appointment.phone,
            "received_at": NOW,
            "meaning": InboundText.Meaning.MAYBE_STOP,
            "ciphertext": b"-",
            "salt": b"-",
            "key_id": "dev",
            "holds_texts": True,
            "needs_person": True,
            **fields,
        }
    )


def test_texts_wait_until_staff_have_read_what_may_mean_stop():
    appointment, post = agreeing(), Post()
    held_by = wrote(appointment)
    held = post.deliver(text(appointment))
    assert (held.state, held.due_at, held.last_error) == (State.PENDING, NOW + 15 * MINUTE, delays.HELD)
    assert (held.attempts, held.handed_over_at, post.taken) == (0, None, [])
    held_by.handled_at, held_by.handled_by = NOW, make.user()
    held_by.save()
    assert post.deliver(held, now=held.due_at).state == State.DONE


def test_a_held_text_is_closed_when_it_has_become_pointless():
    appointment, post = agreeing(starts_at=NOW + 2 * HOUR), Post()
    wrote(appointment)
    held = post.deliver(reminder(appointment))
    assert post.deliver(held, now=NOW + 2 * HOUR).state == State.CLOSED
    assert post.taken == []


def test_emails_and_codes_are_not_held():
    appointment, post = agreeing(), Post()
    wrote(appointment)
    code = message(channel=Channel.PHONE, address=appointment.phone)
    assert [post.deliver(row).state for row in (notice(of=appointment), code)] == [State.DONE] * 2


# ---------------------------------------------------------------------------------------------------- quiet hours


@pytest.mark.parametrize(
    ("now", "due_at"),
    [
        (at(19, 59, day=TODAY), None),
        (at(20, day=TODAY), MORNING),
        (at(7, 59), MORNING),
        (at(8), None),
    ],
)
def test_a_text_waits_for_the_morning(now, due_at):
    post, row = Post(), reminder(agreeing())
    tried = post.deliver(row, now=now)
    waits = (State.PENDING, MORNING, 0) if due_at else (State.DONE, NOW, 1)
    assert (tried.state, tried.due_at, tried.attempts) == waits
    assert len(post.taken) == (0 if due_at else 1)


def test_the_night_is_the_customers_own():
    """It is 10:00 where the appointment is, and 7:00 where the customer is."""
    appointment = agreeing(starts_at=at(16))
    appointment.customer.time_zone = "America/Los_Angeles"
    appointment.customer.save()
    assert Post().deliver(reminder(appointment), now=at(10)).due_at == at(11)


@pytest.mark.parametrize(
    ("starts", "state"), [((8, 0), State.CLOSED), ((8, 15), State.PENDING), ((6, 0), State.CLOSED)]
)
def test_a_reminder_that_cannot_wait_until_morning_is_not_sent(starts, state):
    post, row = Post(), reminder(agreeing(starts_at=at(*starts)))
    tried = post.deliver(row, now=NIGHT)
    assert (tried.state, post.taken) == (state, [])
    if state == State.CLOSED:
        assert (tried.closed_reason, tried.needs_person_since) == (delays.TOO_LATE_AT_NIGHT, None)


def test_a_notice_that_cannot_wait_until_morning_is_sent_at_night():
    """Who is not told travels in vain."""
    row = text(agreeing(starts_at=at(7)), due_at=NIGHT, created_at=NIGHT - 3 * MINUTE)
    assert Post().deliver(row, now=NIGHT).state == State.DONE


def test_a_notice_of_a_move_cannot_wait_past_the_time_it_corrects():
    appointment = agreeing(starts_at=at(16))
    fields = {"kind": Kind.MOVED, "due_at": NIGHT, "created_at": NIGHT - 3 * MINUTE}
    was_early = text(appointment, **fields, before={"starts_at": at(7).isoformat()})
    assert Post().deliver(was_early, now=NIGHT).state == State.DONE
    was_later = text(appointment, **fields, before={"starts_at": at(9).isoformat()})
    assert Post().deliver(was_later, now=NIGHT).due_at == MORNING
    was_today = text(appointment, **fields, before={"starts_at": NOW.isoformat()})
    assert Post().deliver(was_today, now=NIGHT).due_at == MORNING


@pytest.mark.parametrize(
    ("created", "due", "waits"),
    [
        (0, 0, False),
        (-15, -15, False),
        (-16, -16, True),
        (-3, 0, True),  # what staff do waits for three minutes
    ],
)
def test_what_customers_do_at_night_is_answered_at_night(created, due, waits):
    row = text(agreeing(), created_at=NIGHT + created * MINUTE, due_at=NIGHT + due * MINUTE)
    assert Post().deliver(row, now=NIGHT).state == (State.PENDING if waits else State.DONE)


def test_a_text_sent_again_at_night_waits_unless_staff_must_be_heard_before_morning():
    again = {"created_at": NIGHT, "due_at": NIGHT, "copy": 1, "again_by": make.user()}
    again["again_of"] = message()
    waits = text(agreeing(), **again)
    assert Post().deliver(waits, now=NIGHT).due_at == MORNING
    cannot_wait = reminder(agreeing(starts_at=at(7)), **again)
    assert Post().deliver(cannot_wait, now=NIGHT).state == State.DONE


def test_emails_and_codes_do_not_wait_for_the_morning():
    appointment, post = agreeing(), Post()
    code = message(channel=Channel.PHONE, address=appointment.phone, now=NIGHT)
    email = notice(of=appointment, due_at=NIGHT)
    assert [post.deliver(row, now=NIGHT).state for row in (email, code)] == [State.DONE] * 2


# -------------------------------------------------------------------------------------------------------- limits


def sent(appointment, handed_over_at, **fields):
    """An earlier text to the same number."""
    other = make.appointment(
        customer=appointment.customer, starts_at=NOW + 30 * DAY + fields.pop("apart", 0 * HOUR)
    )
    return text(
        other,
        state=State.DONE,
        settled_at=handed_over_at,
        handed_over_at=handed_over_at,
        **fields,
    )


def sent_at(appointment, *instants):
    return [sent(appointment, instant, apart=n * HOUR) for n, instant in enumerate(instants)]


DAILY = "No more than 2 texts go to one number in 24 hours."
WEEKLY = "No more than 3 texts go to one number in 7 days."


@pytest.fixture
def _few(settings):
    settings.TEXTS_PER_NUMBER_A_DAY = 2
    settings.TEXTS_PER_NUMBER_A_WEEK = 3


@pytest.mark.usefixtures("_few")
@pytest.mark.parametrize(
    ("earlier", "reason"),
    [
        ([NOW - HOUR], ""),
        ([NOW - HOUR, NOW - 2 * HOUR], DAILY),
        ([NOW - HOUR, NOW - DAY], ""),
        ([NOW - HOUR, NOW - DAY + timedelta(microseconds=1)], DAILY),
        ([NOW - DAY, NOW - 2 * DAY, NOW - 6 * DAY], WEEKLY),
        ([NOW - DAY, NOW - 2 * DAY, NOW - 7 * DAY], ""),
    ],
)
def test_no_number_gets_more_texts_than_the_limits_say(earlier, reason):
    appointment, post = agreeing(), Post()
    sent_at(appointment, *earlier)
    tried = post.deliver(reminder(appointment))
    assert (tried.state, tried.closed_reason) == (State.CLOSED if reason else State.DONE, reason)
    assert len(post.taken) == (0 if reason else 1)
    assert tried.needs_person_since is None


@pytest.mark.usefixtures("_few")
def test_a_person_hears_of_a_notice_beyond_the_limit():
    appointment = agreeing()
    sent_at(appointment, NOW - HOUR, NOW - HOUR)
    closed = Post().deliver(text(appointment))
    assert (closed.closed_reason, closed.needs_person_since) == (DAILY, NOW)


@pytest.mark.usefixtures("_few")
def test_codes_emails_other_numbers_and_what_was_not_sent_do_not_count():
    appointment, post = agreeing(), Post()
    one, two = sent_at(appointment, NOW - HOUR, NOW - HOUR)
    for row, change in ((one, {"address": "+12125550100"}), (two, {"handed_over_at": None})):
        Message.objects.filter(pk=row.pk).update(**change)
    codes = [message(channel=Channel.PHONE, address=appointment.phone) for _ in range(3)]
    assert [post.deliver(code).state for code in codes] == [State.DONE] * 3
    assert post.deliver(notice(of=appointment)).state == State.DONE
    assert post.deliver(text(appointment)).state == State.DONE


@pytest.mark.usefixtures("_few")
def test_codes_are_sent_however_many_texts_there_were():
    appointment = agreeing()
    sent_at(appointment, NOW - HOUR, NOW - HOUR)
    code = message(channel=Channel.PHONE, address=appointment.phone)
    assert Post().deliver(code).state == State.DONE


@pytest.mark.usefixtures("_few")
def test_a_text_is_not_beyond_the_limit_for_having_been_tried_before():
    appointment = agreeing()
    sent_at(appointment, NOW - HOUR)
    post = Post(silent())
    waiting = post.deliver(text(appointment))
    assert post.deliver(waiting, now=waiting.due_at).state == State.DONE


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("_few")
def test_texts_to_one_number_at_the_same_moment_keep_to_the_limit():
    appointment = agreeing()
    rows = [
        text(make.appointment(customer=appointment.customer, starts_at=NOW + 3 * DAY + n * HOUR))
        for n in range(5)
    ]
    post = Post()
    at_once([lambda row=row: post.deliver(row) for row in rows])
    assert len(post.taken) == 2
    assert AppointmentLink.objects.filter(purpose="manage").count() == 2
