"""One appointment, by both doors: the account and the link. Seeing, cancelling, the calendar file, the end of booking."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from icalendar import Calendar

from appointments import links
from appointments.models import Appointment, AppointmentEvent, AppointmentLink, Customer
from portal.models import OnlineBooking
from portal.showing import ShownAppointment
from reminders import consent
from scheduling import booking
from scheduling.booking import BookingRefused, Contact
from securecare import localtime
from tests import factories as make
from tests.portal.clinic import DAY, ZONE, Clinic
from tests.portal.visiting import field, link_to, signed_in, text_of

Status = Appointment.Status
NAMES = {
    "account": ("portal-appointment", "portal-move", "portal-cancel", "portal-ics"),
    "link": ("portal-link", "portal-link-move", "portal-link-cancel", "portal-link-ics"),
}


class Door:
    """A browser before one of the two doors of an appointment."""

    def __init__(self, kind: str, appointment: Appointment) -> None:
        self.kind, self.appointment = kind, appointment
        if kind == "account":
            self.client, key = signed_in(appointment.customer), str(appointment.reference)
        else:
            self.client, key = Client(), link_to(appointment)
        self.see, self.move, self.cancel, self.ics = (reverse(name, args=[key]) for name in NAMES[kind])

    def page(self):
        return self.client.get(self.see)

    def ask_to_cancel(self, **fields):
        version = field(self.client.get(self.cancel), "version")
        return self.client.post(self.cancel, {"version": version, **fields})


@pytest.fixture
def clinic(db) -> Clinic:
    return Clinic.open(
        name="Northside",
        address="120 Mill Street",
        phone="(212) 555-0100",
        program={
            "name": "Counseling",
            "public_note": "Bring your card.\nCome early.",
            "min_notice_hours": 24,
        },
    )


@pytest.fixture
def ada(clinic) -> Customer:
    return make.customer(at=clinic.facility, given_name="Ada", family_name="Nguyen")


@pytest.fixture
def visit(clinic, ada) -> Appointment:
    clinic.staff.display_name = "Dana Reyes"
    clinic.staff.save()
    return clinic.appointment(ada, 10, 45, minutes=45, public_note="Use the side door.")


@pytest.fixture(params=["account", "link"])
def door(request, visit) -> Door:
    return Door(request.param, visit)


def soon(clinic: Clinic, customer: Customer, *, hours: int = 20) -> Appointment:
    """One that starts within the notice of a day."""
    starts_at = datetime.fromtimestamp(
        (timezone.now() + timedelta(hours=hours)).timestamp() // 900 * 900, UTC
    )
    make.week(staff=clinic.staff, at=clinic.facility, starts=datetime.min.time(), ends=datetime.min.time())
    return make.appointment(
        starts_at=starts_at, staff=clinic.staff, program=clinic.program, customer=customer, minutes=15
    )


# ----------------------------------------------------------------------------------------------- the page


def test_page_says_all_that_a_customer_needs(door, visit):
    zone = localtime.abbreviation(visit.starts_at, ZONE)
    shown = text_of(door.page())
    assert f"10:45 AM {zone} 45 minutes" in shown
    assert "With Dana Reyes" in shown
    assert "For Ada Nguyen" in shown
    assert "Where Northside, 120 Mill Street · Map" in shown
    assert "What to bring Bring your card. Come early." in shown
    assert "Note Use the side door." in shown
    assert "Not confirmed yet" in shown


def test_page_leads_to_map_calendar_move_and_cancel(door):
    page = door.page().content.decode()
    assert 'href="https://www.openstreetmap.org/search?query=120+Mill+Street" rel="noreferrer"' in page
    for address in (door.ics, door.move, door.cancel):
        assert f'href="{address}"' in page
    assert '<a href="tel:2125550100">(212) 555-0100</a>' in page


def test_link_shows_the_visitor_s_own_time_beside_the_facility_s(visit):
    door = Door("link", visit)
    door.client.cookies["zone"] = "America/Denver"
    denver = localtime.abbreviation(visit.starts_at, "America/Denver")
    assert f"8:45 AM {denver} where you are" in text_of(door.page())
    door.client.cookies["zone"] = "Not/AZone"
    assert "where you are" not in text_of(door.page())


def test_pending_reassignment_is_booked_and_may_change(door, visit):
    Appointment.objects.update(status=Status.PENDING_REASSIGNMENT)
    shown = text_of(door.page())
    assert "This may change: somebody else may see you." in shown
    assert "I need another time" in shown
    assert "ending" not in shown  # no "pending", no "reassignment"
    assert "eassign" not in shown


def test_page_shows_an_appointment_that_staff_moved_where_it_is_now(door, visit):
    booking.reschedule(
        appointment=visit, starts_at=visit.starts_at + timedelta(hours=4), by=visit.staff.user, now=make.NOW
    )
    assert "2:45 PM" in text_of(door.page())
    assert "10:45 AM" not in text_of(door.page())


def test_after_the_notice_the_page_says_whom_to_call(clinic, ada):
    for kind in NAMES:
        door = Door(kind, soon(clinic, ada, hours=20 if kind == "account" else 22))
        shown = text_of(door.page())
        assert "It can no longer be moved or cancelled here: that needs 24 hours’ notice." in shown
        assert "Please call Northside: (212) 555-0100" in shown
        assert '<a href="tel:2125550100">' in door.page().content.decode()
        assert "I need another time" not in shown
        assert "I can’t make it" not in shown
        assert "Add to my calendar" in shown


def test_a_facility_without_a_phone_is_named(clinic, ada):
    clinic.facility.phone = ""
    clinic.facility.save()
    shown = text_of(Door("account", soon(clinic, ada)).page())
    assert "Please ask at Northside." in shown


def test_a_program_no_longer_booked_online_can_be_cancelled_but_not_moved(clinic, door):
    clinic.program.allows_public_booking = False
    clinic.program.save()
    shown = text_of(door.page())
    assert "It cannot be moved here. Please call Northside: (212) 555-0100" in shown
    assert "I need another time" not in shown
    assert "I can’t make it" in shown
    assert door.client.get(door.move)["Location"] == door.see


def test_a_past_appointment_says_so_and_offers_to_book_again(clinic, ada):
    yesterday = make.appointment(
        starts_at=clinic.at(10, day=DAY - timedelta(days=8)),
        staff=clinic.staff,
        program=clinic.program,
        customer=ada,
    )
    for kind in NAMES:
        door = Door(kind, yesterday)
        if kind == "link":
            AppointmentLink.objects.update(expires_at=timezone.now() + timedelta(days=1))
        page = door.page()
        shown = text_of(page)
        assert shown.startswith("This appointment has passed")
        assert (
            f'href="{reverse("portal-times", args=[clinic.program.pk])}">Book again' in page.content.decode()
        )
        assert "Add to my calendar" not in shown
        assert "Not confirmed yet" not in shown
        for address in (door.move, door.cancel):
            assert door.client.get(address)["Location"] == door.see


def test_book_again_leads_home_when_the_program_is_not_booked_online(clinic, door, visit):
    booking.cancel(appointment=visit, reason="", by=visit.staff.user, now=make.NOW)
    clinic.program.allows_public_booking = False
    clinic.program.save()
    assert f'href="{reverse("portal-home")}">Book again' in door.page().content.decode()


@pytest.mark.parametrize("status", [Status.ARRIVED, Status.COMPLETED, Status.NO_SHOW])
def test_what_has_begun_cannot_be_changed(door, visit, status):
    booking.mark(appointment=visit, status=status, by=visit.staff.user, now=make.NOW)
    for address in (door.move, door.cancel):
        assert door.client.get(address)["Location"] == door.see
        assert (
            door.client.post(address, {"version": "1", "at": "2026-12-01T15:00:00Z"})["Location"] == door.see
        )
    assert "I can’t make it" not in text_of(door.page())
    visit.refresh_from_db()
    assert visit.status == status


def test_page_costs_one_query_beside_the_session_s_two(visit, django_assert_num_queries):
    for kind, queries in (("account", 3), ("link", 1)):
        door = Door(kind, visit)
        door.page()  # the first page of a session notes when it was
        with django_assert_num_queries(queries):
            door.page()


# ------------------------------------------------------------------------------------- what is not found


def test_another_s_an_unknown_and_a_wrong_address_look_the_same(clinic, visit):
    stranger = signed_in(make.customer(at=clinic.facility))
    unknown = "0b6a8f7e-5f2e-4b7e-9a53-1c2f7a9e4d10"
    for name in NAMES["account"]:
        others, nobodys = (stranger.get(reverse(name, args=[key])) for key in (visit.reference, unknown))
        assert (others.status_code, nobodys.status_code) == (404, 404)
        assert text_of(others) == text_of(nobodys)
        assert text_of(others).startswith("There is nothing here")
        assert others.templates[0].name == "portal/not_found.html"


def test_unknown_expired_revoked_and_foreign_links_look_the_same(visit):
    tokens = {
        "unknown": "x" * 43,
        "expired": link_to(visit),
        "revoked": link_to(visit),
        "to confirm": link_to(visit, AppointmentLink.Purpose.CONFIRM),
    }
    by_digest = {
        name: AppointmentLink.objects.filter(digest=links.links.digest(token))
        for name, token in tokens.items()
    }
    by_digest["revoked"].update(revoked_at=timezone.now())
    past = timezone.now() - timedelta(days=3)
    Appointment.objects.update(starts_at=past, ends_at=past + timedelta(minutes=45))
    by_digest["expired"].update(expires_at=timezone.now() - timedelta(seconds=1))
    for name in (*NAMES["link"], "portal-booked"):
        pages = [Client().get(reverse(name, args=[token])) for token in tokens.values()]
        assert [page.status_code for page in pages] == [404] * 4
        assert {text_of(page) for page in pages} == {text_of(pages[0])}
        assert text_of(pages[0]).startswith("There is nothing here")
        assert all("no-store" in page["Cache-Control"] for page in pages)


def test_pages_behind_a_secret_are_kept_by_no_cache_and_no_search_engine(door):
    for address in (door.see, door.move, door.cancel, door.ics):
        answer = door.client.get(address)
        assert answer.status_code == 200
        assert "no-store" in answer["Cache-Control"]
        assert answer["X-Robots-Tag"] == "noindex, nofollow"
        assert answer["Referrer-Policy"] == "same-origin"


def test_looking_changes_nothing(door, visit):
    before = (list(Appointment.objects.values()), list(AppointmentEvent.objects.values()))
    for address in (door.see, door.move, door.cancel, door.ics):
        for method in ("get", "head", "options"):
            for query in ("", "?version=0&reason=x&at=2026-12-01T15:00:00Z&to=2026-12-01T15:00:00Z"):
                assert getattr(door.client, method)(address + query).status_code in (200, 302, 405, 409, 422)
    assert (list(Appointment.objects.values()), list(AppointmentEvent.objects.values())) == before


def test_forms_ask_for_their_token(visit):
    """Cross-site requests are refused on both doors."""
    for kind in NAMES:
        door = Door(kind, visit)
        door.client.handler.enforce_csrf_checks = True
        for address in (door.move, door.cancel):
            assert door.client.post(address, {"version": "0"}).status_code == 403
    visit.refresh_from_db()
    assert visit.status == Status.SCHEDULED


# ----------------------------------------------------------------------------------------------- cancelling


def test_cancelling_asks_first(door):
    answer = door.client.get(door.cancel)
    shown = text_of(answer)
    assert shown.startswith("Cancel this appointment?")
    assert "10:45 AM" in shown
    assert "Why? (optional)" in shown
    assert '<button class="button danger">Cancel this appointment</button>' in answer.content.decode()
    assert f'href="{door.see}">Keep it' in answer.content.decode()


def test_cancelled_page_says_so_and_offers_to_book_again(door, visit, clinic):
    answer = door.ask_to_cancel(reason="The children are ill")
    assert (answer.status_code, answer["Location"]) == (302, door.see)
    page = door.page()
    shown = text_of(page)
    assert shown.startswith("This appointment is cancelled")
    assert f'href="{reverse("portal-times", args=[clinic.program.pk])}">Book again' in page.content.decode()
    assert "I need another time" not in shown
    assert "Add to my calendar" not in shown
    visit.refresh_from_db()
    assert (visit.status, visit.cancel_reason) == (Status.CANCELLED, "The children are ill")


def test_cancelling_is_recorded_as_the_customer_s_own(door, visit):
    door.ask_to_cancel(reason="Ill")
    event = AppointmentEvent.objects.filter(kind=AppointmentEvent.Kind.CANCELLED).get()
    assert (event.actor, event.by, event.reason) == (AppointmentEvent.Actor.CUSTOMER, None, "Ill")


def test_a_reason_is_optional(door, visit):
    door.ask_to_cancel()
    visit.refresh_from_db()
    assert (visit.status, visit.cancel_reason) == (Status.CANCELLED, "")


def test_cancelling_twice_is_no_error(door, visit):
    form = {"version": field(door.client.get(door.cancel), "version"), "reason": "Ill"}
    first, second = (door.client.post(door.cancel, form) for _ in range(2))
    assert first["Location"] == second["Location"] == door.see
    assert text_of(door.page()).startswith("This appointment is cancelled")
    assert AppointmentEvent.objects.filter(kind=AppointmentEvent.Kind.CANCELLED).count() == 1


@pytest.mark.parametrize("reason", ["x" * 201, "a\x00b"])
def test_a_reason_that_cannot_be_kept_is_told_and_nothing_is_lost(door, visit, reason):
    answer = door.ask_to_cancel(reason=reason)
    assert answer.status_code == 422
    assert 'aria-invalid="true"' in answer.content.decode()
    assert text_of(answer).startswith("Cancel this appointment?")
    visit.refresh_from_db()
    assert visit.status == Status.SCHEDULED


@pytest.mark.parametrize("reason", ["x" * 200, "🤒 مريض", "<b>&amp;"])
def test_reasons_of_any_script_are_kept(door, visit, reason):
    door.ask_to_cancel(reason=reason)
    visit.refresh_from_db()
    assert visit.cancel_reason == reason


@pytest.mark.parametrize("version", ["7", "-1", "", "x", "1" * 40, "٠"])
def test_an_appointment_changed_meanwhile_is_shown_before_it_is_cancelled(door, visit, version):
    answer = door.client.post(door.cancel, {"version": version, "reason": "Ill"})
    assert answer.status_code == 409
    assert "It was changed in the meantime. This is how it is now." in text_of(answer)
    assert 'value="Ill"' in answer.content.decode()
    visit.refresh_from_db()
    assert visit.status == Status.SCHEDULED
    assert field(answer, "version") == "0"


def test_an_appointment_moved_meanwhile_is_shown_at_its_new_time(door, visit):
    form = {"version": field(door.client.get(door.cancel), "version")}
    booking.reschedule(
        appointment=visit, starts_at=visit.starts_at + timedelta(hours=4), by=visit.staff.user, now=make.NOW
    )
    answer = door.client.post(door.cancel, form)
    assert "2:45 PM" in text_of(answer)
    assert door.client.post(door.cancel, {"version": field(answer, "version")})["Location"] == door.see
    visit.refresh_from_db()
    assert visit.status == Status.CANCELLED


def test_after_the_notice_nothing_is_cancelled(clinic, ada):
    for kind in NAMES:
        late = soon(clinic, ada, hours=20 if kind == "account" else 22)
        door = Door(kind, late)
        assert door.client.get(door.cancel)["Location"] == door.see
        assert door.client.post(door.cancel, {"version": "0"})["Location"] == door.see
        late.refresh_from_db()
        assert late.status == Status.SCHEDULED


@pytest.mark.parametrize(
    ("day", "hours"),
    [
        (
            date(2026, 11, 1),
            24,
        ),  # the clock went back in the night: the wall shows 24 hours earlier at 11, not at 10
        (date(2026, 3, 8), 24),  # forward: at 9
        (date(2026, 6, 10), 24),
    ],
)
def test_notice_ends_at_its_exact_instant_across_a_clock_change(clinic, ada, day, hours):
    starts_at = make.at(day, 10)
    visit = make.appointment(
        starts_at=starts_at,
        staff=clinic.staff,
        program=clinic.program,
        customer=ada,
        now=starts_at - timedelta(days=60),
    )
    last = starts_at - timedelta(hours=hours)
    after = last + timedelta(microseconds=1)
    visit.refresh_from_db()
    at_last, too_late = (ShownAppointment.of(visit, now=now) for now in (last, after))
    assert (at_last.may_cancel, at_last.may_move, at_last.must_call) == (True, True, False)
    assert (too_late.may_cancel, too_late.may_move, too_late.must_call) == (False, False, True)
    with pytest.raises(BookingRefused) as refused:
        booking.cancel(appointment=visit, reason="", by=None, now=after)
    assert refused.value.code == "too_soon"
    booking.cancel(appointment=visit, reason="", by=None, now=last)
    assert visit.is_cancelled
    wall = {date(2026, 11, 1): 11, date(2026, 3, 8): 9, date(2026, 6, 10): 10}[day]
    assert localtime.local(last, ZONE).hour == wall


# ------------------------------------------------------------------------------------------- calendar file


def test_calendar_file_of_both_doors_is_the_same_entry(visit):
    entries = []
    for kind in NAMES:
        door = Door(kind, visit)
        answer = door.client.get(door.ics)
        assert answer["Content-Type"] == "text/calendar; charset=utf-8"
        assert answer["Content-Disposition"] == 'attachment; filename="appointment.ics"'
        (event,) = Calendar.from_ical(answer.content).walk("VEVENT")
        entries.append((event["UID"], event.decoded("DTSTART"), event.decoded("DTEND"), event["SUMMARY"]))
    assert (
        entries[0]
        == entries[1]
        == (
            f"{visit.reference}@localhost",
            visit.starts_at,
            visit.ends_at,
            "Northside appointment",
        )
    )


# --------------------------------------------------------------------------------------- the end of booking


def booked_online(clinic: Clinic, customer: Customer, *, minutes_ago: int = 0, **contact: str) -> Appointment:
    now = timezone.now() - timedelta(minutes=minutes_ago)
    made = booking.book(
        customer=customer,
        staff=clinic.staff,
        program=clinic.program,
        starts_at=clinic.at(14),
        minutes=30,
        by=None,
        now=now,
        contact=Contact(**contact),
    )
    OnlineBooking.objects.create(appointment=made, submission=b"s" * 32, at=now)
    return made


def consents(number: str, at: datetime, *, granted: bool = True) -> None:
    consent.record(phone=number, granted=granted, source="portal_booking", wording="Yes", now=at)


def booked_page(appointment: Appointment):
    return Client().get(reverse("portal-booked", args=[link_to(appointment)]))


def test_done_page_says_what_happens_next(clinic, ada):
    answer = booked_page(booked_online(clinic, ada))
    shown = text_of(answer)
    assert shown.startswith("You’re booked")
    assert "2:00 PM" in shown
    assert "Where Northside, 120 Mill Street · Map" in shown
    assert "What to bring Bring your card. Come early." in shown
    assert f"We will write to {ada.email} to confirm it." in shown
    assert "text the number" not in shown
    assert "Add to my calendar" in shown


def test_done_page_tells_a_text_to_the_number_entered(clinic, ada):
    visit = booked_online(clinic, ada, contact_phone="+12125550143")
    consents("+12125550143", visit.online_booking.at)
    shown = text_of(booked_page(visit))
    assert f"We will write to {ada.email} and text the number ending in 0143 to confirm it." in shown


def test_done_page_tells_nothing_of_a_number_on_record(clinic, ada):
    """Whoever knows an e-mail address and a birth date learns no more here."""
    ada.email, ada.phone = "ada@example.org", "+12125550143"
    ada.save()
    consents(ada.phone, timezone.now() - timedelta(days=5))
    shown, _, _ = text_of(booked_page(booked_online(clinic, ada))).partition("Keep this link")
    assert "0143" not in shown
    assert "text the number" not in shown


def test_done_page_gives_the_way_back(clinic, ada, settings):
    settings.PUBLIC_BASE_URL = "https://care.example.org"
    token = link_to(booked_online(clinic, ada))
    page = Client().get(reverse("portal-booked", args=[token])).content.decode()
    see = reverse("portal-link", args=[token])
    assert f'<a href="{see}">https://care.example.org{see}</a>' in page


def test_done_page_is_the_appointment_s_own_an_hour_later(clinic, ada):
    visit = booked_online(clinic, ada, minutes_ago=61)
    token = link_to(visit)
    answer = Client().get(reverse("portal-booked", args=[token]))
    assert answer["Location"] == reverse("portal-link", args=[token])


def test_done_page_of_a_cancelled_or_desk_made_appointment_is_its_own(clinic, ada, visit):
    online = booked_online(clinic, ada)
    booking.cancel(appointment=online, reason="", by=None, now=timezone.now())
    for appointment in (online, visit):
        token = link_to(appointment)
        answer = Client().get(reverse("portal-booked", args=[token]))
        assert answer["Location"] == reverse("portal-link", args=[token])
