from datetime import date, time, timedelta

import pytest
from django.contrib.auth.models import User
from django.urls import reverse
from django.utils import timezone

from appointments.models import Appointment, Customer
from appointments.private_notes import open_note
from scheduling.selection import remember
from securecare import localtime
from tests import factories as make
from tests.scheduling.desk import (
    DAY,
    Desk,
    alerts_of,
    errors_of,
    offers_of,
    part,
    signed_in,
    text_of,
    triggers,
    value_of,
)
from tests.together import at_once

pytestmark = pytest.mark.django_db

BOOK = "/schedule/book/"
SPRING, FALL = date(2027, 3, 14), date(2027, 11, 7)


@pytest.fixture
def desk():
    return Desk.open()


@pytest.fixture
def client(desk):
    return desk.signed_in()


def send(client, data, target="booking"):
    return client.post(BOOK, data, headers=part(target))


def check(client, data):
    return send(client, data, "booking-answer")


def show(client, **query):
    return client.get(BOOK, query, headers=part("dialog-body"))


def at(hour, minute=0, day=DAY, zone="America/New_York"):
    return make.at(day, hour, minute, zone)


def test_blank_form_reads_times_on_the_clock_that_the_user_reads_the_schedule_on(desk, client):
    west = make.facility(name="A first facility", time_zone="America/Los_Angeles")
    user = User.objects.get(pk=client.session["_auth_user_id"])
    user.staff_member.facilities.add(west)
    assert value_of(client.get("/schedule/book/"), "zone") == "America/Los_Angeles"
    remember(user=user, zone="America/New_York")
    assert value_of(client.get("/schedule/book/"), "zone") == "America/New_York"


def test_booking_closes_the_dialog_and_tells_the_grid(desk, client):
    response = send(client, desk.form())
    made = Appointment.objects.get()
    assert (made.customer, made.staff, made.program, made.starts_at, made.minutes, made.public_note) == (
        desk.customer,
        desk.staff,
        desk.program,
        at(10),
        30,
        "Bring the blue folder",
    )
    words = f"Booked: {desk.customer}, {DAY:%a, %b %-d}, 10:00 AM, with {desk.staff}."
    assert response.status_code == 204
    assert triggers(response) == {"close-dialog": {}, "appointment-changed": {}, "toast": {"text": words}}


def test_booking_without_javascript_goes_to_the_schedule_of_that_day(desk, client):
    response = client.post(BOOK, desk.form())
    assert response.status_code == 302
    assert response.url == f"{reverse('schedule')}?date={DAY}"
    assert Appointment.objects.count() == 1


def test_booking_page_and_dialog_hold_the_same_form(desk, client):
    page, dialog = client.get(BOOK), show(client)
    assert page.content.count(b'id="booking"') == dialog.content.count(b'id="booking"') == 1
    assert b"<html" in page.content
    assert b"<html" not in dialog.content


def test_booking_opens_with_the_clicked_slot(desk, client):
    response = show(client, staff=desk.staff.pk, at=f"{at(10, 15):%Y-%m-%dT%H:%M:%SZ}")
    held = {name: value_of(response, name) for name in ("date", "time", "minutes", "zone")}
    assert held == {
        "date": DAY.isoformat(),
        "time": "10:15",
        "minutes": "30",
        "zone": "America/New_York",
    }
    assert f"{DAY:%A, %B %-d, %Y} , 10:15–10:45 AM, {desk.staff}" in text_of(response)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"date": "2026-13-45"}, "This is not a date. Enter it as 11/24/2026."),
        ({"date": "0001-01-01"}, "Enter a date between 2000 and 2100."),
        ({"date": "9999-12-31"}, "Enter a date between 2000 and 2100."),
        ({"date": ""}, "Enter the date."),
        ({"time": "25:99"}, "This is not a time of day. Enter it as 10:15 AM."),
        ({"time": ""}, "Enter the time."),
        ({"minutes": "soon"}, "Enter the length as a number of minutes, such as 30."),
        ({"minutes": "0"}, "The appointment must end after it starts: enter 15 minutes or more."),
        ({"minutes": "-30"}, "The appointment must end after it starts: enter 15 minutes or more."),
        ({"minutes": "20"}, "Lengths go by quarter hours: enter 15 or 30 minutes."),
        ({"minutes": "1455"}, "An appointment lasts at most 24 hours, 1440 minutes."),
        ({"staff": ""}, "Choose a staff member."),
        ({"staff": "999999"}, "Choose a staff member from the list."),
        ({"staff": "9" * 30}, "Choose a staff member from the list."),
        ({"staff": "me"}, "Choose a staff member from the list."),
        ({"program": ""}, "Choose a program."),
        ({"program": "999999"}, "Choose a program from the list."),
        ({"customer": "999999"}, "Choose the customer from the list."),
        ({"customer": "", "customer_search": ""}, "Choose who it is for, or tick “New customer”."),
        (
            {"customer": "", "customer_search": "Zzyzx"},
            "Nobody found. Check the name, or tick “New customer”.",
        ),
        ({"case": "999999"}, "Choose one of this customer's open cases."),
        ({"take": "nonsense"}, "Enter the date."),
        ({"public_note": "x" * 2001}, "This note has 2001 characters; 2,000 is the limit. Shorten it."),
        ({"private_note": "x" * 10_001}, "This note has 10001 characters; 10,000 is the limit. Shorten it."),
    ],
)
def test_booking_says_beside_the_field_what_is_wrong(desk, client, fields, message):
    response = send(client, desk.form(**fields))
    assert response.status_code == 422
    assert message in errors_of(response)
    assert not Appointment.objects.exists()
    if "public_note" not in fields:
        assert "Bring the blue folder" in response.content.decode()


