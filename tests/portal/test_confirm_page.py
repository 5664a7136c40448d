"""The page behind the link of a message: what it says when, what one press does, and what looking at it never does."""

from datetime import date, datetime, time, timedelta

import pytest
from django.conf import settings as site
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from appointments import confirmation
from appointments.models import Appointment
from reminders.links import manage_token
from scheduling import booking
from scheduling.reassignment import changing_hours
from securecare import localtime
from securecare.models import Session
from tests import factories as make
from tests.portal.clinic import DAY, ZONE, Clinic
from tests.portal.confirming import SOON, Page, booked, confirmed_events, open_clinic, stamps
from tests.portal.visiting import field, link_to, signed_in, text_of

Status = Appointment.Status


@pytest.fixture
def clinic(db) -> Clinic:
    return open_clinic()


@pytest.fixture
def visit(clinic) -> Appointment:
    return booked(clinic, SOON)


# ------------------------------------------------------------------------------------------------- the question


def test_page_asks_with_no_more_than_when_with_whom_and_where(visit):
    page = Page(visit)
    shown = page.text()
    zone = localtime.abbreviation(visit.starts_at, ZONE)
    assert shown == (
        f"Will you be there? When {SOON:%A}, {SOON:%B} {SOON.day}, 10:45 AM {zone} With Dana Reyes "
        "Where Northside, 120 Mill Street · Map Yes, I will be there I need another time I can’t make it "
        "No sign-in needed. Questions? (212) 555-0100"
    )
    html = page.get().content.decode()
    assert not [
        word
        for word in ("Ada", "Nguyen", "Counseling", "Bring", "side door", str(visit.reference))
        if word in html
    ]


def test_button_has_the_focus_and_the_page_needs_no_script(visit):
    html = Page(visit).get().content.decode()
    assert '<button class="button" autofocus>Yes, I will be there</button>' in html
    assert html.count("autofocus") == 1
    assert 'href="https://www.openstreetmap.org/search?query=120+Mill+Street" rel="noreferrer"' in html


@pytest.mark.parametrize(("channel", "stamped"), [("email", (True, False)), ("phone", (False, True))])
def test_one_press_confirms_by_the_channel_of_the_link_and_says_thank_you(visit, channel, stamped):
    page = Page(visit, channel)
    told = text_of(page.press())
    assert stamps(visit) == stamped
    assert confirmed_events(visit) == 1
    word = {"email": "e-mail", "phone": "text message"}[channel]
    day = localtime.local_date(timezone.now(), ZONE)
    assert told.startswith(f"Thank you Confirmed by {word} on {day:%A}, {day:%B} {day.day} When")
    assert "Yes, I will be there" not in told
    assert "I can’t make it" in told


def test_pressing_again_changes_nothing(visit):
    page = Page(visit)
    form = {"revision": field(page.get(), "revision")}
    page.press()
    before = Appointment.objects.values().get()
    for _ in range(3):
        assert page.post(**form).status_code == 303
    assert Appointment.objects.values().get() == before
    assert confirmed_events(visit) == 1


def test_what_one_channel_confirmed_the_other_is_not_asked_again(visit):
    confirmation.confirm(appointment=visit, channel="phone", now=timezone.now())
    shown = Page(visit, "email").text()
    assert shown.startswith("Thank you Confirmed by text message on")
    assert "Yes, I will be there" not in shown


def test_no_session_and_no_cookie_is_needed(visit):
    """Browsers within mail apps may keep none, and checks against forged forms are on here."""
    page = Page(visit)
    revision = field(page.get(), "revision")
    stranger = Client(enforce_csrf_checks=True)
    assert stranger.post(page.address, {"revision": revision}).status_code == 303
    assert stamps(visit) == (True, False)
    assert Session.objects.count() == 0
    assert site.SESSION_COOKIE_NAME not in page.client.cookies


def test_whoever_is_signed_in_sees_the_same(clinic, visit):
    texts = {
        Page(visit, client=client).text()
        for client in (Client(), signed_in(make.customer(at=clinic.facility)), signed_in(visit.customer))
    }
    assert len(texts) == 1


