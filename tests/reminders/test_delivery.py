"""Messages on their way: with the database, and a post in place of a provider."""

import logging
from dataclasses import replace
from datetime import timedelta

import pytest
from django.conf import settings as site_settings
from django.db import connection, connections, transaction

from appointments.models import Appointment, AppointmentLink
from reminders import consent, delivery, messages, reachability, rules, suppression
from reminders.models import Channel, ConsentLog, Kind, Message
from reminders.transports.base import Fault, NotKnownYet, Receipt, TransportError
from scheduling import booking
from securecare import links
from securecare.outbox import INTERRUPTED, MOST_ATTEMPTS, longest_claim
from tests import factories as make
from tests.factories import NOW
from tests.reminders.post import Post, busy, silent
from tests.reminders.sending import agreed, message, notice
from tests.together import at_once, wait_until_somebody_waits

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)
LATER = NOW + longest_claim()
State = Message.State


@pytest.fixture
def appointment() -> Appointment:
    """Today at 11:00, of somebody who agreed to texts. It is 9:00."""
    booked = make.appointment()
    agreed(customer=booked.customer)
    return booked


def text(appointment, **fields) -> Message:
    return notice(of=appointment, channel=Channel.PHONE, **fields)


def reminder(appointment, channel=Channel.PHONE, **fields) -> Message:
    rule = next(rule for rule in rules.of(appointment.program) if rule.channel == channel)
    return notice(of=appointment, kind=Kind.REMINDER, channel=channel, rule=rule, **fields)


def letter_of(row):
    return messages.read(row)


# ------------------------------------------------------------------------------------------------- on their way


def test_an_email_is_worded_linked_handed_over_and_recorded(appointment):
    post = Post()
    done = post.deliver(notice(of=appointment))
    [envelope] = post.taken
    assert (done.state, done.transport, done.provider_id, done.attempts) == (State.DONE, "post", "P-1", 1)
    assert (done.handed_over_at, done.settled_at, done.last_error) == (NOW, NOW, "")
    assert (envelope.to, envelope.reference, envelope.sender) == (
        appointment.email,
        done.reference,
        "SecureCare",
    )
    assert envelope.letter == letter_of(done)
    assert envelope.letter.subject
    assert envelope.unsubscribe_url.startswith(f"{site_settings.PUBLIC_BASE_URL}/portal/unsubscribe/")
    # A notice is of use to the end of the day at the facility.
    assert envelope.is_wanted_for == timedelta(hours=15)


def test_a_text_carries_a_link_that_was_made_for_it(appointment):
    post = Post()
    post.deliver(reminder(appointment))
    [envelope] = post.taken
    link = AppointmentLink.objects.get(appointment=appointment, purpose="confirm", channel="phone")
    assert envelope.to == appointment.customer.phone
    assert (envelope.letter.html, envelope.letter.subject, envelope.unsubscribe_url) == ("", "", "")
    token = envelope.letter.text.partition("/c/")[2].partition("/")[0]
    assert bytes(link.digest) == links.digest(token)
    # A reminder is of no use once the appointment has started.
    assert envelope.is_wanted_for == timedelta(hours=2)


def test_a_code_is_sent_as_it_was_written():
    post = Post()
    code = message(useful_until=NOW + timedelta(minutes=10))
    done = post.deliver(code)
    [envelope] = post.taken
    assert (envelope.letter, envelope.to) == (letter_of(code), "ada@example.org")
    assert (envelope.is_wanted_for, envelope.unsubscribe_url) == (timedelta(minutes=10), "")
    assert done.state == State.DONE


def test_nothing_is_sent_for_no_message_nor_before_it_is_due(appointment):
    post = Post()
    delivery.deliver(messages.NO_MESSAGE, now=NOW, transport_of=lambda channel: post)
    waiting = post.deliver(notice(of=appointment, due_at=NOW + MINUTE))
    assert (waiting.state, waiting.attempts, post.taken) == (State.PENDING, 0, [])


def test_a_message_is_delivered_once_however_often_its_task_comes(appointment):
    post, row = Post(), notice(of=appointment)
    for minutes in range(3):
        post.deliver(row, now=NOW + minutes * MINUTE)
    assert len(post.taken) == 1


