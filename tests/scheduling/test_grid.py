"""The grid's lattice, its lanes, and what its HTML says."""

from datetime import date, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appointments.access import Access
from appointments.models import Appointment
from appointments.models.appointment import Status
from scheduling import booking
from scheduling.axis import Axis
from scheduling.day import Card, load
from scheduling.grid import draw, hours_shown, lanes
from scheduling.models import SchedulerView
from scheduling.selection import selection_of
from tests import factories as make
from tests.factories import NOW, TODAY
from tests.scheduling.grid_page import GridPage


def day_of(user, day=TODAY, now=NOW, **view):
    access = Access(user)
    selection = selection_of(SchedulerView(user=user, **view), access)
    return load(access=access, selection=selection, date=day, now=now)


def page_of(user, day=TODAY, orientation="vertical", **view):
    return GridPage.of(str(draw(day_of(user, day, **view), orientation=orientation).html))


@pytest.fixture
def place(db):
    return make.facility(name="Northside")


@pytest.fixture
def dana(place):
    member = make.staff(at=place, display_name="Dana Reyes")
    make.week(staff=member, at=place)
    return member


@pytest.fixture
def intake(place, dana):
    return make.program(at=place, staff=dana, name="Intake")


def book(program, staff, hour, minute=0, **fields):
    zone = program.facility.time_zone
    return make.appointment(
        program=program, staff=staff, starts_at=make.at(TODAY, hour, minute, zone), **fields
    )


@pytest.mark.parametrize(
    ("zone", "day", "size"),
    [
        ("America/Los_Angeles", date(2026, 3, 8), 92),
        ("America/Los_Angeles", date(2026, 11, 1), 100),
        ("Australia/Lord_Howe", date(2026, 10, 4), 94),
        ("Australia/Lord_Howe", date(2026, 4, 5), 98),
        ("America/New_York", date(2026, 11, 23), 96),
        ("Pacific/Apia", date(2011, 12, 30), 0),
    ],
)
def test_axis_has_every_quarter_hour_of_the_day(zone, day, size):
    assert Axis.of(day, zone).size == size


def test_axis_tells_a_repeated_hour_apart_by_its_zone():
    axis = Axis.of(date(2026, 11, 1), "America/New_York")

    assert [mark.label for mark in axis.marks(0, 16)] == ["12:00 AM", "1:00 AM EDT", "1:00 AM EST", "2:00 AM"]
    assert axis.abbreviation == "EDT/EST"


def test_axis_marks_the_half_hour_at_which_lord_howe_goes_on():
    axis = Axis.of(date(2026, 10, 4), "Australia/Lord_Howe")

    assert [tuple(mark) for mark in axis.marks(0, 16)] == [
        (0, "12:00 AM"),
        (4, "1:00 AM"),
        (8, "2:30 AM"),
        (10, "3:00 AM"),
        (14, "4:00 AM"),
    ]


def test_axis_labels_the_first_slot_shown_though_no_hour_begins():
    assert [mark.label for mark in Axis.of(TODAY, "Asia/Kathmandu").marks(33, 40)] == ["8:15 AM", "9:00 AM"]


def card(start, end, status="scheduled"):
    return Card("", 0, 1, 1, start, end, status, "", "", "")


@given(st.lists(st.tuples(st.integers(0, 90), st.integers(1, 12), st.booleans()), max_size=12))
def test_lanes_keep_overlapping_cards_apart(spans):
    cards = sorted(card(s, s + n, "cancelled" if gone else "scheduled") for s, n, gone in spans)
    cards.sort(key=lambda each: each.start)

    placed = list(zip(cards, lanes(cards), strict=True))

    for number, (one, lane) in enumerate(placed):
        for other, beside in placed[number + 1 :]:
            if one.start < other.end and other.start < one.end:
                assert lane is not None
                assert beside is not None
                assert lane[0] != beside[0]
                assert lane[1] == beside[1]
        if lane is not None:
            assert 0 <= lane[0] < lane[1]


