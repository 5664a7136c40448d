"""Why a booking was refused, and what can be had instead."""

from datetime import date, timedelta

import pytest
from django.utils import translation

from portal import holds, refusals
from portal.refusals import explain, others
from portal.times import Search
from scheduling.availability import OpenTime
from scheduling.rules import CODES, BookingRefused
from securecare import wording
from tests import factories as make
from tests.factories import NOW, TODAY
from tests.portal.booking_online import Form, Visitor
from tests.portal.clinic import DAY as SOON
from tests.portal.clinic import Clinic
from tests.portal.visiting import text_of

pytestmark = pytest.mark.django_db
DAY = TODAY + timedelta(days=7)
CALL = "To talk to somebody, call Northside: (212) 555-0100."


@pytest.fixture
def clinic():
    return Clinic.open(
        name="Northside",
        program={"name": "Counseling", "cool_down_days": 7, "min_notice_hours": 24, "max_advance_days": 60},
    )


def refused(code, **more):
    return BookingRefused(code, "For staff.", **more)


# --------------------------------------------------------------------------------------------------------- words


def test_each_refusal_has_words_of_its_own_or_shares_them_on_purpose(clinic):
    first = date(2026, 12, 7)
    said = {code: explain(refused(code, first_allowed=first), clinic.program) for code in sorted(CODES)}
    assert said == {
        "closed": "The facility is closed on this day. Choose another one.",
        "cool_down": "Appointments for Counseling are at least 7 days apart. You can book one from Monday, December 7 on.",
        "customer_busy": "You have another appointment at this time. Choose another time.",
        "not_public": f"This cannot be booked online at the moment. {CALL}",
        "not_working": "This staff member cannot be booked at this time. Choose another one.",
        "off_grid": "This time is not open for booking. Choose another one.",
        "outside_hours": "This time is not open for booking. Choose another one.",
        "past": "This time has passed. Choose a later one.",
        "taken": "This time was just taken. Choose another one.",
        "too_far": "This day is too far ahead to be booked yet. Choose an earlier one.",
        "too_soon": f"This has to be booked at least 24 hours ahead. {CALL}",
    }


def test_strangers_are_not_told_whether_they_are_busy_or_were_too_late(clinic):
    said = {explain(refused(code), clinic.program, is_signed_in=False) for code in ("taken", "customer_busy")}
    assert said == {
        "This time cannot be booked anymore: it was just taken, or you have another appointment then."
    }


def test_without_a_number_to_call_there_is_a_place_to_ask(clinic):
    clinic.facility.phone = ""
    assert explain(refused("too_soon"), clinic.program).endswith("To talk to somebody, ask at Northside.")


def test_words_follow_the_language(clinic):
    with translation.override("es"):
        day = wording.day(date(2026, 12, 7))
        assert day in explain(refused("cool_down", first_allowed=date(2026, 12, 7)), clinic.program)


def test_races_are_conflicts_and_rules_are_not():
    assert {code: refusals.status_of(refused(code)) for code in CODES} == {
        code: 409 if code in ("taken", "customer_busy") else 422 for code in CODES
    }


# --------------------------------------------------------------------------------------------------- other times


def offers(
    clinic, wanted, code="taken", *, staff=None, customer=None, first_allowed=None, now=NOW, visitor=""
):
    search = Search(clinic.program, staff, customer, visitor=visitor)
    return others(search, wanted, refused(code, first_allowed=first_allowed), now=now)


def at(clinic, hour, minute=0, day=DAY):
    return clinic.at(hour, minute, day)


def test_the_nearest_times_are_offered_in_order_and_no_more_than_six(clinic):
    found = offers(clinic, at(clinic, 10))
    times = [(9, 15), (9, 30), (9, 45), (10, 15), (10, 30), (10, 45)]
    assert [other.starts_at for other in found] == [at(clinic, *time) for time in times]
    assert found[0].value == "2026-11-30T14:15:00Z "
    assert {other.staff for other in found} == {""}


def test_anyone_s_times_come_once_however_many_are_free(clinic):
    clinic.colleague()
    found = offers(clinic, at(clinic, 10))
    assert len({other.starts_at for other in found}) == 6


def test_the_time_that_was_refused_is_not_offered_again(clinic):
    assert at(clinic, 10) not in [other.starts_at for other in offers(clinic, at(clinic, 10))]


def test_somebody_else_at_the_same_time_and_the_same_at_others(clinic):
    zoe = clinic.colleague(display_name="Zoe Zimmer")
    found = offers(clinic, at(clinic, 10), staff=clinic.staff)
    there = [other for other in found if other.starts_at == at(clinic, 10)]
    assert [(other.staff, other.value.split()[1]) for other in there] == [("Zoe Zimmer", str(zoe.pk))]
    assert {other.staff for other in found if other not in there} == {clinic.staff.display_name}
    assert len(found) == 6


def test_a_full_day_leads_to_the_next_one(clinic):
    make.time_off(staff=clinic.staff, first_day=DAY)
    found = offers(clinic, at(clinic, 16))
    assert found[0].starts_at == at(clinic, 9, day=DAY + timedelta(days=1))