def test_booking_off_the_grid_offers_the_neighbours(desk, client):
    response = send(client, desk.form(time="10:05"))
    assert response.status_code == 422
    assert errors_of(response) == ["Appointments start on the quarter hour: :00, :15, :30 or :45."]
    assert offers_of(response) == {
        "10:00 AM EST": f"@{at(10):%Y-%m-%dT%H:%M:%SZ}",
        "10:15 AM EST": f"@{at(10, 15):%Y-%m-%dT%H:%M:%SZ}",
    }


def test_booking_at_a_time_the_clocks_skip_offers_the_next_one(desk, client):
    response = send(client, desk.form(date=SPRING.isoformat(), time="02:30"))
    assert response.status_code == 422
    assert errors_of(response) == [
        "Clocks go forward past 2:30 AM on Sunday, March 14, 2027: there is no such time."
    ]
    assert offers_of(response) == {"3:00 AM EDT": "@2027-03-14T07:00:00Z"}
    taken = desk.form(take="@2027-03-14T07:00:00Z", overrides="outside_hours")
    assert send(client, taken).status_code == 204
    assert Appointment.objects.get().starts_at == make.at(SPRING, 3)


def test_booking_in_a_repeated_hour_asks_which(desk, client):
    form = desk.form(date=FALL.isoformat(), time="01:30", overrides="outside_hours")
    response = send(client, form)
    assert response.status_code == 422
    assert "1:30 AM EDT" in text_of(response)
    assert "1:30 AM EST" in text_of(response)
    assert send(client, {**form, "fold": "1"}).status_code == 204
    assert f"{Appointment.objects.get().starts_at:%H:%M}" == "06:30"


def test_booking_that_lost_the_race_offers_other_times_and_keeps_what_was_typed(desk, client):
    desk.appointment(10, customer=make.customer())
    response = send(client, desk.form(private_note="Prefers the back door"))
    assert response.status_code == 409
    assert alerts_of(response) == ["This time was just taken. Choose another time."]
    assert list(offers_of(response))[:3] == ["9:30 AM", "10:30 AM", "9:15 AM"]
    assert value_of(response, "time") == "10:00"
    assert "Bring the blue folder" in response.content.decode()
    assert "Prefers the back door" in response.content.decode()
    again = desk.form(private_note="Prefers the back door", take=offers_of(response)["10:30 AM"])
    assert send(client, again).status_code == 204
    made = Appointment.objects.get(customer=desk.customer)
    assert (made.starts_at, open_note(made.private_note)) == (at(10, 30), "Prefers the back door")


def test_booking_offers_colleagues_who_are_free_then(desk, client):
    other = desk.colleague()
    desk.appointment(10, customer=make.customer())
    offers = offers_of(send(client, desk.form()))
    assert offers[f"10:00 AM · {other}"] == f"{other.pk}@{at(10):%Y-%m-%dT%H:%M:%SZ}"
    assert send(client, desk.form(take=offers[f"10:00 AM · {other}"])).status_code == 204
    assert Appointment.objects.get(customer=desk.customer).staff == other


def test_booking_sent_twice_books_once(desk, client):
    form = desk.form()
    first, second = send(client, form), send(client, form)
    assert (first.status_code, second.status_code) == (204, 204)
    assert triggers(second)["toast"]["text"].startswith("Already booked, and only once:")
    assert Appointment.objects.count() == 1


