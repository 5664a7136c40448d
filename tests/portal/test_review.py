"""The review binds what it shows: nothing else can be booked by it."""

from dataclasses import fields, replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from appointments import branding
from appointments.models import Organisation
from portal import review
from portal.bookings import Person
from portal.review import Seal
from portal.showing import ShownFacility, ShownProgram
from portal.times import Search
from tests import factories as make
from tests.factories import NOW
from tests.portal.booking_online import ADA, MOBILE, Form, Visitor, nothing_is_booked
from tests.portal.clinic import Clinic
from tests.portal.visiting import text_of

CHANGED = "Something has changed since you looked. This is how it is now: check it, then book."
OLD = "This page had been open for a long time. Check that all is still right, then book."
ADA_NGUYEN = Person("Ada", "Nguyen", date(1991, 4, 12), "ada@example.org", "+12125550143", "I agree.")


@pytest.fixture
def clinic(db):
    return Clinic.open(name="Northside", address="120 Mill Street", program={"name": "Counseling"})


@pytest.fixture
def visitor(clinic):
    return Visitor(clinic)


# ---------------------------------------------------------------------------------------------------- the seal


@pytest.fixture
def shown(clinic):
    return review.of(Search(clinic.program, clinic.staff), clinic.at(10), ADA_NGUYEN)


def test_seal_binds_what_was_shown(shown):
    seal = Seal.on(shown, now=NOW)
    assert seal.binds(shown)
    sent = {"submission": seal.submission, "issued": str(seal.issued), "mac": seal.mac}
    assert Seal.read(sent) == seal


def test_seal_breaks_with_any_part_of_what_was_shown(shown):
    """Whatever is added to the review or to what it shows of program and facility is bound, too."""
    seal = Seal.on(shown, now=NOW)
    differently = [replace(shown, **{part.name: other(getattr(shown, part.name))}) for part in fields(shown)]
    for part in fields(ShownProgram):
        value = other(getattr(shown.program, part.name))
        differently.append(replace(shown, program=replace(shown.program, **{part.name: value})))
    for part in fields(ShownFacility):
        facility = shown.program.facility
        value = replace(facility, **{part.name: other(getattr(facility, part.name))})
        differently.append(replace(shown, program=replace(shown.program, facility=value)))
    assert len(differently) > 20
    assert [each for each in differently if seal.binds(each)] == []


def other(value):
    if isinstance(value, str):
        return value + "x"
    if isinstance(value, datetime | date):
        return value + timedelta(days=1)
    if isinstance(value, ZoneInfo):
        return ZoneInfo("Asia/Tokyo")
    if isinstance(value, ShownProgram | ShownFacility):
        return replace(value, name="Another")
    return (value or 0) + 1


@pytest.mark.parametrize("part", ["submission", "issued", "mac"])
def test_seal_breaks_with_any_part_of_itself(shown, part):
    seal = Seal.on(shown, now=NOW)
    assert not replace(seal, **{part: other(getattr(seal, part))}).binds(shown)


def test_each_showing_has_a_secret_of_its_own(shown):
    first, second = Seal.on(shown, now=NOW), Seal.on(shown, now=NOW)
    assert first.submission != second.submission
    assert not replace(first, submission=second.submission).binds(shown)


def test_seal_is_good_for_an_hour(shown):
    seal = Seal.on(shown, now=NOW)
    assert seal.is_fresh(NOW)
    assert seal.is_fresh(NOW + timedelta(hours=1))
    assert not seal.is_fresh(NOW + timedelta(hours=1, seconds=1))
    assert not seal.is_fresh(NOW - timedelta(seconds=1))


@pytest.mark.parametrize("issued", ["", "x", "-1", "1e9", "9" * 30, "٣", "\x00"])
def test_a_time_that_is_none_is_long_ago(issued):
    assert not Seal.read({"issued": issued}).is_fresh(datetime(2026, 11, 23, tzinfo=UTC))


# ------------------------------------------------------------------------------------------------ on the page


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("given_name", "Eve"),
        ("family_name", "Other"),
        ("email", "eve@example.org"),
        ("birth_day", "13"),
        ("phone", "+12125550199"),
        ("phone", ""),
        ("mac", ""),
        ("mac", "0" * 64),
        ("mac", "é"),
        ("issued", "1"),
        ("submission", "mine"),
        ("submission", ""),
    ],
)
def test_a_field_that_was_tampered_with_is_shown_before_it_is_booked(visitor, clinic, name, value):
    page = visitor.press(visitor.fill_in(clinic.at(10), phone=MOBILE), **{name: value})
    assert page.status_code == 409
    assert CHANGED in text_of(page)
    assert nothing_is_booked()
    if name in ADA:
        assert Form(page).typed == ADA | {"phone": MOBILE} | {name: value}


