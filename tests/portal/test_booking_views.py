"""From a chosen time to the booked appointment, as a visitor goes."""

import re
from pathlib import Path

import pytest
from django.conf import settings as site
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.html import escape

from appointments.models import Appointment, Customer
from portal import holds
from portal.models import OnlineBooking
from reminders import rules
from reminders.models import ConsentLog
from scheduling.availability import OpenTime
from tests import factories as make
from tests.portal.booking_online import (
    ADA,
    GONE,
    MOBILE,
    Form,
    Visitor,
    booked_by,
    nothing_is_booked,
    problems,
)
from tests.portal.clinic import DAY, Clinic
from tests.portal.visiting import field, signed_in, text_of

pytestmark = pytest.mark.django_db
WORDING = (
    "By entering it you agree to appointment texts from SecureCare at this number. About 3 per appointment; "
    "message and data rates may apply. Reply STOP to end, HELP for help."
)
VISITOR = "v" * 43


@pytest.fixture
def clinic():
    clinic = Clinic.open(
        name="Northside",
        address="120 Mill Street",
        program={"name": "Counseling", "public_note": "Bring your card."},
    )
    clinic.staff.display_name = "Dana Reyes"
    clinic.staff.save()
    return clinic


@pytest.fixture
def visitor(clinic):
    return Visitor(clinic)


# --------------------------------------------------------------------------------------------- the way through


def test_form_says_which_time_and_asks_who_it_is_for(visitor, clinic):
    page = visitor.open(clinic.at(10, 45), clinic.staff.pk)
    assert page.status_code == 200
    shown = text_of(page)
    assert shown.startswith("Counseling · 30 minutes Your details")
    assert "10:45 AM E" in shown
    assert "with Dana Reyes" in shown
    assert "Mobile number for text reminders (optional) " + WORDING in shown
    assert Form(page).sent | {"csrfmiddlewaretoken": ""} == {
        "csrfmiddlewaretoken": "",
        "at": f"{clinic.at(10, 45):%Y-%m-%dT%H:%M:%SZ}",
        "staff": str(clinic.staff.pk),
        **dict.fromkeys(ADA, ""),
    }


def test_fields_tell_browsers_what_to_fill_in(visitor, clinic):
    page = visitor.open(clinic.at(10)).content.decode()
    asked = dict(re.findall(r'<input type="\w+" name="(\w+)"[^>]* autocomplete="([\w-]+)"', page))
    assert asked == {
        "given_name": "given-name",
        "family_name": "family-name",
        "email": "email",
        "birth_month": "bday-month",
        "birth_day": "bday-day",
        "birth_year": "bday-year",
        "phone": "tel",
    } | {"website": "off"}


def test_review_shows_exactly_what_will_be_booked(visitor, clinic):
    review = visitor.fill_in(clinic.at(10, 45), phone=MOBILE)
    assert review.status_code == 200
    shown = text_of(review)
    assert shown.startswith("Is this right? When ")
    for said in [
        "10:45 AM E",
        "30 minutes",
        "What Counseling",
        "With Any staff member",
        "Where Northside, 120 Mill Street",
        "What to bring Bring your card.",
        "For Ada Nguyen",
        "Date of birth April 12, 1991",
        "E-mail ada@example.org",
        "Mobile number for text reminders +1 212-555-0143 " + WORDING,
    ]:
        assert said in shown
    assert nothing_is_booked()


def test_booking_leads_to_the_done_page(visitor, clinic):
    done = visitor.book(clinic.at(10, 45), phone=MOBILE)
    assert done.status_code == 302
    shown = text_of(visitor.client.get(done["Location"]))
    assert shown.startswith("You’re booked When")
    assert "With Dana Reyes For Ada Nguyen" in shown
    booked = Appointment.objects.get()
    assert (booked.starts_at, booked.minutes, booked.staff) == (clinic.at(10, 45), 30, clinic.staff)
    assert booked.customer.full_name == "Ada Nguyen"
    made = OnlineBooking.objects.get()
    assert (made.appointment, made.ip, made.user_agent) == (booked, "192.0.2.1", "Firefox")


def test_own_clock_stands_beside_the_facility_s_where_it_differs(visitor, clinic):
    visitor.client.cookies["zone"] = "America/Denver"
    assert "8:45 AM M" in text_of(visitor.open(clinic.at(10, 45)))
    assert "8:45 AM M" in text_of(visitor.fill_in(clinic.at(10, 45)))
    visitor.client.cookies["zone"] = "America/Toronto"
    assert "where you are" not in text_of(visitor.fill_in(clinic.at(10, 45)))


