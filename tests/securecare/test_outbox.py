"""The outbox against a real table, real connections and real broker addresses that do not answer."""

import logging
import socket
import threading
import time
from datetime import timedelta

import pytest
from celery import Celery
from django.conf import settings
from django.db import IntegrityError, connection, models, transaction
from hypothesis import given
from hypothesis import strategies as st

from securecare import outbox
from securecare.outbox import INTERRUPTED, MOST_ATTEMPTS, Hints, OutboxRow, State, longest_claim
from tests.factories import NOW
from tests.together import at_once

SECOND = timedelta(seconds=1)


class Parcel(OutboxRow):
    address = models.CharField(max_length=40, default="1 Main Street")
    receipt = models.CharField(max_length=40, blank=True)

    class Meta(OutboxRow.Meta):
        app_label = "tests"


@pytest.fixture
def table(transactional_db):
    with connection.schema_editor() as editor:
        editor.create_model(Parcel)
    yield
    with connection.schema_editor() as editor:
        editor.delete_model(Parcel)


pytestmark = pytest.mark.usefixtures("table")


def parcel(**fields):
    return Parcel.objects.create(**{"due_at": NOW, **fields})


def claimed(*, attempts=1, **fields):
    made = parcel(attempts=attempts - 1, **fields)
    return Parcel.objects.claim(made.pk, now=NOW)


def saved(row):
    return Parcel.objects.get(pk=row.pk)


class Inbox:
    """Stands where a Celery task stands, and keeps what was published."""

    def __init__(self):
        self.ids = []
        self.priorities = set()

    def apply_async(self, *, args, retry, priority):
        self.ids += args
        self.priorities.add(priority)


# ------------------------------------------------------------------------------------------------------ claiming


def test_claim_takes_a_due_row_and_counts_the_attempt():
    row = Parcel.objects.claim(parcel().pk, now=NOW)
    assert (row.state, row.claimed_at, row.attempts, row.was_interrupted) == (State.CLAIMED, NOW, 1, False)
    assert row.claim is not None


def test_claim_leaves_what_is_not_due_settled_gone_or_taken():
    waiting = parcel(due_at=NOW + SECOND)
    done = claimed()
    done.finish(now=NOW)
    assert [
        Parcel.objects.claim(row_id, now=NOW) for row_id in (waiting.pk, done.pk, claimed().pk, 999_999)
    ] == [None] * 4
    assert saved(waiting).attempts == 0


def test_one_of_many_workers_gets_the_row():
    for _ in range(5):
        row = parcel()
        tokens = at_once([lambda pk=row.pk: Parcel.objects.claim(pk, now=NOW)] * 6)
        winners = [won for won in tokens if won]
        assert len(winners) == 1
        assert (saved(row).claim, saved(row).attempts) == (winners[0].claim, 1)


# ------------------------------------------------------------------------------------------------------- settling


def test_finish_saves_the_outcome_and_lets_go():
    row = claimed(last_error="busy")
    assert row.finish(now=NOW + SECOND, receipt="R-1")
    kept = saved(row)
    assert (kept.state, kept.settled_at, kept.receipt) == (State.DONE, NOW + SECOND, "R-1")
    assert (kept.claim, kept.claimed_at, kept.last_error) == (None, None, "")
    assert (row.state, row.receipt) == (State.DONE, "R-1")


def test_close_and_give_up_keep_their_reason():
    unwanted, hopeless = claimed(), claimed()
    assert unwanted.close(reason="Cancelled", now=NOW)
    assert hopeless.give_up(error="x" * 1000, now=NOW)
    assert (saved(unwanted).state, saved(unwanted).closed_reason) == (State.CLOSED, "Cancelled")
    assert (saved(hopeless).state, saved(hopeless).last_error) == (State.GIVEN_UP, "x" * 500)


def test_retry_later_waits_longer_each_time():
    row = claimed(attempts=3)
    assert row.retry_later(error="busy", now=NOW)
    kept = saved(row)
    assert (kept.state, kept.last_error, kept.attempts, kept.claim) == (State.PENDING, "busy", 3, None)
    assert timedelta(seconds=60) <= kept.due_at - NOW <= timedelta(seconds=120)
    assert Parcel.objects.claim(row.pk, now=NOW + timedelta(seconds=59)) is None


