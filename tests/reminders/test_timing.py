"""When reminders are due: by the facility's clock, and never at night where the customer is."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appointments.models import Appointment, Channel, Customer, Facility
from reminders import timing
from reminders.models import ReminderRule
from securecare import localtime

NEW_YORK, SYDNEY, LORD_HOWE = "America/New_York", "Australia/Sydney", "Australia/Lord_Howe"


def appointment(starts_at: datetime, *, zone: str = NEW_YORK, of_customer: str = "") -> Appointment:
    return Appointment(
        starts_at=starts_at,
        ends_at=starts_at + timedelta(minutes=30),
        facility=Facility(time_zone=zone),
        customer=Customer(time_zone=of_customer),
    )


def at(day: date, hour: int, minute: int = 0, zone: str = NEW_YORK) -> datetime:
    return localtime.resolve(day, time(hour, minute), zone)


def days(count: int, hour: int = 10, minute: int = 0, channel: str = Channel.EMAIL) -> ReminderRule:
    return ReminderRule(channel=channel, days_before=count, at_time=time(hour, minute))


def hours(count: int, channel: str = Channel.PHONE) -> ReminderRule:
    return ReminderRule(channel=channel, hours_before=count)


WEDNESDAY = date(2026, 11, 25)
CASES: list[tuple[str, ReminderRule, datetime, dict[str, Any], datetime]] = [
    ("two days before at ten", days(2), at(WEDNESDAY, 14), {}, at(date(2026, 11, 23), 10)),
    ("on the day", days(0, 8), at(WEDNESDAY, 14), {}, at(WEDNESDAY, 8)),
    # The clocks went back on November 1: the day between is 25 hours long.
    ("over the autumn change", days(2), at(date(2026, 11, 2), 9), {}, datetime(2026, 10, 31, 14, tzinfo=UTC)),
    # They go forward on March 14: ten o'clock is an hour sooner.
    ("over the spring change", days(2), at(date(2027, 3, 15), 9), {}, datetime(2027, 3, 13, 15, tzinfo=UTC)),
    ("in the gap", days(1, 2, 30), at(date(2027, 3, 15), 9), {}, datetime(2027, 3, 14, 7, tzinfo=UTC)),
    (
        "repeated: the first",
        days(1, 1, 30),
        at(date(2026, 11, 2), 9),
        {},
        datetime(2026, 11, 1, 5, 30, tzinfo=UTC),
    ),
    (
        "a gap of half an hour",
        days(1, 2, 15),
        at(date(2026, 10, 5), 9, zone=LORD_HOWE),
        {"zone": LORD_HOWE},
        datetime(2026, 10, 3, 15, 30, tzinfo=UTC),
    ),
    (
        "hours as they pass",
        hours(2, Channel.EMAIL),
        datetime(2027, 3, 14, 8, tzinfo=UTC),
        {},
        datetime(2027, 3, 14, 6, tzinfo=UTC),
    ),
    ("text two hours before", hours(2), at(WEDNESDAY, 10), {}, at(WEDNESDAY, 8)),
    ("text for the early morning", hours(2), at(WEDNESDAY, 9, 45), {}, at(date(2026, 11, 24), 19, 45)),
    ("text at night", hours(2), at(WEDNESDAY, 23), {}, at(WEDNESDAY, 19, 45)),
    ("text at eight in the evening", hours(2), at(WEDNESDAY, 22), {}, at(WEDNESDAY, 19, 45)),
    ("text just before", hours(2), at(WEDNESDAY, 21, 59), {}, at(WEDNESDAY, 19, 59)),
    ("e-mail at night", hours(2, Channel.EMAIL), at(WEDNESDAY, 9), {}, at(WEDNESDAY, 7)),
    # Ten in the morning in New York is seven in Los Angeles, and two in the night in Sydney.
    (
        "customer in the west",
        days(2, channel=Channel.PHONE),
        at(WEDNESDAY, 14),
        {"of_customer": "America/Los_Angeles"},
        at(date(2026, 11, 22), 19, 45, "America/Los_Angeles"),
    ),
    (
        "customer on the other side of the world",
        days(2, channel=Channel.PHONE),
        at(WEDNESDAY, 14),
        {"of_customer": SYDNEY},
        at(date(2026, 11, 23), 19, 45, SYDNEY),
    ),
    (
        "e-mail to the other side of the world",
        days(2),
        at(WEDNESDAY, 14),
        {"of_customer": SYDNEY},
        at(date(2026, 11, 23), 10),
    ),
    # Samoa had no December 30: the evening before the night of the 31st is that of the 29th.
    (
        "over a missing date",
        hours(2),
        at(date(2011, 12, 31), 9, zone="Pacific/Apia"),
        {"zone": "Pacific/Apia"},
        at(date(2011, 12, 29), 19, 45, "Pacific/Apia"),
    ),
]


@pytest.mark.parametrize(
    ("rule", "starts_at", "places", "due"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_reminder_is_due(
    rule: ReminderRule, starts_at: datetime, places: dict[str, str], due: datetime
) -> None:
    assert timing.due_at(rule, appointment(starts_at, **places)) == due


ZONES = st.sampled_from(
    [
        NEW_YORK,
        SYDNEY,
        LORD_HOWE,
        "Africa/Cairo",
        "America/Santiago",
        "Asia/Kathmandu",
        "Antarctica/Troll",
        "UTC",
    ]
)
INSTANTS = st.integers(0, 2 * 365 * 96).map(
    lambda quarter: datetime(2026, 1, 1, tzinfo=UTC) + quarter * timedelta(minutes=15)
)


@given(starts_at=INSTANTS, lead=st.integers(1, 72), zone=ZONES, of_customer=ZONES)
def test_text_comes_by_day_before_its_time_and_before_the_appointment(
    starts_at: datetime, lead: int, zone: str, of_customer: str
) -> None:
    rule = hours(lead)

    due = timing.due_at(rule, appointment(starts_at, zone=zone, of_customer=of_customer))

    wanted = starts_at - timedelta(hours=lead)
    reading = localtime.local(due, of_customer).time()
    assert time(8) <= reading < time(20)
    assert wanted - timedelta(hours=13) < due <= wanted < starts_at


@given(at=INSTANTS, zone=ZONES)
def test_quiet_hours_end_at_eight_on_the_same_night(at: datetime, zone: str) -> None:
    there = localtime.zone_of(zone)

    ends = timing.quiet_ends(at, there)

    assert not timing.is_quiet(ends, there)
    if timing.is_quiet(at, there):
        assert localtime.local(ends, there).time() == time(8)
        assert timedelta() < ends - at <= timedelta(hours=14)
    else:
        assert ends == at


@pytest.mark.parametrize(
    ("hour", "minute", "quiet"), [(7, 59, True), (8, 0, False), (19, 59, False), (20, 0, True), (0, 0, True)]
)
def test_quiet_hours_are_from_eight_to_eight(hour: int, minute: int, quiet: bool) -> None:
    assert timing.is_quiet(at(WEDNESDAY, hour, minute), localtime.zone_of(NEW_YORK)) is quiet
