"""Rows that stand for one effect outside the database each, and the mechanics that carry them out.

The row is the truth and the queue is a hint: a row is written in the transaction that wants the effect, its id is published
on commit, and a sweep queues whatever is due and was not, so a queue that is down, flushed or restarted loses nothing.

A worker claims a row, holds no lock and no transaction while it talks to a provider, looks again at what the row is for, and
settles it. An attempt that ends without a word (a killed worker) is released after `OUTBOX_CLAIM_SECONDS`, so an effect may be tried
twice: `was_interrupted` tells the next worker to ask the provider first where repeating is not harmless.
"""

import logging
import random
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import chain
from typing import Any, Protocol, Self, TypeVar
from uuid import uuid4

from django.conf import settings
from django.db import connection, models, transaction
from django.db.models import Q
from kombu.exceptions import KombuError
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

MOST_ATTEMPTS = 8
FIRST_DELAY = timedelta(seconds=30)
LONGEST_DELAY = timedelta(hours=1)
MOST_DOUBLINGS = 10
QUEUED_AGAIN_AFTER = timedelta(minutes=2)
SWEPT_AT_ONCE = 10_000
PUBLISHED_AT_ONCE = 1_000
ROWS_ALONE = 100
SWEEPS_APART = timedelta(seconds=5)
INTERRUPTED = "The attempt ended without a result."
ERROR_LIMIT = 500
BROKER_ERRORS = (KombuError, RedisError, OSError)
SECONDS_OF_SILENCE = 10
# What a sweep queues waits behind what somebody has just asked for, and behind the next sweep. 0 comes first.
SWEPT_PRIORITY = 6


def longest_claim() -> timedelta:
    return timedelta(seconds=settings.OUTBOX_CLAIM_SECONDS)


class State(models.TextChoices):
    PENDING = "pending", "Waiting"
    CLAIMED = "claimed", "Being carried out"
    DONE = "done", "Done"
    CLOSED = "closed", "No longer wanted"
    GIVEN_UP = "given_up", "Given up"


SETTLED = (State.DONE, State.CLOSED, State.GIVEN_UP)
Row = TypeVar("Row", bound="OutboxRow")
_CLAIM = (
    "UPDATE {table} SET state = 'claimed', claim = %s, claimed_at = %s, attempts = attempts + 1 "
    "WHERE id = %s AND state = 'pending' AND due_at <= %s RETURNING *"
)


class OutboxQuerySet(models.QuerySet[Row]):
    def due(self, now: datetime) -> Self:
        """Those to carry out now, the longest due first."""
        return self.filter(state=State.PENDING, due_at__lte=now).order_by("due_at", "pk")

    def stuck(self, now: datetime) -> Self:
        """Those claimed so long ago that their worker must be gone."""
        return self.filter(state=State.CLAIMED, claimed_at__lte=now - longest_claim())

    def claim(self, row_id: int, *, now: datetime) -> Row | None:
        """The row, for the caller alone to carry out; None if it is not due, settled, gone, or someone else's."""
        statement = _CLAIM.format(table=self.model._meta.db_table)
        return next(iter(self.raw(statement, [uuid4(), now, row_id, now])), None)

    def close(self, *, reason: str, now: datetime) -> int:
        """Close the waiting ones: what they stand for is no longer wanted. A claimed one is its worker's to look at."""
        waiting = self.filter(state=State.PENDING)
        return waiting.update(state=State.CLOSED, settled_at=now, closed_reason=reason[:ERROR_LIMIT])

    def release_stuck(self, *, now: datetime, **given_up: Any) -> int:
        """Make the rows of lost workers due again, or give up those that have used up their attempts: `given_up` are the
        subclass's own fields to save with those."""
        free: dict[str, Any] = {"claim": None, "claimed_at": None, "last_error": INTERRUPTED}
        worn_out = self.stuck(now).filter(attempts__gte=MOST_ATTEMPTS)
        lost = worn_out.update(state=State.GIVEN_UP, settled_at=now, **free, **given_up)
        return lost + self.stuck(now).update(state=State.PENDING, due_at=now, queued_at=None, **free)


