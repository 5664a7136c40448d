"""The benchmark of sending puts in what it says, and fails when something was sent twice or not at all."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from appointments.models import Appointment
from bench import outbox, reminders, site
from bench.memory import Memory
from bench.reminders import Run
from reminders import delays, suppression
from reminders.models import Message
from securecare.management.commands import demo

NOW = datetime(2026, 11, 23, 18, 0, tzinfo=UTC)
ANYTIME = [NOW + timedelta(hours=hours) for hours in range(0, 24, 3)]


def filled(count: int = 3, *, now: datetime = NOW) -> list[Appointment]:
    place = outbox.create("here", customers=count, now=now)
    booked = outbox.appointments(place, now=now)
    assert outbox.fill(booked, due_at=now, now=now) == 2 * count
    return booked


@pytest.mark.django_db
@pytest.mark.parametrize("now", ANYTIME)
def test_nothing_speaks_against_the_reminders_at_any_time_of_the_day(now: datetime) -> None:
    filled(now=now)
    rows = Message.objects.select_related("rule", "appointment__customer", "appointment__facility")
    assert [suppression.reason(message, now=now) for message in rows] == [""] * 6
    assert [delays.of(message, now=now) for message in rows] == [None] * 6


@pytest.mark.django_db
def test_check_fails_unless_each_was_taken_exactly_once() -> None:
    filled(count=2)
    Message.objects.update(state="done", settled_at=NOW)
    taken = Counter(Message.objects.values_list("address", flat=True))
    reminders.check_once(taken)

    first = next(iter(taken))
    for wrong in (taken + Counter([first]), taken - Counter([first])):
        with pytest.raises(RuntimeError, match=r"(1 messages were .*, 0|0 messages were .*, 1) were"):
            reminders.check_once(wrong)
    Message.objects.filter(address=first).update(state="given_up")
    with pytest.raises(RuntimeError, match="given_up"):
        reminders.check_once(taken)


def test_memory_is_flat_if_it_stays_once_some_were_sent() -> None:
    looks = [(0, 50.0), (25, 100.0), (50, 104.0), (100, 105.0)]
    assert Memory(looks).note == "flat: 50, 100, 104, 105 MB"
    assert Memory([*looks[:3], (100, 120.0)]).note.startswith("GROWS")


def test_rate_leaves_out_the_wait_for_the_sweep() -> None:
    lateness = [30.0 + second for second in range(61)]
    assert Run(lateness, Memory([])).per_minute == pytest.approx(61)


@pytest.mark.parametrize(("queue", "at_least"), [("reminders", 8), ("calendarsync", 4)])
def test_worker_is_started_as_in_the_demo_but_for_its_database(queue: str, at_least: int) -> None:
    command = demo.worker_command(queue, threads=site.worker_threads(queue))
    changed = site.on_bench_database(command)
    assert [pair for pair in zip(command, changed, strict=True) if pair[0] != pair[1]] == [
        ("securecare", "bench.worker")
    ]
    assert site.worker_threads(queue) >= at_least