def test_without_credentials_a_message_is_done_and_readable_and_sent_to_nobody(appointment):
    row = notice(of=appointment)
    delivery.deliver(row.pk, now=NOW)
    row.refresh_from_db()
    assert (row.state, row.transport, row.provider_id) == (State.DONE, "console", "")
    assert "/c/" in letter_of(row).text


# ---------------------------------------------------------------------------------------------------- a last look


def cancelled(appointment):
    booking.cancel(appointment=appointment, reason="", by=appointment.staff.user, now=NOW)


def moved(appointment):
    booking.reschedule(
        appointment=appointment,
        starts_at=appointment.starts_at + timedelta(hours=1),
        by=appointment.staff.user,
        now=NOW,
    )


def withdrawn(appointment):
    agreed(customer=appointment.customer, granted=False, source=ConsentLog.Source.TEXT_STOP, wording="STOP")


def number_removed(appointment):
    appointment.customer.phone = ""
    appointment.customer.save()


def changed_to_a_number_nobody_agreed_to(appointment):
    appointment.customer.phone = "+12125550199"
    appointment.customer.save()


@pytest.mark.parametrize(
    ("happens", "reason"),
    [
        (cancelled, suppression.CANCELLED),
        (moved, suppression.MOVED),
        (withdrawn, "Texts to this number were ended by texting STOP."),
        (number_removed, suppression.NO_NUMBER),
        (changed_to_a_number_nobody_agreed_to, suppression.NOT_AGREED),
    ],
)
def test_what_happened_since_it_was_planned_closes_it(appointment, happens, reason):
    post = Post()
    post.answers = [busy()]
    row = post.deliver(text(appointment))
    Message.objects.filter(pk=row.pk).update(state=State.CLAIMED, claim=row.reference, claimed_at=NOW)
    happens(appointment)
    Message.objects.filter(pk=row.pk).update(state=State.PENDING, claim=None, claimed_at=None, due_at=NOW)
    closed = post.deliver(row)
    assert (closed.state, closed.closed_reason, len(post.taken)) == (State.CLOSED, reason, 1)
    assert (closed.settled_at, closed.handed_over_at) == (NOW, None)


def test_after_midnight_at_the_facility_nothing_is_said_of_yesterday(appointment):
    post, row = Post(), notice(of=appointment)
    midnight = make.at(make.TODAY + timedelta(days=1), 0)
    assert post.deliver(row, now=midnight).closed_reason == suppression.PAST
    assert post.taken == []


def test_a_message_goes_to_where_its_customer_is_reached_today(appointment):
    post, row = Post(), notice(of=appointment)
    appointment.customer.email = "new@example.org"
    appointment.customer.save()
    done = post.deliver(row)
    assert (done.address, [envelope.to for envelope in post.taken]) == (
        "new@example.org",
        ["new@example.org"],
    )


def test_a_code_that_came_too_late_is_not_sent():
    post = Post()
    row = post.deliver(message(useful_until=NOW))
    assert (row.closed_reason, post.taken) == (suppression.TOO_LATE, [])


def test_a_message_that_was_not_taken_on_is_worded_anew(appointment):
    """By then it may be another time of day, and another message may have been answered."""
    post = Post(busy())
    first = post.deliver(reminder(appointment))
    Message.objects.filter(pk=first.pk).update(due_at=NOW)
    post.deliver(first)
    texts = [envelope.letter.text for envelope in post.taken]
    assert len(set(texts)) == 2


# ----------------------------------------------------------------------------- an attempt that ended without a word


@pytest.fixture
def lost(appointment):
    """A text that the provider took and whose worker died before it could say so, due again."""
    row = Post().deliver_and_die(reminder(appointment))
    assert (row.state, row.handed_over_at, row.provider_id) == (State.CLAIMED, NOW, "")
    Message.objects.release_stuck(now=LATER)
    row.refresh_from_db()
    assert (row.state, row.last_error, row.handed_over_at) == (State.PENDING, INTERRUPTED, NOW)
    return row


