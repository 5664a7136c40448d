"""Calendars of staff that are kept equal to the record, by the site's own worker, beat and queue.

Google runs in a process of its own and answers after 100 ms. Whether each calendar says exactly what the record says, and how
often each was asked, is read from what stands there, not from our own rows.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from datetime import time as wall_time
from functools import partial
from statistics import median, quantiles
from typing import Any

from django.db import connection
from django.db.models import Max
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from appointments.models import Appointment, Customer, StaffMember
from bench import bookings, connections, database, environments, likeness, organisation, providers, site
from bench.memory import Memory, until_done
from bench.organisation import Place
from bench.outside import Google
from bench.report import Row
from bench.site import Site
from bench.timing import together
from calendarsync import queueing
from calendarsync.models import CalendarConnection, CalendarSync, Reason
from calendarsync.syncing import COVERED
from scheduling import booking
from securecare import localtime

DELAY_MS = 100
STAFF = 50
DESKS = 4
SECONDS_LIMIT = 120
REQUESTS_LIMIT = 10
LIVE_DELAY_AIM = 10
# Of each 20 changes.
ROUND = ["book"] * 10 + ["move"] * 4 + ["reassign"] * 2 + ["note"] * 2 + ["cancel"] * 2
SLOTS_A_DAY = 16
HALF_HOUR = timedelta(minutes=30)
OPENS, LAST_SLOT = wall_time(9), wall_time(16, 30)
FIRST_DAY = 2
ENTRIES_A_DAY = 10
LIVE_CHANGES = 10
OPEN = (CalendarSync.State.PENDING, CalendarSync.State.CLAIMED)


def rows(*, runs: int, quick: bool) -> Iterator[Row]:
    yield from _follow_rows(runs, quick)
    yield from _mirror_rows(200 if quick else 2000)
    yield from _backfill_rows(200 if quick else 3000)


# --------------------------------------------------------------------------------- what a booking costs


def _follow_rows(runs: int, quick: bool) -> Iterator[Row]:
    """Staff without calendars, and the same with one each: what is due is written with every booking, and a worker told."""
    place = organisation.create("followed", staff=STAFF, customers=4000)
    each = 60 if quick else 200
    without = [bookings.free(place, each).per_second for _ in range(runs)]
    before = _statements(place)
    for member in place.staff:
        connections.google(member, _email(member), refresh_token="1//none")  # nobody is asked
    site.clear_queues()
    followed = [bookings.free(place, each).per_second for _ in range(runs)]
    after = _statements(place)
    site.clear_queues()
    yield Row(
        "bookings with staff whose calendars follow, 8 clients",
        "bookings/s",
        followed,
        floor=median(without),
        landing=300,
    )
    yield Row(
        f"… statements for a booking, {before} without a calendar", "statements", [after], landing=before
    )
    _forget_calendars()


def _statements(place: Place) -> int:
    database.empty()
    with CaptureQueriesContext(connection) as queries:
        bookings.book(place, 0, 0, bookings.slot_at(0))
    database.empty()
    return len(queries)


# ----------------------------------------------------------------------------- many changes, many people


def _mirror_rows(changes: int) -> Iterator[Row]:
    database.empty()
    place = organisation.create("calendars", staff=STAFF, customers=changes)
    with _followed(place.staff) as (google, here, owned):
        worker = here.worker("calendarsync")
        here.beat()
        database.settle()
        begun = timezone.now()
        load = together(partial(_desk, place, changes // DESKS), clients=DESKS)
        memory = Memory(list(until_done(worker, done=_settled, left=_left, what="rows")))
        seconds = _until_last(begun)
        told = check(google, owned)
        lags = _lags()
        writes = google.writes()
    yield Row(
        f"{changes:,} changes over {STAFF} calendars, answers in {DELAY_MS} ms: all mirrored",
        "s",
        [seconds],
        landing=SECONDS_LIMIT,
    )
    yield Row("… changes made by four desks meanwhile", "changes/s", [load.per_second])
    yield Row("… behind the change, p50", "s", [median(lags)])
    yield Row("… behind the change, p99", "s", [quantiles(lags, n=100)[98]])
    yield _peak_row(told)
    rows = CalendarSync.objects.count()
    yield Row(f"… writes at the provider, for {rows:,} rows", "writes", [writes], landing=rows)
    yield Row("… worker's memory: at first, a quarter, half, all", "MB", [memory.at(1)], note=memory.note)


@dataclass
class Desk:
    """One that changes appointments nobody else does, at times nobody else uses."""

    place: Place
    number: int
    slots: Iterator[int] = field(init=False)
    customers: Iterator[Customer] = field(init=False)
    mine: list[tuple[Appointment, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.slots = iter(range(self.number, 10**6, DESKS))
        self.customers = iter(self.place.customers[self.number :: DESKS])

    def act(self, deed: str, turn: int) -> str:
        now = timezone.now()
        if deed == "book":
            slot = next(self.slots)
            self.mine.append((self._book(slot, now), slot))
            return deed
        at = turn % len(self.mine)
        appointment, slot = self.mine[at]
        if deed == "move":
            slot = next(self.slots)
            self._place(appointment, slot, self._member(slot), now)
        elif deed == "reassign":
            # Of each pair of colleagues only one was given this time.
            self._place(appointment, slot, self._member(slot, colleague=True), now)
        elif deed == "note":
            booking.edit_notes(appointment=appointment, by=self.place.user, now=now, public_note=f"{turn}")
        else:
            booking.cancel(appointment=appointment, reason="Measured", by=self.place.user, now=now)
            self.mine.pop(at)
            return deed
        self.mine[at] = (appointment, slot)
        return deed

    def _book(self, slot: int, now: datetime) -> Appointment:
        return booking.book(
            customer=next(self.customers),
            staff=self._member(slot),
            program=self.place.program,
            starts_at=self._time(slot),
            minutes=30,
            by=self.place.user,
            now=now,
        )

    def _place(self, appointment: Appointment, slot: int, staff: StaffMember, now: datetime) -> None:
        booking.reschedule(
            appointment=appointment, starts_at=self._time(slot), staff=staff, by=self.place.user, now=now
        )

    def _member(self, slot: int, *, colleague: bool = False) -> StaffMember:
        row, pair = divmod(slot, STAFF // 2)
        return self.place.staff[2 * pair + (row + colleague) % 2]

    def _time(self, slot: int) -> datetime:
        day, number = divmod(slot // (STAFF // 2), SLOTS_A_DAY)
        return _day_at(self.place, FIRST_DAY + day, OPENS) + number * HALF_HOUR


def _desk(place: Place, changes: int, number: int) -> Iterator[Callable[[], str]]:
    desk = Desk(place, number)
    for turn in range(changes):
        yield partial(desk.act, ROUND[turn % len(ROUND)], turn)


# ------------------------------------------------------------------------- one calendar, very many entries


def _backfill_rows(entries: int) -> Iterator[Row]:
    """Somebody connects a calendar, and the day goes on."""
    database.empty()
    place = organisation.create("backfill", staff=1, customers=1 + LIVE_CHANGES)
    first = _day_at(place, FIRST_DAY, OPENS)
    organisation.fill(place, slots=ENTRIES_A_DAY, days=entries // ENTRIES_A_DAY, first=first)
    with _followed(place.staff) as (google, here, owned):
        worker = here.worker("calendarsync")
        here.beat()
        database.settle()
        begun = timezone.now()
        queueing.many(Appointment.objects.all(), owned[0], reason=Reason.BACKFILL, now=begun)
        _change_meanwhile(place, entries)
        memory = Memory(list(until_done(worker, done=_settled, left=_left, what="rows")))
        seconds = _until_last(begun)
        told = check(google, owned)
        delays = _lags(reason=Reason.CHANGE)
    yield Row(f"{entries:,} entries into one calendar that was just connected", "s", [seconds])
    yield Row(
        f"… behind the change, of {len(delays)} bookings meanwhile: the longest",
        "s",
        [max(delays)],
        aim=LIVE_DELAY_AIM,
    )
    yield _peak_row(told)
    yield Row("… worker's memory: at first, a quarter, half, all", "MB", [memory.at(1)], note=memory.note)


def _change_meanwhile(place: Place, entries: int) -> None:
    """A booking each time another part of the entries is written, at an hour that none of them has."""
    for number in range(LIVE_CHANGES):
        _wait_until_settled(entries * (number + 1) // (LIVE_CHANGES + 2))
        booking.book(
            customer=place.customers[1 + number],
            staff=place.staff[0],
            program=place.program,
            starts_at=_day_at(place, FIRST_DAY + number, LAST_SLOT),
            minutes=30,
            by=place.user,
            now=timezone.now(),
        )


def _wait_until_settled(count: int) -> None:
    site.wait_until(lambda: _settled() >= count, waiting_for=_progress, seconds=SECONDS_LIMIT)


# ---------------------------------------------------------------------------------------------- common


@contextmanager
def _followed(staff: Sequence[StaffMember]) -> Iterator[tuple[Google, Site, list[CalendarConnection]]]:
    """The site with each of these people's calendars at Google; all of it ends with the block."""
    _forget_calendars()
    with (
        providers.google(delay_ms=DELAY_MS) as google,
        site.started({**providers.COMMON, **environments.google(google.base)}) as here,
    ):
        google.open(*map(_email, staff))
        yield google, here, [_connected(member, google) for member in staff]


