"""Soft holds: while a visitor fills in the form, other visitors are not offered the same time.

They live in Redis alone, for five minutes, one per visitor and facility. Staff see nothing of them and losing Redis loses only
them. Named after the database, so that two installations on one Redis never meet.
"""

import logging
import time as clock
from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

from django.conf import settings
from django.db import connection
from redis import Redis
from redis.exceptions import RedisError

from scheduling.availability import OpenTime
from scheduling.hours import Period
from securecare.broker import redis_client

LASTS = timedelta(minutes=5)
TIMEOUT = 0.2
SECONDS_OF_SILENCE = 10

logger = logging.getLogger(__name__)


class Hold(NamedTuple):
    """Whom and which period it keeps, and when it ends, in seconds since 1970."""

    staff_id: int
    starts: int
    ends: int
    until: int

    @classmethod
    def of(cls, time: OpenTime, now: datetime) -> "Hold":
        until = now + LASTS
        return cls(time.staff.pk, *(int(at.timestamp()) for at in (time.starts_at, time.ends_at, until)))

    @classmethod
    def read(cls, text: bytes) -> "Hold":
        """What another version wrote and this one cannot read has ended."""
        try:
            return cls(*map(int, text.split()))
        except (TypeError, ValueError):
            return cls(0, 0, 0, 0)

    def written(self) -> str:
        return " ".join(map(str, self))

    def is_live(self, now: datetime) -> bool:
        return self.until > now.timestamp()

    def meets(self, other: "Hold") -> bool:
        return self.staff_id == other.staff_id and self.starts < other.ends and other.starts < self.ends

    @property
    def period(self) -> Period:
        return datetime.fromtimestamp(self.starts, UTC), datetime.fromtimestamp(self.ends, UTC)


def hold(time: OpenTime, *, facility: int, visitor: str, now: datetime) -> bool:
    """Hold this time for this visitor instead of the one held before at the facility.

    False if another visitor holds it: the first one keeps it. True as well if Redis does not answer: nobody is in the way.
    """
    wanted, key = Hold.of(time, now), _key(facility)

    def take(batch: Any) -> bool:
        found = _read(batch.hgetall(key))
        if any(
            other.is_live(now) and other.meets(wanted) for name, other in found.items() if name != visitor
        ):
            return False
        batch.multi()
        if gone := [name for name, other in found.items() if not other.is_live(now)]:
            batch.hdel(key, *gone)
        batch.hset(key, visitor, wanted.written())
        batch.expire(key, LASTS)
        return True

    return bool(_ask(lambda client: client.transaction(take, key, value_from_callable=True), otherwise=True))


def release(*, facility: int, visitor: str) -> None:
    """Let go of what the visitor holds at the facility."""
    if visitor:
        _ask(lambda client: client.hdel(_key(facility), visitor), otherwise=0)


def held_by(visitor: str, *, facility: int, now: datetime, at: datetime | None = None) -> int | None:
    """Whom the visitor holds a time of, or the very time that begins `at`: the staff member's id."""
    found = _ask(lambda client: client.hget(_key(facility), visitor), otherwise=None) if visitor else None
    own = Hold.read(found) if found else None
    if own is None or not own.is_live(now) or (at is not None and own.starts != int(at.timestamp())):
        return None
    return own.staff_id


def held(facility: int, *, besides: str, now: datetime) -> dict[int, list[Period]]:
    """The periods that others than `besides` hold, by staff id. Empty when Redis does not answer."""
    periods: dict[int, list[Period]] = defaultdict(list)
    fields = _ask(lambda client: client.hgetall(_key(facility)), otherwise={})
    for visitor, found in _read(fields).items():
        if visitor != besides and found.is_live(now):
            periods[found.staff_id].append(found.period)
    return dict(periods)


def forget() -> None:
    """Let go of everything that anyone holds: for tests."""
    _ask(lambda client: [client.delete(key) for key in client.scan_iter(_key("*"))], otherwise=None)


def _key(facility: int | str) -> str:
    return f"holds:{connection.settings_dict['NAME']}:{facility}"


def _read(fields: Mapping[bytes, bytes]) -> dict[str, Hold]:
    return {visitor.decode(): Hold.read(text) for visitor, text in fields.items()}


class Server:
    """One Redis. After a failure it is left alone for a while, so that an outage costs a visitor one time-out."""

    def __init__(self, *, silence: float = SECONDS_OF_SILENCE) -> None:
        self._client: Redis | None = None
        self._silence, self._silent_until = silence, 0.0

    def ask(self, work: Callable[[Any], Any], otherwise: Any) -> Any:
        if clock.monotonic() < self._silent_until:
            return otherwise
        try:
            self._client = self._client or redis_client(timeout=TIMEOUT)
            return work(self._client)
        except (RedisError, OSError) as error:
            self._silent_until = clock.monotonic() + self._silence
            logger.warning("Nothing is held for visitors while Redis cannot be reached: %s", error)
            return otherwise


@lru_cache(maxsize=4)
def _server(url: str) -> Server:
    return Server()


def _ask(work: Callable[[Any], Any], *, otherwise: Any) -> Any:
    return _server(settings.REDIS_URL).ask(work, otherwise)