def test_what_arrived_before_the_worker_died_is_not_sent_again(lost):
    post = Post(about_earlier=Receipt("P-7"))
    done = post.deliver(lost, now=LATER)
    [(envelope, since)] = post.asked
    assert (envelope.letter, envelope.to, since) == (letter_of(lost), lost.address, NOW)
    assert (done.state, done.provider_id, done.handed_over_at) == (State.DONE, "P-7", NOW)
    assert post.taken == []


def test_what_did_not_arrive_is_sent_again_word_for_word(lost):
    post = Post()
    done = post.deliver(lost, now=LATER)
    assert [envelope.letter for envelope in post.taken] == [letter_of(lost)]
    assert (done.state, done.handed_over_at, len(post.asked)) == (State.DONE, LATER, 1)


def test_what_is_not_known_yet_is_asked_again_without_losing_an_attempt(lost):
    post = Post(about_earlier=NotKnownYet(timedelta(minutes=4)))
    waiting = post.deliver(lost, now=LATER)
    assert (waiting.state, waiting.due_at) == (State.PENDING, LATER + 4 * MINUTE)
    assert (waiting.attempts, waiting.handed_over_at, post.taken) == (1, NOW, [])


def test_a_provider_that_cannot_be_asked_is_asked_later(lost):
    post = Post(about_earlier=busy(retry_after=timedelta(minutes=20)))
    waiting = post.deliver(lost, now=LATER)
    assert (waiting.state, waiting.due_at, waiting.attempts) == (State.PENDING, LATER + 20 * MINUTE, 2)
    assert (waiting.handed_over_at, post.taken) == (NOW, [])


def test_what_did_not_arrive_and_is_no_longer_wanted_is_closed(lost, appointment):
    withdrawn(appointment)
    post = Post()
    closed = post.deliver(lost, now=LATER)
    assert (closed.state, closed.handed_over_at, len(post.asked), post.taken) == (State.CLOSED, None, 1, [])


def test_a_lost_attempt_is_not_asked_of_another_provider(lost, caplog):
    """It knows nothing of it; and a message must not be lost."""
    Message.objects.filter(pk=lost.pk).update(transport="pigeon")
    post = Post(about_earlier=Receipt("someone else's"))
    assert post.deliver(lost, now=LATER).provider_id == "P-1"
    assert (post.asked, len(post.taken)) == ([], 1)
    assert caplog.messages == [f"Message {lost.reference} may have been sent by pigeon before"]


def test_a_worker_killed_before_it_handed_over_leaves_a_message_that_is_simply_sent(appointment):
    row = notice(of=appointment)
    Message.objects.claim(row.pk, now=NOW)
    Message.objects.release_stuck(now=LATER)
    post = Post()
    assert post.deliver(row, now=LATER).state == State.DONE
    assert (len(post.taken), post.asked) == (1, [])


def test_a_worker_that_lost_its_claim_sends_nothing_and_leaves_no_links(appointment, caplog):
    post, row = Post(), notice(of=appointment)

    def slowly(channel):
        Message.objects.release_stuck(now=LATER)
        return post

    delivery.deliver(row.pk, now=NOW, transport_of=slowly)
    row.refresh_from_db()
    assert (row.state, row.handed_over_at, row.ciphertext) == (State.PENDING, None, None)
    assert (post.taken, AppointmentLink.objects.filter(appointment=appointment).count()) == ([], 0)
    assert caplog.messages == [f"reminders.Message {row.pk} was settled after its claim was lost"]


def test_a_worker_thought_dead_does_not_settle_what_another_has_taken_over(appointment):
    row, successor = reminder(appointment), Post(about_earlier=NotKnownYet(MINUTE))

    def another_takes_over():
        Message.objects.release_stuck(now=LATER)
        successor.deliver(row, now=LATER)

    left = Post(another_takes_over).deliver(row)
    assert (left.state, left.due_at, left.provider_id) == (State.PENDING, LATER + MINUTE, "")


@pytest.mark.parametrize("fault", [Fault.MESSAGE, Fault.ADDRESS])
def test_a_code_for_a_new_address_that_nobody_takes_is_nobodys_task_and_says_nothing_of_the_address(fault):
    """Whoever asked for it may have mistyped their address."""
    row = Post(TransportError("No such user", permanent=True, fault=fault)).deliver(
        message(kind=Kind.CONTACT)
    )
    assert (row.state, row.needs_person_since) == (State.GIVEN_UP, None)
    assert reachability.problem_with(row.channel, row.address) is None