class OutboxRow(models.Model):
    """One effect outside the database. Subclasses say which; none of these fields is theirs to write."""

    State = State

    state = models.CharField(max_length=10, choices=State, default=State.PENDING, editable=False)
    due_at = models.DateTimeField(help_text="Not before this instant.")
    queued_at = models.DateTimeField(null=True, editable=False, help_text="When a sweep last queued it.")
    attempts = models.PositiveSmallIntegerField(default=0, editable=False)
    claim = models.UUIDField(null=True, editable=False)
    claimed_at = models.DateTimeField(null=True, editable=False)
    last_error = models.CharField(max_length=ERROR_LIMIT, blank=True, editable=False)
    settled_at = models.DateTimeField(null=True, editable=False)
    closed_reason = models.CharField(max_length=ERROR_LIMIT, blank=True, editable=False)

    objects = OutboxQuerySet.as_manager()

    class Meta:
        abstract = True
        indexes = [
            models.Index(fields=["due_at", "id"], name="%(class)s_due", condition=Q(state="pending")),
            models.Index(fields=["claimed_at"], name="%(class)s_claimed", condition=Q(state="claimed")),
        ]
        constraints = [
            models.CheckConstraint(
                name="%(class)s_claimed_by_and_when",
                condition=Q(state="claimed", claim__isnull=False, claimed_at__isnull=False)
                | (~Q(state="claimed") & Q(claim__isnull=True, claimed_at__isnull=True)),
            ),
            models.CheckConstraint(
                name="%(class)s_settled_when",
                condition=Q(state__in=["done", "closed", "given_up"], settled_at__isnull=False)
                | (Q(state__in=["pending", "claimed"]) & Q(settled_at__isnull=True)),
            ),
        ]

    @property
    def was_interrupted(self) -> bool:
        """Whether the attempt before this one was lost: its effect may or may not have happened."""
        return self.last_error == INTERRUPTED

    @property
    def is_last_attempt(self) -> bool:
        """Whether `retry_later` would give up."""
        return self.attempts >= MOST_ATTEMPTS

    def keep(self, **fields: Any) -> bool:
        """Save these and go on. False if the claim was lost meanwhile."""
        if not self._update(fields):
            logger.warning("%s %s was settled after its claim was lost", self._meta.label, self.pk)
            return False
        for name, value in fields.items():
            setattr(self, name, value)
        return True

    def _update(self, fields: dict[str, Any]) -> bool:
        """As `update` of the row, if it is still ours: every effect runs this twice, and building it costs more than it."""
        ours = {field.name: field for field in self._meta.concrete_fields}
        named = [(ours[name], value) for name, value in fields.items()]
        assignments = ", ".join(f'"{field.column}" = %s' for field, _ in named)
        values = [field.get_db_prep_save(value, connection) for field, value in named]
        with connection.cursor() as cursor:
            cursor.execute(
                f"UPDATE {self._meta.db_table} SET {assignments} "  # noqa: S608 - our own names
                "WHERE id = %s AND state = 'claimed' AND claim = %s",
                [*values, self.pk, self.claim],
            )
            return bool(cursor.rowcount)

    def finish(self, *, now: datetime, **fields: Any) -> bool:
        """The effect happened; `fields` are the subclass's own to save with it. False if the claim was lost meanwhile."""
        return self._settle(state=State.DONE, settled_at=now, last_error="", **fields)

    def close(self, *, reason: str, now: datetime, **fields: Any) -> bool:
        """The effect is no longer wanted. False if the claim was lost meanwhile."""
        return self._settle(state=State.CLOSED, settled_at=now, closed_reason=reason[:ERROR_LIMIT], **fields)

    def give_up(self, *, error: str, now: datetime, **fields: Any) -> bool:
        """The effect cannot be had. False if the claim was lost meanwhile."""
        return self._settle(state=State.GIVEN_UP, settled_at=now, last_error=error[:ERROR_LIMIT], **fields)

    def put_off(self, *, until: datetime, reason: str, **fields: Any) -> bool:
        """Not now: try again from `until` on. That was no attempt. False if the claim was lost meanwhile."""
        return self._settle(
            state=State.PENDING,
            due_at=until,
            queued_at=None,
            attempts=self.attempts - 1,
            last_error=reason[:ERROR_LIMIT],
            **fields,
        )

    def retry_later(
        self, *, error: str, now: datetime, retry_after: timedelta | None = None, **fields: Any
    ) -> bool:
        """Try again after a growing delay, never before `retry_after`; the last attempt gives up instead.

        False if the claim was lost meanwhile.
        """
        if self.is_last_attempt:
            return self.give_up(error=error, now=now, **fields)
        delay = max(backoff(self.attempts, spread=random.random()), retry_after or timedelta(0))  # noqa: S311
        return self._settle(
            state=State.PENDING, due_at=now + delay, queued_at=None, last_error=error[:ERROR_LIMIT], **fields
        )

    def _settle(self, **fields: Any) -> bool:
        """Save the outcome and let go of the claim, if it is still ours: a late worker must not undo another's."""
        return self.keep(claim=None, claimed_at=None, **fields)


