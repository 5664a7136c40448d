"""When a reminder is due, and when texts rest."""

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from appointments.models import Appointment, Channel
from reminders.models import ReminderRule
from securecare import localtime

DAY = timedelta(days=1)
# From 20:00 to 8:00 where the customer is (47 CFR 64.1200(c)(1) says 21:00; several states say 20:00).
QUIET_FROM = time(20)
QUIET_UNTIL = time(8)
# What would fall into the quiet hours is sent this early in the evening before: late enough to be of use, and with time left
# to try again.
BEFORE_QUIET = time(19, 45)
_FARTHEST_BACK = 3


def due_at(rule: ReminderRule, appointment: Appointment) -> datetime:
    """The instant at which this reminder is due; a text never within the quiet hours, but before them.

    Days are counted back from the appointment's date at the facility, and the time is its clock's: one that a clock change
    skips is the first instant after the gap, one that comes twice is the first. Hours are counted as they pass.
    """
    if rule.hours_before is not None:
        due = appointment.starts_at - timedelta(hours=rule.hours_before)
    else:
        assert rule.days_before is not None  # noqa: S101 - the database keeps it so
        assert rule.at_time is not None  # noqa: S101
        day = appointment.local_date - timedelta(days=rule.days_before)
        due = localtime.resolve(day, rule.at_time, appointment.facility.zone)
    return before_quiet(due, zone_of(appointment)) if rule.channel == Channel.PHONE else due


def zone_of(appointment: Appointment) -> ZoneInfo:
    """Where the customer is, as far as is known: else where the appointment is."""
    zone = appointment.customer.time_zone
    return localtime.zone_of(zone) if zone else appointment.facility.zone


def is_quiet(at: datetime, zone: ZoneInfo) -> bool:
    reading = localtime.local(at, zone).time()
    return reading >= QUIET_FROM or reading < QUIET_UNTIL


def before_quiet(at: datetime, zone: ZoneInfo) -> datetime:
    """`at` itself, or the evening before the quiet hours that it falls into."""
    if not is_quiet(at, zone):
        return at
    evening = localtime.local_date(at, zone)
    for back in range(_FARTHEST_BACK):  # a date may be missing from a zone altogether
        earlier = localtime.resolve(evening - back * DAY, BEFORE_QUIET, zone)
        if earlier <= at and not is_quiet(earlier, zone):
            return earlier
    return at


def quiet_ends(at: datetime, zone: ZoneInfo) -> datetime:
    """The first instant from `at` on that is not quiet."""
    if not is_quiet(at, zone):
        return at
    day = localtime.local_date(at, zone)
    for ahead in range(_FARTHEST_BACK):
        morning = localtime.resolve(day + ahead * DAY, QUIET_UNTIL, zone)
        if morning >= at:
            return morning
    return at