def test_booking_a_new_customer_twice_books_and_registers_once(desk, client):
    form = desk.form(**new_customer())
    assert [send(client, form).status_code for _ in range(2)] == [204, 204]
    assert (Appointment.objects.count(), Customer.objects.filter(family_name="Silva").count()) == (1, 1)


def test_booking_the_same_time_by_somebody_else_is_no_repetition(desk, client):
    desk.appointment(10)
    response = send(client, desk.form())
    assert (response.status_code, Appointment.objects.count()) == (409, 1)


def test_booking_outside_hours_wants_a_tick(desk, client):
    late = desk.form(time="18:00")
    words = f"This is outside {desk.staff}'s working hours."
    assert words in text_of(check(client, late))
    response = send(client, late)
    hint = f"{words} Tick that it is on purpose below, or take another time."
    assert (response.status_code, alerts_of(response)) == (422, [hint])
    assert send(client, {**late, "overrides": "outside_hours"}).status_code == 204
    assert Appointment.objects.get().events.get().overrides == ["outside_hours"]


def test_booking_within_the_cool_down_names_the_first_allowed_date_and_may_be_overridden(desk, client):
    desk.program.cool_down_days = 3
    desk.program.save()
    desk.appointment(9)
    next_day = desk.form(date=(DAY + timedelta(days=1)).isoformat())
    response = send(client, next_day)
    allowed = DAY + timedelta(days=3)
    words = f"{desk.program} needs 3 days between appointments: from {allowed:%A, %B %-d} on."
    assert response.status_code == 422
    assert alerts_of(response)[0].startswith(words)
    assert send(client, {**next_day, "overrides": "cool_down"}).status_code == 204
    assert Appointment.objects.latest("id").events.get().overrides == ["cool_down"]


def test_booking_a_busy_customer_is_refused_and_told_before(desk, client):
    other = desk.colleague()
    desk.appointment(10, staff=other)
    words = "The customer already has an appointment at this time."
    assert words in text_of(check(client, desk.form()))
    response = send(client, desk.form())
    assert (response.status_code, alerts_of(response)) == (409, [words])
    assert f"10:00 AM · {other}" not in offers_of(response)


def test_booking_a_day_off_cannot_be_overridden(desk, client):
    make.time_off(staff=desk.staff, first_day=DAY)
    response = send(client, desk.form(overrides="outside_hours"))
    words = f"{desk.staff} does not work at {desk.facility} on {DAY:%A, %B %-d}."
    assert (response.status_code, alerts_of(response)) == (422, [words])
    assert b'name="overrides"' not in response.content


def test_booking_a_past_time_is_recorded_and_says_so(desk, client):
    yesterday = localtime.local_date(timezone.now(), "America/New_York") - timedelta(days=1)
    form = desk.form(date=yesterday.isoformat())
    assert "This time has passed; it goes on record as a past appointment." in text_of(check(client, form))
    assert send(client, form).status_code == 204
    assert Appointment.objects.get().local_date == yesterday


def new_customer(**fields):
    given = {
        "customer": "",
        "new_customer": "on",
        "given_name": "Rosa",
        "family_name": "Silva",
        "date_of_birth": "1984-05-06",
        "phone": "(212) 555-0143",
        "email": "rosa@example.org",
    }
    return {**given, **fields}


def test_booking_registers_a_new_customer(desk, client):
    assert send(client, desk.form(**new_customer())).status_code == 204
    made = Appointment.objects.get().customer
    assert (made.full_name, made.date_of_birth, made.phone, made.email) == (
        "Rosa Silva",
        date(1984, 5, 6),
        "+12125550143",
        "rosa@example.org",
    )
    assert list(made.facilities.all()) == [desk.facility]


def test_booking_uses_the_record_somebody_has_elsewhere_and_changes_nothing_on_it(desk, client):
    known = make.customer(
        at=make.facility(),
        given_name="Rosa",
        family_name="Silva",
        date_of_birth=date(1984, 5, 6),
        phone="+13125550199",
        email="private@example.org",
    )
    response = send(client, desk.form(**new_customer(given_name="rosa")))
    assert Appointment.objects.get().customer == known
    assert Customer.objects.filter(family_name="Silva").count() == 1
    known.refresh_from_db()
    assert (known.phone, known.email) == ("+13125550199", "private@example.org")
    assert desk.facility in known.facilities.all()
    told = triggers(response)["toast"]["text"]
    assert told.endswith("This person was on record already; that record is used as it is.")
    assert "555" not in told


