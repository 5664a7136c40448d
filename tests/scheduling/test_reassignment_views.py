import csv
import io
from datetime import time, timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from appointments.models import Appointment
from scheduling import booking, staffing
from scheduling.staffing.time_off import Away
from tests import factories as make
from tests.scheduling.desk import DAY, Desk, alerts_of, part, text_of

pytestmark = pytest.mark.django_db
LIST = "/schedule/reassignment/"


@pytest.fixture
def desk():
    return Desk.open(name="Northside")


@pytest.fixture
def client(desk):
    return desk.signed_in("front_desk")


def strand(desk, *hours, **fields):
    """Appointments of the desk's provider, who then takes their day off."""
    made = [
        desk.appointment(
            hour, customer=make.customer(at=desk.facility, family_name=f"Nguyen {hour}"), **fields
        )
        for hour in hours
    ]
    staffing.enter_time_off(
        staff=desk.staff, away=Away(DAY, DAY), reason="Leave", by=desk.staff.user, now=timezone.now()
    )
    for appointment in made:
        appointment.refresh_from_db()
    return made


def value(appointment, *more):
    return "@".join([str(appointment.reference), str(appointment.version), *map(str, more)])


def post(client, **data):
    return client.post(LIST, data, headers=part("reassignment-list"))


def test_list_shows_what_waits_with_why_and_who_else(desk, client):
    colleague = desk.colleague()
    made = strand(desk, 10)[0]
    shown = text_of(client.get(LIST))
    assert f"{DAY:%A, %B %-d, %Y} 10:00–10:30 AM" in shown
    assert f"{made.customer} {desk.program}, Northside, with {desk.staff} {desk.staff} is off: Leave" in shown
    assert f"Reassign to {colleague}" in shown
    tomorrow = DAY + timedelta(days=1)
    assert f"{desk.staff} could: {tomorrow:%a, %b %-d}, 10:00 AM" in shown


def test_other_times_open_the_move_form_filled_in(desk, client):
    made = strand(desk, 10)[0]
    page = client.get(LIST).content.decode()
    at = make.at(DAY + timedelta(days=1), 10)
    address = f"{reverse('appointment-move', args=[made.reference])}?staff={desk.staff.pk}&amp;at={at:%Y-%m-%dT%H:%M:%SZ}"
    assert f'<a class="button small" href="{address}" data-dialog>' in page
    form = client.get(address.replace("&amp;", "&"))
    assert f'value="{DAY + timedelta(days=1)}"' in form.content.decode()


def test_list_is_in_order_over_all_dates_and_only_of_own_facilities(desk, client):
    other = Desk.open(name="Elsewhere House")
    hidden = strand(other, 16)[0]
    late, early = strand(desk, 15, 9)
    shown = text_of(client.get(LIST))
    assert [str(hidden.customer) in shown, "Elsewhere House" in shown] == [False, False]
    assert shown.index(str(early.customer)) < shown.index(str(late.customer))
    assert "Pending reassignment" in shown


def test_empty_list_says_so(client):
    assert "Nothing waits for reassignment" in text_of(client.get(LIST))


def test_one_click_reassigns_and_tells(desk, client):
    colleague = desk.colleague()
    made = strand(desk, 10)[0]
    response = post(client, take=value(made, colleague.pk))
    made.refresh_from_db()
    assert (response.status_code, made.staff, made.status) == (200, colleague, "scheduled")
    assert response.content.decode().strip().startswith('<section id="reassignment-list"')
    assert f"Reassigned {made.customer}, {DAY:%a, %b %-d}, 10:00 AM , now with {colleague}" in text_of(
        response
    )
    assert made.events.last().kind == "reassigned"


def test_one_click_on_a_stale_row_is_refused_and_tells(desk, client):
    colleague = desk.colleague()
    made = strand(desk, 10)[0]
    seen = value(made, colleague.pk)
    booking.cancel(appointment=made, reason="Ill", by=desk.staff.user, now=timezone.now())
    response = post(client, take=seen)
    made.refresh_from_db()
    assert (response.status_code, made.status, made.staff) == (409, "cancelled", desk.staff)
    assert "Not reassigned" in text_of(response)
    assert "Someone changed it in the meantime. Look at it again." in text_of(response)


def test_one_click_on_who_was_just_booked_is_refused_and_offers_the_next(desk, client):
    taken, other = desk.colleague(), desk.colleague()
    made = strand(desk, 10)[0]
    seen = value(made, taken.pk)
    desk.appointment(10, staff=taken, customer=make.customer(at=desk.facility))
    response = post(client, take=seen)
    made.refresh_from_db()
    assert (response.status_code, made.status) == (409, "pending_reassignment")
    assert "This time was just taken. Choose another time." in text_of(response)
    assert f"Reassign to {other}" in text_of(response)


def test_bulk_reassigns_each_or_says_why_not(desk, client):
    colleague = desk.colleague()
    first, second, stale = strand(desk, 10, 11, 12)
    desk.appointment(11, staff=colleague, customer=make.customer(at=desk.facility))
    chosen = [value(one) for one in (first, second, stale)]
    booking.edit_notes(
        appointment=stale, by=desk.staff.user, now=timezone.now(), public_note="Bring your card"
    )
    response = post(client, bulk="best", chosen=chosen)
    statuses = [Appointment.objects.get(pk=one.pk).status for one in (first, second, stale)]
    assert statuses == ["scheduled", "pending_reassignment", "pending_reassignment"]
    shown = text_of(response)
    assert f"Reassigned {first.customer}" in shown
    assert (
        f"Not reassigned {second.customer}, {DAY:%a, %b %-d}, 11:00 AM . "
        "Nobody else of the program is free at this time. Choose another time."
    ) in shown
    assert f"Not reassigned {stale.customer}" in shown