def test_page_costs_one_query(visit, django_assert_num_queries):
    page = Page(visit)
    with django_assert_num_queries(1):
        page.get()


# -------------------------------------------------------------------------------------------- the other states


def test_too_early_says_from_when_on_and_may_be_moved_and_cancelled(clinic):
    visit = booked(clinic, DAY)
    page = Page(visit)
    opens = DAY - timedelta(days=3)
    shown = page.text()
    assert shown.startswith("It is too early to confirm When")
    assert f"You can confirm it from {opens:%A}, {opens:%B} {opens.day} on." in shown
    assert "I need another time I can’t make it" in shown
    assert "Yes, I will be there" not in shown
    assert page.post(revision="0").status_code == 303
    assert stamps(visit) == (False, False)


def test_opening_is_told_on_the_facility_s_own_clock(db):
    """Where midnight is skipped, the day begins at one."""
    clinic = Clinic.open(time_zone="Africa/Cairo")
    visit = booked(clinic, DAY)
    Page(visit).get()
    on = date(2027, 5, 3)  # clocks go forward at midnight of April 30
    at = make.at(on, 10, zone="Africa/Cairo")
    Appointment.objects.update(starts_at=at, ends_at=at + timedelta(minutes=30))
    assert "You can confirm it from Friday, April 30 on." in Page(visit).text()


def moved_to(visit: Appointment, starts_at: datetime, **fields) -> None:
    """Past times are not to be had from the domain's verbs."""
    Appointment.objects.update(starts_at=starts_at, ends_at=starts_at + timedelta(minutes=45), **fields)
    visit.refresh_from_db()


@pytest.mark.parametrize(
    ("ago", "said", "is_over"),
    [
        (timedelta(seconds=1), "This appointment has started", False),
        (timedelta(minutes=44), "This appointment has started", False),
        (timedelta(minutes=46), "This appointment has passed", True),
        (timedelta(hours=20), "This appointment has passed", True),
    ],
)
def test_after_the_start_it_is_too_late_and_says_whom_to_call(visit, ago, said, is_over):
    page = Page(visit)
    moved_to(visit, timezone.now() - ago)
    shown = page.text()
    assert shown.startswith(said)
    assert "Please call Northside: (212) 555-0100" in shown
    assert ("Book again" in shown) == is_over
    assert not [word for word in ("Yes, I will", "another time", "make it") if word in shown]
    page.post(revision="0")
    assert stamps(visit) == (False, False)


def test_who_has_arrived_early_has_nothing_left_to_confirm(visit):
    page = Page(visit)
    booking.mark(appointment=visit, status=Status.ARRIVED, by=visit.staff.user, now=timezone.now())
    shown = page.text()
    assert shown.startswith("There is nothing left to confirm")
    assert "Please call Northside" in shown
    page.post(revision="0")
    assert stamps(visit) == (False, False)


@pytest.mark.parametrize("by_customer", [True, False])
def test_cancelled_says_so_whom_to_call_and_where_to_book_again(clinic, visit, by_customer):
    page = Page(visit)
    by = None if by_customer else visit.staff.user
    booking.cancel(appointment=visit, reason="Staff are ill", by=by, now=timezone.now())
    answer = page.get()
    shown = text_of(answer)
    assert shown.startswith("This appointment is cancelled")
    assert "Please call Northside: (212) 555-0100" in shown
    assert "Staff are ill" not in shown
    assert f'href="{reverse("portal-times", args=[clinic.program.pk])}">Book again' in answer.content.decode()
    assert not [word for word in ("Yes, I will", "another time", "make it", "Thank you") if word in shown]
    page.post(revision="0")
    assert stamps(visit) == (False, False)


def test_facility_without_a_phone_is_named(clinic, visit):
    clinic.facility.phone = ""
    clinic.facility.save()
    page = Page(visit)
    assert page.text().endswith("No sign-in needed.")
    booking.cancel(appointment=visit, reason="", by=visit.staff.user, now=timezone.now())
    assert "Please ask at Northside." in page.text()