def test_lanes_give_the_live_card_the_first_one():
    cards = [card(0, 8, "cancelled"), card(2, 4), card(4, 6)]

    assert lanes(cards) == [(1, 2), (0, 2), (0, 2)]
    assert lanes([card(0, 2), card(2, 4)]) == [None, None]


def test_hours_shown_reach_from_the_first_work_to_the_last_appointment(dana, intake):
    Appointment.objects.filter(pk=book(intake, dana, 16).pk).update(ends_at=make.at(TODAY, 19, 30))

    assert hours_shown(day_of(dana.user)) == (9 * 4, 20 * 4)
    assert hours_shown(day_of(dana.user, whole_day=True)) == (0, 96)


def test_hours_shown_are_the_usual_ones_when_nobody_works(place):
    idle = make.staff(at=place)

    assert hours_shown(day_of(idle.user, staff=[idle.pk])) == (8 * 4, 18 * 4)


@pytest.mark.parametrize("orientation", ["vertical", "horizontal"])
def test_card_stands_at_its_time_and_person(dana, intake, orientation):
    anna = make.staff(at=intake.facility, display_name="Anna Bell")
    make.week(staff=anna, at=intake.facility)
    ada = make.customer(at=intake.facility, given_name="Ada", family_name="Nguyen")
    booked = book(intake, dana, 10, 15, minutes=45, customer=ada)

    page = page_of(dana.user, orientation=orientation)

    assert page.heads == ["Anna Bell", "Dana Reyes"]
    [shown] = page.cards
    assert shown.classes == ["card", "scheduled"]
    assert shown.place == {"s": 5, "n": 3, "c": 1}
    assert shown.href == f"/appointments/{booked.reference}/"
    assert shown.attributes["data-v"] == str(booked.version)
    words = {"vertical": "10:15 Ada Nguyen Intake", "horizontal": "Ada Nguyen 10:15 Intake"}
    assert shown.text == words[orientation]


def test_card_names_the_channels_in_the_order_they_confirmed(dana, intake):
    booked = book(intake, dana, 10)
    later = NOW + timedelta(hours=1)
    Appointment.objects.filter(pk=booked.pk).update(phone_confirmed_at=NOW, email_confirmed_at=later)
    assert page_of(dana.user).cards[0].classes == ["card", "scheduled", "pe"]

    Appointment.objects.filter(pk=booked.pk).update(phone_confirmed_at=later, email_confirmed_at=NOW)
    assert page_of(dana.user).cards[0].classes == ["card", "scheduled", "ep"]


@pytest.mark.parametrize("status", [Status.COMPLETED, Status.NO_SHOW])
def test_card_of_what_is_settled_cannot_be_moved(dana, intake, status):
    booked = book(intake, dana, 10)
    booking.mark(appointment=booked, status=status, by=dana.user, now=make.at(TODAY, 12))

    assert page_of(dana.user).cards[0].classes == ["card", status, "fixed"]


def test_card_from_the_evening_before_begins_above_the_first_slot(place, intake):
    night = make.staff(at=place)
    make.week(staff=night, at=place, starts=time(20), ends=time(4))
    intake.staff.add(night)
    yesterday = make.at(date(2026, 11, 22), 23)
    make.appointment(program=intake, staff=night, starts_at=yesterday, minutes=120, now=yesterday)

    [shown] = page_of(night.user, staff=[night.pk]).cards

    assert shown.place == {"s": -4, "n": 8, "c": 0}


def test_texts_cannot_break_out_of_the_grid(place):
    evil = '<script>alert("x")</script>'
    member = make.staff(at=place, display_name=f'"{evil}')
    make.week(staff=member, at=place)
    make.time_off(staff=member, starts=time(14), reason=evil)
    program = make.program(at=place, staff=member, name=f"{evil}'")
    customer = make.customer(at=place, given_name=evil, family_name="&amp;")
    book(program, member, 10, customer=customer)

    for orientation in ("vertical", "horizontal"):
        html = str(draw(day_of(member.user), orientation=orientation).html)
        page = GridPage.of(html)
        assert "<script" not in html
        assert page.heads == [f'"{evil}']
        assert f"{evil} &amp;" in page.cards[0].text
        assert page.all("away")[0].text == f"Time off: {evil}"


