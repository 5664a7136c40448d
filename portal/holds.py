"""Soft holds: while a visitor fills in the form, other visitors are not offered the same time.

They live in Redis alone, for five minutes, one per visitor. Staff see nothing of them and losing Redis loses only them.
"""

import logging
from datetime import datetime, timedelta

from scheduling.availability import OpenTime
from scheduling.hours import Period

LASTS = timedelta(minutes=5)

logger = logging.getLogger(__name__)


def hold(time: OpenTime, *, facility: int, visitor: str, now: datetime) -> None:
    """Hold this time for this visitor instead of the one held before at the facility."""


def release(*, facility: int, visitor: str) -> None:
    """Let go of what the visitor holds at the facility."""


def held(facility: int, *, besides: str, now: datetime) -> dict[int, list[Period]]:
    """The periods that others than `besides` hold, by staff id. Empty when Redis does not answer."""
    return {}
