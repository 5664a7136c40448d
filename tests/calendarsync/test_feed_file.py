"""The file itself, read back by a real parser."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from icalendar import Calendar

from calendarsync import feed_file
from calendarsync.entries import Entry
from calendarsync.feed_file import Event
from tests.calendarsync.feeding import events_in

REFERENCE = UUID("0b6a8f7e-5f2e-4b7e-9a53-1c2f7a9e4d10")
STARTS = datetime(2026, 11, 24, 19, 0, tzinfo=UTC)
LINE_ENDS = "\r\n\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"


def event(**given) -> Event:
    shown = {
        "appointment": REFERENCE,
        "title": "A. N.",
        "location": "Northside",
        "description": "x",
        "url": "http://localhost/x",
        "starts_at": STARTS,
        "ends_at": STARTS.replace(minute=30),
        "is_tentative": False,
        "sequence": 0,
    }
    return Event(str(REFERENCE), STARTS.replace(day=1), Entry(**shown | given))


def written(**given) -> bytes:
    return feed_file.written([event(**given)], name="Dana")


def as_read(text: str) -> str:
    """Every end of a line is one to all; other control characters cannot stand in a file."""
    kept = "\n".join(text.splitlines())
    return "".join(sign for sign in kept if sign in "\t\n" or sign.isprintable() or ord(sign) > 127)


# A parser of its own makes a new line of “\\N”, whoever wrote it.
texts = st.text(st.characters(codec="utf-8", exclude_characters="\x00")).filter(lambda text: "\\" not in text)


@given(title=texts, description=texts)
def test_whatever_stands_in_a_text_is_read_back(title, description):
    found = events_in(written(title=title, description=description))[0]
    assert (str(found["summary"]), str(found["description"])) == (as_read(title), as_read(description))


@given(text=st.text('\\;,\n:"ä😀Nn', max_size=200))
def test_backslashes_are_doubled_and_nothing_is_lost(text):
    unfolded = written(title=text).replace(b"\r\n ", b"").decode()
    line = next(line for line in unfolded.split("\r\n") if line.startswith("SUMMARY:"))
    said, signs = "", iter(line.removeprefix("SUMMARY:"))
    for sign in signs:
        escaped = next(signs) if sign == "\\" else ""
        said += {"n": "\n", "": sign}.get(escaped, escaped)
    assert said == "\n".join(text.splitlines())


@given(text=st.text("ab\\;,ä😀", min_size=60, max_size=400))
def test_lines_are_folded_at_75_octets_and_never_inside_a_character_or_an_escape(text):
    lines = written(title=text).split(b"\r\n")
    assert max(map(len, lines)) <= 75
    for line in lines:
        trailing = len(line) - len(line.rstrip(b"\\"))
        assert (line.decode().isprintable(), trailing % 2) == (True, 0)


@pytest.mark.parametrize("sign", list(LINE_ENDS))
def test_no_text_adds_a_line_of_its_own(sign):
    body = written(title=f"Ada{sign}DESCRIPTION:forged{sign}END:VEVENT")
    assert [line for line in body.decode().splitlines() if line.startswith(("DESCRIPTION", "END:VEV"))] == [
        "DESCRIPTION:x",
        "END:VEVENT",
    ]
    assert len(events_in(body)) == 1


def test_one_of_no_events_is_a_calendar_still():
    """RFC 5545, 3.4: it holds at least one component."""
    calendar = Calendar.from_ical(feed_file.written([], name="Dana"))
    assert [each.name for each in calendar.subcomponents] == ["VTIMEZONE"]
    assert str(calendar["x-wr-calname"]) == "Dana"


def test_all_of_it():
    """Whoever changes how files are written raises `feed_content.FORMAT`, else calendars go on with what they have."""
    entry = event(
        title="Ümit, B.; C.", description="Bring it.\n\nhttp://localhost/x", is_tentative=True, sequence=3
    )
    assert feed_file.written([entry], name="SecureCare: Dana").decode().split("\r\n") == [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//SecureCare//Appointments//EN",
        "CALSCALE:GREGORIAN",
        "METHOD:PUBLISH",
        "NAME:SecureCare: Dana",
        "X-WR-CALNAME:SecureCare: Dana",
        "REFRESH-INTERVAL;VALUE=DURATION:PT1H",
        "X-PUBLISHED-TTL:PT1H",
        "BEGIN:VEVENT",
        "UID:0b6a8f7e-5f2e-4b7e-9a53-1c2f7a9e4d10",
        "DTSTAMP:20261101T190000Z",
        "DTSTART:20261124T190000Z",
        "DTEND:20261124T193000Z",
        "SEQUENCE:3",
        "STATUS:TENTATIVE",
        "CLASS:PRIVATE",
        "TRANSP:OPAQUE",
        "SUMMARY:Ümit\\, B.\\; C.",
        "LOCATION:Northside",
        "DESCRIPTION:Bring it.\\n\\nhttp://localhost/x",
        "URL:http://localhost/x",
        "END:VEVENT",
        "END:VCALENDAR",
        "",
    ]
