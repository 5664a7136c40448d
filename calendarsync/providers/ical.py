"""Entries as iCalendar objects (RFC 5545), and back.

Times are written in UTC, so no time zone has to be described. What the calendar's owner added for themselves, alarms, is kept.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import icalendar

from appointments.calendar_file import PRODUCT
from calendarsync.entries import Entry

APPOINTMENT_MARK = "X-SECURECARE-APPOINTMENT"
CALENDAR_MARK = "X-SECURECARE-CALENDAR"
# An entry of ours is one meeting of nobody but its owner.
FOREIGN_TO_OURS = ("RRULE", "RDATE", "EXDATE", "RECURRENCE-ID", "ATTENDEE")
HIDDEN = ("PRIVATE", "CONFIDENTIAL")
TENTATIVE = {"CONFIRMED": False, "TENTATIVE": True}


class NotCalendarData(ValueError):
    """It cannot be read as an iCalendar object."""


def written(entry: Entry, *, calendar: UUID, now: datetime, alarms: Iterable[Any] = ()) -> str:
    """What to store. `calendar` is the mark of whose entry it is."""
    event = icalendar.Event()
    event.add("uid", str(entry.appointment))
    event.add("dtstamp", now)
    event.add("last-modified", now)
    event.add("sequence", entry.sequence)
    event.add("dtstart", entry.starts_at)
    event.add("dtend", entry.ends_at)
    for name in ("title", "location", "description"):
        if text := getattr(entry, name):
            event.add("summary" if name == "title" else name, text)
    if entry.url:
        event.add("url", entry.url)
    event.add("status", "TENTATIVE" if entry.is_tentative else "CONFIRMED")
    event.add("transp", "OPAQUE")
    event.add("class", "PRIVATE")
    event.add(APPOINTMENT_MARK, str(entry.appointment))
    event.add(CALENDAR_MARK, str(calendar))
    for alarm in alarms:
        event.add_component(alarm)
    whole = icalendar.Calendar()
    whole.add("version", "2.0")
    whole.add("prodid", PRODUCT)
    whole.add_component(event)
    return whole.to_ical().decode()


@dataclass(frozen=True)
class Content:
    """What is stored in one place: one event, or a series with its exceptions."""

    events: list[Any]

    @classmethod
    def read(cls, text: str) -> "Content":
        """Raises NotCalendarData."""
        try:
            calendars = icalendar.Calendar.from_ical(text, multiple=True)
            return cls([event for calendar in calendars for event in calendar.walk("VEVENT")])
        except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
            raise NotCalendarData(type(error).__name__) from error

    @property
    def uid(self) -> str:
        return next((_text(event, "UID") for event in self.events), "")

    @property
    def appointment(self) -> UUID | None:
        """Whose entry it is by its mark."""
        return self._mark(APPOINTMENT_MARK)

    @property
    def calendar(self) -> UUID | None:
        return self._mark(CALENDAR_MARK)

    @property
    def alarms(self) -> list[Any]:
        """Those of the event itself, not those of exceptions to a series."""
        plain = (event for event in self.events if "RECURRENCE-ID" not in event)
        return [alarm for event in plain for alarm in event.subcomponents if alarm.name == "VALARM"]

    @property
    def period(self) -> tuple[datetime, datetime] | None:
        """None of an all-day event, or one whose times nobody can place."""
        try:
            starts_at, ends_at = self.events[0].DTSTART, self.events[0].end
        except (ValueError, IndexError, AttributeError, TypeError):
            return None
        if not all(isinstance(at, datetime) and at.tzinfo for at in (starts_at, ends_at)):
            return None
        return starts_at.astimezone(UTC), ends_at.astimezone(UTC)

    @property
    def digest(self) -> bytes:
        """That of an Entry that says the same; b"" if none could."""
        period, appointment = self.period, self.appointment
        if period is None or appointment is None or not self._could_be_ours():
            return b""
        event = self.events[0]
        return Entry(
            appointment=appointment,
            title=_text(event, "SUMMARY"),
            location=_text(event, "LOCATION"),
            description=_text(event, "DESCRIPTION"),
            url=_text(event, "URL"),
            starts_at=period[0],
            ends_at=period[1],
            is_tentative=TENTATIVE[_text(event, "STATUS") or "CONFIRMED"],
            sequence=0,
        ).digest

    def _could_be_ours(self) -> bool:
        """A series has its rule in the first event, or the first is an exception to one."""
        event = self.events[0]
        return (
            not any(name in event for name in FOREIGN_TO_OURS)
            and _text(event, "CLASS") in HIDDEN
            and (_text(event, "STATUS") or "CONFIRMED") in TENTATIVE
            and (_text(event, "TRANSP") or "OPAQUE") == "OPAQUE"
        )

    def _mark(self, name: str) -> UUID | None:
        """Whichever of the events carries it: a client that splits a series leaves it where it was."""
        for event in self.events:
            try:
                return UUID(_text(event, name))
            except ValueError:
                continue
        return None


def _text(event: Any, name: str) -> str:
    value = event.get(name, "")
    text = "\n".join(map(str, value)) if isinstance(value, list) else str(value)
    return text.replace("\r\n", "\n")
