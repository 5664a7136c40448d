"""What every provider of calendars makes of troubles: lost replies, refusals, servers that say or do what they should not."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from calendarsync import credentials, providers
from calendarsync.entries import Entry
from calendarsync.models import CalendarConnection
from calendarsync.providers.base import Calendar, CalendarError, Fault, Known
from tests import factories as make
from tests.calendarsync.contract import DAY, HOUR, NOW, WINDOW, Looking, entry, known, shown
from tests.calendarsync.harness import Harness
from tests.contracts.doubles import ANY

pytestmark = pytest.mark.django_db

# Of one call, more than any provider makes.
MOST_REQUESTS = 8
HTML = "<!DOCTYPE html><html><body><h1>Please sign in</h1></body></html>"


@pytest.fixture
def connection(harness: Harness) -> CalendarConnection:
    return harness.connection(make.staff(at=make.facility()))


@pytest.fixture
def calendar(connection: CalendarConnection) -> Iterator[Calendar]:
    opened = providers.open_calendar(connection)
    yield opened
    opened.close()


@pytest.fixture
def there(harness: Harness, connection: CalendarConnection) -> Looking:
    return Looking(harness, connection)


def repeated(calendar_call: Any) -> Any:
    """As rows are: until it is done."""
    for _ in range(2):
        try:
            return calendar_call()
        except CalendarError as error:
            failure = error
        if failure.fault is not Fault.PASSING:
            raise failure
    return calendar_call()


@pytest.mark.parametrize("nth", range(4))
@pytest.mark.parametrize("is_after", [True, False], ids=["reply lost", "request lost"])
class TestWhicheverRequestIsLost:
    """Its connection breaks off, before or after the server has carried it out; then the same is tried again."""

    def lose(self, harness: Harness, nth: int, is_after: bool) -> None:
        harness.trouble(method=ANY, drop=True, after=is_after, skip=nth)

    def test_there_is_one_event_of_a_new_appointment(
        self, harness: Harness, calendar: Calendar, there: Looking, nth: int, is_after: bool
    ):
        given = entry()
        self.lose(harness, nth, is_after)
        repeated(lambda: calendar.put(given, None))
        assert shown(there.one()) == shown(given)

    def test_there_is_one_event_of_a_moved_appointment(
        self, harness: Harness, calendar: Calendar, there: Looking, nth: int, is_after: bool
    ):
        before = entry()
        written = calendar.put(before, None)
        after = replace(before, starts_at=NOW + DAY, ends_at=NOW + DAY + HOUR, sequence=2)
        self.lose(harness, nth, is_after)
        repeated(lambda: calendar.put(after, known(written)))
        assert shown(there.one()) == shown(after)

    def test_there_is_none_of_a_cancelled_appointment(
        self, harness: Harness, calendar: Calendar, there: Looking, nth: int, is_after: bool
    ):
        given = entry()
        written = calendar.put(given, None)
        self.lose(harness, nth, is_after)
        repeated(lambda: calendar.remove(given.appointment, known(written)))
        assert there.all() == []

    def test_there_is_one_event_of_what_was_cancelled_and_is_wanted_again(
        self, harness: Harness, calendar: Calendar, there: Looking, nth: int, is_after: bool
    ):
        given = entry()
        calendar.remove(given.appointment, known(calendar.put(given, None)))
        self.lose(harness, nth, is_after)
        repeated(lambda: calendar.put(given, None))
        assert shown(there.one()) == shown(given)


def calls(calendar: Calendar, of: Entry, name: str) -> list[Any]:
    return [
        calendar.check,
        lambda: calendar.put(of, None),
        lambda: calendar.put(of, Known(name, '"old"')),
        lambda: calendar.remove(of.appointment, None),
        lambda: list(calendar.listed(*WINDOW, {})),
    ]


@pytest.mark.parametrize("which", range(5))
def test_wrong_credentials_stop_the_calendar(harness: Harness, connection: CalendarConnection, which: int):
    given = entry()
    harness.refuse(connection)
    opened = providers.open_calendar(connection)
    with pytest.raises(CalendarError) as refused:
        calls(opened, given, harness.expected_id(connection, given.appointment))[which]()
    assert refused.value.fault is Fault.CALENDAR
    assert refused.value.permanent


@pytest.mark.parametrize("which", range(5))
def test_a_calendar_that_vanished_stops(
    harness: Harness, connection: CalendarConnection, calendar: Calendar, which: int
):
    given = entry()
    written = calendar.put(given, None)
    harness.vanish(connection)
    with pytest.raises(CalendarError) as gone:
        calls(calendar, given, written.external_id)[which]()
    assert gone.value.fault is Fault.CALENDAR


@pytest.mark.parametrize("which", range(5))
@pytest.mark.parametrize(
    ("trouble", "fault", "retry_after"),
    [
        ({"status": 429, "headers": {"Retry-After": "7"}}, Fault.CROWDED, timedelta(seconds=7)),
        ({"status": 429}, Fault.CROWDED, None),
        ({"status": 503, "headers": {"Retry-After": "9"}}, Fault.PASSING, timedelta(seconds=9)),
        ({"status": 503}, Fault.PASSING, None),
        ({"status": 500, "body": HTML}, Fault.PASSING, None),
        ({"status": 502, "body": "Bad gateway"}, Fault.PASSING, None),
        ({"status": 200, "body": HTML}, Fault.PASSING, None),
        ({"status": 200, "body": "{]"}, Fault.PASSING, None),
        ({"drop": True}, Fault.PASSING, None),
    ],
    ids=["429+7", "429", "503+9", "503", "500 page", "502", "200 page", "garbage", "dropped"],
)
def test_troubles_of_the_server_pass(
    harness: Harness,
    connection: CalendarConnection,
    calendar: Calendar,
    which: int,
    trouble: dict[str, Any],
    fault: Fault,
    retry_after: timedelta | None,
):
    given = entry()
    harness.trouble(method=ANY, times=MOST_REQUESTS, **trouble)
    with pytest.raises(CalendarError) as failed:
        calls(calendar, given, harness.expected_id(connection, given.appointment))[which]()
    assert (failed.value.fault, failed.value.retry_after) == (fault, retry_after)
    harness.calm()
    calendar.put(given, None)


def test_a_server_that_hangs_is_not_waited_for_long(
    harness: Harness, connection: CalendarConnection, settings: Any
):
    settings.PROVIDER_TIMEOUT_SECONDS = 0.1
    opened = providers.open_calendar(connection)
    harness.trouble(method=ANY, delay=0.15, times=MOST_REQUESTS)
    with pytest.raises(CalendarError) as slow:
        opened.put(entry(), None)
    assert slow.value.fault is Fault.PASSING


def test_every_request_waits_for_its_turn(harness: Harness, connection: CalendarConnection):
    turns: list[int] = []
    opened = providers.open_calendar(connection, pace=lambda: turns.append(1))
    given = entry()
    before = harness.asked(connection)
    opened.check()
    written = opened.put(given, None)
    opened.put(replace(given, title="B. O."), known(written))
    list(opened.listed(*WINDOW, {}))
    opened.remove(given.appointment, None)
    assert len(turns) == harness.asked(connection) - before > 4


def test_no_error_says_what_a_calendar_is_opened_with(harness: Harness, connection: CalendarConnection):
    harness.refuse(connection)
    with pytest.raises(CalendarError) as refused:
        providers.open_calendar(connection).check()
    secrets = [value for value in credentials.read(connection).values() if isinstance(value, str)]
    assert not [secret for secret in secrets if len(secret) > 8 and secret in str(refused.value)]
