"""What becomes of messages that a provider does not take."""

from datetime import timedelta
from itertools import pairwise

import pytest

from reminders import consent, reachability, suppression
from reminders.models import Channel, ChannelStop, ConsentLog, Kind, Message
from reminders.transports.base import Fault
from securecare.outbox import MOST_ATTEMPTS
from tests import factories as make
from tests.factories import NOW
from tests.reminders.post import Post, busy, refused, silent
from tests.reminders.sending import agreed, message, notice

pytestmark = pytest.mark.django_db

MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)
State = Message.State


@pytest.fixture
def appointment():
    booked = make.appointment()
    agreed(customer=booked.customer)
    # What planning wrote would say the same by the other channel.
    Message.objects.filter(appointment=booked).delete()
    return booked


def text(appointment, **fields):
    return notice(of=appointment, channel=Channel.PHONE, **fields)


def copies(of):
    return list(Message.objects.filter(again_of=of))


# ----------------------------------------------------------------------------------------------------- for a while


def test_what_was_not_taken_on_is_simply_sent_again(appointment):
    post = Post(busy())
    waiting = post.deliver(text(appointment))
    assert (waiting.state, waiting.last_error, waiting.attempts) == (State.PENDING, "Too many requests.", 1)
    assert (waiting.handed_over_at, waiting.needs_person_since) == (None, None)
    assert 15 * SECOND <= waiting.due_at - NOW <= 30 * SECOND
    assert post.deliver(waiting, now=waiting.due_at).state == State.DONE
    assert (len(post.taken), post.asked) == (2, [])


def test_a_provider_says_how_long_to_wait(appointment):
    waiting = Post(busy(retry_after=timedelta(minutes=7))).deliver(text(appointment))
    assert waiting.due_at == NOW + 7 * MINUTE


def test_what_may_have_been_sent_is_asked_for_before_it_is_sent_again(appointment):
    post = Post(silent())
    waiting = post.deliver(text(appointment))
    assert (waiting.state, waiting.handed_over_at) == (State.PENDING, NOW)
    assert waiting.due_at >= NOW + 30 * SECOND
    post.deliver(waiting, now=waiting.due_at)
    assert [since for _, since in post.asked] == [NOW]
    assert len(post.taken) == 2


@pytest.mark.parametrize(("error", "handed_over_at"), [(busy(), None), (silent(), NOW)])
def test_after_the_last_attempt_a_person_has_to_look(appointment, error, handed_over_at):
    row = text(appointment, attempts=MOST_ATTEMPTS - 1)
    given_up = Post(error).deliver(row)
    assert (given_up.state, given_up.needs_person_since) == (State.GIVEN_UP, NOW)
    assert (given_up.handed_over_at, given_up.last_error) == (handed_over_at, str(error))


# --------------------------------------------------------------------------------------------------------- for good


def test_a_message_that_is_refused_needs_a_person(appointment):
    post = Post(refused(Fault.MESSAGE, "The text is too long."))
    given_up = post.deliver(text(appointment))
    assert (given_up.state, given_up.last_error) == (State.GIVEN_UP, "The text is too long.")
    assert (given_up.needs_person_since, given_up.handed_over_at, copies(given_up)) == (NOW, None, [])


def test_an_address_that_is_refused_is_noted_and_the_other_channel_used(appointment):
    given_up = Post(refused(Fault.ADDRESS, "No such number.")).deliver(text(appointment))
    assert (given_up.state, given_up.needs_person_since) == (State.GIVEN_UP, None)
    assert reachability.problem_with("phone", appointment.phone).reason == "No such number."
    [copy] = copies(given_up)
    assert (copy.channel, copy.address, copy.state) == ("email", appointment.email, State.PENDING)


def test_an_address_that_is_refused_needs_a_person_where_there_is_no_other(appointment):
    appointment.customer.email = ""
    appointment.customer.save()
    given_up = Post(refused(Fault.ADDRESS)).deliver(text(appointment))
    assert (given_up.state, given_up.needs_person_since, copies(given_up)) == (State.GIVEN_UP, NOW, [])


def test_a_code_whose_address_is_refused_needs_a_person():
    given_up = Post(refused(Fault.ADDRESS)).deliver(message())
    assert (given_up.state, given_up.needs_person_since) == (State.GIVEN_UP, NOW)


