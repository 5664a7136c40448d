"""Messages that are due at one instant, sent by the site's own worker, beat and queue.

The providers run in a process of their own and answer after 50 ms; the mail server answers at once. Whether each message
went out exactly once is read from what they took, not from our own rows.
"""

import smtplib
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from statistics import median, quantiles

from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from appointments.models import Appointment, Channel
from bench import bookings, database, organisation, outbox, providers, site
from bench.memory import Memory
from bench.memory import until_done as memory_until_done
from bench.organisation import NOW
from bench.report import Row
from bench.site import HOST, Site
from reminders.models import Message

DELAY_MS = 50
SECONDS_LIMIT = 90
# Longer than it takes beat to look ahead.
PLANNED_AHEAD = timedelta(seconds=35)
OPEN = (Message.State.PENDING, Message.State.CLAIMED)


@dataclass(frozen=True)
class Run:
    """`lateness` of each message in seconds after it was due; `memory` of the first worker by how many were sent."""

    lateness: list[float]
    memory: Memory

    @property
    def seconds(self) -> float:
        return max(self.lateness)

    @property
    def per_minute(self) -> float:
        """From the first to the last: without the wait for the sweep."""
        return len(self.lateness) / (self.seconds - min(self.lateness)) * 60

    @property
    def p99(self) -> float:
        return quantiles(self.lateness, n=100)[98]


def rows(*, runs: int, quick: bool) -> Iterator[Row]:
    yield from _provider_rows(250 if quick else 5000)
    yield from _mail_rows(250 if quick else 5000)
    yield from _two_worker_rows(250 if quick else 1000)
    yield from _planning_rows(runs, quick)


def _provider_rows(customers: int) -> Iterator[Row]:
    """An e-mail and a text for each customer."""
    booked = _booked("reminders", customers)
    with providers.started(delay_ms=DELAY_MS) as both, site.started(both.environment) as here:
        run = _send(here, booked, workers=1)
        check_once(both.taken())
    yield Row(
        f"{2 * customers:,} messages due at once, providers in {DELAY_MS} ms, one worker",
        "s",
        [run.seconds],
        landing=SECONDS_LIMIT,
    )
    yield Row("… from the first to the last", "messages/min", [run.per_minute])
    yield Row("… late, p50", "s", [median(run.lateness)])
    yield Row("… late, p99", "s", [run.p99])
    yield Row(
        "… worker's memory: at first, a quarter, half, all sent",
        "MB",
        [run.memory.at(1)],
        note=run.memory.note,
    )


def _mail_rows(customers: int) -> Iterator[Row]:
    booked = _booked("mails", customers)
    with providers.mail_server() as mail, site.started(mail.environment) as here:
        run = _send(here, booked, workers=1, channels=[Channel.EMAIL])
        check_once(mail.taken())
        floor = _bare_mails_per_minute(mail, count=min(1000, customers))
    yield Row(
        f"{customers:,} e-mails by SMTP, one worker",
        "messages/min",
        [run.per_minute],
        floor=floor,
        aim=20_000,
    )


def _bare_mails_per_minute(mail: providers.MailServer, *, count: int) -> float:
    """The floor: the same mail again and again over one connection, and a commit for each."""
    ids = list(Message.objects.values_list("pk", flat=True)[:count])
    content = mail.first()
    begun = time.perf_counter()
    with smtplib.SMTP(HOST, mail.port) as server:
        for row_id in ids:
            server.sendmail("appointments@localhost", "floor@example.org", content)
            Message.objects.filter(pk=row_id).update(settled_at=timezone.now())
    return len(ids) / (time.perf_counter() - begun) * 60


def _two_worker_rows(customers: int) -> Iterator[Row]:
    booked = _booked("pairs", customers)
    with providers.started(delay_ms=DELAY_MS) as both, site.started(both.environment) as here:
        run = _send(here, booked, workers=2, beats=2)
        check_once(both.taken())
    yield Row(f"{2 * customers:,} messages, two workers, two beats", "messages/min", [run.per_minute])
    yield Row("… sent twice, or not at all", "messages", [0], landing=0)


def _planning_rows(runs: int, quick: bool) -> Iterator[Row]:
    """What a booking costs when its customer is reminded by every rule, on both channels."""
    place = organisation.create("planning", staff=bookings.STAFF, customers=4000)
    outbox.reachable(place.customers)
    outbox.agree(place.customers, now=NOW)
    each = 60 if quick else 200
    loads = [bookings.free(place, each) for _ in range(runs)]
    yield Row(
        "bookings with their messages planned, 8 clients",
        "bookings/s",
        [load.per_second for load in loads],
        floor=bookings.floor(place, each).per_second,
        landing=300,
    )
    database.empty()
    with CaptureQueriesContext(connection) as queries:
        bookings.book(place, 0, 0, bookings.slot_at(0))
    planned = Message.objects.filter(state=Message.State.PENDING).count()
    yield Row(f"… statements for a booking with {planned} messages", "statements", [len(queries)])


def _booked(name: str, customers: int) -> list[Appointment]:
    database.empty()
    now = timezone.now()
    booked = outbox.appointments(outbox.create(name, customers=customers, now=now), now=now)
    database.settle()
    return booked


def _send(
    here: Site,
    booked: Sequence[Appointment],
    *,
    workers: int,
    beats: int = 1,
    channels: Sequence[str] = tuple(Channel.values),
) -> Run:
    """Everything is due at one instant, planned ahead as reminders are. What falls due without that waits for the next sweep,
    up to half a minute more."""
    now = timezone.now()
    outbox.fill(booked, channels=channels, due_at=now + timedelta(days=1), now=now)
    started = [here.worker("reminders", number) for number in range(1, workers + 1)]
    for number in range(1, beats + 1):
        here.beat(number)
    due_at = timezone.now() + PLANNED_AHEAD
    Message.objects.update(due_at=due_at)
    memory = Memory(list(memory_until_done(started[0], done=_sent, left=_left, what="messages")))
    settled = Message.objects.values_list("settled_at", flat=True)
    return Run([(at - due_at).total_seconds() for at in settled], memory)


def _sent() -> int:
    return Message.objects.exclude(state__in=OPEN).count()


def _left() -> int:
    return Message.objects.filter(state__in=OPEN).count()


def check_once(taken: Counter[str]) -> None:
    """That each message was taken exactly once. Every customer has addresses of their own, and one message to each."""
    wanted = Counter(Message.objects.values_list("address", flat=True))
    if taken != wanted:
        twice, lost = taken - wanted, wanted - taken
        raise RuntimeError(
            f"{twice.total()} messages were sent that nobody wanted, {lost.total()} were not sent."
        )
    if unsettled := Message.objects.exclude(state=Message.State.DONE).values_list(
        "state", "closed_reason", "last_error"
    )[:3]:
        raise RuntimeError(f"Not every message is done: {list(unsettled)}")
