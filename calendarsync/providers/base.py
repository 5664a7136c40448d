"""What every provider of calendars has in common: entries in, facts or one kind of error out.

Provider JSON, XML and exceptions never leave the provider's file. Every call has a time-out and an end. Each request waits for
its turn first (`pace`), so that no calendar is asked more often than its provider likes.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Protocol
from uuid import UUID

from calendarsync.entries import Entry

Pace = Callable[[], None]


def unpaced() -> None:
    """For calendars that nothing else talks to."""


@dataclass(frozen=True)
class Known:
    """What we wrote last: the provider's name for it, and the etag it had then ("" if unknown)."""

    external_id: str
    etag: str = ""


@dataclass(frozen=True)
class Written:
    """The entry stands in the calendar as given. `was_there`: it replaced one, which may have been the same."""

    external_id: str
    etag: str
    was_there: bool


@dataclass(frozen=True)
class Found:
    """An entry that carries our mark, as it stands in the calendar.

    `digest` is that of an `Entry` of the same content; b"" if it says what none of ours says (an all-day event, a series).
    None where it was not read because its etag is the one we know.
    """

    external_id: str
    etag: str
    appointment: UUID
    digest: bytes | None


@dataclass(frozen=True)
class Choice:
    """A calendar that somebody may choose: `address` is what the connection keeps as `calendar`."""

    address: str
    name: str
    may_write: bool = True


@dataclass(frozen=True)
class Checked:
    """A calendar that answers and may be written to. `key` is the same whoever connects it and however they spell it."""

    name: str
    key: str


class Fault(Enum):
    """What a failure stands for, and so what else cannot be written."""

    PASSING = "passing"  # this attempt: no answer, or one that says the server is in trouble
    CROWDED = "crowded"  # the calendar, for a while: too many requests
    AWAY = "away"  # the calendar, for a while: nobody can be reached at its address
    ENTRY = "entry"  # this entry alone, and repeating will not mend it
    CALENDAR = "calendar"  # the whole calendar, until a person sees to it: password, permission, gone


class CalendarError(Exception):
    """It was not done, or nobody knows whether it was: every call may be repeated and then does what is missing.

    The text is for the staff member: what is wrong and, where they can mend it, what to do. `code` is the provider's own.
    """

    def __init__(
        self, text: str, *, fault: Fault, code: str = "", retry_after: timedelta | None = None
    ) -> None:
        super().__init__(text.replace("\0", ""))  # which no database takes
        self.fault = fault
        self.code = code
        self.retry_after = retry_after

    @property
    def permanent(self) -> bool:
        return self.fault in (Fault.ENTRY, Fault.CALENDAR)


class Calendar(Protocol):
    """One calendar, opened. Not for several threads at a time. All of its calls raise CalendarError."""

    name: str

    def check(self) -> Checked:
        """Read something, and see that it may be written to."""

    def put(self, entry: Entry, known: Known | None) -> Written:
        """Have it say exactly this, whatever stands there: nothing, what we wrote, what somebody made of that, or what an earlier
        attempt wrote without our hearing of it. An event that lacks our mark is never touched: Fault.ENTRY."""

    def remove(self, appointment: UUID, known: Known | None) -> bool:
        """Have no entry for this appointment; False if there was none. An event that lacks our mark is left alone."""

    def listed(self, start: datetime, end: datetime, known: Mapping[str, str]) -> Iterator[Found]:
        """All entries with our mark that touch `[start, end)`, page by page. `known` has etags by external id: what still has
        its etag need not be read."""

    def fetch(self, external_ids: Iterable[str]) -> Iterator[Found]:
        """Those of these that exist and carry our mark, wherever they were moved to."""

    def remove_stray(self, found: Found) -> bool:
        """Remove an entry that nothing stands for, unless somebody changed it meanwhile; False if it was gone."""

    def close(self) -> None:
        """Let go of connections."""
