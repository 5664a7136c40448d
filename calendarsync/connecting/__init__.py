"""Connecting calendars, testing, changing and disconnecting them.

No transaction is open while a provider is asked: first its answer, then the rows. Whoever changes what a calendar shows locks
its connection before looking at what was written there: a worker looks at the same row before it writes, so that each of its
writes is either seen here or sees the change.
"""

from calendarsync.connecting.changing import backfill, change_titles, retry, test
from calendarsync.connecting.ending import clear_unfinished, close_left_over, disconnect, finish_leaving
from calendarsync.connecting.refusal import CannotConnect
from calendarsync.connecting.starting import (
    PRIMARY,
    begin_caldav,
    begin_google,
    choices,
    choose,
    connect_google,
    renew,
)

__all__ = [
    "PRIMARY",
    "CannotConnect",
    "backfill",
    "begin_caldav",
    "begin_google",
    "change_titles",
    "choices",
    "choose",
    "clear_unfinished",
    "close_left_over",
    "connect_google",
    "disconnect",
    "finish_leaving",
    "renew",
    "retry",
    "test",
]
