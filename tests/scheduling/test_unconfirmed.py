"""The filter that leaves on the grid what starts within 24 hours and nobody has confirmed; and what confirming says to staff."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from appointments import confirmation
from appointments.models import Appointment
from appointments.models.appointment import Status
from scheduling import booking, listing
from scheduling.history import history
from scheduling.models import SchedulerView
from scheduling.selection import remember
from securecare import localtime
from tests import factories as make
from tests.factories import NOW, TODAY
from tests.scheduling.desk import Desk, part, signed_in, text_of
from tests.scheduling.grid_page import GridPage, section_of
from tests.scheduling.test_freshness import print_of
from tests.scheduling.test_grid import day_of, page_of

VIEW = "/schedule/view/"
QUARTER = timedelta(minutes=15)
both = pytest.mark.parametrize("orientation", ["vertical", "horizontal"])


@pytest.fixture
def desk(db) -> Desk:
    """Open around the clock."""
    desk = Desk.open(name="Northside")
    desk.staff.shifts.all().delete()
    make.week(staff=desk.staff, at=desk.facility, starts=time(0), ends=time(0))
    return desk


def visit(desk, starts_at, *, status=Status.SCHEDULED, **stamps) -> Appointment:
    made = make.appointment(
        starts_at=starts_at,
        staff=desk.staff,
        program=desk.program,
        customer=make.customer(at=desk.facility),
        minutes=15,
        now=min(NOW, starts_at),
    )
    changed = {"status": status, **stamps}
    if status == Status.CANCELLED:
        changed["cancelled_at"] = NOW
    Appointment.objects.filter(pk=made.pk).update(**changed)
    return made


def every_kind(desk) -> Appointment:
    """One of each that is to be hidden, and the one that is to be shown, in a day that begins an hour from now."""
    at = NOW + timedelta(hours=1)
    hidden = [{"status": each} for each in Status if each != Status.SCHEDULED]
    hidden += [{"email_confirmed_at": NOW}, {"phone_confirmed_at": NOW}]
    for number, fields in enumerate(hidden, start=1):
        visit(desk, at + number * QUARTER, **fields)
    return visit(desk, at)


def hrefs(page) -> list[str]:
    return [card.href for card in page.cards if card.href]


# ------------------------------------------------------------------------------------------------ what is shown


@both
def test_only_what_is_scheduled_and_unconfirmed_is_shown_and_the_rest_still_holds_its_time(desk, orientation):
    wanted = every_kind(desk)
    page = page_of(desk.staff.user, orientation=orientation, unconfirmed=True)
    assert hrefs(page) == [f"/appointments/{wanted.reference}/"]
    # Six more that somebody is there for; the cancelled one holds no time.
    assert (
        sorted(card.place["s"] for card in page.all("hid"))
        == sorted(
            card.start - page_first(page)
            for card in day_of(desk.staff.user).cards
            if card.status != "cancelled"
        )[1:]
    )


def page_first(page) -> int:
    """The slot at which the page begins."""
    return min(page.marks)


def test_list_and_sheet_hold_it_alone_and_nobody_who_has_none(desk):
    wanted, idle = every_kind(desk), desk.colleague()
    day = day_of(desk.staff.user, unconfirmed=True)
    assert idle.display_name in [column.person.name for column in day.columns]
    for with_free in (True, False):
        [section] = listing.sections(day, now=NOW, with_free=with_free)
        assert section.column.person.name == desk.staff.display_name
        assert [line.reference for line in section.lines] == [str(wanted.reference)]


def test_count_is_the_same_whether_or_not_the_filter_is_on(desk):
    every_kind(desk)
    days = [day_of(desk.staff.user, **view) for view in ({}, {"unconfirmed": True}, {"statuses": []})]
    assert [day.unconfirmed for day in days] == [1, 1, 1]
    assert [len(day.shown) for day in days] == [8, 1, 0]


def test_filter_narrows_what_the_statuses_show(desk):
    every_kind(desk)
    assert day_of(desk.staff.user, unconfirmed=True, statuses=["arrived"]).shown == []


def test_busy_elsewhere_stays_busy_and_is_nobody_to_remind(desk):
    other = make.facility(name="Harbor House")
    desk.staff.facilities.add(other)
    booked = visit(desk, NOW + timedelta(hours=1))
    Appointment.objects.filter(pk=booked.pk).update(facility=other)
    view = {"unconfirmed": True, "facilities": [desk.facility.pk]}
    assert [card.text for card in page_of(desk.staff.user, **view).all("busy")] == ["Busy Harbor House"]
    assert day_of(desk.staff.user, **view).unconfirmed == 0


# -------------------------------------------------------------------------------------------------------- when


@pytest.mark.parametrize(
    ("before", "is_soon"),
    [
        (timedelta(0), False),  # it starts now
        (timedelta(seconds=1), True),
        (timedelta(hours=24), True),
        (timedelta(hours=24, seconds=1), False),
        (timedelta(days=-1), False),
    ],
)
def test_the_next_24_hours_are_kept_to_the_second(desk, before, is_soon):
    starts_at = NOW + timedelta(hours=2)
    visit(desk, starts_at)
    assert day_of(desk.staff.user, now=starts_at - before).unconfirmed == is_soon


@pytest.mark.parametrize(
    ("zone", "day"),
    [
        ("America/New_York", date(2026, 11, 1)),
        ("America/New_York", date(2027, 3, 14)),
        ("Australia/Lord_Howe", date(2027, 4, 4)),
        ("America/Santiago", date(2026, 9, 6)),
    ],
)
def test_24_hours_are_24_hours_across_a_change_of_clocks(db, zone, day):
    """Not the same time of the day before: on these days that is 23, 23.5, 24.5 or 25 hours away."""
    desk = Desk.open(time_zone=zone)
    starts_at = make.at(day, 12, zone=zone)
    visit(desk, starts_at)
    user, day_before = desk.staff.user, localtime.day_bounds(day, zone)[0]
    assert (starts_at - day_before) % timedelta(hours=12)  # the clocks change in between
    for seconds, count in ((0, 1), (1, 0)):
        now = starts_at - timedelta(hours=24, seconds=seconds)
        assert day_of(user, day, now=now, unconfirmed=True).unconfirmed == count


def test_what_began_the_evening_before_counts_on_both_days(desk):
    """It stands on both days' grids."""
    late = make.at(TODAY, 23, 45)
    made = make.appointment(
        starts_at=late, staff=desk.staff, program=desk.program, customer=desk.customer, minutes=60
    )
    for day in (TODAY, TODAY + timedelta(days=1)):
        found = day_of(desk.staff.user, day, unconfirmed=True)
        assert (found.unconfirmed, [card.reference for card in found.shown]) == (1, [str(made.reference)])