def test_retry_later_is_never_earlier_than_the_provider_asked():
    row = claimed()
    row.retry_later(error="slow down", now=NOW, retry_after=timedelta(minutes=20))
    assert saved(row).due_at == NOW + timedelta(minutes=20)


def test_putting_off_is_no_attempt():
    row = claimed(attempts=3)
    assert row.put_off(until=NOW + timedelta(hours=9), reason="Night", receipt="R-0")
    kept = saved(row)
    assert (kept.state, kept.due_at, kept.last_error) == (State.PENDING, NOW + timedelta(hours=9), "Night")
    assert (kept.attempts, kept.claim, kept.receipt) == (2, None, "R-0")


def test_what_is_kept_meanwhile_stays_claimed():
    row = claimed()
    assert row.keep(receipt="R-0")
    assert (saved(row).state, saved(row).receipt, saved(row).claim) == (State.CLAIMED, "R-0", row.claim)


def test_the_last_attempt_gives_up():
    row = claimed(attempts=MOST_ATTEMPTS)
    assert row.is_last_attempt
    assert row.retry_later(error="busy", now=NOW)
    assert (saved(row).state, saved(row).last_error, saved(row).settled_at) == (State.GIVEN_UP, "busy", NOW)


@given(attempts=st.integers(1, 5000), spread=st.floats(0, 1, exclude_max=True))
def test_backoff_grows_to_a_bound_and_spreads_over_its_upper_half(attempts, spread):
    whole = timedelta(seconds=min(30 * 2 ** (attempts - 1), 3600))
    assert whole / 2 <= outbox.backoff(attempts, spread=spread) <= whole
    assert outbox.backoff(attempts, spread=0) == whole / 2


def test_waiting_rows_can_be_closed_together_and_a_claimed_one_is_left_to_its_worker():
    first, second, taken = parcel(), parcel(due_at=NOW + SECOND), claimed()
    assert Parcel.objects.all().close(reason="Cancelled", now=NOW) == 2
    assert [saved(row).state for row in (first, second, taken)] == ["closed", "closed", "claimed"]


# -------------------------------------------------------------------------------------- a worker that disappears


def test_a_row_whose_worker_died_is_released_and_says_so():
    row = claimed()
    assert Parcel.objects.release_stuck(now=NOW + longest_claim() - SECOND) == 0
    later = NOW + longest_claim()
    assert Parcel.objects.release_stuck(now=later) == 1
    again = Parcel.objects.claim(row.pk, now=later)
    assert (again.attempts, again.last_error, again.was_interrupted) == (2, INTERRUPTED, True)


def test_a_row_that_kills_every_worker_is_given_up():
    row, other = claimed(attempts=MOST_ATTEMPTS), claimed()
    assert Parcel.objects.release_stuck(now=NOW + longest_claim(), receipt="none") == 2
    assert (saved(row).state, saved(row).last_error) == (State.GIVEN_UP, INTERRUPTED)
    assert (saved(row).receipt, saved(other).receipt) == ("none", "")


@pytest.mark.parametrize(
    "settle",
    [
        lambda row: row.finish(now=NOW, receipt="late"),
        lambda row: row.close(reason="late", now=NOW),
        lambda row: row.give_up(error="late", now=NOW),
        lambda row: row.retry_later(error="late", now=NOW),
        lambda row: row.put_off(until=NOW, reason="late"),
        lambda row: row.keep(receipt="late"),
    ],
)
def test_a_worker_thought_dead_cannot_undo_its_successor(settle, caplog):
    slow = claimed()
    later = NOW + longest_claim()
    Parcel.objects.release_stuck(now=later)
    successor = Parcel.objects.claim(slow.pk, now=later)
    assert settle(slow) is False
    assert caplog.messages == [f"tests.Parcel {slow.pk} was settled after its claim was lost"]
    assert successor.finish(now=later, receipt="R-2")
    assert (saved(slow).state, saved(slow).receipt) == (State.DONE, "R-2")


def test_two_sweeps_release_a_stuck_row_once():
    claimed()
    released = at_once([lambda: Parcel.objects.release_stuck(now=NOW + longest_claim())] * 4)
    assert sorted(released) == [0, 0, 0, 1]


# -------------------------------------------------------------------------------------------------------- queueing


