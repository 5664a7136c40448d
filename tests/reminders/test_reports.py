"""What follows from a provider's reports, whatever their order and however often they come."""

import threading
from datetime import timedelta
from itertools import count, permutations

import pytest
from django.db import transaction

from appointments.models import Appointment
from reminders import consent, reachability, reports, rules
from reminders.models import (
    Channel,
    ChannelStop,
    ConsentLog,
    ContactProblem,
    DeliveryReport,
    Kind,
    Message,
)
from reminders.reports import AGAIN_AFTER, Cause, Report
from scheduling import booking
from securecare.outbox import longest_claim
from tests import factories as make
from tests.factories import NOW
from tests.reminders.post import Post, silent
from tests.reminders.sending import agreed, message, notice
from tests.together import at_once, wait_until_somebody_waits

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)
LATER = NOW + MINUTE
State = Message.State
_event = count(1)


@pytest.fixture
def appointment() -> Appointment:
    """Today at 11:00, of somebody who agreed to texts. It is 9:00, and what planning wrote is gone."""
    booked = make.appointment()
    agreed(customer=booked.customer)
    Message.objects.filter(appointment=booked).delete()
    return booked


def text(appointment: Appointment, **fields) -> Message:
    return handed_over(notice(of=appointment, channel=Channel.PHONE, **fields))


def email(appointment: Appointment, **fields) -> Message:
    return handed_over(notice(of=appointment, **fields))


def handed_over(row: Message) -> Message:
    return Post().deliver(row)


def report(on: Message, delivery: str = "", cause: Cause | None = None, **fields) -> Report:
    is_text = on.channel == Channel.PHONE
    given = {
        "transport": "twilio" if is_text else "sendgrid",
        "channel": on.channel,
        "reference": on.reference,
        "provider_id": "",
        "event_id": f"E-{next(_event)}",
        "status": delivery or "queued",
        "delivery": delivery,
        "cause": cause,
        "code": "",
        "detail": "",
        "at": LATER,
    }
    return Report(**{**given, **fields})


def take(on: Message, delivery: str = "", cause: Cause | None = None, *, now=LATER, **fields) -> Message:
    reports.take(report(on, delivery, cause, **fields), now=now)
    return Message.objects.get(pk=on.pk)


def copies(of: Message) -> list[Message]:
    return list(Message.objects.filter(again_of=of).order_by("pk"))


# ---------------------------------------------------------------------------------------------- in whatever order


@pytest.mark.parametrize(
    ("channel", "told", "known"),
    [
        ("email", ["", "sent", "delayed", "delivered"], "delivered"),
        ("email", ["sent", "delivered", "failed"], "failed"),
        ("email", ["delayed", "failed"], "failed"),
        ("phone", ["", "sent", "delivered"], "delivered"),
        ("phone", ["sent", "failed"], "failed"),
        ("phone", ["sent", "failed", "delivered"], "delivered"),
    ],
)
def test_the_most_is_known_in_the_end(channel, told, known):
    for order in permutations(told):
        row = handed_over(
            message(channel=channel, address="ada@example.org" if channel == "email" else "+12125550143")
        )
        for said in order:
            take(row, said, Cause.BLOCKED if said == "failed" else None)
        assert Message.objects.get(pk=row.pk).delivery == known, order
        assert row.reports.count() == len(told)


def test_what_is_known_says_when_and_why(appointment):
    row = take(text(appointment), "failed", Cause.BLOCKED, code="30007", detail="Filtered\x00.")
    assert (row.delivery_at, row.delivery_detail) == (LATER, "failed 30007 Filtered.")
    late = take(row, "sent", at=NOW + 5 * MINUTE)
    assert (late.delivery, late.delivery_at) == ("failed", LATER)


def test_a_report_counts_once(appointment):
    row = text(appointment)
    told = report(row, "failed", Cause.RETRY)
    assert [reports.take(told, now=LATER) for _ in range(3)] == [True, False, False]
    assert (row.reports.count(), len(copies(row))) == (1, 1)


@pytest.mark.django_db(transaction=True)
def test_a_report_that_comes_several_times_at_once_counts_once(appointment):
    row = text(appointment)
    told = report(row, "failed", Cause.RETRY)
    results = at_once([lambda: reports.take(told, now=LATER)] * 4)
    assert sorted(results) == [False, False, False, True]
    assert len(copies(row)) == 1


def test_a_second_failure_of_the_same_message_has_no_further_consequence(appointment):
    row = text(appointment)
    take(row, "failed", Cause.RETRY, status="undelivered")
    take(row, "failed", Cause.RETRY, status="failed")
    assert len(copies(row)) == 1