def test_change_leads_back_to_the_form_with_everything_in_it(visitor, clinic):
    typed = {"phone": MOBILE, "given_name": "  Ada  Maria "}
    form = Form(visitor.press(visitor.fill_in(clinic.at(10), clinic.staff.pk, **typed), "change", "yes"))
    assert form.typed == ADA | typed
    assert (form.sent["at"], form.sent["staff"]) == (
        f"{clinic.at(10):%Y-%m-%dT%H:%M:%SZ}",
        str(clinic.staff.pk),
    )


def test_times_that_are_none_lead_to_the_times(visitor, clinic):
    for at in ("", "x", "2026-13-45T10:00:00Z", "\x00", "9" * 500):
        sent = {"at": at, "staff": "", **ADA}
        for answer in (
            visitor.client.get(visitor.details, {"at": at}),
            visitor.post(visitor.details, sent),
            visitor.post(visitor.confirm, sent),
        ):
            assert answer["Location"] == f"/portal/book/{clinic.program.pk}/"


def test_reading_the_review_s_address_leads_to_the_form(visitor, clinic):
    answer = visitor.client.get(visitor.confirm, {"at": f"{clinic.at(10):%Y-%m-%dT%H:%M:%SZ}"})
    assert answer["Location"].startswith(visitor.details + "?at=")
    assert nothing_is_booked()


@pytest.mark.parametrize("closed", ["program", "public", "facility"])
def test_no_page_of_a_program_that_is_not_public(visitor, clinic, closed):
    review = visitor.fill_in(clinic.at(10))
    if closed == "facility":
        clinic.facility.is_active = False
        clinic.facility.save()
    else:
        setattr(clinic.program, "is_active" if closed == "program" else "allows_public_booking", False)
        clinic.program.save()
    answers = [visitor.open(clinic.at(10)), visitor.fill_in(clinic.at(10)), visitor.press(review)]
    assert [answer.status_code for answer in answers] == [404, 404, 404]
    assert "Counseling" not in text_of(answers[0])
    assert nothing_is_booked()


def test_pages_are_kept_by_no_cache(visitor, clinic):
    review = visitor.fill_in(clinic.at(10))
    for page in (visitor.open(clinic.at(10)), review, visitor.press(review, email="")):
        assert "no-store" in page["Cache-Control"]
        assert "noindex" in page["X-Robots-Tag"]


# --------------------------------------------------------------------------------------------------- signed in


@pytest.fixture
def ada(clinic):
    return make.customer(
        at=clinic.facility, given_name="Ada", family_name="Lovelace", email="lovelace@example.org"
    )


def test_signed_in_customers_are_not_asked_again(clinic, ada):
    visitor = Visitor(clinic, signed_in(ada))
    review = visitor.open(clinic.at(10))
    assert text_of(review).startswith("Is this right?")
    assert "For Ada Lovelace" in text_of(review)
    assert "E-mail lovelace@example.org" in text_of(review)
    assert Form(review).typed == {}
    done = visitor.press(review)
    assert text_of(visitor.client.get(done["Location"])).startswith("You’re booked")
    booked = Appointment.objects.get()
    assert (booked.customer, booked.contact_name, booked.contact_email) == (ada, "", "")
    assert not ConsentLog.objects.exists()


def test_signed_in_customers_see_what_stands_in_the_way(clinic, ada):
    Clinic.open().appointment(ada, 10)
    visitor = Visitor(clinic, signed_in(ada))
    page = visitor.open(clinic.at(10))
    assert page.status_code == 409
    assert "You have another appointment at this time." in text_of(page)
    assert Form(page).typed == {}
    review = visitor.press(page, "other", Form(page).offers[0])
    assert "For Ada Lovelace" in text_of(review)


def test_a_customer_signed_out_meanwhile_is_told_and_books_nothing(clinic, ada):
    visitor = Visitor(clinic, signed_in(ada))
    review = visitor.open(clinic.at(10))
    visitor.client.logout()
    answer = visitor.press(review)
    assert answer.status_code == 409
    assert "You are not signed in anymore. Nothing is booked yet" in text_of(answer)
    assert "Lovelace" not in answer.content.decode()
    assert nothing_is_booked()


def test_a_customer_signed_in_meanwhile_is_shown_who_it_will_be_for(clinic, ada):
    review = Visitor(clinic).fill_in(clinic.at(10))
    answer = Visitor(clinic, signed_in(ada)).press(review)
    assert answer.status_code == 409
    assert "Something has changed since you looked." in text_of(answer)
    assert "For Ada Lovelace" in text_of(answer)
    assert nothing_is_booked()


# ------------------------------------------------------------------------------------------------------- errors


