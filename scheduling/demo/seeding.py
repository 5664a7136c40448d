"""Loading the sample organisation, and keeping its three weeks around today.

A date is loaded once: the record of bookings tells which dates are there, whatever became of the appointments since.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from django.contrib.auth.models import User
from django.db import transaction

from appointments.models import Facility, StaffMember
from scheduling import reassignment, selection
from scheduling.demo import calendars, days, messages, people, programs, roster, visits
from scheduling.demo.directory import Directory
from scheduling.models import TimeOff
from securecare import localtime

DAYS_AROUND = timedelta(days=10)
SUDDEN_AHEAD = timedelta(days=5)
# They sit at Northside and read its clock, though they see other facilities too.
AT_NORTHSIDE = ("amy", "naomi", "ines")
WEDNESDAY = 2


@dataclass
class Loaded:
    """What one run did."""

    days: list[date] = field(default_factory=list)
    appointments: int = 0
    stranded: int = 0


class NameTaken(Exception):
    """The database holds other people's records under the sample organisation's names."""


def seed(*, now: datetime, calendar_server: str = "") -> Loaded:
    """Create the sample organisation, or bring its three weeks up to today. On a day that is loaded nothing changes.

    Appointments that anyone has changed since stay as they are. With the address of its calendar server, calendars there are
    connected. All of it or nothing. Raises NameTaken.
    """
    today = localtime.local_date(now, roster.ZONES[people.NORTHSIDE])
    with transaction.atomic():
        is_there = _is_there()
        directory = Directory() if is_there else _create(today, now)
        after = _loaded_until(directory, today) if is_there else None
        with calendars.wanted_from(now):
            loaded = _load(directory, today=today, after=after, now=now)
        if calendar_server:
            calendars.connect(directory, server=calendar_server, now=now)
    return loaded


def _is_there() -> bool:
    """Most of the staff suffices: people try out renaming and removing."""
    usernames = [colleague.username for colleague in people.STAFF]
    return StaffMember.objects.filter(user__username__in=usernames).count() * 2 > len(usernames)


def _create(today: date, now: datetime) -> Directory:
    _check_names()
    people.create_organisation()
    directory = Directory()
    people.create_staff(directory.places)
    for desk in User.objects.filter(username__in=AT_NORTHSIDE):
        selection.remember(user=desk, zone=roster.ZONES[people.NORTHSIDE])
    programs.create_programs(directory.places, directory.staff)
    customers = people.create_customers(directory.places)
    people.create_cases(customers, by=directory.manager, now=now)
    messages.agree(customers, now=now)
    roster.create_week(directory.places, directory.staff, valid_from=today - timedelta(weeks=26))
    wish = roster.next_weekday(today + timedelta(days=4), WEDNESDAY)
    away, asked = roster.Away("marcus", wish, wish, "Moving house"), now - timedelta(hours=20)
    roster.create_time_off(away, directory.staff[away.who], requested_at=asked, by=None, now=None)
    return directory


def _check_names() -> None:
    usernames = [colleague.username for colleague in people.STAFF]
    taken = [
        *User.objects.filter(username__in=usernames).values_list("username", flat=True),
        *Facility.objects.filter(name__in=roster.ZONES).values_list("name", flat=True),
    ]
    if taken:
        raise NameTaken(f"Already in use: {', '.join(sorted(taken))}.")


def _loaded_until(directory: Directory, today: date) -> date | None:
    """The last date whose visits stand in the record, most of them: none within the three weeks after a long pause."""
    for day in reversed(_dates(today - DAYS_AROUND, today + DAYS_AROUND)):
        if visits.are_recorded(days.plan(day), directory):
            return day
    return None


def _load(directory: Directory, *, today: date, after: date | None, now: datetime) -> Loaded:
    """Add the dates that follow `after`, all three weeks without it, and let time pass for the others."""
    first = after + roster.DAY if after else today - DAYS_AROUND
    plans = {day: days.plan(day) for day in _dates(first, today + DAYS_AROUND)}
    if not any(plans.values()) or people.MANAGER not in directory.staff:
        return Loaded()
    roster.add_dates(plans, directory.places, directory.staff, by=directory.manager, now=now)
    booked = [made for planned in plans.values() for made in visits.book_all(planned, directory, now=now)]
    messages.settle(booked, now=now)
    lately = _dates(today - 2 * DAYS_AROUND, today + visits.CONFIRMATION_OPENS)
    visits.catch_up([visit for day in lately for visit in days.plan(day)], directory, now=now)
    known = after - DAYS_AROUND + SUDDEN_AHEAD if after else today
    sudden = _dates(max(known, today) + roster.DAY, today + SUDDEN_AHEAD)
    stranded = _surprise(sudden, directory, now)
    if after is None:
        messages.trouble(now=now)
    return Loaded(list(plans), len(booked), stranded)


def _surprise(ahead: Iterable[date], directory: Directory, now: datetime) -> int:
    """Time off decided today, while people are booked: returns how many appointments lose their staff member."""
    stranded = 0
    for away in filter(None, map(roster.sudden_absence, ahead)):
        member = directory.staff.get(away.who)
        if member is None or TimeOff.objects.filter(staff=member, first_day=away.first_day).exists():
            continue
        with reassignment.changing_hours(staff=[member], by=directory.manager, now=now) as review:
            asked = now - timedelta(minutes=90)
            roster.create_time_off(away, member, requested_at=asked, by=directory.manager, now=now)
        stranded += len(review.stranded)
    return stranded


def _dates(first: date, last: date) -> list[date]:
    return [first + timedelta(days=offset) for offset in range((last - first).days + 1)]
