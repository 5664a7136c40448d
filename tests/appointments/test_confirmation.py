"""When an appointment can be confirmed, to the second and in awkward zones; and that each channel does so once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from zoneinfo import available_timezones

import pytest
from django.db import connection, transaction
from hypothesis import given
from hypothesis import strategies as st

from appointments import confirmation
from appointments.confirmation import Window, confirm, opens_at, window
from appointments.models import Appointment, AppointmentEvent, Channel, Facility
from reminders.models import Message
from scheduling import booking
from securecare import localtime
from tests import factories as make
from tests import together
from tests.factories import NOW

Status = Appointment.Status
SECOND = timedelta(seconds=1)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def planned(starts_at: datetime, zone: str, status: str = Status.SCHEDULED) -> Appointment:
    """One that no database knows."""
    return Appointment(
        facility=Facility(time_zone=zone),
        starts_at=starts_at,
        ends_at=starts_at + timedelta(minutes=30),
        status=status,
    )


# -------------------------------------------------------------------------------------------------- the window

# The zone; when it starts; the first instant of the third day before its date. All written out in UTC.
OPENINGS = {
    "an ordinary week": ("America/New_York", "2026-11-25 15:45", "2026-11-22 05:00"),
    "just after midnight": ("America/New_York", "2026-11-25 05:00", "2026-11-22 05:00"),
    "late in the evening": ("America/New_York", "2026-11-26 04:45", "2026-11-22 05:00"),
    "spring forward in between": ("America/New_York", "2027-03-16 14:00", "2027-03-13 05:00"),
    "fall back in between": ("America/New_York", "2026-11-03 15:00", "2026-10-31 04:00"),
    "opens on the day of the change": ("America/New_York", "2026-11-04 15:00", "2026-11-01 04:00"),
    "starts on the day of the change": ("America/New_York", "2026-11-01 15:00", "2026-10-29 04:00"),
    "no daylight saving": ("America/Phoenix", "2026-11-03 17:00", "2026-10-31 07:00"),
    "midnight skipped": ("America/Santiago", "2026-09-09 13:00", "2026-09-06 04:00"),
    "eleven o'clock the evening before repeated": (
        "America/Santiago",
        "2027-04-07 13:00",
        "2027-04-04 04:00",
    ),
    "midnight repeated: the first one": ("America/Havana", "2026-11-04 15:00", "2026-11-01 04:00"),
    "half an hour forward": ("Australia/Lord_Howe", "2026-10-05 23:00", "2026-10-02 13:30"),
    "half an hour back": ("Australia/Lord_Howe", "2027-04-05 23:30", "2027-04-02 13:00"),
    "a date that never was": ("Pacific/Apia", "2012-01-01 20:00", "2011-12-30 10:00"),
    "over a date that never was": ("Pacific/Apia", "2011-12-31 20:00", "2011-12-29 10:00"),
    "far ahead of UTC": ("Pacific/Kiritimati", "2026-11-24 20:00", "2026-11-21 10:00"),
    "far behind UTC": ("Pacific/Pago_Pago", "2026-11-25 20:00", "2026-11-22 11:00"),
    "three quarters of an hour off": ("Asia/Kathmandu", "2026-11-25 04:15", "2026-11-21 18:15"),
}


@pytest.mark.parametrize(("zone", "starts", "opens"), OPENINGS.values(), ids=OPENINGS)
def test_window_is_kept_to_the_second(zone, starts, opens):
    appointment, opening = planned(at(starts), zone), at(opens)
    assert opens_at(appointment) == opening
    edges = [opening - SECOND, opening, at(starts) - SECOND, at(starts), at(starts) + timedelta(days=9)]
    assert [window(appointment, now=now) for now in edges] == [
        Window.TOO_EARLY,
        Window.OPEN,
        Window.OPEN,
        Window.CLOSED,
        Window.CLOSED,
    ]


@given(
    zone=st.sampled_from(sorted(available_timezones() - {"localtime", "Factory"})),
    starts_at=st.datetimes(datetime(1999, 1, 1), datetime(2037, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
)
def test_window_opens_with_the_first_instant_of_the_third_day_before(zone, starts_at):
    appointment = planned(starts_at, zone)
    opening = opens_at(appointment)
    third = localtime.local_date(starts_at, zone) - timedelta(days=3)
    exists = localtime.day_bounds(third, zone)[0] < localtime.day_bounds(third, zone)[1]
    assert localtime.local_date(opening, zone) == (third if exists else third + timedelta(days=1))
    assert localtime.local_date(opening - timedelta(microseconds=1), zone) < third
    assert opening < starts_at


@pytest.mark.parametrize("status", Status.values)
def test_only_what_nobody_has_come_to_missed_or_cancelled_is_confirmed(status):
    starts_at = NOW + timedelta(hours=2)
    expected = {
        Status.SCHEDULED: Window.OPEN,
        Status.PENDING_REASSIGNMENT: Window.OPEN,
        Status.CANCELLED: Window.CANCELLED,
    }
    found = window(planned(starts_at, "America/New_York", status), now=NOW)
    assert found is expected.get(Status(status), Window.CLOSED)


def test_what_is_cancelled_is_that_first_of_all():
    """Not too early, and not over."""
    for days in (-30, 30):
        cancelled = planned(NOW + timedelta(days=days), "America/New_York", Status.CANCELLED)
        assert window(cancelled, now=NOW) is Window.CANCELLED


# -------------------------------------------------------------------------------------------------- confirming


@pytest.fixture
def visit(db) -> Appointment:
    """Tomorrow at ten."""
    return make.appointment(starts_at=NOW + timedelta(days=1, hours=1))


def fresh(appointment: Appointment) -> Appointment:
    return Appointment.objects.get(pk=appointment.pk)


def confirmed(appointment: Appointment) -> list[AppointmentEvent]:
    return list(appointment.events.filter(kind=AppointmentEvent.Kind.CONFIRMED))


@pytest.mark.parametrize(
    ("channel", "stamp", "other"),
    [
        ("email", "email_confirmed_at", "phone_confirmed_at"),
        ("phone", "phone_confirmed_at", "email_confirmed_at"),
        (Channel.PHONE, "phone_confirmed_at", "email_confirmed_at"),
    ],
)
def test_channel_stamps_itself_alone_and_leaves_one_event(visit, channel, stamp, other):
    assert confirm(appointment=visit, channel=channel, now=NOW) is True
    kept = fresh(visit)
    assert (getattr(kept, stamp), getattr(kept, other), kept.version, kept.revision) == (NOW, None, 1, 0)
    [event] = confirmed(visit)
    assert (event.actor, event.by, event.at) == (AppointmentEvent.Actor.CUSTOMER, None, NOW)
    assert (event.before, event.after) == ({stamp: None}, {stamp: NOW.isoformat()})
    assert (event.revision, event.version) == (0, 1)


def test_each_channel_confirms_once_and_keeps_its_first_moment(visit):
    later = NOW + timedelta(hours=3)
    calls = [("email", NOW), ("email", later), ("phone", later), ("phone", later + SECOND), ("email", later)]
    assert [confirm(appointment=visit, channel=channel, now=now) for channel, now in calls] == [
        True,
        False,
        True,
        False,
        False,
    ]
    kept = fresh(visit)
    assert (kept.email_confirmed_at, kept.phone_confirmed_at, kept.version) == (NOW, later, 2)
    assert len(confirmed(visit)) == 2


@pytest.mark.parametrize("moment", ["too early", "started"])
def test_outside_the_window_nothing_is_stamped(visit, moment):
    now = {"too early": opens_at(visit) - SECOND, "started": visit.starts_at}[moment]
    before = fresh(visit).version
    assert confirm(appointment=visit, channel="email", now=now) is False
    assert (fresh(visit).email_confirmed_at, fresh(visit).version, confirmed(visit)) == (None, before, [])


def test_both_edges_of_the_window_are_inside_it(visit):
    assert confirm(appointment=visit, channel="email", now=opens_at(visit)) is True
    assert confirm(appointment=visit, channel="phone", now=visit.starts_at - SECOND) is True


@pytest.mark.parametrize("status", [Status.CANCELLED, Status.ARRIVED, Status.COMPLETED, Status.NO_SHOW])
def test_the_state_at_the_time_of_confirming_counts_and_is_handed_back(visit, status):
    """The caller's object is older."""
    mine, user = fresh(visit), visit.staff.user
    if status == Status.CANCELLED:
        booking.cancel(appointment=visit, reason="", by=user, now=NOW)
    else:
        booking.mark(appointment=visit, status=status, by=user, now=NOW)
    assert confirm(appointment=mine, channel="email", now=NOW) is False
    assert (mine.status, mine.version, mine.email_confirmed_at) == (status, 1, None)
    assert confirmed(visit) == []