def test_an_empty_form_is_told_field_by_field(visitor, clinic):
    page = visitor.fill_in(clinic.at(10), **dict.fromkeys(ADA, ""))
    assert page.status_code == 422
    assert problems(page) == [
        "Enter the first name.",
        "Enter the last name.",
        "Enter an e-mail address: we confirm the appointment there.",
        "Enter the date of birth.",
    ]
    html = page.content.decode()
    assert "<title>Error: Your details" in html
    assert '<div class="notice error" role="alert" tabindex="-1" autofocus>' in html
    for name in ("given_name", "family_name", "email", "birth_month"):
        field_of = re.search(rf'<input[^>]*name="{name}"[^>]*>', html)[0]
        assert 'aria-invalid="true"' in field_of
        assert f'aria-describedby="id_{name}_error"' in field_of
        assert f'id="id_{name}_error"' in html


def test_whatever_is_wrong_all_that_was_typed_is_shown(visitor, clinic):
    typed = {
        "given_name": "A" * 81,
        "family_name": '<b>O\'Neil</b> & "Co"',
        "email": "nobody",
        "birth_month": "13",
        "birth_day": "x",
        "birth_year": "91",
        "phone": "212",
        "website": "",
    }
    page = visitor.fill_in(clinic.at(10), **typed)
    assert page.status_code == 422
    assert Form(page).typed == typed
    assert problems(page) == [
        "This is too long: it has room for 80 letters.",
        "This is not an e-mail address. Enter one such as ada@example.org.",
        "Enter the month as a number from 1 to 12.",
        "This phone number does not exist. Check the digits, or leave this empty.",
    ]


def test_errors_of_a_tampered_review_lead_back_to_the_form(visitor, clinic):
    page = visitor.press(visitor.fill_in(clinic.at(10)), birth_year="3024")
    assert page.status_code == 422
    assert problems(page) == ["The date of birth is in the future. Check it."]
    assert Form(page).typed == ADA | {"birth_year": "3024"}
    assert nothing_is_booked()


@pytest.mark.parametrize(
    "name", ["👩‍⚕️ Zoë", "محمد عبد الله", "‏שרה", "李小龍", "O'Brien-Smith", "Ng", "<script>alert(1)</script>"]
)
def test_names_of_all_writing_are_accepted_and_turn_nothing_round(visitor, clinic, name):
    review = visitor.fill_in(clinic.at(10), given_name=name)
    page = review.content.decode()
    assert f"<bdi>{escape(name)} Nguyen</bdi>" in page
    assert "<script>alert" not in page
    form = visitor.press(review, "change", "yes").content.decode()
    assert re.search(r'<input type="text" name="given_name"[^>]* dir="auto"', form)
    done = visitor.press(review)
    assert Customer.objects.get().given_name == name
    assert f"{name} Nguyen" in text_of(visitor.client.get(done["Location"])) or "<" in name


# -------------------------------------------------------------------------------------------- times that vanished


def test_a_time_that_vanished_is_answered_with_others_and_all_that_was_typed(visitor, clinic):
    review = visitor.fill_in(clinic.at(10), phone=MOBILE)
    clinic.appointment(make.customer(at=clinic.facility), 10)
    page = visitor.press(review)
    assert page.status_code == 409
    assert GONE in text_of(page)
    assert "Nothing is booked. What you typed is kept." in text_of(page)
    form = Form(page)
    assert form.typed == ADA | {"phone": MOBILE}
    hours = [(9, 0), (9, 15), (9, 30), (10, 30), (10, 45), (11, 0)]
    assert form.offers == [f"{clinic.at(*hour):%Y-%m-%dT%H:%M:%SZ} " for hour in hours]
    again = visitor.press(page, "other", form.offers[3])
    assert "10:30 AM" in text_of(again)
    visitor.press(again)
    booked = Appointment.objects.get(customer__family_name="Nguyen")
    assert booked.starts_at == clinic.at(10, 30)
    assert booked.phone == "+12125550143"


def test_a_time_gone_before_the_form_was_sent_is_told_at_once(visitor, clinic):
    clinic.appointment(make.customer(at=clinic.facility), 10)
    for page in (visitor.open(clinic.at(10)), visitor.fill_in(clinic.at(10))):
        assert page.status_code == 409
        assert GONE in text_of(page)
        assert len(Form(page).offers) == 6


def test_another_time_before_anything_is_typed_leads_to_the_form_without_errors(visitor, clinic):
    clinic.appointment(make.customer(at=clinic.facility), 10)
    page = visitor.open(clinic.at(10))
    form = visitor.press(page, "other", Form(page).offers[0])
    assert form.status_code == 200
    assert problems(form) == []
    assert text_of(form).startswith("Counseling · 30 minutes Your details")
    assert Form(form).sent["at"] == Form(page).offers[0].strip()


