"""The tasks, carried out as threads of a worker carry them out."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import uuid4

import pytest
from celery.app.trace import build_tracer
from celery.fixups.django import DjangoWorkerFixup
from celery.signals import before_task_publish
from django.db import connection
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from reminders import messages, tasks
from reminders.messages import Letter
from reminders.models import Channel, Kind, Message
from securecare import outbox
from securecare.celery import app
from securecare.outbox import MOST_ATTEMPTS, longest_claim
from tests.together import at_once

pytestmark = pytest.mark.django_db(transaction=True)

THREADS = 2
State = Message.State


def due(**fields) -> Message:
    """One that the queue was not told of."""
    now, reference = timezone.now(), uuid4()
    letter = messages.sealed(Letter("Your code", "Your code is 123456"), reference)
    given = {"kind": Kind.SIGN_IN, "channel": Channel.EMAIL, "address": "ada@example.org", "due_at": now}
    return Message.objects.create(**{**given, "reference": reference, "created_at": now, **letter, **fields})


# ------------------------------------------------------------------------------------------------- connections


def connection_and_thread() -> tuple[int, str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return cursor.fetchone()[0], threading.current_thread().name


@pytest.fixture
def worker():
    """Its threads, with all that Celery and we do around a task there."""
    around = DjangoWorkerFixup(app).install()
    with ThreadPoolExecutor(THREADS) as threads:
        yield threads
        everybody = threading.Barrier(THREADS)
        list(threads.map(lambda _: (everybody.wait(timeout=5), connection.close()), range(THREADS)))
    del around


@pytest.fixture(scope="module")
def task():
    made = app.task(connection_and_thread, name="tests.connection_and_thread", shared=False)
    yield build_tracer(made.name, made, app=app, eager=True, propagate=True)
    app.tasks.pop(made.name)


def used_by(worker, task, *, count: int) -> set[tuple[int, str]]:
    """Which connections the threads use for this many further tasks."""
    done = [worker.submit(task, str(uuid4()), [], {}, {"is_eager": False}) for _ in range(count)]
    return {each.result().retval for each in done}


def test_a_worker_keeps_its_connections_and_replaces_those_that_broke(worker, task):
    """Connecting takes longer than all that the database is asked for one message."""
    kept = used_by(worker, task, count=20)
    assert len(kept) == len({thread for _, thread in kept}) <= THREADS
    broken = [pid for pid, _ in kept]
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pid, 5000) FROM unnest(%s::int[]) pid", [broken])
    after = used_by(worker, task, count=20)
    assert {pid for pid, _ in after}.isdisjoint(broken)


# ------------------------------------------------------------------------------------------------------ the tasks


def test_a_task_delivers_each_of_its_messages_however_often_it_comes_and_is_content_with_none():
    rows = [due(), due()]
    for _ in range(2):
        tasks.deliver(messages.NO_MESSAGE, *[row.pk for row in rows])
    assert list(Message.objects.values_list("state", "attempts")) == [(State.DONE, 1)] * 2


def test_a_sweep_gives_what_used_up_its_attempts_to_a_person():
    long_ago = timezone.now() - longest_claim()
    row = due(due_at=long_ago, attempts=MOST_ATTEMPTS - 1)
    Message.objects.claim(row.pk, now=long_ago)
    tasks.sweep()
    row.refresh_from_db()
    assert (row.state, row.needs_person_since) == (State.GIVEN_UP, row.settled_at)


def test_a_sweep_has_what_falls_due_before_the_next_swept_on_time_and_no_further():
    due(due_at=timezone.now() + timedelta(seconds=12))
    due(due_at=timezone.now() + timedelta(minutes=2))
    published = []

    def note(headers, **_signal):
        published.append((headers["task"], headers["argsrepr"], parse_datetime(headers["eta"])))

    before_task_publish.connect(note)
    began = timezone.now()
    tasks.sweep()
    tasks.sweep(looks_ahead=False)
    before_task_publish.disconnect(note)
    [(name, given, eta)] = published
    assert (name, given) == ("reminders.tasks.sweep", "[False]")
    assert timedelta(seconds=11) < eta - began < timedelta(seconds=13)


def test_two_beats_at_once_queue_each_message_once():
    rows = [due() for _ in range(30)]
    published = []

    class Queue:
        def apply_async(self, *, args, retry, priority):
            published.extend(args)

    now = timezone.now()
    at_once([lambda: outbox.sweep(Message.objects.all(), Queue(), now=now, together=10)] * 2)
    assert sorted(published) == [row.pk for row in rows]
