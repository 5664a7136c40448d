"""A booking that was refused: why, in the visitor's language, and which times can be had instead."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from django.utils.translation import gettext, ngettext

from appointments.models import Program
from portal import times
from portal.picker import write_at
from portal.times import Search
from scheduling.availability import OpenTime
from scheduling.rules import BookingRefused
from securecare import localtime, wording

RACES = {"taken", "customer_busy"}
MOST_OTHERS = 6
# How many days each look for other times reaches.
LOOKS = (timedelta(days=7), timedelta(days=42))


@dataclass(frozen=True)
class OtherTime:
    """`value` is what its button sends: the time and whom with. `staff` is empty for anyone."""

    value: str
    starts_at: datetime
    staff: str


def status_of(refusal: BookingRefused) -> int:
    return 409 if refusal.code in RACES else 422


def explain(refusal: BookingRefused, program: Program, *, is_signed_in: bool = True) -> str:
    """Why, and what to do. A visitor is not told whether somebody else took the time or they are busy themselves: that would
    say what is on record about whoever they claim to be."""
    if refusal.code in RACES and not is_signed_in:
        return gettext(
            "This time cannot be booked anymore: it was just taken, or you have another appointment then."
        )
    if refusal.code == "cool_down":
        return _cool_down(refusal, program)
    if refusal.code == "too_soon":
        return f"{_notice(program)} {call(program)}"
    if refusal.code == "not_public":
        return f"{gettext('This cannot be booked online at the moment.')} {call(program)}"
    return _PLAIN[refusal.code]()


def call(program: Program) -> str:
    """Whom to call instead."""
    facility = program.facility
    if facility.phone:
        words = gettext("To talk to somebody, call %(facility)s: %(phone)s.")
    else:
        words = gettext("To talk to somebody, ask at %(facility)s.")
    return words % {"facility": facility.name, "phone": facility.phone}


def others(search: Search, wanted: datetime, refusal: BookingRefused, *, now: datetime) -> list[OtherTime]:
    """The open times nearest to the one that was wanted, by time; at most six. With the staff member who was asked for if they
    have any, and with somebody else at the very same time.

    After a cool-down none before the first allowed date. Nothing here depends on the record of somebody not signed in.
    """
    for first_day, last_day in _looks(search.program, wanted, refusal, now):
        open_times = times.offered(
            replace(search, staff=None), first_day=first_day, last_day=last_day, now=now
        )
        if chosen := _nearest(open_times, search, wanted):
            return [_other(time, search) for time in chosen]
    return []


def _looks(
    program: Program, wanted: datetime, refusal: BookingRefused, now: datetime
) -> Iterator[tuple[date, date]]:
    """Where to look, one after the other: a week from that day on, six weeks, and before it as far as that may help."""
    earliest, latest = times.bookable_days(program, now)
    if refusal.first_allowed is not None:
        yield from ((refusal.first_allowed, refusal.first_allowed + look) for look in LOOKS)
        return
    day = localtime.local_date(wanted, program.facility.zone)
    day = min(max(day, earliest), latest)
    yield from ((day, day + look) for look in LOOKS)
    yield day - LOOKS[-1], day


def _nearest(open_times: Iterable[OpenTime], search: Search, wanted: datetime) -> Sequence[OpenTime]:
    asked = search.staff
    pool: dict[datetime, OpenTime] = {}
    at_the_time: list[OpenTime] = []
    for time in open_times:
        is_asked = asked is None or time.staff == asked
        if time.starts_at == wanted:
            at_the_time += [] if is_asked else [time]
        elif is_asked:
            pool.setdefault(time.starts_at, time)
    near = sorted(pool.values(), key=lambda time: abs(time.starts_at - wanted))
    return sorted([*at_the_time[:1], *near][:MOST_OTHERS], key=lambda time: time.starts_at)


def _other(time: OpenTime, search: Search) -> OtherTime:
    staff = "" if search.staff is None else str(time.staff.pk)
    name = "" if search.staff is None else time.staff.display_name
    return OtherTime(f"{write_at(time.starts_at)} {staff}", time.starts_at, name)


def _cool_down(refusal: BookingRefused, program: Program) -> str:
    words = ngettext(
        "Appointments for %(program)s are at least %(days)d day apart. You can book one from %(day)s on.",
        "Appointments for %(program)s are at least %(days)d days apart. You can book one from %(day)s on.",
        program.cool_down_days,
    )
    first: date | None = refusal.first_allowed
    return words % {
        "program": program.name,
        "days": program.cool_down_days,
        "day": wording.day(first) if first else "",
    }


def _notice(program: Program) -> str:
    words = gettext("This has to be booked at least %(time)s ahead.")
    return words % {"time": wording.lasting(60 * program.min_notice_hours)}


def _not_then() -> str:
    return gettext("This time is not open for booking. Choose another one.")


_PLAIN = {
    "taken": lambda: gettext("This time was just taken. Choose another one."),
    "customer_busy": lambda: gettext("You have another appointment at this time. Choose another time."),
    "not_working": lambda: gettext("This staff member cannot be booked at this time. Choose another one."),
    "outside_hours": _not_then,
    "closed": lambda: gettext("The facility is closed on this day. Choose another one."),
    "past": lambda: gettext("This time has passed. Choose a later one."),
    "too_far": lambda: gettext("This day is too far ahead to be booked yet. Choose an earlier one."),
    "off_grid": _not_then,
}