def test_of_nothing_of_ours_nothing_is_kept(appointment):
    row = text(appointment)
    for fields in ({"channel": "email"}, {"reference": None}, {"reference": None, "provider_id": "SM404"}):
        assert not reports.take(report(row, "delivered", **fields), now=LATER)
    assert DeliveryReport.objects.count() == 0


# --------------------------------------------------------------------------------- proof that it was handed over


def lost_in_the_dark(appointment: Appointment) -> Message:
    """An attempt timed out: it may or may not have been sent."""
    row = Post(silent()).deliver(notice(of=appointment))
    assert (row.state, row.handed_over_at) == (State.PENDING, NOW)
    return row


def test_a_report_settles_what_an_attempt_left_open(appointment):
    row = lost_in_the_dark(appointment)
    settled = take(row, "sent", provider_id="SG1")
    assert (settled.state, settled.settled_at, settled.provider_id, settled.transport) == (
        State.DONE,
        LATER,
        "SG1",
        "sendgrid",
    )
    assert (settled.handed_over_at, settled.last_error, settled.claim) == (NOW, "", None)
    post = Post()
    assert post.deliver(settled, now=row.due_at).state == State.DONE
    assert (post.taken, post.asked) == ([], [])


def test_a_killed_worker_s_message_is_settled_before_it_is_missed(appointment):
    row = Post().deliver_and_die(notice(of=appointment))
    assert row.state == State.CLAIMED
    settled = take(row, "delivered")
    assert (settled.state, settled.claim, settled.claimed_at) == (State.DONE, None, None)
    later = NOW + longest_claim()
    assert Message.objects.release_stuck(now=later) == 0
    post = Post()
    post.deliver(settled, now=later)
    assert post.taken == []


def test_a_report_may_overtake_the_answer_of_the_call(appointment, caplog):
    """The worker is still waiting for the provider's answer when the report of it comes."""
    row = notice(of=appointment)
    post = Post(lambda: take(row, "sent", provider_id="SG1"))
    done = post.deliver(row)
    assert (done.state, done.delivery, done.provider_id, done.attempts) == (State.DONE, "sent", "SG1", 1)
    assert post.deliver(done).state == State.DONE
    assert len(post.taken) == 1


@pytest.mark.parametrize("state", ["given_up", "closed"])
def test_a_report_puts_right_what_was_believed(appointment, state):
    row = lost_in_the_dark(appointment)
    Message.objects.filter(pk=row.pk).update(
        state=state, settled_at=NOW, closed_reason="x", last_error="x", needs_person_since=NOW
    )
    settled = take(row, "delivered")
    assert (settled.state, settled.delivery, settled.closed_reason, settled.last_error) == (
        State.DONE,
        "delivered",
        "",
        "",
    )
    assert settled.needs_person_since is None


def test_what_a_person_has_dealt_with_stays_dealt_with(appointment):
    row, user = lost_in_the_dark(appointment), make.user()
    Message.objects.filter(pk=row.pk).update(
        state="given_up", settled_at=NOW, needs_person_since=NOW, handled_at=NOW, handled_by=user
    )
    settled = take(row, "delivered")
    assert (settled.state, settled.needs_person_since, settled.handled_by) == (State.DONE, NOW, user)


def test_what_is_recorded_already_is_not_recorded_anew(appointment):
    row = email(appointment)
    settled = take(row, "delivered", provider_id="other")
    same = ("state", "settled_at", "transport", "handed_over_at", "provider_id")
    assert [getattr(settled, name) for name in same] == [getattr(row, name) for name in same]


# ---------------------------------------------------------------------------------------------- what may pass


def test_a_text_that_may_arrive_another_time_is_sent_once_more(appointment):
    row = text(appointment)
    failed = take(row, "failed", Cause.RETRY, code="30003", detail="Out of reach.")
    [copy] = copies(failed)
    assert (copy.channel, copy.due_at, copy.state, copy.again_by) == (
        "phone",
        LATER + AGAIN_AFTER,
        State.PENDING,
        None,
    )
    assert copy.again_reason == "It was not delivered: failed 30003 Out of reach."
    assert (failed.state, failed.delivery, failed.needs_person_since) == (State.DONE, "failed", None)
    assert reachability.problem_with("phone", appointment.phone) is None


def test_the_second_time_the_other_channel_is_used(appointment):
    row = text(appointment)
    take(row, "failed", Cause.RETRY)
    [second] = copies(row)
    second = Post().deliver(second, now=second.due_at)
    failed = take(second, "failed", Cause.RETRY)
    [third] = copies(second)
    assert (third.channel, third.address) == ("email", appointment.email)
    assert failed.needs_person_since is None
    assert take(Post().deliver(third, now=third.due_at), "failed", Cause.BLOCKED).needs_person_since == LATER
    assert copies(third) == []


