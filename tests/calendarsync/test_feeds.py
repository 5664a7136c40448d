"""Whose an address is, and until when it works."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from appointments.models import Appointment, Customer, StaffMember
from calendarsync import feeds
from calendarsync.feeds import Use
from calendarsync.models import CalendarFeed, TitleStyle
from securecare import links
from tests import factories as make
from tests.calendarsync.feeding import of_customer, of_staff, titles_in, visit
from tests.portal.clinic import Clinic
from tests.together import at_once

pytestmark = pytest.mark.django_db

NOW = make.NOW


@pytest.fixture
def clinic() -> Clinic:
    return Clinic.open()


@pytest.fixture
def appointment(clinic: Clinic) -> Appointment:
    customer = make.customer(at=clinic.facility, given_name="Ada", family_name="Nguyen")
    return visit(clinic, customer=customer)


def test_an_address_is_unguessable_and_only_its_digest_is_kept(clinic):
    token = of_staff(clinic.staff)
    assert len(token) == 43
    kept = CalendarFeed.objects.values().get()
    assert bytes(kept["digest"]) == links.digest(token)
    assert token not in str(kept)


def test_a_new_address_ends_the_one_before(clinic, appointment):
    first, second = of_staff(clinic.staff), of_staff(clinic.staff, title_style=TitleStyle.BUSY)
    assert (feeds.find(first), titles_in(second)) == (None, ["Busy"])
    assert list(CalendarFeed.objects.order_by("pk").values_list("revoked_at", flat=True)) == [NOW, None]


def test_ending_one_ends_nobody_elses(clinic, appointment):
    mine, theirs = of_staff(clinic.staff), of_customer(appointment.customer)
    assert feeds.revoke(staff=clinic.staff, now=NOW)
    assert not feeds.revoke(staff=clinic.staff, now=NOW)
    assert feeds.find(mine) is None
    assert feeds.find(theirs) is not None
    assert (feeds.of_staff(clinic.staff), feeds.of_customer(appointment.customer).revoked_at) == (None, None)


def test_titles_change_under_the_same_address(clinic, appointment):
    assert not feeds.change_titles(staff=clinic.staff, title_style=TitleStyle.BUSY)
    token = of_staff(clinic.staff)
    assert feeds.change_titles(staff=clinic.staff, title_style=TitleStyle.FULL_NAME)
    assert titles_in(token) == ["Ada Nguyen"]


@pytest.mark.parametrize("owners", [{}, {"staff", "customer"}])
def test_a_feed_is_of_one_person(clinic, appointment, owners):
    both = {"staff": clinic.staff, "customer": appointment.customer}
    with pytest.raises(ValueError, match="one staff member or"):
        feeds.create(**{name: both[name] for name in owners}, by=None, now=NOW)


def test_the_database_allows_one_live_feed_of_a_person(clinic, appointment):
    for owner in ({"staff": clinic.staff}, {"customer": appointment.customer}):
        CalendarFeed.objects.create(digest=str(owner).encode()[-32:], created_at=NOW, **owner)
        with pytest.raises(IntegrityError, match="calendarfeed_one_of"), transaction.atomic():
            CalendarFeed.objects.create(digest=b"other", created_at=NOW, **owner)


@pytest.mark.django_db(transaction=True)
def test_of_two_made_at_once_one_works(clinic):
    tokens = at_once([lambda: of_staff(clinic.staff)] * 2)
    assert sorted(feeds.find(token) is not None for token in tokens) == [False, True]


def leave(staff: StaffMember) -> None:
    StaffMember.objects.filter(pk=staff.pk).update(is_active=False)


def be_deactivated(staff: StaffMember) -> None:
    User.objects.filter(pk=staff.user_id).update(is_active=False)


def lose_the_sign_in(staff: StaffMember) -> None:
    StaffMember.objects.filter(pk=staff.pk).update(user=None)


@pytest.mark.parametrize("happens", [leave, be_deactivated, lose_the_sign_in])
def test_who_has_left_has_no_feed(clinic, happens):
    token = of_staff(clinic.staff)
    happens(clinic.staff)
    assert feeds.find(token) is None


@pytest.mark.parametrize(("is_active", "is_found"), [(True, True), (False, False)])
def test_a_customer_whose_sign_in_is_deactivated_has_none(clinic, appointment, is_active, is_found):
    token = of_customer(appointment.customer)
    assert feeds.find(token) is not None
    Customer.objects.update(user=make.user(is_active=is_active))
    assert (feeds.find(token) is not None) is is_found


def test_a_customer_who_was_on_staff_keeps_theirs(clinic, appointment):
    """Their sign-in for staff pages is none for the portal, whatever became of it."""
    token = of_customer(appointment.customer)
    Customer.objects.update(user=clinic.staff.user)
    be_deactivated(clinic.staff)
    assert feeds.find(token) is not None


@pytest.mark.parametrize("token", ["", "x", "é", "A" * 43, "a" * 5000])
def test_what_was_never_an_address_is_found_nowhere(clinic, token):
    of_staff(clinic.staff)
    assert feeds.find(token) is None


def test_that_it_is_read_is_noted_once_an_hour(clinic):
    token = of_staff(clinic.staff)
    written = []
    for minutes in (0, 59, 61):
        with CaptureQueriesContext(database) as queries:
            feeds.note_read(feeds.find(token), now=NOW + timedelta(minutes=minutes))
        written.append(len(queries))
    assert written == [2, 1, 2]
    assert CalendarFeed.objects.get().last_read_at == NOW + timedelta(minutes=61)


def test_what_programs_subscribe_to(settings):
    settings.PUBLIC_BASE_URL = "https://care.example"
    assert feeds.address("x") == "https://care.example/calendar/x.ics"
    assert feeds.subscribing_address("x") == "webcal://care.example/calendar/x.ics"


def test_how_it_is_used_is_said_to_the_hour(clinic):
    of_staff(clinic.staff)
    feed = feeds.of_staff(clinic.staff)
    assert Use.of(feed, now=NOW + timedelta(minutes=59)) == Use(
        NOW, None, made_lately=True, read_lately=False
    )
    feed.last_read_at = read = NOW + timedelta(hours=2)
    assert Use.of(feed, now=NOW + timedelta(hours=2)) == Use(NOW, read, made_lately=False, read_lately=True)
    assert Use.of(feed, now=NOW + timedelta(hours=3)) == Use(NOW, read, made_lately=False, read_lately=False)
    assert Use.of(None, now=NOW) is None