def backoff(attempts: int, *, spread: float) -> timedelta:
    """How long to wait after this many attempts: doubling, bounded, and with `spread` in [0, 1) over the upper half."""
    whole = min(FIRST_DELAY * 2 ** min(attempts - 1, MOST_DOUBLINGS), LONGEST_DELAY)
    return whole * (1 + spread) / 2


class Task(Protocol):
    """The part of a Celery task that is used here: it takes a row's id, or several where a sweep may give it more."""

    def apply_async(self, *, args: list[int], retry: bool, priority: int) -> Any: ...


class Hints:
    """Publishes row ids. After a failure it stays silent for a while, so that an outage costs a request one time-out."""

    def __init__(self) -> None:
        self._silent_until = 0.0

    def publish(self, task: Task, *row_ids: int, priority: int = 0) -> bool:
        if time.monotonic() < self._silent_until:
            return False
        try:
            task.apply_async(args=list(row_ids), retry=False, priority=priority)
        except BROKER_ERRORS as error:
            self._silent_until = time.monotonic() + SECONDS_OF_SILENCE
            logger.warning("The queue cannot be reached; due rows wait for the next sweep: %s", error)
            return False
        return True


_hints = Hints()


def publish(task: Task, *row_ids: int, priority: int = 0) -> bool:
    """Tell a worker of these rows now; False if the queue cannot be reached."""
    return _hints.publish(task, *row_ids, priority=priority)


def queue_on_commit(task: Task, row: OutboxRow, *, now: datetime, hints: Hints = _hints) -> None:
    """Publish the row's id once its transaction has committed. A row that is not due yet waits for its sweep."""
    if row.due_at <= now:
        transaction.on_commit(lambda: hints.publish(task, row.pk), robust=True)


def sweep(
    rows: "OutboxQuerySet[Any]",
    task: Task,
    *,
    now: datetime,
    limit: int = SWEPT_AT_ONCE,
    hints: Hints = _hints,
    together: int = 1,
    given_up: dict[str, Any] | None = None,
) -> int:
    """Release what is stuck, then queue what is due and was not queued lately. Returns how many were queued.

    Safe to run twice at a time: each row is picked by one of them. Where there are very many, a task is given up to
    `together` rows, one after the other. `given_up` are fields to save with what is given up.
    """
    rows.release_stuck(now=now, **(given_up or {}))
    queued = 0
    while picked := _pick(rows, now=now, limit=min(limit - queued, PUBLISHED_AT_ONCE)):
        portions = _portions(picked, together=together)
        lost = [some for some in portions if not hints.publish(task, *some, priority=SWEPT_PRIORITY)]
        queued += len(picked) - sum(map(len, lost))
        if lost:
            rows.filter(pk__in=chain.from_iterable(lost)).update(queued_at=None)
            break
    return queued


def _portions(row_ids: list[int], *, together: int) -> list[list[int]]:
    """As many tasks as workers may have threads between them, before any task is given more than one row."""
    size = min(max(len(row_ids) // ROWS_ALONE, 1), together)
    return [row_ids[first : first + size] for first in range(0, len(row_ids), size)]


def _pick(rows: "OutboxQuerySet[Any]", *, now: datetime, limit: int) -> list[int]:
    """The longest due of those that wait for a hint, noted as queued."""
    with transaction.atomic():
        unqueued = Q(queued_at__isnull=True) | Q(queued_at__lte=now - QUEUED_AGAIN_AFTER)
        waiting = rows.due(now).filter(unqueued).select_for_update(skip_locked=True, no_key=True)
        picked = list(waiting.values_list("pk", flat=True)[:limit])
        rows.filter(pk__in=picked).update(queued_at=now)
    return picked


def worth_sweeping(rows: "OutboxQuerySet[Any]", *, after: datetime, before: datetime) -> Iterator[datetime]:
    """The instants in between at which rows fall due, but some seconds apart: whoever sweeps then needs not wait for the next
    sweep to come round."""
    waiting = rows.filter(state=State.PENDING, due_at__lt=before).order_by("due_at")
    at, earliest = after, after
    while due := waiting.filter(due_at__gt=at).values_list("due_at", flat=True).first():
        at = max(due, earliest)
        earliest = at + SWEEPS_APART
        yield at