def test_queue_on_commit_publishes_after_the_commit_only():
    inbox = Inbox()
    with transaction.atomic():
        row = parcel()
        outbox.queue_on_commit(inbox, row, now=NOW)
        assert inbox.ids == []
    assert inbox.ids == [row.pk]


def test_queue_on_commit_publishes_nothing_for_what_was_rolled_back_or_is_not_due():
    inbox = Inbox()
    with transaction.atomic():
        outbox.queue_on_commit(inbox, parcel(), now=NOW)
        transaction.set_rollback(True)
    outbox.queue_on_commit(inbox, parcel(due_at=NOW + SECOND), now=NOW)
    assert (inbox.ids, Parcel.objects.count()) == ([], 1)


def celery_task(broker):
    app = Celery("outage", broker=broker, set_as_current=False)
    app.conf.broker_transport_options = settings.CELERY_BROKER_TRANSPORT_OPTIONS

    @app.task(name="deliver", shared=False)
    def deliver(row_id):
        raise AssertionError("never run here")

    return deliver


@pytest.fixture
def hang_up():
    """A port that answers every connection by closing it, and counts them."""
    listener = socket.create_server(("127.0.0.1", 0))
    connections = []

    def serve():
        while True:
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            connections.append(peer)
            peer.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield f"redis://127.0.0.1:{listener.getsockname()[1]}/0", connections
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join()


def test_a_broker_outage_neither_fails_the_change_nor_loses_the_row(caplog):
    caplog.set_level(logging.WARNING, logger="securecare.outbox")
    began = time.monotonic()
    with transaction.atomic():
        row = parcel()
        outbox.queue_on_commit(celery_task("redis://127.0.0.1:1/0"), row, now=NOW, hints=Hints())
    assert time.monotonic() - began < 3
    assert [message.partition(":")[0] for message in caplog.messages] == [
        "The queue cannot be reached; due rows wait for the next sweep"
    ]
    inbox = Inbox()
    assert outbox.sweep(Parcel.objects.all(), inbox, now=NOW, hints=Hints()) == 1
    assert inbox.ids == [row.pk]


def test_an_outage_costs_one_attempt_and_not_one_for_every_row(hang_up):
    address, connections = hang_up
    task, hints = celery_task(address), Hints()
    with transaction.atomic():
        outbox.queue_on_commit(task, parcel(), now=NOW, hints=hints)
    tried = len(connections)
    with transaction.atomic():
        for _ in range(20):
            outbox.queue_on_commit(task, parcel(), now=NOW, hints=hints)
    assert tried > 0
    assert len(connections) == tried


def test_rows_of_a_sweep_that_could_not_publish_are_swept_again():
    rows, lost = Parcel.objects.all(), celery_task("redis://127.0.0.1:1/0")
    row = parcel()
    assert outbox.sweep(rows, lost, now=NOW, hints=Hints()) == 0
    assert saved(row).queued_at is None


# ---------------------------------------------------------------------------------------------------------- sweeps


def test_sweep_queues_what_is_due_or_stuck_in_order_and_up_to_its_limit():
    inbox = Inbox()
    stuck = claimed()
    now = NOW + longest_claim()
    second, first = parcel(due_at=NOW), parcel(due_at=NOW - SECOND)
    parcel(due_at=now + SECOND)
    claimed(due_at=NOW).finish(now=NOW)
    assert outbox.sweep(Parcel.objects.all(), inbox, now=now, limit=2, hints=Hints()) == 2
    assert inbox.ids == [first.pk, second.pk]
    assert outbox.sweep(Parcel.objects.all(), inbox, now=now, hints=Hints()) == 1
    assert inbox.ids == [first.pk, second.pk, stuck.pk]


def test_sweep_queues_a_row_again_only_when_its_hint_must_be_lost():
    inbox, rows = Inbox(), Parcel.objects.all()
    row = parcel()
    seconds = (0, 30, 60, 90, 120, 150)
    swept = [outbox.sweep(rows, inbox, now=NOW + SECOND * n, hints=Hints()) for n in seconds]
    assert (swept, inbox.ids) == ([1, 0, 0, 0, 1, 0], [row.pk, row.pk])


def test_a_retried_row_is_queued_as_soon_as_it_is_due_again():
    inbox, rows = Inbox(), Parcel.objects.all()
    row = parcel()
    outbox.sweep(rows, inbox, now=NOW, hints=Hints())
    Parcel.objects.claim(row.pk, now=NOW).retry_later(error="busy", now=NOW)
    assert outbox.sweep(rows, inbox, now=NOW + 30 * SECOND, hints=Hints()) == 1


