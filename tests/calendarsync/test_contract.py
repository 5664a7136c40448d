"""What every provider of calendars guarantees, at a real server or a double that holds to its documents."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from calendarsync import providers
from calendarsync.models import CalendarConnection
from calendarsync.providers.base import Calendar, CalendarError, Fault, Found, Known
from tests import factories as make
from tests.calendarsync.contract import DAY, HOUR, NOW, WINDOW, Looking, entry, known, shown
from tests.calendarsync.harness import Harness

pytestmark = pytest.mark.django_db


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


def test_an_entry_stands_there_as_it_was_given(
    calendar: Calendar, there: Looking, harness: Harness, connection: CalendarConnection
):
    given = entry()
    done = calendar.put(given, None)
    assert shown(there.one()) == shown(given)
    assert there.one().appointment == given.appointment
    assert (done.external_id, done.was_there) == (harness.expected_id(connection, given.appointment), False)
    assert there.one().external_id == done.external_id


@pytest.mark.parametrize("knows", [True, False])
def test_the_same_again_changes_nothing(calendar: Calendar, there: Looking, knows: bool):
    given = entry()
    first = calendar.put(given, None)
    again = calendar.put(given, known(first) if knows else None)
    assert again.was_there
    assert shown(there.one()) == shown(given)
    assert [found.digest for found in calendar.fetch([again.external_id])] == [given.digest]


@pytest.mark.parametrize("knows", [True, False])
def test_a_change_is_brought_to_the_same_event(calendar: Calendar, there: Looking, knows: bool):
    first = calendar.put(before := entry(), None)
    after = replace(
        before,
        title="To be reassigned: A. N.",
        location="Southside",
        description="",
        starts_at=NOW + 30 * DAY,
        ends_at=NOW + 30 * DAY + HOUR,
        is_tentative=True,
        sequence=2,
    )
    done = calendar.put(after, known(first) if knows else None)
    assert (done.external_id, done.was_there) == (first.external_id, True)
    assert done.etag != first.etag
    assert shown(there.one()) == shown(after)


def test_what_was_cancelled_may_be_wanted_again(calendar: Calendar, there: Looking):
    """Google keeps the ids of deleted events for good."""
    given = entry()
    first = calendar.put(given, None)
    assert calendar.remove(given.appointment, known(first))
    assert there.all() == []
    again = calendar.put(replace(given, sequence=2, title="B. O."), None)
    assert again.external_id == first.external_id
    assert there.one().title == "B. O."


@pytest.mark.parametrize("knows", [True, False])
def test_removing_twice_is_removing_once(calendar: Calendar, there: Looking, knows: bool):
    given = entry()
    written = known(calendar.put(given, None))
    kept = calendar.put(entry(title="Another"), None)
    assert calendar.remove(given.appointment, written if knows else None) is True
    assert calendar.remove(given.appointment, written if knows else None) is False
    assert [event.external_id for event in there.all()] == [kept.external_id]


def test_removing_what_was_never_there(calendar: Calendar, there: Looking):
    assert calendar.remove(uuid4(), None) is False
    assert there.all() == []


@pytest.mark.parametrize(
    "edited",
    [
        {"title": "Lunch"},
        {"location": "Elsewhere"},
        {"starts_at": NOW + 5 * HOUR, "ends_at": NOW + 6 * HOUR},
        {"starts_at": date(2026, 11, 24), "ends_at": date(2026, 11, 25)},
        {"recurrence": "FREQ=WEEKLY;COUNT=5"},
    ],
    ids=["title", "location", "time", "all-day", "series"],
)
@pytest.mark.parametrize("knows", [True, False])
def test_what_somebody_edited_is_put_back(
    calendar: Calendar,
    there: Looking,
    harness: Harness,
    connection: CalendarConnection,
    edited: dict[str, Any],
    knows: bool,
):
    given = entry()
    written = calendar.put(given, None)
    harness.edit(connection, written.external_id, **edited)
    (drifted,) = calendar.fetch([written.external_id])
    assert drifted.digest != given.digest
    assert drifted.etag != written.etag
    done = calendar.put(given, known(written) if knows else None)
    assert shown(there.one()) == shown(given)
    (restored,) = calendar.fetch([done.external_id])
    assert (restored.digest, restored.etag) == (given.digest, done.etag)


def test_what_somebody_deleted_is_put_back(
    calendar: Calendar, there: Looking, harness: Harness, connection: CalendarConnection
):
    given = entry()
    written = calendar.put(given, None)
    harness.delete(connection, written.external_id)
    assert list(calendar.fetch([written.external_id])) == []
    calendar.put(given, known(written))
    assert shown(there.one()) == shown(given)


def test_what_somebody_deleted_needs_no_removal(
    calendar: Calendar, there: Looking, harness: Harness, connection: CalendarConnection
):
    given = entry()
    written = calendar.put(given, None)
    harness.delete(connection, written.external_id)
    assert calendar.remove(given.appointment, known(written)) is False


def test_what_somebody_edited_is_removed_all_the_same(
    calendar: Calendar, there: Looking, harness: Harness, connection: CalendarConnection
):
    given = entry()
    written = calendar.put(given, None)
    harness.edit(connection, written.external_id, title="Mine")
    assert calendar.remove(given.appointment, known(written)) is True
    assert there.all() == []


def test_an_event_of_others_under_our_name_is_never_overwritten(
    calendar: Calendar, there: Looking, harness: Harness, connection: CalendarConnection
):
    given = entry()
    name = harness.add_foreign(connection, str(given.appointment), "Dentist")
    before = there.all()
    for knows in (None, Known(name, '"old"')):
        with pytest.raises(CalendarError) as refused:
            calendar.put(given, knows)
        assert refused.value.fault is Fault.ENTRY
    assert there.all() == before


def test_an_event_of_others_under_our_name_is_never_removed(
    calendar: Calendar, there: Looking, harness: Harness, connection: CalendarConnection
):
    given = entry()
    name = harness.add_foreign(connection, str(given.appointment), "Dentist")
    before = there.all()
    assert calendar.remove(given.appointment, None) is False
    assert calendar.remove(given.appointment, Known(name, '"old"')) is False
    assert list(calendar.fetch([name])) == []
    assert list(calendar.listed(*WINDOW, {})) == []
    assert there.all() == before


@pytest.mark.parametrize(
    "given",
    [
        {"title": 'Ñandú 😀👩🏽‍⚕️, "quoted"; back\\slash'},
        {"title": "Анна К. 李 ‏אבג"},
        {"title": "x" * 250},
        {"title": "Busy: A, B; C:D = \\n \\, %0A"},
        {"description": "First line\nSecond line\n\n\tIndented; comma, colon: \\ 😀"},
        {"description": "long " * 1500 + "end"},
        {"location": "Straße 1, 2. Stock; c/o Ümit\\Co"},
        {"location": "", "description": ""},
        {"starts_at": datetime(2026, 11, 24, 10, 30, 17, tzinfo=UTC)},
        {"starts_at": datetime(2026, 11, 1, 5, 30, tzinfo=UTC)},
        {"starts_at": datetime(2027, 3, 14, 6, 59, 59, tzinfo=UTC)},
    ],
)
def test_every_text_and_instant_comes_back_as_it_was(
    calendar: Calendar, there: Looking, given: dict[str, Any]
):
    if "starts_at" in given:
        given = {**given, "ends_at": given["starts_at"] + timedelta(minutes=45, seconds=1)}
    one = entry(**given)
    written = calendar.put(one, None)
    assert shown(there.one()) == shown(one)
    assert [found.digest for found in calendar.fetch([written.external_id])] == [one.digest]


def test_entries_are_listed_with_what_they_say(calendar: Calendar):
    given = entry()
    written = calendar.put(given, None)
    expected = Found(written.external_id, written.etag, given.appointment, given.digest)
    assert list(calendar.listed(*WINDOW, {})) == [expected]


def test_what_has_its_etag_is_not_read(calendar: Calendar, harness: Harness, connection: CalendarConnection):
    same, other = entry(), entry(starts_at=NOW + DAY, ends_at=NOW + DAY + HOUR)
    etags = {done.external_id: done.etag for done in (calendar.put(same, None), calendar.put(other, None))}
    harness.edit(connection, harness.expected_id(connection, other.appointment), title="Mine")
    found = {each.appointment: each.digest for each in calendar.listed(*WINDOW, etags)}
    assert found.keys() == {same.appointment, other.appointment}
    assert found[same.appointment] in (None, same.digest)
    assert found[other.appointment] not in (None, other.digest)


@pytest.mark.parametrize(
    ("starts_at", "minutes", "is_listed"),
    [
        (WINDOW[0] - 30 * timedelta(minutes=1), 30, False),
        (WINDOW[0] - 30 * timedelta(minutes=1), 31, True),
        (WINDOW[0], 30, True),
        (WINDOW[1] - timedelta(minutes=1), 30, True),
        (WINDOW[1], 30, False),
    ],
    ids=["ends as it begins", "reaches into it", "begins with it", "begins in it", "begins as it ends"],
)
def test_the_period_listed_is_half_open(
    calendar: Calendar, starts_at: datetime, minutes: int, is_listed: bool
):
    given = entry(starts_at=starts_at, ends_at=starts_at + timedelta(minutes=minutes))
    calendar.put(given, None)
    found = [each.appointment for each in calendar.listed(*WINDOW, {})]
    assert found == ([given.appointment] if is_listed else [])


def test_many_entries_and_many_events_of_others_are_told_apart(
    calendar: Calendar, harness: Harness, connection: CalendarConnection
):
    """More than one page of them; each once, though some reach from one page's period into the next."""
    for number in range(20):
        harness.add_foreign(connection, f"foreign-{number}", "Private", starts_at=NOW + 2 * number * DAY)
    ours = [entry(starts_at=NOW + (n + 40) * 6 * HOUR, ends_at=NOW + (n + 45) * 6 * HOUR) for n in range(105)]
    for each in ours:
        calendar.put(each, None)
    listed = list(calendar.listed(NOW - DAY, NOW + 80 * DAY, {}))
    assert sorted((each.appointment, each.digest) for each in listed) == sorted(
        (each.appointment, each.digest) for each in ours
    )


