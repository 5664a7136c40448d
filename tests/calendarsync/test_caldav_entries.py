"""What is stored at a CalDAV server, and what becomes of what people do with it there."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from calendarsync import providers
from calendarsync.models import CalendarConnection
from calendarsync.providers.base import CalendarError, Fault
from calendarsync.providers.caldav import CalDav
from tests import factories as make
from tests.calendarsync.contract import entry, known
from tests.calendarsync.harness import CaldavHarness
from tests.contracts.doubles import Answer, Asked
from tests.contracts.radicale import RadicaleRoad

pytestmark = pytest.mark.django_db

ALARM = "BEGIN:VALARM\r\nACTION:DISPLAY\r\nDESCRIPTION:Leave\r\nTRIGGER:-PT45M\r\nEND:VALARM\r\n"


@pytest.fixture
def connection(caldav_harness: CaldavHarness) -> CalendarConnection:
    return caldav_harness.connection(make.staff(at=make.facility()))


@pytest.fixture
def calendar(connection: CalendarConnection) -> Iterator[Any]:
    opened = providers.open_calendar(connection)
    yield opened
    opened.close()


def within(content: str, *, before: str, text: str) -> str:
    return content.replace(before, text + before)


def test_what_is_stored_is_private_in_utc_and_ours(calendar: CalDav, radicale: RadicaleRoad, connection: Any):
    given = entry(sequence=6, is_tentative=True)
    lines = radicale.read(calendar.put(given, None).external_id).splitlines()
    assert {
        f"UID:{given.appointment}",
        "DTSTART:20261123T160000Z",
        "DTEND:20261123T170000Z",
        "SEQUENCE:6",
        "CLASS:PRIVATE",
        "STATUS:TENTATIVE",
        "TRANSP:OPAQUE",
        f"URL:{given.url}",
        f"X-SECURECARE-APPOINTMENT:{given.appointment}",
        f"X-SECURECARE-CALENDAR:{connection.reference}",
    } <= set(lines)
    assert [line for line in lines if line.startswith(("ATTENDEE", "ORGANIZER", "BEGIN:VTIMEZONE"))] == []
    assert [bool(re.fullmatch(r"DTSTAMP:\d{8}T\d{6}Z", line)) for line in lines if "DTSTAMP" in line] == [
        True
    ]


def test_alarms_that_somebody_added_stay(calendar: CalDav, radicale: RadicaleRoad):
    given = entry()
    written = calendar.put(given, None)
    content = radicale.read(written.external_id)
    radicale.write(written.external_id, within(content, before="END:VEVENT", text=ALARM))
    calendar.put(replace(given, title="B. O."), known(written))
    content = radicale.read(written.external_id)
    assert "TRIGGER:-PT45M" in content
    assert "SUMMARY:B. O." in content


@pytest.mark.parametrize(
    ("before", "text"),
    [
        ("END:VEVENT", "RRULE:FREQ=DAILY\r\n"),
        ("END:VEVENT", "ATTENDEE:mailto:everybody@example.org\r\n"),
        ("CLASS:PRIVATE", "X-WAS:"),
        ("STATUS:CONFIRMED", "STATUS:CANCELLED\r\nX-WAS-"),
        ("TRANSP:OPAQUE", "TRANSP:TRANSPARENT\r\nX-WAS-"),
    ],
    ids=["series", "guests", "public", "cancelled", "free"],
)
def test_what_no_entry_of_ours_says_is_undone(
    calendar: CalDav, radicale: RadicaleRoad, before: str, text: str
):
    given = entry()
    written = calendar.put(given, None)
    content = radicale.read(written.external_id)
    radicale.write(written.external_id, within(content, before=before, text=text))
    assert [found.digest for found in calendar.fetch([written.external_id])] == [b""]
    calendar.put(given, known(written))
    assert [found.digest for found in calendar.fetch([written.external_id])] == [given.digest]


def test_a_moved_instance_of_a_series_is_undone(calendar: CalDav, radicale: RadicaleRoad):
    """Two events in one place, of which one is an exception."""
    given = entry()
    written = calendar.put(given, None)
    content = radicale.read(written.external_id)
    event = content[content.index("BEGIN:VEVENT") : content.index("END:VCALENDAR")]
    exception = event.replace("DTSTART:", "RECURRENCE-ID:20261124T160000Z\r\nDTSTART:")
    exception = within(exception, before="END:VEVENT", text=ALARM.replace("45M", "5M"))
    series = within(event, before="END:VEVENT", text="RRULE:FREQ=DAILY\r\n" + ALARM)
    radicale.write(written.external_id, content.replace(event, series + exception))
    calendar.put(given, known(written))
    stored = radicale.read(written.external_id)
    assert (stored.count("BEGIN:VEVENT"), "RRULE" in stored) == (1, False)
    assert re.findall(r"TRIGGER:(\S+)", stored) == ["-PT45M"]


def test_a_zone_instead_of_utc_is_no_difference(calendar: CalDav, radicale: RadicaleRoad):
    """Clients write times anew as they like; the instants are the same."""
    given = entry()
    path = calendar.put(given, None).external_id
    content = radicale.read(path).replace(
        "DTSTART:20261123T160000Z", "DTSTART;TZID=America/New_York:20261123T110000"
    )
    radicale.write(path, content.replace("DTEND:20261123T170000Z", "DURATION:PT1H"))
    assert [found.digest for found in calendar.fetch([path])] == [given.digest]


@pytest.mark.parametrize(
    "content",
    [
        "BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:x\nEND:VCALENDAR\n",
        "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:never\nEND:VEVENT\nEND:VCALENDAR\n",
        "BEGIN:VCALENDAR\nBEGIN:VEVENT\n",
        "BEGIN:VCALENDAR\nno property\nEND:VCALENDAR\n",
    ],
)
def test_what_cannot_be_read_is_not_ours(calendar: CalDav, radicale: RadicaleRoad, content: str):
    given = entry()
    calendar.put(given, None)
    radicale.trouble(method="GET", status=200, body=content, headers={"Content-Type": "text/calendar"})
    with pytest.raises(CalendarError) as refused:
        calendar.put(given, known(calendar.put(given, None)))
    assert refused.value.fault is Fault.ENTRY


def edited_meanwhile(harness: CaldavHarness, connection: CalendarConnection, *, times: int) -> Any:
    """Just before what we write or delete arrives, its owner has changed it."""
    left = [f"Mine {number}" for number in range(times)]

    def twist(asked: Asked, on: Any) -> Answer:
        if asked.method in ("PUT", "DELETE") and left:
            harness.edit(connection, asked.path, title=left.pop())
        return on(asked)

    return twist


def test_an_edit_at_the_same_moment_is_seen_and_undone(
    calendar: CalDav, caldav_harness: CaldavHarness, radicale: RadicaleRoad, connection: CalendarConnection
):
    given = entry()
    written = calendar.put(given, None)
    path = written.external_id
    radicale.write(path, within(radicale.read(path), before="END:VEVENT", text=ALARM))
    radicale.twist = edited_meanwhile(caldav_harness, connection, times=2)
    calendar.put(replace(given, title="B. O."), known(written))
    assert radicale.verbs.count("PUT") == 4
    content = radicale.read(path)
    assert ("SUMMARY:B. O." in content, "TRIGGER:-PT45M" in content) == (True, True)


def test_somebody_who_edits_all_the_time_is_tried_again_later(
    calendar: CalDav, caldav_harness: CaldavHarness, radicale: RadicaleRoad, connection: CalendarConnection
):
    given = entry()
    written = known(calendar.put(given, None))
    radicale.twist = edited_meanwhile(caldav_harness, connection, times=9)
    for call in (
        lambda: calendar.put(replace(given, title="B. O."), written),
        lambda: calendar.remove(given.appointment, written),
    ):
        with pytest.raises(CalendarError) as restless:
            call()
        assert restless.value.fault is Fault.PASSING
    radicale.twist = None
    assert calendar.remove(given.appointment, written) is True


def test_an_entry_of_another_connection_to_the_same_calendar_is_left_to_it(
    calendar: CalDav, caldav_harness: CaldavHarness, connection: CalendarConnection
):
    """Of two staff who share one calendar, under two addresses of it, one hands an appointment over to the other."""
    given = entry()
    fields = {"calendar": connection.calendar, "key": "the other address"}
    other = caldav_harness.connection(make.staff(), **fields)
    written = providers.open_calendar(other).put(given, None)
    assert calendar.remove(given.appointment, None) is False
    assert calendar.remove(given.appointment, known(replace(written, etag='"old"'))) is False
    assert [event.appointment for event in caldav_harness.standing(connection)] == [given.appointment]