def test_bulk_without_javascript_answers_with_the_whole_page(desk, client):
    desk.colleague()
    made = strand(desk, 10)[0]
    response = client.post(LIST, {"bulk": "best", "chosen": value(made)})
    made.refresh_from_db()
    assert (made.status, "<h1>Pending reassignment</h1>" in response.content.decode()) == ("scheduled", True)


def test_nothing_ticked_is_told(desk, client):
    strand(desk, 10)
    response = post(client, bulk="best")
    assert (response.status_code, alerts_of(response)) == (409, ["Tick the appointments to reassign first."])


@pytest.mark.parametrize(
    "data",
    [
        {"take": "x"},
        {"take": "not-a-uuid@0@1"},
        {"take": "00000000-0000-0000-0000-000000000000@0@1"},
        {"bulk": "best", "chosen": ["x@y"]},
        {"bulk": "best", "chosen": ["@" * 50, "9" * 50]},
    ],
)
def test_malformed_choices_change_nothing(desk, client, data):
    made = strand(desk, 10)[0]
    response = client.post(LIST, data)
    assert (response.status_code, alerts_of(response)) == (
        422,
        ["This cannot be read. Reload the page and choose again."],
    )
    assert made.events.count() == 2


def test_appointments_and_people_of_other_facilities_cannot_be_touched(desk, client):
    other = Desk.open()
    colleague = other.colleague()
    made = strand(other, 10)[0]
    mine = strand(desk, 10)[0]
    assert post(client, take=value(made, colleague.pk)).status_code == 422
    assert post(client, take=value(mine, colleague.pk)).status_code == 422
    assert post(client, bulk="best", chosen=value(made)).status_code == 409
    assert {Appointment.objects.get(pk=one.pk).status for one in (made, mine)} == {"pending_reassignment"}


def test_billing_sees_the_list_and_changes_nothing(desk):
    colleague = desk.colleague()
    made = strand(desk, 10)[0]
    billing = desk.signed_in("billing")
    page = billing.get(LIST)
    assert str(made.customer) in text_of(page)
    assert "Reassign to" not in text_of(page)
    assert billing.post(LIST, {"take": value(made, colleague.pk)}).status_code == 403
    made.refresh_from_db()
    assert made.status == "pending_reassignment"


def test_poll_answers_nothing_until_something_changes(desk, client):
    made = strand(desk, 10)[0]
    known = client.get(LIST).context["known"]
    poll = {"page": 1, "known": known}
    assert client.get(LIST, poll, headers=part("reassignment-list")).status_code == 204
    booking.cancel(appointment=made, reason="", by=desk.staff.user, now=timezone.now())
    fresh = client.get(LIST, poll, headers=part("reassignment-list"))
    assert (fresh.status_code, "Nothing waits" in text_of(fresh)) == (200, True)


def test_page_holds_the_part_it_would_be_refreshed_with(desk, client):
    strand(desk, 10)
    page = client.get(LIST).content.decode()
    refreshed = client.get(LIST, headers=part("reassignment-list"))
    body = refreshed.content.decode().strip()
    token = page.split('name="csrfmiddlewaretoken" value="')
    assert refreshed.headers["Vary"].count("HX-Target") == 1
    assert body.count("<li>") == page.split('id="reassignment-list"')[1].split("</section>")[0].count("<li>")
    assert len(token) > 1


def test_csv_lists_all_and_begins_no_formula(desk, client):
    colleague = desk.colleague()
    made = strand(desk, 10)[0]
    made.customer.given_name = "=HYPERLINK(1)"
    made.customer.save()
    response = client.get("/schedule/reassignment.csv")
    rows = list(csv.DictReader(io.StringIO(response.content.decode("utf-8-sig"))))
    assert len(rows) == 1
    row = rows[0]
    assert [row[name] for name in ("Date", "Starts", "Staff", "Reason", "Free at this time")] == [
        DAY.isoformat(),
        "10:00 AM",
        str(desk.staff),
        f"{desk.staff} is off: Leave",
        str(colleague),
    ]
    assert row["Customer"] == f"'{made.customer}"
    assert (response.headers["Content-Type"], response.headers["Cache-Control"]) == (
        "text/csv; charset=utf-8",
        "private, no-store",
    )


def test_csv_holds_only_own_facilities(desk, client):
    strand(Desk.open(), 10)
    response = client.get("/schedule/reassignment.csv")
    assert len(response.content.decode("utf-8-sig").splitlines()) == 1


@pytest.mark.parametrize("count", [1, 30])
def test_list_takes_a_fixed_number_of_queries(desk, client, count, django_assert_num_queries):
    for _ in range(3):
        desk.colleague()
    desk.staff.shifts.update(starts=time(0), ends=time(0))
    for number in range(count):
        desk.appointment(number * 30 // 60, number * 30 % 60, customer=make.customer(at=desk.facility))
    strand(desk)
    client.get(LIST)
    with django_assert_num_queries(14):
        response = client.get(LIST)
    assert text_of(response).count("is off: Leave") == count