def test_days_far_away_hold_none(desk):
    visit(desk, NOW + timedelta(hours=1))
    for days in (-400, -3, 2, 400):
        assert not day_of(desk.staff.user, now=NOW + timedelta(days=days)).soon
        assert day_of(desk.staff.user, now=NOW + timedelta(days=days)).unconfirmed == 0


# ---------------------------------------------------------------------------------------------------- the page


def near(desk, *, hours=2, **fields) -> Appointment:
    """Soon by the clock that views read."""
    at = datetime.fromtimestamp((timezone.now().timestamp() // 900 + 1) * 900, UTC)
    return visit(desk, at + timedelta(hours=hours), **fields)


def address_of(made: Appointment) -> str:
    return f"/schedule/?date={made.local_date}"


@pytest.fixture
def manager(desk):
    return make.staff(at=desk.facility, role="manager", takes_appointments=False)


@pytest.fixture
def client(manager):
    return signed_in(manager)


@pytest.mark.parametrize("view", ["vertical", "horizontal", "list"])
def test_chip_narrows_the_page_and_shows_all_again(client, desk, manager, view):
    open_one = near(desk)
    done = near(desk, hours=2.25, email_confirmed_at=timezone.now())
    client.get(f"{address_of(open_one)}&view={view}")
    both_shown = {
        str(made.reference) in client.get(address_of(made)).content.decode() for made in (open_one, done)
    }
    assert both_shown == {True}

    chosen = {"choose": "unconfirmed", "unconfirmed": "1", "date": str(open_one.local_date)}
    answer = client.post(VIEW, chosen)
    assert (answer.status_code, answer["Location"]) == (302, address_of(open_one))
    page = client.get(address_of(open_one)).content.decode()
    assert str(open_one.reference) in page
    assert str(done.reference) not in page
    assert 'aria-pressed="true" data-key="u"' in page
    assert SchedulerView.objects.get(user=manager.user).unconfirmed is True

    client.post(VIEW, chosen | {"unconfirmed": "0"})
    assert str(done.reference) in client.get(address_of(done)).content.decode()


def test_chip_says_how_many_and_what_it_means(client, desk):
    made = near(desk)
    page = client.get(address_of(made))
    assert "Unconfirmed, 24 h 1" in text_of(page)
    assert 'title="Scheduled, starts within 24 hours, and nobody has confirmed it"' in page.content.decode()
    assert "Only these are shown" not in text_of(page)
    client.post(VIEW, {"choose": "unconfirmed", "unconfirmed": "1"})
    assert "Unconfirmed, 24 h 1 Only these are shown" in text_of(client.get(address_of(made)))


def test_asking_for_what_is_unconfirmed_brings_back_what_is_scheduled(client, desk, manager):
    made = near(desk)
    remember(user=manager.user, statuses=["arrived"])
    client.post(VIEW, {"choose": "unconfirmed", "unconfirmed": "1"})
    assert SchedulerView.objects.get(user=manager.user).statuses == ["scheduled", "arrived"]
    assert str(made.reference) in client.get(address_of(made)).content.decode()


@pytest.mark.parametrize("sent", ["", "2", "on", "true"])
def test_anything_but_a_one_shows_all(client, manager, sent):
    remember(user=manager.user, unconfirmed=True)
    client.post(VIEW, {"choose": "unconfirmed", "unconfirmed": sent})
    assert SchedulerView.objects.get(user=manager.user).unconfirmed is False


def test_status_chips_stay_what_they_are(client, desk, manager):
    """They stand in the same form as the filter's value, which is sent along."""
    client.post(VIEW, {"status": "cancelled", "unconfirmed": "1"})
    stored = SchedulerView.objects.get(user=manager.user)
    assert (stored.unconfirmed, "cancelled" in stored.statuses) == (False, False)


def test_part_is_the_same_element_as_in_the_page(client, desk, manager):
    made = near(desk)
    remember(user=manager.user, unconfirmed=True)
    answer = client.get(address_of(made), headers=part("day-grid"))
    assert section_of(answer) == section_of(client.get(address_of(made)))


@pytest.mark.parametrize("view", ["vertical", "horizontal", "list"])
def test_filter_costs_no_query(client, desk, manager, view):
    made = near(desk)
    client.get(f"{address_of(made)}&view={view}")
    taken = []
    for is_on in (False, True):
        remember(user=manager.user, unconfirmed=is_on)
        with CaptureQueriesContext(connection) as queries:
            client.get(address_of(made), headers=part("day-grid"))
        taken.append(len(queries))
    assert taken == [7, 7]


def test_when_there_is_none_list_and_sheet_say_so(client, desk, manager):
    made = near(desk, phone_confirmed_at=timezone.now())
    remember(user=manager.user, unconfirmed=True, orientation="list")
    assert "Nobody to remind" in text_of(client.get(address_of(made)))
    sheet = text_of(client.get(address_of(made).replace("/?", "/sheet/?")))
    assert "Nobody to remind" in sheet
    assert "Nobody to print" not in sheet


def test_sheet_and_spreadsheet_hold_what_the_filter_shows(client, desk, manager):
    open_one = near(desk)
    done = near(desk, hours=2.25, email_confirmed_at=timezone.now())
    remember(user=manager.user, unconfirmed=True)
    sheet, table = (
        client.get(address_of(open_one).replace("/?", f"/{name}?")).content.decode()
        for name in ("sheet/", "day.csv")
    )
    assert open_one.customer.full_name in sheet
    assert done.customer.full_name not in sheet
    assert str(open_one.reference) in table
    assert str(done.reference) not in table


# --------------------------------------------------------------------------------------------------- freshness


def test_a_page_that_shows_only_these_learns_of_time_passing(desk):
    starts_at = make.at(TODAY, 15)
    visit(desk, starts_at)
    remember(user=desk.staff.user, unconfirmed=True)
    moments = [starts_at - timedelta(hours=24, seconds=1), starts_at - timedelta(hours=24), starts_at]
    prints = [print_of(desk, now=moment) for moment in moments]
    assert prints[0] != prints[1] != prints[2]
    assert prints[0] == prints[2]  # before and after it is none of them
    assert prints[1] == print_of(desk, now=starts_at - timedelta(seconds=1))


def test_other_pages_are_not_drawn_anew_because_time_passes(desk):
    visit(desk, make.at(TODAY, 15))
    assert (
        print_of(desk, now=NOW - timedelta(days=2))
        == print_of(desk, now=NOW)
        == print_of(desk, now=make.at(TODAY, 16))
    )


def test_one_that_comes_as_another_goes_is_noticed(desk):
    for hour in (15, 16):
        visit(desk, make.at(TODAY, hour))
        visit(desk, make.at(TODAY + timedelta(days=1), hour))
    remember(user=desk.staff.user, unconfirmed=True)
    before, after = (make.at(TODAY, 14, 45), make.at(TODAY, 15))
    tomorrow = TODAY + timedelta(days=1)
    assert print_of(desk, tomorrow, now=before) != print_of(desk, tomorrow, now=after)


@pytest.mark.parametrize("is_on", [True, False])
def test_confirming_is_seen_at_once(desk, is_on):
    made = visit(desk, NOW + timedelta(hours=2))
    remember(user=desk.staff.user, unconfirmed=is_on)
    before = print_of(desk)
    assert confirmation.confirm(appointment=made, channel="email", now=NOW)
    assert print_of(desk) != before
    assert day_of(desk.staff.user).unconfirmed == 0


def test_poll_follows_the_filter_of_another_tab(client, desk):
    made = near(desk, email_confirmed_at=timezone.now())
    known = GridPage.of(client.get(address_of(made))).root["data-known"]
    client.post(VIEW, {"choose": "unconfirmed", "unconfirmed": "1"})
    answer = client.get(f"{address_of(made)}&known={known}", headers=part("day-grid"))
    assert hrefs(GridPage.of(answer)) == []


# ------------------------------------------------------------------------------------------- marks and history


def test_marks_are_explained_beside_the_keys(client):
    shown = text_of(client.get("/schedule/keys/"))
    assert "Marks on appointments ✉\ufe0e✓ Confirmed by e-mail ☎\ufe0e✓ Confirmed by text" in shown


def test_history_says_by_which_channel_the_customer_confirmed(desk):
    made = visit(desk, NOW + timedelta(hours=2))
    confirmation.confirm(appointment=made, channel="phone", now=NOW)
    confirmation.confirm(appointment=made, channel="email", now=NOW + timedelta(minutes=5))
    told = [(entry.what, entry.who, entry.changes) for entry in history(made)][:2]
    assert told == [
        ("Confirmed by e-mail", "the customer", []),
        ("Confirmed by text", "the customer", []),
    ]


def test_history_says_that_a_move_takes_confirmations_back(desk):
    made = visit(desk, NOW + timedelta(hours=2))
    for channel in ("phone", "email"):
        confirmation.confirm(appointment=made, channel=channel, now=NOW)
    booking.reschedule(appointment=made, starts_at=NOW + timedelta(hours=4), by=desk.staff.user, now=NOW)
    assert {"E-mail confirmation cleared", "Text confirmation cleared"} <= set(history(made)[0].changes)


def test_staff_whose_form_is_older_read_that_the_customer_confirmed(desk):
    made = desk.appointment(10)
    client = desk.signed_in()
    Appointment.objects.filter(pk=made.pk).update(
        starts_at=timezone.now() + timedelta(hours=1), ends_at=timezone.now() + timedelta(hours=2)
    )
    made.refresh_from_db()
    assert confirmation.confirm(appointment=made, channel="email", now=timezone.now())
    answer = client.post(f"/appointments/{made.reference}/status/", {"status": "arrived", "version": "0"})
    assert answer.status_code == 409
    assert "The customer changed this appointment in the meantime (confirmed by e-mail," in text_of(answer)
