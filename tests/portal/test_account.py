"""My appointments: all of a customer's, at every facility, and nobody else's."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from appointments.models import Appointment, Customer
from portal import own
from scheduling import booking
from scheduling.models import TimeOff
from securecare import localtime
from tests import factories as make
from tests.portal.clinic import DAY, ZONE, Clinic
from tests.portal.visiting import signed_in, text_of

Status = Appointment.Status
ACCOUNT = "/portal/account/"


@pytest.fixture
def clinic(db) -> Clinic:
    return Clinic.open(name="Northside", address="120 Mill Street", program={"name": "Counseling"})


@pytest.fixture
def ada(clinic) -> Customer:
    return make.customer(at=clinic.facility, given_name="Ada", family_name="Nguyen")


def days_ago(clinic: Clinic, customer: Customer, days: int, hour: int = 10) -> Appointment:
    day = DAY - timedelta(days=7 + days)
    return make.appointment(
        starts_at=clinic.at(hour, day=day), staff=clinic.staff, program=clinic.program, customer=customer
    )


def titles(answer) -> list[str]:
    """The headings of the entries, in order."""
    return [
        re.sub(r"<[^>]*>", "", found).strip()
        for found in re.findall(r"<h3>(.*?)</h3>", answer.content.decode(), re.DOTALL)
    ]


def test_empty_account_says_what_to_do(ada):
    answer = signed_in(ada).get(ACCOUNT)
    assert "Nothing is booked. Choose what you need, and pick a time that suits you." in text_of(answer)
    assert (
        f'<a class="button" href="{reverse("portal-home")}">Book an appointment</a>'
        in answer.content.decode()
    )


def test_entry_says_when_what_with_whom_and_where(clinic, ada):
    clinic.staff.display_name = "Dana Reyes"
    clinic.staff.save()
    visit = clinic.appointment(ada, 10, 45, public_note="Use the side door.")
    shown = text_of(signed_in(ada).get(ACCOUNT))
    zone = localtime.abbreviation(visit.starts_at, ZONE)
    assert (
        f"10:45 AM {zone} Booked Counseling with Dana Reyes Northside Use the side door. Not confirmed yet"
        in shown
    )


def test_upcoming_come_soonest_first_and_past_latest_first(clinic, ada):
    made = [clinic.appointment(ada, hour) for hour in (15, 9, 12)]
    gone = [days_ago(clinic, ada, days) for days in (3, 1, 2)]
    answer = signed_in(ada).get(ACCOUNT)
    upcoming = [entry.appointment.reference for entry in answer.context["upcoming"].entries]
    past = [entry.appointment.reference for entry in answer.context["past"].entries]
    assert upcoming == [made[1].reference, made[2].reference, made[0].reference]
    assert past == [gone[1].reference, gone[2].reference, gone[0].reference]
    assert len(titles(answer)) == 6


def test_appointments_at_every_facility_are_shown(clinic, ada):
    other = Clinic.open(name="Lakeside", time_zone="America/Chicago")
    clinic.appointment(ada, 10)
    other.appointment(ada, 10)
    shown = text_of(signed_in(ada).get(ACCOUNT))
    assert "Northside" in shown
    assert "Lakeside" in shown
    first, second = titles(signed_in(ada).get(ACCOUNT))
    assert first.endswith(clinic_zone(clinic))
    assert second.endswith(clinic_zone(other))


def clinic_zone(clinic: Clinic) -> str:
    return localtime.abbreviation(clinic.at(10), clinic.facility.time_zone)


def test_past_is_decided_by_the_date_at_the_facility(ada):
    """One instant, two facilities: yesterday in Auckland, today in Honolulu."""
    now = datetime(2026, 11, 24, 11, 30, tzinfo=UTC)  # Nov 25, 0:30 in Auckland; Nov 24, 1:30 in Honolulu
    starts_at = datetime(2026, 11, 24, 10, 30, tzinfo=UTC)  # Nov 24, 23:30 and 0:30
    found = {}
    for zone in ("Pacific/Auckland", "Pacific/Honolulu"):
        place = Clinic.open(time_zone=zone, name=zone)
        make.week(staff=place.staff, at=place.facility, starts=datetime.min.time(), ends=datetime.min.time())
        customer = make.customer(at=place.facility)
        make.appointment(starts_at=starts_at, staff=place.staff, program=place.program, customer=customer)
        shown = own.overview(customer, proved=[], upcoming=1, past=1, own_zone=None, now=now)
        found[zone] = (len(shown.upcoming.entries), len(shown.past.entries))
    assert found == {"Pacific/Auckland": (0, 1), "Pacific/Honolulu": (1, 0)}


@pytest.mark.parametrize(
    ("status", "word"),
    [
        (Status.COMPLETED, "Done"),
        (Status.ARRIVED, "Done"),
        (Status.NO_SHOW, "Missed"),
        (None, "Past"),
    ],
)
def test_past_entry_says_what_became_of_it(clinic, ada, status, word):
    visit = days_ago(clinic, ada, 1)
    if status:
        booking.mark(appointment=visit, status=status, by=clinic.staff.user, now=timezone.now())
    shown = text_of(signed_in(ada).get(ACCOUNT))
    assert f" {word} Counseling with" in shown
    assert "Not confirmed yet" not in shown
    assert "Add to my calendar" not in shown


def test_past_entry_tells_its_year(clinic, ada):
    visit = days_ago(clinic, ada, 400)
    year = localtime.local_date(visit.starts_at, ZONE).year
    assert f", {year}, 10:00 AM" in text_of(signed_in(ada).get(ACCOUNT))


def test_cancelled_entry_says_so_and_offers_nothing(clinic, ada):
    visit = clinic.appointment(ada)
    booking.cancel(appointment=visit, reason="double booked", by=clinic.staff.user, now=timezone.now())
    answer = signed_in(ada).get(ACCOUNT)
    shown = text_of(answer)
    assert " Cancelled Counseling with" in shown
    assert "double booked" not in shown
    assert reverse("portal-move", args=[visit.reference]) not in answer.content.decode()
    assert reverse("portal-cancel", args=[visit.reference]) not in answer.content.decode()


def test_an_appointment_whose_staff_member_is_away_is_booked_but_may_change(clinic, ada):
    visit = clinic.appointment(ada)
    Appointment.objects.filter(pk=visit.pk).update(status=Status.PENDING_REASSIGNMENT)
    TimeOff.objects.create(staff=clinic.staff, first_day=DAY, last_day=DAY)
    shown = text_of(signed_in(ada).get(ACCOUNT))
    assert " Booked Counseling with" in shown
    assert "Somebody else may see you." in shown


def test_confirmations_are_told_by_channel_in_the_facility_s_days(clinic, ada):
    visit = clinic.appointment(ada)
    late = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)  # still the 24th in New York
    Appointment.objects.filter(pk=visit.pk).update(email_confirmed_at=late)
    shown = text_of(signed_in(ada).get(ACCOUNT))
    assert "Confirmed by e-mail on Tuesday, November 24" in shown
    assert "text message" not in shown
    assert "Not confirmed yet" not in shown
    Appointment.objects.filter(pk=visit.pk).update(email_confirmed_at=None, phone_confirmed_at=late)
    assert "Confirmed by text message on Tuesday, November 24" in text_of(signed_in(ada).get(ACCOUNT))


def test_own_time_stands_beside_the_facility_s_only_where_it_differs(clinic, ada):
    visit = clinic.appointment(ada, 10)
    ada.time_zone = "America/Denver"
    ada.save()
    denver = localtime.abbreviation(visit.starts_at, "America/Denver")
    assert f"8:00 AM {denver} where you are" in text_of(signed_in(ada).get(ACCOUNT))
    ada.time_zone = "America/Toronto"
    ada.save()
    assert "where you are" not in text_of(signed_in(ada).get(ACCOUNT))


def test_entry_leads_to_see_move_cancel_and_calendar(clinic, ada):
    visit = clinic.appointment(ada)
    page = signed_in(ada).get(ACCOUNT).content.decode()
    for name in ("portal-appointment", "portal-move", "portal-cancel", "portal-ics"):
        assert f'href="{reverse(name, args=[visit.reference])}"' in page


def test_account_leads_to_booking_profile_and_out(clinic, ada):
    clinic.appointment(ada)
    page = signed_in(ada).get(ACCOUNT).content.decode()
    assert f'<a class="button" href="{reverse("portal-home")}">Book another</a>' in page
    assert f'href="{reverse("portal-profile")}"' in page
    assert f'<form method="post" action="{reverse("portal-sign-out")}">' in page


def test_past_is_shown_by_pages_of_ten(clinic, ada):
    gone = [days_ago(clinic, ada, days) for days in range(1, 24)]
    client = signed_in(ada)
    seen = []
    for number in (1, 2, 3):
        answer = client.get(ACCOUNT, {"past": number})
        seen += [entry.appointment.reference for entry in answer.context["past"].entries]
        assert ("Older" in text_of(answer), "Newer" in text_of(answer)) == (number < 3, number > 1)
    assert seen == [visit.reference for visit in gone]


def test_pages_turn_by_links(clinic, ada):
    for days in range(1, 13):
        days_ago(clinic, ada, days)
    client = signed_in(ada)
    page = client.get(ACCOUNT).content.decode()
    (older,) = re.findall(r'href="([^"]+)">Older', page)
    assert len(titles(client.get(ACCOUNT + older.replace("&amp;", "&")))) == 2


@pytest.mark.parametrize("asked", ["0", "-1", "x", "", "1e3", "٣", "9" * 30, "99999", "\x00"])
def test_a_page_that_does_not_exist_is_no_error(clinic, ada, asked):
    days_ago(clinic, ada, 1)
    answer = signed_in(ada).get(ACCOUNT, {"past": asked, "upcoming": asked})
    assert answer.status_code == 200
    assert text_of(answer).startswith("My appointments")


def test_list_costs_the_same_for_one_and_for_thirty(clinic, ada, django_assert_num_queries):
    """Session, user, zones, upcoming, past."""
    client = signed_in(ada)
    client.get(ACCOUNT)  # the first page of a session notes when it was
    clinic.appointment(ada, 9)
    days_ago(clinic, ada, 1)
    with django_assert_num_queries(5):
        client.get(ACCOUNT)
    for number in range(15):
        make.appointment(
            starts_at=clinic.at(14, day=DAY + timedelta(days=number)),
            staff=clinic.staff,
            program=clinic.program,
            customer=ada,
        )
        days_ago(clinic, ada, 2 + number)
    with django_assert_num_queries(5):
        answer = client.get(ACCOUNT)
    assert len(titles(answer)) == 20


def test_a_full_list_stays_light(clinic, ada):
    for number in range(12):
        clinic.appointment(ada, 9 + number // 2, 30 * (number % 2), public_note="Bring your papers. " * 5)
        days_ago(clinic, ada, 1 + number)
    assert len(signed_in(ada).get(ACCOUNT).content) < 40_000


def test_account_is_kept_by_no_cache(ada):
    answer = signed_in(ada).get(ACCOUNT)
    assert "no-store" in answer["Cache-Control"]
    assert answer["X-Robots-Tag"] == "noindex, nofollow"


def test_strangers_and_staff_are_sent_to_sign_in(clinic):
    staff = Client()
    staff.force_login(clinic.staff.user, backend="appointments.access.StaffBackend")
    for client in (Client(), staff):
        answer = client.get(ACCOUNT + "?past=2")
        assert (answer.status_code, answer["Location"]) == (
            302,
            "/portal/sign-in/?next=%2Fportal%2Faccount%2F%3Fpast%3D2",
        )