def test_pending_reassignment_is_confirmed_like_any_other(visit):
    Appointment.objects.update(status=Status.PENDING_REASSIGNMENT)
    assert confirm(appointment=visit, channel="email", now=NOW) is True
    assert fresh(visit).status == Status.PENDING_REASSIGNMENT


def test_another_time_than_the_caller_s_is_not_confirmed_and_takes_back_what_was(visit):
    old = fresh(visit)
    confirm(appointment=visit, channel="phone", now=NOW)
    booking.reschedule(
        appointment=visit, starts_at=visit.starts_at + timedelta(hours=2), by=visit.staff.user, now=NOW
    )
    assert confirm(appointment=old, channel="email", now=NOW) is False
    assert (old.revision, old.starts_at, old.phone_confirmed_at) == (1, visit.starts_at, None)
    assert confirm(appointment=old, channel="email", now=NOW) is True
    assert [event.revision for event in confirmed(visit)] == [0, 1]


def test_nothing_else_of_the_caller_s_older_object_is_written(visit):
    mine = fresh(visit)
    booking.edit_notes(appointment=visit, by=visit.staff.user, now=NOW, public_note="Ring twice.")
    assert confirm(appointment=mine, channel="email", now=NOW) is True
    assert (fresh(visit).public_note, mine.public_note) == ("Ring twice.", "Ring twice.")
    assert fresh(visit).version == mine.version == 2