def test_weeks_without_times_are_skipped(clinic):
    make.time_off(staff=clinic.staff, first_day=DAY, last_day=DAY + timedelta(days=20))
    assert offers(clinic, at(clinic, 10))[0].starts_at == at(clinic, 9, day=DAY + timedelta(days=21))


def test_where_nothing_comes_after_what_comes_before_is_offered(clinic):
    last = TODAY + timedelta(days=60)
    make.time_off(staff=clinic.staff, first_day=last)
    assert offers(clinic, at(clinic, 10, day=last))[-1].starts_at == at(
        clinic, 16, 30, day=last - timedelta(days=1)
    )


def test_no_time_at_all_is_an_empty_list(clinic):
    make.time_off(staff=clinic.staff, first_day=TODAY, last_day=TODAY + timedelta(days=100))
    assert offers(clinic, at(clinic, 10)) == []


@pytest.mark.parametrize(
    ("code", "wanted", "first"),
    [
        ("past", TODAY - timedelta(days=3), (TODAY + timedelta(days=1), 9)),
        ("too_soon", TODAY, (TODAY + timedelta(days=1), 9)),
        ("too_far", TODAY + timedelta(days=90), (TODAY + timedelta(days=60), 15, 15)),
    ],
)
def test_offers_keep_to_the_days_that_can_be_booked(clinic, code, wanted, first):
    found = offers(clinic, at(clinic, 10, day=wanted), code)
    day, *time = first
    assert found[0].starts_at == at(clinic, *time, day=day)
    assert len(found) == 6


def test_after_a_cool_down_nothing_before_the_first_allowed_day(clinic):
    first = DAY + timedelta(days=5)
    found = offers(clinic, at(clinic, 16), "cool_down", first_allowed=first)
    assert found[0].starts_at == at(clinic, 9, day=first)
    assert len(found) == 6


def test_a_cool_down_beyond_the_furthest_day_offers_nothing_before_it(clinic):
    first = TODAY + timedelta(days=61)
    found = offers(clinic, at(clinic, 10, day=TODAY + timedelta(days=58)), "cool_down", first_allowed=first)
    assert found == []


def test_a_customer_who_is_signed_in_is_offered_none_they_cannot_take(clinic):
    ada = make.customer(at=clinic.facility)
    elsewhere = Clinic.open()
    make.appointment(starts_at=at(clinic, 10), staff=elsewhere.staff, customer=ada, minutes=60)
    found = offers(clinic, at(clinic, 10), "customer_busy", customer=ada)
    busy = [other for other in found if at(clinic, 9, 30) < other.starts_at < at(clinic, 11)]
    assert (busy, len(found)) == ([], 6)


def test_what_others_hold_is_not_offered(clinic):
    held = OpenTime(clinic.staff, at(clinic, 10, 30), at(clinic, 11))
    holds.hold(held, facility=clinic.facility.pk, visitor="w" * 43, now=NOW)
    starts = [other.starts_at for other in offers(clinic, at(clinic, 10))]
    assert at(clinic, 10, 30) not in starts
    assert at(clinic, 11) in [other.starts_at for other in offers(clinic, at(clinic, 10, 45))]


# ------------------------------------------------------------------------------------------------------ the page


def test_a_cool_down_is_told_with_its_day_and_times_from_then_on():
    clinic = Clinic.open(program={"name": "Counseling", "cool_down_days": 7})
    visitor = Visitor(clinic)
    visitor.book(clinic.at(10))
    page = visitor.book(clinic.at(11))
    assert page.status_code == 422
    first = SOON + timedelta(days=7)
    words = f"Appointments for Counseling are at least 7 days apart. You can book one from {wording.day(first)} on."
    assert words in text_of(page)
    form = Form(page)
    assert form.offers[0] == f"{clinic.at(9, day=first):%Y-%m-%dT%H:%M:%SZ} "
    assert form.typed["given_name"] == "Ada"
    assert visitor.press(visitor.press(page, "other", form.offers[0])).status_code == 302


def test_without_any_other_time_the_page_says_whom_to_call():
    clinic = Clinic.open(name="Northside")
    visitor = Visitor(clinic)
    review = visitor.fill_in(clinic.at(10))
    make.time_off(
        staff=clinic.staff, first_day=SOON - timedelta(days=30), last_day=SOON + timedelta(days=200)
    )
    page = visitor.press(review)
    assert page.status_code == 409
    assert "There is no other open time near it. Please call Northside: (212) 555-0100" in text_of(page)
    assert Form(page).typed["family_name"] == "Nguyen"


def test_time_off_takes_the_time_away_even_from_a_review_on_show():
    clinic = Clinic.open()
    visitor = Visitor(clinic)
    review = visitor.fill_in(clinic.at(10), clinic.staff.pk)
    make.time_off(staff=clinic.staff, first_day=SOON)
    page = visitor.press(review)
    assert page.status_code == 422
    assert "This staff member cannot be booked at this time. Choose another one." in text_of(page)