def test_a_time_held_by_another_visitor_is_as_good_as_taken(visitor, clinic):
    time = OpenTime(clinic.staff, clinic.at(10), clinic.at(10, 30))
    holds.hold(time, facility=clinic.facility.pk, visitor="w" * 43, now=timezone.now())
    for staff in ("", clinic.staff.pk):
        assert visitor.open(clinic.at(10), staff).status_code == 409
        assert visitor.fill_in(clinic.at(10), staff).status_code == 409


def test_a_hold_of_somebody_else_does_not_let_a_review_book(visitor, clinic):
    for staff in ("", clinic.staff.pk):
        review = visitor.fill_in(clinic.at(10), staff)
        time = OpenTime(clinic.staff, clinic.at(10), clinic.at(10, 30))
        holds.hold(time, facility=clinic.facility.pk, visitor="w" * 43, now=timezone.now())
        assert visitor.press(review).status_code == 409
        assert nothing_is_booked()
        holds.forget()


def test_the_review_holds_the_time_and_booking_lets_go_of_it(visitor, clinic):
    visitor.client.cookies["visitor"] = VISITOR
    review = visitor.fill_in(clinic.at(10))
    held = holds.held(clinic.facility.pk, besides="", now=timezone.now())
    assert held == {clinic.staff.pk: [(clinic.at(10), clinic.at(10, 30))]}
    visitor.press(review)
    assert Appointment.objects.count() == 1
    assert holds.held(clinic.facility.pk, besides="", now=timezone.now()) == {}


def test_a_staff_member_who_left_is_said_to_be_anyone_before_it_is_booked(visitor, clinic):
    colleague = clinic.colleague(display_name="Zoe Zimmer")
    review = visitor.fill_in(clinic.at(10), colleague.pk)
    assert "With Zoe Zimmer" in text_of(review)
    colleague.is_active = False
    colleague.save()
    again = visitor.press(review)
    assert again.status_code == 409
    assert "With Any staff member" in text_of(again)
    assert nothing_is_booked()
    visitor.press(again)
    assert Appointment.objects.get().staff == clinic.staff


# ------------------------------------------------------------------------------------------------- sent twice


def test_a_form_sent_twice_books_once_and_shows_the_same_page(visitor, clinic):
    review = visitor.fill_in(clinic.at(10), phone=MOBILE)
    first, second = visitor.press(review), visitor.press(review)
    assert (first.status_code, second.status_code) == (302, 302)
    assert first["Location"] == second["Location"]
    assert (Appointment.objects.count(), ConsentLog.objects.count(), len(booked_by())) == (1, 1, 2)


def test_sent_again_after_the_program_changed_it_still_shows_what_it_booked(visitor, clinic):
    review = visitor.fill_in(clinic.at(10))
    first = visitor.press(review)
    clinic.program.name = "Another name"
    clinic.program.save()
    assert visitor.press(review)["Location"] == first["Location"]
    assert visitor.press(review, email="x")["Location"] == first["Location"]


def test_going_back_to_book_for_somebody_else_books_for_somebody_else(visitor, clinic):
    """Another review is another booking: only the same page sent again is not."""
    form = visitor.press(visitor.fill_in(clinic.at(10)), "change", "yes")
    visitor.book(clinic.at(10))
    other = visitor.press(form, given_name="Ben", birth_year="2015", at=f"{clinic.at(11):%Y-%m-%dT%H:%M:%SZ}")
    visitor.press(other)
    booked = Appointment.objects.order_by("starts_at")
    assert [appointment.booked_as for appointment in booked] == ["Ada Nguyen", "Ben Nguyen"]


def test_going_back_after_booking_leads_to_what_was_booked(visitor, clinic):
    booked = visitor.book(clinic.at(10))
    page = visitor.open(clinic.at(10)).content.decode()
    assert "You have just booked this time here." in page
    assert f'<a href="{booked["Location"].removesuffix("booked/")}">See your appointment</a>' in page
    assert "<h1>You’re booked</h1>" in page
    assert (GONE in page, "Nothing is booked" in page) == (False, False)


def test_going_back_after_booking_where_somebody_else_is_free_then_says_so(visitor, clinic):
    clinic.colleague()
    booked = visitor.book(clinic.at(10))
    answer = visitor.open(clinic.at(10))
    page = answer.content.decode()
    assert (answer.status_code, "You have just booked this time here." in page) == (200, True)
    assert f'<a href="{booked["Location"].removesuffix("booked/")}">See your appointment</a>' in page