def _connected(member: StaffMember, google: Google) -> CalendarConnection:
    email = _email(member)
    return connections.google(member, email, refresh_token=google.permissions[email])


def _email(member: StaffMember) -> str:
    return f"staff{member.pk}@northside.example.org"


def _forget_calendars() -> None:
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE calendarsync_calendarconnection CASCADE")


def _day_at(place: Place, days: int, at: wall_time) -> datetime:
    zone = place.facility.zone
    return localtime.resolve(localtime.local_date(timezone.now(), zone) + timedelta(days=days), at, zone)


def _settled() -> int:
    return CalendarSync.objects.exclude(state__in=OPEN).count()


def _left() -> int:
    return CalendarSync.objects.filter(state__in=OPEN).count()


def _progress() -> str:
    return f"{_settled()} are written, {_left()} wait."


def _until_last(begun: datetime) -> float:
    """Seconds until the last row was settled."""
    last = CalendarSync.objects.aggregate(at=Max("settled_at"))["at"]
    return float((last - begun).total_seconds())


def _lags(**which: str) -> list[float]:
    """Of each row, seconds from the change to when the calendar said so."""
    times = CalendarSync.objects.filter(**which).values_list("created_at", "settled_at")
    return [(settled_at - created_at).total_seconds() for created_at, settled_at in times]


def _peak_row(told: dict[str, Any]) -> Row:
    return Row(
        "… most requests to one calendar within one second",
        "requests",
        [max(told["peaks"].values())],
        landing=REQUESTS_LIMIT,
    )


def check(google: Google, owned: Sequence[CalendarConnection]) -> dict[str, Any]:
    """What the double tells; raises RuntimeError unless each calendar says exactly what the record says, and every row is done."""
    told = google.told()
    for each in owned:
        standing = google.standing_in(told, each)
        wrong = list(likeness.differences(likeness.wanted(each), standing))
        if wrong or len(standing) != len(likeness.wanted(each)):
            raise RuntimeError(
                f"{each} is not as the record says: {len(wrong)} differences, such as {wrong[:3]}"
            )
    done = CalendarSync.objects.filter(state=CalendarSync.State.DONE)
    covered = CalendarSync.objects.filter(state=CalendarSync.State.CLOSED, closed_reason=COVERED)
    others = CalendarSync.objects.exclude(pk__in=done).exclude(pk__in=covered)
    if unsettled := list(others.values_list("state", "closed_reason", "last_error")[:3]):
        raise RuntimeError(f"Not every row is done: {unsettled}")
    return told