def test_pending_reassignment_may_still_be_confirmed(visit):
    page = Page(visit)
    Appointment.objects.update(status=Status.PENDING_REASSIGNMENT)
    shown = page.text()
    assert "Dana Reyes This may change: somebody else may see you." in shown
    assert text_of(page.press()).startswith("Thank you")
    assert stamps(visit) == (True, False)


# ------------------------------------------------------------------------------------------ changed meanwhile


def moves(visit: Appointment, hours: int = 2) -> None:
    fresh = Appointment.objects.get(pk=visit.pk)
    booking.reschedule(
        appointment=fresh,
        starts_at=fresh.starts_at + timedelta(hours=hours),
        by=visit.staff.user,
        now=timezone.now(),
    )


def test_old_link_shows_the_new_time_first_asks_again_and_confirms_it(visit):
    page = Page(visit)
    moves(visit)
    answer = page.get()
    shown = text_of(answer)
    assert answer.status_code == 200
    assert shown.startswith(
        f"Will you be there? The time has changed. It is now on {SOON:%A}, {SOON:%B} {SOON.day}, 12:45 PM"
    )
    assert "10:45" not in shown
    assert (
        '<button class="button">Yes, I will be there' in answer.content.decode()
    )  # what is new is read first
    told = text_of(page.press())
    assert told.startswith("Thank you Confirmed by e-mail")
    assert stamps(visit) == (True, False)
    assert visit.events.last().revision == 1


def test_form_older_than_the_time_asks_again_and_confirms_nothing(visit):
    page = Page(visit)
    form = {"revision": field(page.get(), "revision")}
    moves(visit)
    answer = page.post(**form)
    assert answer.status_code == 409
    assert text_of(answer).startswith("Will you be there? The time has changed. It is now on")
    assert 'role="alert" tabindex="-1" autofocus' in answer.content.decode()
    assert stamps(visit) == (False, False)
    assert page.post(revision=field(answer, "revision")).status_code == 303
    assert stamps(visit) == (True, False)


def test_a_new_link_of_a_moved_appointment_asks_plainly_and_an_old_form_of_it_says_that_it_moved_again(visit):
    moves(visit)
    visit.refresh_from_db()
    page = Page(visit)
    assert page.text().startswith("Will you be there? When")
    form = {"revision": field(page.get(), "revision")}
    moves(visit, hours=1)
    assert "The time has changed" in text_of(page.post(**form))


def test_another_staff_member_or_length_is_a_change_but_no_other_time(clinic, visit):
    page = Page(visit)
    other = clinic.colleague(display_name="Priya Nair")
    booking.reassign(appointment=visit, staff=other, by=other.user, now=timezone.now())
    shown = page.text()
    assert "The time has changed" not in shown
    assert shown.startswith(
        "Will you be there? This appointment was changed in the meantime. This is how it is now. When"
    )
    assert "With Priya Nair" in shown
    booking.reschedule(
        appointment=visit, starts_at=visit.starts_at, minutes=60, by=other.user, now=timezone.now()
    )
    assert "The time has changed" not in page.text()


def test_undone_cancellation_is_asked_for_again(visit):
    page = Page(visit)
    form = {"revision": field(page.get(), "revision")}
    booking.cancel(appointment=visit, reason="", by=visit.staff.user, now=timezone.now())
    booking.mark(appointment=visit, status=Status.SCHEDULED, by=visit.staff.user, now=timezone.now())
    assert page.text().startswith("Will you be there? This appointment was changed in the meantime.")
    assert page.post(**form).status_code == 409
    assert stamps(visit) == (False, False)


def test_moving_takes_the_confirmation_back_and_asks_again(visit):
    page = Page(visit)
    page.press()
    moves(visit)
    assert page.text().startswith("Will you be there? The time has changed.")