def test_cancelled_and_live_stand_side_by_side(dana, intake):
    gone = book(intake, dana, 10, minutes=60)
    booking.cancel(appointment=gone, reason="Ill", by=dana.user, now=NOW)
    book(intake, dana, 10, 15)

    cards = {shown.classes[1]: shown.place for shown in page_of(dana.user).cards}

    assert cards == {
        "cancelled": {"s": 4, "n": 4, "c": 0, "l": 1, "k": 2},
        "scheduled": {"s": 5, "n": 2, "c": 0, "l": 0, "k": 2},
    }


def test_time_that_is_not_worked_is_shaded_and_time_off_says_why(place, dana):
    early = make.staff(at=place, display_name="Earl")
    make.week(staff=early, at=place, starts=time(7), ends=time(12))
    make.time_off(staff=dana, starts=time(14), ends=None, reason="Training day")

    page = page_of(dana.user)

    assert page.marks[28] == "7:00 AM"
    assert [piece.place for piece in page.all("off")] == [
        {"s": 0, "n": 8, "c": 0},
        {"s": 20, "n": 20, "c": 1},
    ]
    [away] = page.all("away")
    assert (away.text, away.place) == ("Time off: Training day", {"s": 28, "n": 12, "c": 0})


def test_card_of_another_zone_says_its_own_time(dana, intake):
    harbor = make.facility(name="Harbor House", time_zone="America/Chicago")
    dana.facilities.add(harbor)
    housing = make.program(at=harbor, staff=dana, name="Housing")
    make.week(staff=dana, at=harbor, starts=time(8), ends=time(16))
    book(housing, dana, 10, minutes=30)
    book(housing, dana, 12, minutes=15)
    book(intake, dana, 9)

    texts = [shown.text for shown in page_of(dana.user, zone="America/New_York").cards]

    assert [text.partition(" Ada")[0] for text in texts] == ["9:00", "11:00", "12:00 CST"]
    assert [text.rpartition(" Nguyen")[2].split(" ", 2)[2] for text in texts] == [
        "Intake",
        "10:00 CST · Housing",
        "Housing",
    ]


def test_zones_that_show_the_same_time_need_no_second_one(dana, intake):
    detroit = make.facility(name="Lakeside", time_zone="America/Detroit")
    dana.facilities.add(detroit)
    make.week(staff=dana, at=detroit)
    book(make.program(at=detroit, staff=dana, name="Housing"), dana, 10)

    [shown] = page_of(dana.user, zone="America/New_York").cards

    assert shown.text.startswith("10:00 Ada")
    assert shown.text.endswith("Housing")


def test_filter_hides_the_words_of_a_live_card_and_keeps_its_time(dana, intake):
    book(intake, dana, 10)
    gone = book(intake, dana, 12)
    booking.cancel(appointment=gone, reason="", by=dana.user, now=NOW)

    [held] = page_of(dana.user, statuses=["arrived"]).cards

    assert (held.classes, held.text, held.href) == (["card", "hid"], "", "")
    assert held.place == {"s": 4, "n": 2, "c": 0}


def test_part_of_twenty_people_and_their_day_stays_small(place, intake):
    """performance.md's limit for 20 staff and 180 appointments, with names as people have them: 40 kB."""
    for number in range(20):
        member = make.staff(at=place, display_name=f"Provider Number {number}")
        make.week(staff=member, at=place)
        intake.staff.add(member)
        for slot in range(9):
            customer = make.customer(at=place, given_name="Katarzyna", family_name=f"Wojcik {number}{slot}")
            hour, minute = divmod(slot * 45, 60)
            book(intake, member, 9 + hour, minute, customer=customer)
    user = make.staff(at=place, takes_appointments=False).user

    grid = draw(day_of(user), orientation="vertical")

    assert len(GridPage.of(str(grid.html)).cards) == 180
    assert len(str(grid.html).encode()) < 38_000