def test_booking_that_is_refused_leaves_no_new_customer_behind(desk, client):
    desk.appointment(10, customer=make.customer())
    response = send(client, desk.form(**new_customer()))
    assert response.status_code == 409
    assert value_of(response, "family_name") == "Silva"
    assert not Customer.objects.filter(family_name="Silva").exists()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"given_name": ""}, "Enter the given name."),
        ({"family_name": " "}, "Enter the family name."),
        ({"date_of_birth": ""}, "Enter the birth date: it tells people of one name apart."),
        ({"date_of_birth": "2999-01-01"}, "This date lies ahead. Enter the birth date."),
        ({"date_of_birth": "1066-10-14"}, "Enter a birth date from 1900 on."),
        ({"phone": "ring me"}, "This is not a phone number. Enter digits, such as 212 555 0143."),
        ({"phone": "12"}, "This number has too few or too many digits."),
        ({"email": "rosa"}, "This is not an e-mail address. Enter it as name@example.org."),
        ({"given_name": "x" * 81}, "Keep it to 80 characters."),
    ],
)
def test_booking_says_what_is_wrong_with_a_new_customer(desk, client, fields, message):
    response = send(client, desk.form(**new_customer(**fields)))
    assert (response.status_code, errors_of(response)) == (422, [message])
    assert not Customer.objects.exclude(pk=desk.customer.pk).exists()


def test_booking_takes_no_private_note_from_who_may_not_write_one(desk):
    client = desk.signed_in("front_desk")
    assert b'name="private_note"' not in show(client).content
    assert send(client, desk.form(private_note="Sneaked in")).status_code == 204
    assert not hasattr(Appointment.objects.get(), "private_note")


def test_booking_keeps_the_case(desk, client):
    case = make.case(of=desk.customer, by=desk.staff.user)
    elses = make.case(of=make.customer(at=desk.facility), by=desk.staff.user)
    assert case.reference in text_of(show(client, customer=desk.customer.pk))
    refused = send(client, desk.form(case=elses.pk))
    assert errors_of(refused) == ["Choose one of this customer's open cases."]
    assert elses.reference not in text_of(refused)
    assert send(client, desk.form(case=case.pk)).status_code == 204
    assert Appointment.objects.get().case == case


def test_booking_asks_which_customer_a_typed_name_means(desk, client):
    twin = make.customer(at=desk.facility, given_name="Ada", family_name="Nguyen-Ortiz")
    response = send(client, desk.form(customer="", customer_search="nguyen"))
    assert errors_of(response) == ["Choose the customer from the list."]
    assert [str(desk.customer) in text_of(response), str(twin) in text_of(response)] == [True, True]
    assert send(client, desk.form(customer="", customer_search="nguyen", pick=twin.pk)).status_code == 204
    assert Appointment.objects.get().customer == twin


def test_booking_does_not_book_the_customer_whose_name_was_typed_over(desk, client):
    response = send(client, desk.form(customer_search="Somebody Else"))
    assert (response.status_code, Appointment.objects.count()) == (422, 0)


def test_check_saves_nothing_and_complains_of_nothing_missing(desk, client):
    response = check(client, {"staff": desk.staff.pk, "customer": "", "program": "", "time": ""})
    assert (response.status_code, errors_of(response), alerts_of(response)) == (200, [], [])
    response = check(client, desk.form(**new_customer()))
    assert response.status_code == 200
    assert not Appointment.objects.exists()
    assert not Customer.objects.filter(family_name="Silva").exists()


def test_check_says_that_the_staff_member_is_taken_and_fills_in_another_time(desk, client):
    desk.appointment(10, customer=make.customer())
    response = check(client, desk.form())
    assert f"{desk.staff} already has an appointment at this time." in text_of(response)
    filled = check(client, desk.form(fill=offers_of(response)["10:30 AM"]))
    assert value_of(filled, "time") == "10:30"
    assert not Appointment.objects.filter(customer=desk.customer).exists()


def test_offer_made_before_sending_is_filled_in_without_javascript_too(desk, client):
    desk.appointment(10, customer=make.customer())
    slot = {"staff": desk.staff.pk, "program": desk.program.pk, "at": f"{at(10):%Y-%m-%dT%H:%M:%SZ}"}
    offers = offers_of(client.get(BOOK, slot))
    page = client.post(BOOK, desk.form(fill=offers["10:30 AM"], public_note="Bring the blue folder"))
    assert (page.status_code, value_of(page, "time")) == (200, "10:30")
    assert "Bring the blue folder" in page.content.decode()
    assert not Appointment.objects.filter(customer=desk.customer).exists()