def test_moved_out_of_the_window_says_both(clinic, visit):
    page = Page(visit)
    booking.reschedule(
        appointment=visit, starts_at=clinic.at(10, day=DAY), by=visit.staff.user, now=timezone.now()
    )
    shown = page.text()
    assert shown.startswith("It is too early to confirm The time has changed. It is now on")
    assert "You can confirm it from" in shown


def test_what_staff_change_besides_does_not_ask_again(visit):
    page = Page(visit)
    form = {"revision": field(page.get(), "revision")}
    booking.edit_notes(appointment=visit, by=visit.staff.user, now=timezone.now(), public_note="Ring twice.")
    assert page.post(**form).status_code == 303
    assert stamps(visit) == (True, False)


@pytest.mark.parametrize("revision", ["", "x", "-1", "99", "1" * 40, "٠"])
def test_form_without_a_readable_revision_confirms_nothing(visit, revision):
    page = Page(visit)
    answer = page.post(revision=revision)
    assert answer.status_code == 409
    assert "This appointment was changed in the meantime." in text_of(answer)
    assert stamps(visit) == (False, False)


def test_form_that_names_no_revision_means_the_one_that_the_message_told(visit):
    page, later = Page(visit), Page(visit, "phone")
    assert page.post().status_code == 303
    assert stamps(visit) == (True, False)
    moves(visit)
    assert later.post().status_code == 409
    assert stamps(visit) == (False, False)


# ------------------------------------------------------------------------------------------- moving, cancelling


def test_ways_out_lead_to_the_portal_s_own_pages_by_the_link_that_belongs_to_this_one(clinic, visit):
    page = Page(visit)
    html = page.get().content.decode()
    manage = manage_token(page.token)
    for name, heading in (
        ("portal-link-move", "Pick another time"),
        ("portal-link-cancel", "Cancel this appointment?"),
    ):
        address = reverse(name, args=[manage])
        assert f'href="{address}"' in html
        assert heading in text_of(Client().get(address))


def test_within_the_notice_it_can_be_confirmed_and_else_one_calls(clinic):
    clinic.program.min_notice_hours = 24 * 10
    clinic.program.save()
    page = Page(booked(clinic, SOON))
    shown = page.text()
    assert (
        "It can no longer be moved or cancelled here: that needs 240 hours’ notice. Please call Northside: (212) 555-0100"
        in shown
    )
    assert "I need another time" not in shown
    assert "I can’t make it" not in shown
    assert text_of(page.press()).startswith("Thank you")


def test_what_is_not_booked_online_can_be_cancelled_but_not_moved(clinic, visit):
    clinic.program.allows_public_booking = False
    clinic.program.save()
    shown = Page(visit).text()
    assert "It cannot be moved here. Please call Northside" in shown
    assert "I need another time" not in shown
    assert "I can’t make it" in shown


# ------------------------------------------------------------------------------------ the appointment's own page


def test_the_appointment_s_own_page_says_how_it_is_confirmed(visit):
    see = reverse("portal-link", args=[link_to(visit)])
    assert "Not confirmed yet. Our reminders have a link for that." in text_of(Client().get(see))
    Page(visit, "phone").press()
    shown = text_of(Client().get(see))
    assert "Confirmed by text message on" in shown
    assert "Not confirmed yet" not in shown


def test_stranded_and_confirmed_stays_confirmed_when_hours_come_back(clinic, visit):
    """Only another time, length or staff member takes a confirmation back."""
    page = Page(visit)
    with changing_hours(staff=[clinic.staff], by=clinic.staff.user, now=timezone.now()):
        clinic.staff.shifts.all().delete()
    visit.refresh_from_db()
    assert visit.status == Status.PENDING_REASSIGNMENT
    page.press()
    with changing_hours(staff=[clinic.staff], by=clinic.staff.user, now=timezone.now()):
        make.week(staff=clinic.staff, at=clinic.facility, starts=time(0), ends=time(0))
    visit.refresh_from_db()
    assert (visit.status, stamps(visit)) == (Status.SCHEDULED, (True, False))
