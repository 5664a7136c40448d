"""Accounts that a provider refuses. Nothing is lost: messages of that channel wait, and one at a time is tried, ever less often."""

import random
from datetime import datetime, timedelta

from reminders.models import ChannelStop

SOONEST = timedelta(seconds=30)
SELDOMEST = timedelta(minutes=10)
_REASON_LIMIT = 200


def of(channel: str) -> ChannelStop | None:
    """Asked for every message, and nearly always in vain."""
    return next(iter(ChannelStop.objects.raw(_OF, [channel])), None)


_OF = "SELECT * FROM reminders_channelstop WHERE channel = %s"


def put(*, channel: str, reason: str, now: datetime, retry_after: timedelta | None = None) -> ChannelStop:
    """Stop the channel, or note why it still is. Whoever was sending at the same moment finds the first one's stop."""
    next_try_at = now + max(SOONEST, retry_after or SOONEST)
    new = ChannelStop(channel=channel, reason=reason[:_REASON_LIMIT], since=now, next_try_at=next_try_at)
    ChannelStop.objects.bulk_create(
        [new], update_conflicts=True, unique_fields=["channel"], update_fields=["reason"]
    )
    return ChannelStop.objects.get(channel=channel)


def take_turn(stop: ChannelStop, *, now: datetime) -> bool:
    """Whether the caller is to try whether the account works again: one at a time, after as long as it has not."""
    lasted = now - stop.since
    next_try_at = now + min(max(lasted, SOONEST), SELDOMEST)
    due = ChannelStop.objects.filter(pk=stop.pk, next_try_at__lte=now)
    return bool(due.update(next_try_at=next_try_at))


def after_next_turn(stop: ChannelStop, *, now: datetime) -> datetime:
    """When to come back for those whose turn it is not: spread, and late enough to know how the next try went."""
    return max(stop.next_try_at, now) + SOONEST * (0.5 + random.random())  # noqa: S311


def lift(stop: ChannelStop) -> None:
    """A message was taken on: the account works again."""
    ChannelStop.objects.filter(pk=stop.pk).delete()