# --------------------------------------------------------------------------------------------- faults of our own


def test_text_that_cannot_be_opened_is_tried_again_then_given_up_to_a_person(settings, caplog):
    caplog.set_level(logging.ERROR, logger="reminders.delivery")
    post, row = Post(), message()
    settings.NOTE_KEY_RING = "other:" + "A" * 43 + "="
    for attempt in range(1, MOST_ATTEMPTS + 1):
        tried = post.deliver(row, now=Message.objects.get(pk=row.pk).due_at)
        assert tried.attempts == attempt
    assert (tried.state, tried.last_error) == (State.GIVEN_UP, "A fault of our own: MessageUnreadable")
    assert tried.needs_person_since == tried.settled_at
    assert caplog.messages == [f"Message {row.reference} met a fault of our own"] * MOST_ATTEMPTS
    assert all(record.exc_info for record in caplog.records)
    assert post.taken == []


def test_a_fault_while_sending_leaves_it_open_whether_it_was_sent(appointment):
    post = Post(KeyError("sid"))
    row = post.deliver(notice(of=appointment))
    assert (row.state, row.handed_over_at, row.last_error) == (
        State.PENDING,
        NOW,
        "A fault of our own: KeyError",
    )
    post.deliver(row, now=row.due_at)
    assert [since for _, since in post.asked] == [NOW]


def test_messages_whose_workers_died_again_and_again_need_a_person(appointment):
    row = notice(of=appointment, attempts=MOST_ATTEMPTS - 1)
    Post().deliver_and_die(row)
    Message.objects.release_stuck(now=LATER, needs_person_since=LATER)
    row.refresh_from_db()
    assert (row.state, row.needs_person_since, row.handed_over_at) == (State.GIVEN_UP, LATER, NOW)


# ---------------------------------------------------------------------------------------------- at the same time


@pytest.mark.django_db(transaction=True)
def test_one_of_many_workers_sends_it(appointment):
    post, row = Post(), reminder(appointment)
    at_once([lambda: post.deliver(row)] * 6)
    assert len(post.taken) == 1


@pytest.mark.django_db(transaction=True)
def test_no_transaction_is_open_while_the_provider_is_called(appointment):
    open_ones = []
    post = Post(lambda: open_ones.append(connection.in_atomic_block))
    post.deliver(notice(of=appointment))
    assert open_ones == [False]


@pytest.mark.django_db(transaction=True)
def test_what_was_sent_is_recorded_though_the_database_dropped_the_connection(appointment, caplog):
    row = reminder(appointment)

    def drop():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            [mine] = cursor.fetchone()
        other = connections.create_connection("default")
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [mine])
        other.close()

    post = Post(drop)
    done = post.deliver(row)
    assert (done.state, done.provider_id, len(post.taken)) == (State.DONE, "P-1", 1)
    assert caplog.messages[0].startswith(f"Message {row.reference} was sent; recording that is tried again: ")


@pytest.mark.django_db(transaction=True)
def test_a_change_that_is_being_saved_is_waited_for(appointment):
    """The last look is at what is so when the message is marked, not at what was so a moment before."""
    post, row = Post(), text(appointment)

    def change():
        with transaction.atomic():
            Appointment.objects.select_for_update().get(pk=appointment.pk)
            wait_until_somebody_waits()
            cancelled(appointment)

    at_once([change, lambda: post.deliver(row)])
    row.refresh_from_db()
    assert (post.taken, row.closed_reason) == ([], suppression.CANCELLED)


def test_a_wording_that_may_have_arrived_keeps_its_links(appointment):
    post = Post(silent())
    row = post.deliver(reminder(appointment))
    made = AppointmentLink.objects.filter(appointment=appointment).count()
    post.deliver(row, now=row.due_at)
    assert post.taken[1] == replace(post.taken[0], is_wanted_for=post.taken[1].is_wanted_for)
    assert AppointmentLink.objects.filter(appointment=appointment).count() == made
    assert consent.may_text(appointment.customer.phone)