def test_entries_of_another_connection_are_not_listed_as_ours(
    calendar: Calendar, harness: Harness, connection: CalendarConnection
):
    """The same calendar, connected before by somebody else, or by another site."""
    calendar.put(entry(), None)
    other = harness.connection(
        make.staff(),
        account=connection.account,
        calendar=connection.calendar,
        key="another",
    )
    assert list(providers.open_calendar(other).listed(*WINDOW, {})) == []


def test_what_was_moved_far_away_is_found_by_its_name(
    calendar: Calendar, harness: Harness, connection: CalendarConnection
):
    given = entry()
    written = calendar.put(given, None)
    harness.edit(connection, written.external_id, starts_at=NOW + 400 * DAY, ends_at=NOW + 400 * DAY + HOUR)
    assert list(calendar.listed(*WINDOW, {})) == []
    unknown = harness.expected_id(connection, uuid4())
    (found,) = calendar.fetch([unknown, written.external_id])
    assert (found.external_id, found.appointment) == (written.external_id, given.appointment)


def test_a_stray_is_removed_as_long_as_nobody_changed_it(
    calendar: Calendar, there: Looking, harness: Harness, connection: CalendarConnection
):
    stray = calendar.put(entry(), None)
    (found,) = calendar.listed(*WINDOW, {})
    harness.edit(connection, stray.external_id, title="Mine now")
    assert calendar.remove_stray(found) is False
    assert there.one().title == "Mine now"
    (found,) = calendar.listed(*WINDOW, {})
    assert calendar.remove_stray(found) is True
    assert there.all() == []
    assert calendar.remove_stray(found) is False


def test_a_good_calendar_is_checked_by_name_and_key(calendar: Calendar, connection: CalendarConnection):
    checked = calendar.check()
    assert checked.name
    assert checked.key == connection.key
