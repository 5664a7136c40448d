"""The day as a file and on paper: the same permissions and choices as on the grid."""

import csv
import io

import pytest
from django.utils import timezone

from appointments.models import Appointment
from scheduling import booking
from securecare import localtime
from securecare.spreadsheet import harmless
from tests import factories as make
from tests.scheduling.desk import DAY, Desk, text_of

CSV = f"/schedule/day.csv?date={DAY}"
SHEET = f"/schedule/sheet/?date={DAY}"
HEADINGS = "Staff,Date,Starts,Ends,Time zone,Customer,Program,Facility,Status,Confirmed,Reference"


@pytest.fixture
def desk(db):
    return Desk.open(name="Northside")


def rows_of(answer):
    return list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))


def test_csv_tells_the_day_by_person_and_time(desk):
    anna = desk.colleague()
    type(anna).objects.filter(pk=anna.pk).update(display_name="Anna Åberg")
    late, early = desk.appointment(14), desk.appointment(9, customer=make.customer(at=desk.facility))
    hers = desk.appointment(16, staff=anna, customer=make.customer(at=desk.facility))
    Appointment.objects.filter(pk=early.pk).update(phone_confirmed_at=timezone.now())

    answer = desk.signed_in().get(CSV)

    def row(made, name, starts, ends, confirmed=""):
        zone = localtime.abbreviation(made.starts_at, desk.facility.zone)
        where = [zone, made.customer.full_name, desk.program.name, "Northside", "Scheduled", confirmed]
        return [name, f"{DAY}", starts, ends, *where, str(made.reference)]

    assert rows_of(answer) == [
        HEADINGS.split(","),
        row(hers, "Anna Åberg", "16:00", "16:30"),
        row(early, desk.staff.display_name, "09:00", "09:30", "by text"),
        row(late, desk.staff.display_name, "14:00", "14:30"),
    ]
    assert answer.content.startswith(b"\xef\xbb\xbf")
    assert answer["Content-Disposition"] == f'attachment; filename="schedule-{DAY}.csv"'
    assert answer["Cache-Control"] == "private, no-store"


def test_csv_and_sheet_say_nothing_of_a_facility_one_may_not_see(desk):
    secret = make.facility(name="Secret House")
    desk.staff.facilities.add(secret)
    make.week(staff=desk.staff, at=secret)
    program = make.program(at=secret, staff=desk.staff, name="Secret Program")
    make.appointment(staff=desk.staff, program=program, starts_at=make.at(DAY, 9), now=timezone.now())
    desk.appointment(14)
    client = desk.signed_in()

    assert len(rows_of(client.get(CSV))) == 2
    for address in (CSV, SHEET):
        assert b"Secret" not in client.get(address).content
    assert "9:00–9:30 AM Busy" in text_of(client.get(SHEET))


def test_csv_holds_what_the_filter_shows(desk):
    gone = desk.appointment(9)
    booking.cancel(appointment=gone, reason="", by=desk.staff.user, now=timezone.now())
    desk.appointment(14)
    client = desk.signed_in()
    client.post("/schedule/view/", {"status": "cancelled"})

    assert [row[8] for row in rows_of(client.get(CSV))[1:]] == ["Scheduled"]


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =1", "＝1"])
def test_csv_begins_no_formula(desk, name):
    desk.appointment(9, customer=make.customer(at=desk.facility, given_name=name, family_name="X"))

    assert rows_of(desk.signed_in().get(CSV))[1][5] == f"'{name} X"


def test_harmless_leaves_words_alone():
    assert [harmless(word) for word in ("Ada", "O'Neil-Smith", "", "9:00")] == [
        "Ada",
        "O'Neil-Smith",
        "",
        "9:00",
    ]


def test_sheet_has_a_section_for_each_person(desk):
    desk.colleague()
    desk.appointment(10)

    answer = desk.signed_in().get(SHEET)

    html, words = answer.content.decode(), text_of(answer)
    assert html.count('<section class="day-sheet">') == 2
    assert f"10:00–10:30 AM {desk.customer.full_name} {desk.program.name} Scheduled" in words
    assert "No appointments on this day." in words
    assert "Free" not in words


def test_sheet_of_nobody_says_where_to_choose(desk):
    client = desk.signed_in()
    client.post("/schedule/view/", {"choose": "nobody"})

    assert "Choose people under Staff" in text_of(client.get(SHEET))


def test_sheet_and_csv_take_the_same_few_queries_for_one_and_for_thirty(desk, django_assert_num_queries):
    client = desk.signed_in()
    client.get(CSV)
    for people in (1, 29):
        for _ in range(people):
            desk.appointment(staff=desk.colleague(), customer=make.customer(at=desk.facility))
        with django_assert_num_queries(7):
            rows = rows_of(client.get(CSV))
        with django_assert_num_queries(8):  # one more: the bar counts what waits for reassignment
            client.get(SHEET)
    assert len(rows) == 31
