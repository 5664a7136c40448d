"""What holds a text about an appointment back for a while, or makes it one too many. Codes and e-mails are not held."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection

from reminders import consent, timing
from reminders.models import NOTICES, Channel, Kind, Message
from reminders.notices import STAFF_EDIT_DELAY

DAY, WEEK = timedelta(days=1), timedelta(days=7)
LOOKED_AT_AGAIN = timedelta(minutes=15)
ANSWERED_WITHIN = timedelta(minutes=15)

HELD = "Somebody texted what may mean STOP: staff have to read it first."
QUIET = "It is night where the customer is."
TOO_LATE_AT_NIGHT = "It could not be sent before the night, and the appointment starts before the morning."


@dataclass(frozen=True)
class Delay:
    """Not now, but from `until` on; or, without that, not at all."""

    reason: str
    until: datetime | None = None


def of(message: Message, *, now: datetime) -> Delay | None:
    """Needs the appointment loaded, and a transaction: texts to one number are counted one after the other."""
    if message.channel != Channel.PHONE or message.appointment is None:
        return None
    if consent.is_held(message.address):
        return Delay(HELD, until=now + LOOKED_AT_AGAIN)
    return _for_the_night(message, now) or _beyond_limit(message, now)


def _for_the_night(message: Message, now: datetime) -> Delay | None:
    assert message.appointment is not None  # noqa: S101 - asked by the caller
    zone = timing.zone_of(message.appointment)
    if not timing.is_quiet(now, zone) or _answers_customer(message, now):
        return None
    morning = timing.quiet_ends(now, zone)
    if morning < _needed_by(message, now):
        return Delay(QUIET, until=morning)
    is_planned = message.kind == Kind.REMINDER and message.again_by_id is None
    return Delay(TOO_LATE_AT_NIGHT) if is_planned else None


def _answers_customer(message: Message, now: datetime) -> bool:
    """Whether it says what its reader did just now: they are awake."""
    return (
        message.kind in NOTICES
        and message.again_of_id is None
        and message.due_at - message.created_at < STAFF_EDIT_DELAY
        and now - message.created_at <= ANSWERED_WITHIN
    )


def _needed_by(message: Message, now: datetime) -> datetime:
    """When the customer would set out: for the appointment, or for where it was before."""
    assert message.appointment is not None  # noqa: S101 - asked by the caller
    times = [message.appointment.starts_at]
    if told := message.before.get("starts_at"):
        times.append(datetime.fromisoformat(told))
    return min((at for at in times if at > now), default=now)


def _beyond_limit(message: Message, now: datetime) -> Delay | None:
    _count_alone(message.address)
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, [now - DAY, message.address, now - WEEK, message.pk])
        in_a_week, in_a_day = cursor.fetchone()
    if in_a_day >= settings.TEXTS_PER_NUMBER_A_DAY:
        return Delay(f"No more than {settings.TEXTS_PER_NUMBER_A_DAY} texts go to one number in 24 hours.")
    if in_a_week >= settings.TEXTS_PER_NUMBER_A_WEEK:
        return Delay(f"No more than {settings.TEXTS_PER_NUMBER_A_WEEK} texts go to one number in 7 days.")
    return None


_COUNT = """
SELECT count(*), count(*) FILTER (WHERE handed_over_at > %s)
  FROM reminders_message
 WHERE channel = 'phone' AND address = %s AND handed_over_at > %s AND appointment_id IS NOT NULL AND id <> %s
"""


def _count_alone(number: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 3))", [number])