def test_one_that_staff_sent_again_has_its_own_second_chance(appointment):
    from reminders import resending

    row = text(appointment)
    again = resending.send_again(row, reason="Asked for", by=make.user(), now=NOW)
    again = Post().deliver(again)
    take(again, "failed", Cause.RETRY)
    assert [copy.channel for copy in copies(again)] == ["phone"]


def test_a_text_in_place_of_an_email_has_a_second_chance_too(appointment):
    bounced = take(email(appointment), "failed", Cause.ADDRESS)
    [instead] = copies(bounced)
    assert instead.channel == "phone"
    take(Post().deliver(instead, now=LATER), "failed", Cause.RETRY)
    [second] = copies(instead)
    assert second.channel == "phone"
    last = take(Post().deliver(second, now=second.due_at), "failed", Cause.RETRY)
    assert (copies(second), last.needs_person_since) == ([], LATER)


def test_a_reminder_is_not_repeated_when_it_would_come_too_late(appointment):
    rule = next(rule for rule in rules.of(appointment.program) if rule.channel == "phone")
    row = text(appointment, kind=Kind.REMINDER, rule=rule)
    soon = appointment.starts_at - 5 * MINUTE
    failed = take(row, "failed", Cause.RETRY, now=soon)
    [copy] = copies(failed)
    assert (copy.channel, copy.due_at) == ("email", soon)


def test_what_would_be_of_no_use_is_left_alone(appointment):
    row = text(appointment)
    booking.cancel(appointment=appointment, reason="", by=make.user(), now=NOW)
    failed = take(row, "failed", Cause.RETRY)
    assert (copies(failed), failed.needs_person_since) == ([], None)


def test_a_text_that_waited_too_long_is_sent_again_only_while_it_is_of_use(appointment):
    row = text(appointment)
    take(row, "failed", Cause.LATE)
    assert [copy.channel for copy in copies(row)] == ["phone"]
    rule = next(rule for rule in rules.of(appointment.program) if rule.channel == "phone")
    late = text(appointment, kind=Kind.REMINDER, rule=rule)
    failed = take(late, "failed", Cause.LATE, now=appointment.starts_at - MINUTE)
    assert (copies(late), failed.needs_person_since) == ([], None)


@pytest.mark.parametrize("cause", [Cause.RETRY, Cause.LATE, Cause.ADDRESS, Cause.BLOCKED])
def test_a_code_is_neither_repeated_nor_anybody_s_task(cause):
    row = handed_over(message(channel="phone", address="+12125550143"))
    failed = take(row, "failed", cause)
    assert (copies(failed), failed.needs_person_since, failed.delivery) == ([], None, "failed")


# -------------------------------------------------------------------------------------------------------- for good


def test_a_dead_number_is_flagged_and_the_other_channel_used(appointment):
    failed = take(text(appointment), "failed", Cause.ADDRESS, code="30005", detail="Unknown.")
    problem = ContactProblem.objects.get()
    assert (problem.channel, problem.address, problem.reason, problem.message, problem.since) == (
        "phone",
        appointment.phone,
        "failed 30005 Unknown.",
        failed,
        LATER,
    )
    assert [copy.channel for copy in copies(failed)] == ["email"]
    assert failed.needs_person_since is None


def test_a_bounce_needs_a_person_where_there_is_no_other_channel(appointment):
    agreed(customer=appointment.customer, granted=False)
    failed = take(email(appointment), "failed", Cause.ADDRESS)
    assert (copies(failed), failed.needs_person_since) == ([], LATER)
    assert reachability.problem_with("email", appointment.email) is not None


def test_what_is_turned_away_alone_flags_nothing(appointment):
    failed = take(email(appointment), "failed", Cause.BLOCKED)
    assert [copy.channel for copy in copies(failed)] == ["phone"]
    assert ContactProblem.objects.count() == 0


@pytest.mark.parametrize("cause", [Cause.MESSAGE, None])
def test_what_is_filtered_or_unknown_is_told_otherwise_and_looked_at(appointment, cause):
    failed = take(text(appointment), "failed", cause, code="30007")
    assert failed.needs_person_since == LATER
    assert [copy.channel for copy in copies(failed)] == ["email"]


def test_a_suspended_account_stops_its_channel(appointment):
    failed = take(text(appointment), "failed", Cause.ACCOUNT, code="30002")
    stop = ChannelStop.objects.get()
    assert (stop.channel, stop.reason) == ("phone", "failed 30002")
    assert failed.needs_person_since == LATER
    assert [copy.channel for copy in copies(failed)] == ["email"]