def test_booking_the_same_time_for_somebody_else_says_that_nothing_else_is_booked(visitor, clinic):
    form = visitor.press(visitor.fill_in(clinic.at(10)), "change", "yes")
    visitor.book(clinic.at(10))
    answer = visitor.press(form, given_name="Ben", birth_year="2015")
    page = answer.content.decode()
    assert ("<h1>Choose another time</h1>" in page, "<h1>You’re booked</h1>" in page) == (True, False)
    assert "Nothing else is booked. What you typed is kept." in page
    assert Form(answer).typed["given_name"] == "Ben"


def test_what_was_booked_is_shown_to_the_browser_that_booked_it_alone(visitor, clinic):
    visitor.book(clinic.at(10))
    page = Visitor(clinic).open(clinic.at(10)).content.decode()
    assert ("You have just booked" in page, GONE in page) == (False, True)


def test_another_time_is_not_taken_for_the_one_just_booked(visitor, clinic):
    visitor.book(clinic.at(10))
    Visitor(clinic).book(clinic.at(11), given_name="Ben", email="ben@example.org")
    page = visitor.open(clinic.at(11)).content.decode()
    assert ("You have just booked" in page, GONE in page) == (False, True)


# ---------------------------------------------------------------------------------------------------- languages


def test_pages_and_the_order_of_the_date_follow_the_language(visitor, clinic):
    def order(page):
        return re.findall(r'name="birth_(\w+)"', page.content.decode())

    assert order(visitor.open(clinic.at(10))) == ["month", "day", "year"]
    visitor.client.cookies["language"] = "es"
    assert order(visitor.open(clinic.at(10))) == ["day", "month", "year"]


def test_another_language_loses_nothing_typed(visitor, clinic):
    form = visitor.open(clinic.at(10))
    typed = ADA | {"given_name": "A", "email": "half", "phone": MOBILE}
    page = visitor.press(form, "show_in", "es", **typed)
    assert (page.status_code, page["Content-Language"]) == (200, "es")
    assert Form(page).typed == typed
    assert page.cookies["language"].value == "es"
    assert visitor.open(clinic.at(10))["Content-Language"] == "es"


def test_another_language_on_the_review_shows_the_review_in_it(visitor, clinic):
    page = visitor.press(visitor.fill_in(clinic.at(10), phone=MOBILE), "show_in", "es")
    assert page["Content-Language"] == "es"
    assert "submission" in Form(page).sent
    assert visitor.press(page).status_code == 302
    assert Customer.objects.get().language == "es"


def test_a_language_that_there_is_not_changes_nothing(visitor, clinic):
    page = visitor.press(visitor.open(clinic.at(10)), "show_in", "xx", **ADA)
    assert page["Content-Language"] == "en"
    assert "language" not in page.cookies


def test_enter_presses_the_main_button(visitor, clinic):
    """The first button of a form in the page's order is the one that Enter presses."""
    for page in (visitor.open(clinic.at(10)), visitor.fill_in(clinic.at(10))):
        first = Form(page).buttons[0]
        assert (first.get("name"), first.get("formaction")) == (None, None)


# -------------------------------------------------------------------------------------------------------- speed


@pytest.mark.parametrize("colleagues", [0, 4])
def test_booking_takes_as_many_queries_whoever_takes_it(clinic, colleagues):
    for _ in range(colleagues):
        clinic.colleague()
    rules.of(clinic.program)
    visitor = Visitor(clinic)
    counts = []
    for staff, hour in (("", 10), (clinic.staff.pk, 11)):
        review = visitor.fill_in(clinic.at(hour), staff, email=f"a{hour}@example.org")
        with CaptureQueriesContext(connection) as queries:
            assert visitor.press(review).status_code == 302
        counts.append(len(queries))
    assert counts == [29 + bool(colleagues), 27]


def test_pages_are_light(visitor, clinic):
    static = Path(site.BASE_DIR) / "static"
    frame = sum((static / name).stat().st_size for name in ("css/portal.css", "js/portal.js"))
    for page in (visitor.open(clinic.at(10)), visitor.fill_in(clinic.at(10), phone=MOBILE)):
        assert len(page.content) + frame < 40_000


def test_hidden_fields_of_the_review_are_what_was_typed(visitor, clinic):
    review = visitor.fill_in(clinic.at(10), given_name=" Ada\t", phone=MOBILE)
    assert field(review, "given_name") == " Ada\t"
    assert field(review, "phone") == MOBILE
    assert "For Ada Nguyen" in text_of(review)
    assert DAY.isoformat() in field(review, "at")