def test_staff_who_saw_it_unconfirmed_are_told_before_they_change_it(visit):
    seen = fresh(visit)
    confirm(appointment=visit, channel="email", now=NOW)
    with pytest.raises(booking.StaleAppointment) as stale:
        booking.cancel(appointment=seen, reason="", by=visit.staff.user, now=NOW, version=seen.version)
    assert stale.value.appointment.email_confirmed_at == NOW


@pytest.mark.parametrize("channel", ["", "fax", "EMAIL", "text"])
def test_another_channel_is_a_mistake(visit, channel):
    with pytest.raises(ValueError, match="is not a valid Channel"):
        confirm(appointment=visit, channel=channel, now=NOW)
    assert confirmed(visit) == []


def test_confirming_changes_no_message(visit):
    """They look at the stamps when they are sent."""
    before = list(Message.objects.order_by("pk").values())
    assert before
    confirm(appointment=visit, channel="email", now=NOW)
    assert list(Message.objects.order_by("pk").values()) == before


def test_every_channel_has_its_stamp():
    assert set(confirmation.STAMPS) == set(Channel)


# ----------------------------------------------------------------------------------------------------- at once

at_once = pytest.mark.django_db(transaction=True)


def tomorrow() -> Appointment:
    return make.appointment(starts_at=NOW + timedelta(days=1, hours=1))


def tap(appointment: Appointment, channel: str = "email"):
    mine = fresh(appointment)
    return lambda: confirm(appointment=mine, channel=channel, now=NOW)


@at_once
def test_two_taps_at_once_stamp_once():
    visit = tomorrow()
    taps = [tap(visit, channel) for channel in ("email", "phone") for _ in range(4)]
    results = together.at_once(taps)
    assert (sum(results[:4]), sum(results[4:])) == (1, 1)
    kept = fresh(visit)
    assert (kept.email_confirmed_at, kept.phone_confirmed_at, kept.version) == (NOW, NOW, 2)
    assert sorted(event.version for event in confirmed(visit)) == [1, 2]


@at_once
def test_confirming_and_moving_at_once_leave_the_new_time_unconfirmed():
    """Whichever comes first: a move takes back what was confirmed, and what was moved is not confirmed unseen."""
    for _ in range(4):
        visit = tomorrow()
        moved = fresh(visit)
        goal, user = visit.starts_at + timedelta(hours=2), visit.staff.user

        def move(moved=moved, goal=goal, user=user):
            booking.reschedule(appointment=moved, starts_at=goal, by=user, now=NOW)

        was_first, _ = together.at_once([tap(visit), move])
        kept = fresh(visit)
        assert (kept.starts_at, kept.revision, kept.email_confirmed_at) == (goal, 1, None)
        kinds = [event.kind for event in visit.events.order_by("version")]
        assert kinds == ["booked", *(["confirmed"] if was_first else []), "rescheduled"]


@at_once
def test_confirming_waits_for_a_move_and_then_shows_it():
    visit = tomorrow()
    mine = fresh(visit)

    def confirm_mine() -> bool:
        try:
            return confirm(appointment=mine, channel="email", now=NOW)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            booking.reschedule(
                appointment=visit,
                starts_at=visit.starts_at + timedelta(hours=2),
                by=visit.staff.user,
                now=NOW,
            )
            answer = pool.submit(confirm_mine)
            together.wait_until_somebody_waits()
        assert answer.result(timeout=10) is False
    assert (mine.revision, mine.starts_at) == (1, visit.starts_at)
    assert fresh(visit).email_confirmed_at is None


@at_once
def test_confirming_and_cancelling_at_once_leave_no_confirmed_cancellation_of_the_customer_s_own():
    for _ in range(3):
        visit = tomorrow()
        mine = fresh(visit)
        together.at_once(
            [tap(visit), lambda mine=mine: booking.cancel(appointment=mine, reason="", by=None, now=NOW)]
        )
        kept = fresh(visit)
        assert (kept.status, kept.email_confirmed_at) == (Status.CANCELLED, None)