def test_an_opt_out_that_the_provider_knows_of_is_written_down(appointment):
    failed = take(text(appointment), "failed", Cause.OPT_OUT, code="21610", detail="Opted out.")
    entry = ConsentLog.objects.first()
    assert (entry.granted, entry.source, entry.address, entry.customer, entry.wording) == (
        False,
        "provider",
        appointment.phone,
        appointment.customer,
        "twilio: failed 21610 Opted out.",
    )
    assert not consent.may_text(appointment.phone)
    assert failed.needs_person_since is None
    assert [copy.channel for copy in copies(failed)] == ["email"]


def test_an_opt_out_is_not_written_down_again(appointment):
    row, other = text(appointment), text(appointment, kind=Kind.MOVED)
    take(row, "failed", Cause.OPT_OUT)
    entries = ConsentLog.objects.count()
    take(other, "failed", Cause.OPT_OUT)
    assert ConsentLog.objects.count() == entries


@pytest.mark.parametrize("status", ["spamreport", "unsubscribe", "group_unsubscribe"])
def test_who_calls_it_spam_gets_no_more_of_it(appointment, status):
    row = take(email(appointment), "delivered")
    known = take(row, "delivered", Cause.OPT_OUT, status=status)
    entry = ConsentLog.objects.first()
    assert (entry.channel, entry.granted, entry.source, entry.address, entry.wording) == (
        "email",
        False,
        "unsubscribe",
        appointment.email,
        f"sendgrid: {status}",
    )
    assert not consent.may_email(appointment.email)
    assert (known.delivery, known.needs_person_since, copies(known)) == ("delivered", None, [])


def test_an_email_dropped_for_who_unsubscribed_falls_back_to_the_text_they_agreed_to(appointment):
    failed = take(email(appointment), "failed", Cause.OPT_OUT, detail="Unsubscribed Address")
    assert not consent.may_email(appointment.email)
    assert [copy.channel for copy in copies(failed)] == ["phone"]


# ------------------------------------------------------------------------------------------------ it arrived after all


def test_what_arrives_shows_that_the_address_can_be_reached(appointment):
    row = text(appointment)
    reachability.flag(channel="phone", address=appointment.phone, reason="off", message=None, now=NOW)
    take(row, "delivered")
    cleared = ContactProblem.objects.get()
    assert (cleared.cleared_at, cleared.cleared_by) == (LATER, None)


def test_what_arrived_before_an_address_failed_shows_nothing(appointment):
    row = email(appointment)
    reachability.flag(
        channel="email", address=appointment.email, reason="gone", message=None, now=NOW + 5 * MINUTE
    )
    take(row, "delivered", at=LATER, now=NOW + 9 * MINUTE)
    assert reachability.problem_with("email", appointment.email) is not None


def test_a_text_that_arrives_after_all_is_not_sent_again(appointment):
    row = text(appointment)
    take(row, "failed", Cause.RETRY)
    [copy] = copies(row)
    known = take(row, "delivered")
    copy.refresh_from_db()
    assert (known.delivery, copy.state, copy.closed_reason) == (
        "delivered",
        State.CLOSED,
        "The message arrived after all.",
    )


def test_a_text_that_arrives_after_all_is_nobody_s_task(appointment):
    row = text(appointment)
    assert take(row, "failed", Cause.MESSAGE).needs_person_since == LATER
    assert take(row, "delivered").needs_person_since is None


def test_a_copy_that_staff_asked_for_is_sent_all_the_same(appointment):
    from reminders import resending

    row = text(appointment)
    asked = resending.send_again(row, reason="Asked for", by=make.user(), now=NOW)
    take(row, "delivered")
    asked.refresh_from_db()
    assert asked.state == State.PENDING


# ---------------------------------------------------------------------------------------------- with everybody else


@pytest.mark.django_db(transaction=True)
def test_a_report_waits_for_a_change_of_the_appointment_and_not_the_other_way_round(appointment):
    """Both take the appointment first: else each would hold what the other waits for."""
    row = text(appointment)
    is_locked = threading.Event()

    def change() -> None:
        with transaction.atomic():
            Appointment.objects.select_for_update(no_key=True).get(pk=appointment.pk)
            is_locked.set()
            wait_until_somebody_waits()
            Message.objects.select_for_update().get(pk=row.pk)

    def tell() -> bool:
        is_locked.wait(timeout=10)
        return reports.take(report(row, "failed", Cause.ADDRESS), now=LATER)

    assert at_once([change, tell]) == [None, True]