def test_two_sweeps_at_once_queue_each_row_once():
    rows = [parcel().pk for _ in range(40)]
    inbox = Inbox()
    counts = at_once([lambda: outbox.sweep(Parcel.objects.all(), inbox, now=NOW, hints=Hints())] * 4)
    assert sum(counts) == 40
    assert sorted(inbox.ids) == rows


def test_a_sweep_of_many_rows_queues_each_once_behind_what_was_just_asked_for():
    count = outbox.PUBLISHED_AT_ONCE + 2
    rows = Parcel.objects.bulk_create(Parcel(due_at=NOW - SECOND) for _ in range(count))
    asked = Inbox()
    outbox.queue_on_commit(asked, parcel(due_at=NOW, queued_at=NOW), now=NOW)
    swept = Inbox()
    assert outbox.sweep(Parcel.objects.all(), swept, now=NOW, hints=Hints()) == count
    assert swept.ids == [row.pk for row in rows]
    assert (asked.priorities, swept.priorities) == ({0}, {outbox.SWEPT_PRIORITY})


def test_a_sweep_of_very_many_rows_gives_a_task_several_and_of_few_one_each():
    Parcel.objects.bulk_create(Parcel(due_at=NOW) for _ in range(5 * outbox.ROWS_ALONE))

    class Sizes:
        def __init__(self):
            self.given = []

        def apply_async(self, *, args, retry, priority):
            self.given.append(len(args))

    def swept(limit):
        task = Sizes()
        outbox.sweep(Parcel.objects.all(), task, now=NOW, hints=Hints(), together=3, limit=limit)
        return task.given

    assert swept(2 * outbox.ROWS_ALONE - 1) == [1] * (2 * outbox.ROWS_ALONE - 1)
    assert swept(2 * outbox.ROWS_ALONE) == [2] * outbox.ROWS_ALONE
    assert swept(100) == [1] * 100
    assert swept(1) == [1]


@pytest.mark.parametrize(
    ("due", "swept"),
    [
        ([], []),
        ([-1, 0, 30, 31], []),
        ([7, 7, 7], [7]),
        ([1, 2, 3, 6, 7], [1, 6, 11]),
        ([1, 20, 29.5], [1, 20, 29.5]),
    ],
)
def test_rows_that_fall_due_soon_are_swept_on_time_and_together_where_they_are_close(due, swept):
    for seconds in due:
        parcel(due_at=NOW + seconds * SECOND)
    claimed(due_at=NOW - SECOND)
    found = outbox.worth_sweeping(Parcel.objects.all(), after=NOW, before=NOW + 30 * SECOND)
    assert [(at - NOW) / SECOND for at in found] == swept


def test_a_sweep_says_what_was_given_up():
    row = claimed(attempts=MOST_ATTEMPTS)
    given_up = {"receipt": "none"}
    outbox.sweep(Parcel.objects.all(), Inbox(), now=NOW + longest_claim(), hints=Hints(), given_up=given_up)
    assert (saved(row).state, saved(row).receipt) == (State.GIVEN_UP, "none")


def test_due_rows_are_found_by_an_index():
    Parcel.objects.bulk_create(Parcel(due_at=NOW, state=State.DONE, settled_at=NOW) for _ in range(2000))
    parcel()
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE tests_parcel")
    plans = Parcel.objects.due(NOW).explain(), Parcel.objects.stuck(NOW).explain()
    assert ["parcel_due" in plans[0], "parcel_claimed" in plans[1]] == [True, True]


# ------------------------------------------------------------------------------------------------- past Python


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ("state = 'claimed'", "parcel_claimed_by_and_when"),
        ("claimed_at = now()", "parcel_claimed_by_and_when"),
        ("claim = gen_random_uuid()", "parcel_claimed_by_and_when"),
        ("state = 'done'", "parcel_settled_when"),
        ("settled_at = now()", "parcel_settled_when"),
    ],
)
def test_the_database_refuses_half_a_claim_and_half_an_end(change, constraint):
    parcel()
    with pytest.raises(IntegrityError, match=constraint), connection.cursor() as cursor:
        cursor.execute(f"UPDATE tests_parcel SET {change}")