def test_what_the_provider_knows_as_opted_out_is_a_consent_taken_back(appointment):
    post = Post(refused(Fault.OPT_OUT, "21610: opted out with STOP."))
    closed = post.deliver(text(appointment))
    last = ConsentLog.objects.first()
    assert (last.granted, last.source, last.wording, last.address, last.customer) == (
        False,
        ConsentLog.Source.PROVIDER,
        "21610: opted out with STOP.",
        appointment.phone,
        appointment.customer,
    )
    assert not consent.may_text(appointment.phone)
    assert (closed.state, closed.handed_over_at, closed.needs_person_since) == (State.CLOSED, None, None)
    assert closed.closed_reason == "The provider has this number down as opted out of texts."
    assert [copy.channel for copy in copies(closed)] == ["email"]


def test_the_next_text_to_somebody_opted_out_is_not_even_tried(appointment):
    post = Post(refused(Fault.OPT_OUT))
    post.deliver(text(appointment))
    second = post.deliver(text(appointment, kind=Kind.MOVED))
    assert (second.state, len(post.taken)) == (State.CLOSED, 1)


# ------------------------------------------------------------------------------------------------- an account refused


def notices_of(count):
    return [notice(of=make.appointment()) for _ in range(count)]


def test_an_account_that_is_refused_stops_its_channel_and_loses_nothing(appointment):
    post = Post(refused(Fault.ACCOUNT, "Authenticate."))
    email = notice(of=appointment)
    waiting = post.deliver(email)
    stop = ChannelStop.objects.get()
    assert (stop.channel, stop.reason, stop.since) == ("email", "Authenticate.", NOW)
    assert (waiting.state, waiting.attempts, waiting.handed_over_at) == (State.PENDING, 0, None)
    assert (waiting.due_at, waiting.last_error) == (stop.next_try_at, "Authenticate.")
    assert post.deliver(text(appointment)).state == State.DONE


def test_while_a_channel_is_stopped_one_message_at_a_time_is_tried_ever_less_often():
    post = Post(*[refused(Fault.ACCOUNT)] * 99)
    rows, now, tries = notices_of(3), NOW, []
    for second in range(0, 3600, 15):
        now, before = NOW + timedelta(seconds=second), len(post.taken)
        for row in rows:
            post.deliver(row, now=now)
        tries += [second] * (len(post.taken) - before)
    waits = [later - earlier for earlier, later in pairwise(tries)]
    assert waits == sorted(waits)
    assert (tries[:4], waits[-1]) == ([0, 30, 60, 120], 600)
    states = Message.objects.filter(pk__in=[row.pk for row in rows]).values_list("state", "attempts")
    assert list(states) == [(State.PENDING, 0)] * 3


def test_everything_goes_on_when_the_account_works_again():
    post = Post(refused(Fault.ACCOUNT))
    first, second = notices_of(2)
    post.deliver(first)
    again = NOW + MINUTE
    held = post.deliver(second)
    assert (held.state, held.attempts, held.handed_over_at, held.ciphertext) == (State.PENDING, 0, None, None)
    assert NOW + 30 * SECOND < held.due_at <= NOW + 75 * SECOND
    assert post.deliver(first, now=again).state == State.DONE
    assert not ChannelStop.objects.exists()
    assert post.deliver(second, now=NOW + 2 * MINUTE).state == State.DONE


def test_what_becomes_pointless_while_its_channel_is_stopped_is_closed():
    post = Post(refused(Fault.ACCOUNT), refused(Fault.ACCOUNT))
    code = message(useful_until=NOW + 10 * MINUTE)
    post.deliver(code)
    closed = post.deliver(code, now=NOW + 10 * MINUTE)
    assert (closed.state, closed.closed_reason, len(post.taken)) == (State.CLOSED, suppression.TOO_LATE, 1)


def test_those_who_were_sending_when_the_account_was_refused_share_one_stop():
    earlier, row = notices_of(2)

    def refused_after_another():
        Post(refused(Fault.ACCOUNT, "First.")).deliver(earlier)
        raise refused(Fault.ACCOUNT, "Second.")

    waiting = Post(refused_after_another).deliver(row, now=NOW + SECOND)
    stop = ChannelStop.objects.get()
    assert (stop.reason, stop.since) == ("Second.", NOW)
    assert waiting.due_at == stop.next_try_at


def test_an_account_that_is_refused_when_asked_costs_no_attempt(appointment):
    waiting = Post(silent()).deliver(text(appointment))
    post = Post(about_earlier=refused(Fault.ACCOUNT))
    held = post.deliver(waiting, now=waiting.due_at)
    assert (held.state, held.attempts, held.handed_over_at) == (State.PENDING, 1, NOW)
    assert held.due_at == ChannelStop.objects.get().next_try_at
