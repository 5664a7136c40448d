"""Turns: no calendar is asked more often than so many times a second, however many workers there are.

A turn is one UPDATE of the connection's row, so a lost or flushed queue forgets none. Google allows 600 requests a minute for
each user; other servers ask for less trouble, not more.
"""

import time
from datetime import timedelta

from django.conf import settings
from django.db import connection as database

# Waiting longer than this in a worker keeps it from other calendars.
LONGEST_WAIT = timedelta(seconds=10)

_TAKE = """
UPDATE calendarsync_calendarconnection
   SET turn_at = greatest(turn_at, clock_timestamp()) + %s::interval
 WHERE id = %s
RETURNING extract(epoch FROM turn_at - %s::interval - clock_timestamp())
"""


def wait_for_turn(connection_id: int) -> None:
    """Sleep until this calendar may be asked something. Holds no lock meanwhile: outside of transactions."""
    with database.cursor() as cursor:
        cursor.execute(_TAKE, [apart(), connection_id, apart()])
        row = cursor.fetchone()
    if row and row[0] > 0:
        time.sleep(min(float(row[0]), LONGEST_WAIT.total_seconds()))


def apart() -> str:
    """Between two requests, as PostgreSQL reads it."""
    return f"{1 / settings.CALENDAR_REQUESTS_PER_SECOND:.6f} seconds"