def test_another_time_or_staff_member_than_the_review_showed_is_shown_first(visitor, clinic):
    colleague = clinic.colleague(display_name="Zoe Zimmer")
    review = visitor.fill_in(clinic.at(10))
    later = visitor.press(review, at=f"{clinic.at(11):%Y-%m-%dT%H:%M:%SZ}")
    assert (later.status_code, CHANGED in text_of(later), "11:00 AM" in text_of(later)) == (409, True, True)
    with_zoe = visitor.press(review, staff=str(colleague.pk))
    assert (with_zoe.status_code, "With Zoe Zimmer" in text_of(with_zoe)) == (409, True)
    assert nothing_is_booked()


def change_program(clinic, **fields):
    for name, value in fields.items():
        setattr(clinic.program, name, value)
    clinic.program.save()


def change_facility(clinic, **fields):
    for name, value in fields.items():
        setattr(clinic.facility, name, value)
    clinic.facility.save()


@pytest.mark.parametrize(
    ("change", "fields", "said"),
    [
        (change_program, {"name": "Group counseling"}, "What Group counseling"),
        (change_program, {"default_minutes": 45}, "45 minutes"),
        (change_program, {"public_note": "Bring your card."}, "What to bring Bring your card."),
        (change_program, {"min_notice_hours": 24}, "Moving or cancelling Until 24 hours before"),
        (change_facility, {"address": "7 Elm Road"}, "Where Northside, 7 Elm Road"),
        (change_facility, {"name": "Southside"}, "Where Southside, 120 Mill Street"),
        (change_facility, {"phone": "(212) 555-0177"}, "(212) 555-0177"),
    ],
)
def test_what_changed_meanwhile_is_shown_before_it_is_booked(visitor, clinic, change, fields, said):
    review = visitor.fill_in(clinic.at(10), phone=MOBILE)
    change(clinic, **fields)
    page = visitor.press(review)
    assert page.status_code == 409
    assert CHANGED in text_of(page)
    assert said in text_of(page)
    assert Form(page).typed == ADA | {"phone": MOBILE}
    assert nothing_is_booked()
    assert visitor.press(page).status_code == 302


def test_a_staff_member_s_new_name_is_shown_first(visitor, clinic):
    review = visitor.fill_in(clinic.at(10), clinic.staff.pk)
    clinic.staff.display_name = "Dana Reyes-Cole"
    clinic.staff.save()
    page = visitor.press(review)
    assert (page.status_code, "With Dana Reyes-Cole" in text_of(page)) == (409, True)
    assert nothing_is_booked()


def test_consent_in_other_words_than_were_shown_is_shown_first(visitor, clinic):
    """The organization's name stands in them."""
    review = visitor.fill_in(clinic.at(10), phone=MOBILE)
    Organisation.objects.update_or_create(pk=1, defaults={"name": "Northside Community Care"})
    branding.forget()
    page = visitor.press(review)
    assert page.status_code == 409
    assert "appointment texts from Northside Community Care" in text_of(page)
    assert nothing_is_booked()


def test_another_language_shows_the_consent_in_it_first(visitor, clinic):
    review = visitor.fill_in(clinic.at(10), phone=MOBILE)
    visitor.client.cookies["language"] = "es"
    assert visitor.press(review).status_code == 409
    assert nothing_is_booked()


def test_a_review_that_was_open_for_more_than_an_hour_is_shown_again(visitor, clinic):
    page = visitor.fill_in(clinic.at(10))
    ada = Person("Ada", "Nguyen", date(1991, 4, 12), "ada@example.org")
    shown = review.of(Search(clinic.program), clinic.at(10), ada)
    for minutes, status in ((61, 409), (59, 302)):
        seal = Seal.on(shown, now=timezone.now() - timedelta(minutes=minutes))
        sent = {"submission": seal.submission, "issued": str(seal.issued), "mac": seal.mac}
        answer = visitor.press(page, **sent)
        assert (answer.status_code, OLD in text_of(answer)) == (status, status == 409)


def test_a_seal_of_one_program_binds_no_other(visitor, clinic):
    other_clinic = Clinic.open(program={"name": "Counseling"})
    make.week(staff=clinic.staff, at=other_clinic.facility)
    sent = Form(visitor.fill_in(clinic.at(10))).sent
    page = visitor.post(Visitor(other_clinic).confirm, sent)
    assert page.status_code == 409
    assert nothing_is_booked()