def test_check_brings_the_chosen_programs_length_and_staff(desk, client):
    long = make.program(at=desk.facility, staff=desk.staff, default_minutes=75)
    desk.colleague()
    response = check(client, desk.form(program=long.pk, length_for=desk.program.pk, choices_key="old"))
    assert value_of(response, "minutes") == "75"
    assert f'<optgroup label="Serve {long.name}">' in response.content.decode()
    kept = check(client, desk.form(program=long.pk, length_for=long.pk, minutes="45"))
    assert "10:00–10:45 AM" in text_of(kept)


def test_check_keeps_the_instant_when_the_program_is_in_another_zone(desk, client):
    chicago = make.facility(time_zone="America/Chicago")
    desk.staff.facilities.add(chicago)
    make.week(staff=desk.staff, at=chicago, starts=time(8))
    there = make.program(at=chicago, staff=desk.staff)
    both = make.staff(at=[desk.facility, chicago])
    client.force_login(both.user, backend="appointments.access.StaffBackend")
    form = desk.form(program=there.pk, zone="America/New_York")
    response = check(client, form)
    assert (value_of(response, "time"), value_of(response, "zone")) == ("09:00", "America/Chicago")
    assert send(client, form).status_code == 204
    assert Appointment.objects.get().starts_at == at(10)


def test_booking_knows_nothing_of_another_facility(desk, client):
    other = Desk.open()
    case = make.case(of=other.customer, by=other.staff.user)
    for fields, message in [
        ({"staff": other.staff.pk}, "Choose a staff member from the list."),
        ({"program": other.program.pk}, "Choose a program from the list."),
        ({"customer": other.customer.pk}, "Choose the customer from the list."),
        ({"customer": "", "pick": other.customer.pk}, "Choose the customer from the list."),
        ({"case": case.pk}, "Choose one of this customer's open cases."),
    ]:
        response = send(client, desk.form(**fields))
        assert (response.status_code, errors_of(response)) == (422, [message])
        for name in (other.staff.display_name, other.program.name, other.customer.full_name, case.reference):
            assert name not in text_of(response)
    assert not Appointment.objects.exists()
    assert show(client, staff=other.staff.pk).status_code == 404
    assert show(client, program=other.program.pk).status_code == 404
    assert show(client, customer=other.customer.pk).status_code == 404


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"at": "yesterday"}, 400),
        ({"at": "2026-11-24T10:00:00"}, 400),
        ({"at": "9999-12-31T23:59:59+00:00"}, 400),
        ({"date": "24.11.2026"}, 400),
        ({"staff": "me"}, 400),
        ({"staff": "424242"}, 404),
        ({"staff": "9" * 40}, 404),
    ],
)
def test_booking_refuses_a_malformed_address(desk, client, query, status):
    assert show(client, **query).status_code == status


def test_booking_is_not_for_billing(desk):
    client = desk.signed_in("billing")
    assert show(client).status_code == 403
    assert send(client, desk.form()).status_code == 403
    assert not Appointment.objects.exists()


def test_booking_without_any_facility_says_whom_to_ask():
    client = signed_in(make.staff())
    assert "You belong to no facility yet" in text_of(show(client))
    assert send(client, {"date": DAY.isoformat(), "time": "10:00"}).status_code == 422
    assert client.get("/schedule/find/", headers=part("find-time")).status_code == 200
    assert client.get("/customers/", headers=part("customer-list")).status_code == 200


def test_booking_form_takes_the_same_queries_for_one_and_thirty_staff_members(
    desk, client, django_assert_num_queries
):
    query = {"staff": desk.staff.pk, "at": f"{at(10):%Y-%m-%dT%H:%M:%SZ}", "customer": desk.customer.pk}
    show(client, **query)
    with django_assert_num_queries(25):
        show(client, **query)
    for _ in range(29):
        desk.colleague()
        make.program(at=desk.facility, staff=make.staff(at=desk.facility))
    with django_assert_num_queries(25):
        show(client, **query)


@pytest.mark.django_db(transaction=True)
def test_booking_the_same_slot_at_once_has_one_winner_and_offers_the_others_more(desk):
    clients = [desk.signed_in() for _ in range(4)]
    forms = [desk.form(customer=make.customer(at=desk.facility).pk) for _ in clients]
    answers = at_once([lambda c=c, f=f: send(c, f) for c, f in zip(clients, forms, strict=True)])
    assert sorted(answer.status_code for answer in answers) == [204, 409, 409, 409]
    assert all(offers_of(answer) for answer in answers if answer.status_code == 409)
    assert Appointment.objects.count() == 1
