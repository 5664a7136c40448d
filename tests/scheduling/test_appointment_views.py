from datetime import date, timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from appointments import private_notes
from appointments.models import Appointment, PrivateNote, PrivateNoteRead
from scheduling import booking
from scheduling.history import history
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

pytestmark = pytest.mark.django_db
Status = Appointment.Status
FALL = date(2027, 11, 7)
DIALOG = part("dialog-body")


@pytest.fixture
def desk():
    return Desk.open()


@pytest.fixture
def client(desk):
    return desk.signed_in()


@pytest.fixture
def booked(desk):
    return desk.appointment(10, public_note="Bring the blue folder")


def url(appointment, name=""):
    return reverse("-".join(filter(None, ["appointment", name])), args=[appointment.reference])


def send(client, appointment, name, data, target=None):
    return client.post(url(appointment, name), data, headers=part(target or f"appointment-{name}"))


def mark(client, appointment, status, version=0):
    return send(client, appointment, "status", {"status": status, "version": version}, "appointment")


def instant(hour, minute=0):
    return f"{make.at(DAY, hour, minute):%Y-%m-%dT%H:%M:%SZ}"


def somebody_else_moves(desk, appointment):
    booking.reschedule(
        appointment=Appointment.objects.get(pk=appointment.pk),
        starts_at=make.at(DAY, 15),
        by=desk.staff.user,
        now=timezone.now(),
    )


def test_appointment_names_the_channel_that_confirmed_first_first(client, booked):
    by_phone, by_mail = timezone.now(), timezone.now() + timedelta(hours=1)
    Appointment.objects.filter(pk=booked.pk).update(phone_confirmed_at=by_phone, email_confirmed_at=by_mail)
    booked.refresh_from_db()
    assert booked.confirmations == [("text", by_phone), ("e-mail", by_mail)]
    shown = text_of(client.get(url(booked)))
    assert shown.index("by text,") < shown.index("by e-mail,")


def test_appointment_shows_its_facts(desk, client, booked):
    shown = text_of(client.get(url(booked), headers=DIALOG))
    for fact in (
        desk.customer.full_name,
        f"{DAY:%A, %B %-d, %Y} , 10:00–10:30 AM",
        desk.program.name,
        desk.staff.display_name,
        desk.facility.name,
        "30 minutes",
        "Not yet",
        "born April 12, 1991",
        desk.customer.email,
        "Bring the blue folder",
        f"Booked by {desk.staff}",
    ):
        assert fact in shown


def test_appointment_booked_online_shows_what_was_typed_beside_the_record(desk, client):
    typed = booking.Contact("Adelaide N.", "other@example.com", "+12125550188")
    booked = booking.book(
        customer=desk.customer,
        staff=desk.staff,
        program=public(desk),
        starts_at=make.at(DAY, 10),
        minutes=30,
        by=None,
        now=timezone.now(),
        contact=typed,
    )
    shown = text_of(client.get(url(booked), headers=DIALOG))
    assert "Booked online as Adelaide N., other@example.com, (212) 555-0188" in shown
    assert desk.customer.email in shown
    assert "Booked online by the customer" in shown
    Appointment.objects.filter(pk=booked.pk).update(contact_name="", contact_phone="")
    assert "Booked online as other@example.com (as typed" in text_of(client.get(url(booked)))


def test_appointment_booked_at_the_desk_says_nothing_of_online(client, booked):
    assert "online" not in text_of(client.get(url(booked), headers=DIALOG))


def public(desk):
    desk.program.allows_public_booking = True
    desk.program.save()
    return desk.program


def test_appointment_page_holds_the_same_part_as_the_dialog(client, booked):
    page, dialog = client.get(url(booked)), client.get(url(booked), headers=DIALOG)
    assert page.content.count(b'id="appointment"') == dialog.content.count(b'id="appointment"') == 1
    assert b"<html" not in dialog.content


@pytest.mark.parametrize(
    ("name", "method"),
    [("", "get"), ("move", "get"), ("cancel", "get"), ("notes", "get"), ("private-note", "get")]
    + [(name, "post") for name in ("move", "cancel", "notes", "private-note", "status")],
)
def test_appointment_of_another_facility_is_not_there(desk, client, name, method):
    other = Desk.open().appointment(10)
    data = {"version": 0, "status": "arrived", "reason": "x", "starts_at": instant(11), "minutes": 30}
    data["staff"] = desk.staff.pk
    for headers in ({}, DIALOG, part("appointment"), part(f"appointment-{name}")):
        response = getattr(client, method)(url(other, name), data, headers=headers)
        assert response.status_code == 404
        assert str(other.customer) not in text_of(response)
    other.refresh_from_db()
    assert other.version == 0


@pytest.mark.parametrize("name", ["move", "cancel", "notes", "status"])
def test_appointment_is_not_changed_by_billing(desk, booked, name):
    client = desk.signed_in("billing")
    assert client.get(url(booked), headers=DIALOG).status_code == 200
    data = {"version": 0, "status": "arrived", "reason": "x", "public_note": "x"}
    assert send(client, booked, name, data).status_code == 403
    booked.refresh_from_db()
    assert booked.version == 0


def test_appointment_offers_billing_nothing_to_change(desk, booked):
    shown = desk.signed_in("billing").get(url(booked), headers=DIALOG).content
    assert [name in shown for name in (b"/move/", b"/cancel/", b"/notes/", b"/status/")] == [False] * 4


def test_status_marks_and_offers_the_way_back(desk, client, booked):
    response = mark(client, booked, "arrived")
    assert response.status_code == 204
    toast = triggers(response)["toast"]
    assert toast["text"] == f"{desk.customer}: arrived."
    assert toast["action"]["values"] == {"status": "scheduled", "version": 1}
    undone = client.post(toast["action"]["url"], toast["action"]["values"], headers={"HX-Request": "true"})
    assert undone.status_code == 204
    booked.refresh_from_db()
    assert booked.status == Status.SCHEDULED


@pytest.mark.parametrize(
    "steps", [["arrived", "completed"], ["no_show", "arrived"], ["completed", "scheduled"]]
)
def test_status_goes_through_every_step(client, booked, steps):
    for version, status in enumerate(steps):
        assert mark(client, booked, status, version).status_code == 204
    booked.refresh_from_db()
    assert booked.status == steps[-1]


def test_status_of_a_changed_appointment_is_refused_and_shows_it_as_it_is(desk, client, booked):
    somebody_else_moves(desk, booked)
    response = mark(client, booked, "arrived")
    assert response.status_code == 409
    assert alerts_of(response)[0].startswith(
        f"{desk.staff} changed this appointment in the meantime (rescheduled,"
    )
    assert "3:00–3:30 PM" in text_of(response)
    assert value_of(response, "version") == "1"
    booked.refresh_from_db()
    assert booked.status == Status.SCHEDULED


def test_status_that_cannot_follow_is_refused(client, booked):
    mark(client, booked, "completed")
    booking.mark(appointment=booked, status="scheduled", by=booked.staff.user, now=timezone.now())
    booking.cancel(appointment=booked, reason="Ill", by=booked.staff.user, now=timezone.now())
    response = mark(client, booked, "arrived", 3)
    assert response.status_code == 409
    assert alerts_of(response)


@pytest.mark.parametrize(
    "data", [{"status": "gone", "version": 0}, {"status": "arrived"}, {"status": "arrived", "version": 2**70}]
)
def test_status_that_makes_no_sense_is_refused(client, booked, data):
    response = send(client, booked, "status", data, "appointment")
    assert response.status_code == 422
    booked.refresh_from_db()
    assert booked.status == Status.SCHEDULED


def test_undone_cancellation_finds_its_slot_taken(desk, client, booked):
    booking.cancel(appointment=booked, reason="Ill", by=desk.staff.user, now=timezone.now())
    desk.appointment(10, customer=make.customer())
    response = mark(client, booked, "scheduled", 1)
    assert (response.status_code, alerts_of(response)) == (
        409,
        ["This time was just taken. Choose another time."],
    )


def test_cancel_asks_for_a_reason_and_can_be_undone(desk, client, booked):
    refused = send(client, booked, "cancel", {"version": 0, "reason": " "})
    assert (refused.status_code, errors_of(refused)) == (
        422,
        ["Enter the reason, such as “Customer is ill”."],
    )
    response = send(client, booked, "cancel", {"version": 0, "reason": "Customer is ill"})
    assert response.status_code == 204
    booked.refresh_from_db()
    assert (booked.status, booked.cancel_reason) == (Status.CANCELLED, "Customer is ill")
    action = triggers(response)["toast"]["action"]
    assert client.post(action["url"], action["values"]).status_code == 302
    booked.refresh_from_db()
    assert booked.status == Status.SCHEDULED


def test_cancel_with_an_oversized_reason_is_refused(client, booked):
    response = send(client, booked, "cancel", {"version": 0, "reason": "x" * 201})
    assert (response.status_code, errors_of(response)) == (422, ["Keep the reason to 200 characters."])


def test_cancel_of_a_changed_appointment_keeps_the_reason_and_may_be_applied_again(desk, client, booked):
    somebody_else_moves(desk, booked)
    response = send(client, booked, "cancel", {"version": 0, "reason": "Customer is ill"})
    assert response.status_code == 409
    assert "3:00–3:30 PM" in text_of(response)
    assert value_of(response, "reason") == "Customer is ill"
    again = {"version": value_of(response, "version"), "reason": "Customer is ill"}
    assert send(client, booked, "cancel", again).status_code == 204


def test_cancel_of_a_cancelled_appointment_shows_it(desk, client, booked):
    booking.cancel(appointment=booked, reason="Ill", by=desk.staff.user, now=timezone.now())
    response = send(client, booked, "cancel", {"version": 1, "reason": "Again"})
    assert (response.status_code, alerts_of(response)) == (409, ["It is already cancelled."])


def test_note_is_saved_and_an_oversized_one_is_kept_for_its_writer(client, booked):
    refused = send(client, booked, "notes", {"version": 0, "public_note": "y" * 2001})
    assert refused.status_code == 422
    assert errors_of(refused) == ["This note has 2001 characters; 2,000 is the limit. Shorten it."]
    assert "y" * 2001 in refused.content.decode()
    assert send(client, booked, "notes", {"version": 0, "public_note": "Side door"}).status_code == 204
    booked.refresh_from_db()
    assert booked.public_note == "Side door"


def test_note_of_a_changed_appointment_shows_both_and_may_be_applied_again(desk, client, booked):
    booking.edit_notes(
        appointment=booked, by=desk.staff.user, now=timezone.now(), public_note="Theirs, first"
    )
    response = send(client, booked, "notes", {"version": 0, "public_note": "Mine, typed"})
    assert response.status_code == 409
    assert "Theirs, first" in text_of(response)
    assert "Mine, typed" in text_of(response)
    again = {"version": value_of(response, "version"), "public_note": "Mine, typed"}
    assert send(client, booked, "notes", again).status_code == 204


def private(desk, text="Fears the stairs", **fields):
    return desk.appointment(10, private_note=text, **fields)


def test_private_note_is_in_no_page_until_asked_for_and_every_read_is_recorded(desk, client):
    booked = private(desk)
    for name in ("", "move", "cancel", "notes"):
        assert b"stairs" not in client.get(url(booked, name)).content
    assert not PrivateNoteRead.objects.exists()
    response = client.get(url(booked, "private-note"), headers=part("private-note"))
    assert "Fears the stairs" in text_of(response)
    assert "no-store" in response.headers["Cache-Control"]
    read = PrivateNoteRead.objects.get()
    assert (read.appointment, read.was_readable) == (booked, True)


def test_private_note_is_not_for_who_may_not_read_it(desk):
    booked, client = private(desk), desk.signed_in("front_desk")
    assert b"rivate note" not in client.get(url(booked), headers=DIALOG).content
    for response in (
        client.get(url(booked, "private-note"), headers=part("private-note")),
        client.post(url(booked, "private-note"), {"version": 0, "private_note": "x"}),
    ):
        assert response.status_code == 403
        assert b"stairs" not in response.content
    assert not PrivateNoteRead.objects.exists()


def test_private_note_is_written_and_removed(desk, client, booked):
    for version, text in enumerate(["Fears the stairs", ""]):
        data = {"version": version, "private_note": text}
        assert send(client, booked, "private-note", data, "private-note").status_code == 204
        assert PrivateNote.objects.filter(appointment=booked).exists() == bool(text)


def test_private_note_that_cannot_be_read_is_not_overwritten_without_a_tick(desk, client):
    booked = private(desk)
    PrivateNote.objects.update(key_id="lost")
    shown = client.get(url(booked, "private-note"), headers=part("private-note"))
    assert alerts_of(shown)[0].startswith("This note cannot be read")
    data = {"version": 0, "private_note": "New words"}
    refused = send(client, booked, "private-note", data, "private-note")
    assert refused.status_code == 409
    assert "New words" in text_of(refused)
    assert PrivateNote.objects.get().key_id == "lost"
    data["replace_unreadable"] = "on"
    assert send(client, booked, "private-note", data, "private-note").status_code == 204
    assert private_notes.open_note(PrivateNote.objects.get()) == "New words"


def test_private_note_changed_meanwhile_is_shown_beside_what_was_typed(desk, client):
    booked = private(desk)
    booking.edit_notes(
        appointment=booked, by=desk.staff.user, now=timezone.now(), private_note="Theirs, first"
    )
    data = {"version": 0, "private_note": "Mine, typed"}
    response = send(client, booked, "private-note", data, "private-note")
    assert response.status_code == 409
    assert "Theirs, first" in text_of(response)
    assert "Mine, typed" in text_of(response)
    assert private_notes.open_note(PrivateNote.objects.get()) == "Theirs, first"


def test_private_note_too_long_is_kept_for_its_writer(client, booked):
    data = {"version": 0, "private_note": "z" * 10_001}
    response = send(client, booked, "private-note", data, "private-note")
    assert response.status_code == 422
    assert "z" * 10_001 in response.content.decode()


def test_history_tells_who_when_and_what_became_of_what(desk, client, booked):
    other = desk.colleague()
    now = timezone.now()
    booking.reschedule(
        appointment=booked,
        starts_at=make.at(DAY, 18),
        staff=other,
        by=desk.staff.user,
        now=now,
        overrides={"outside_hours"},
    )
    booking.mark(appointment=booked, status="arrived", by=desk.staff.user, now=now)
    booking.edit_notes(appointment=booked, by=desk.staff.user, now=now, private_note="Fears the stairs")
    booking.cancel(appointment=booked, reason="Weather", by=desk.staff.user, now=now)
    shown = text_of(client.get(url(booked), headers=DIALOG)).split("History")[1]
    for line in (
        f"Rescheduled by {desk.staff}",
        f"Time: {DAY:%A, %B %-d, %Y}, 10:00–10:30 AM → {DAY:%A, %B %-d, %Y}, 6:00–6:30 PM",
        f"Staff member: {desk.staff} → {other}",
        "Booked outside working hours on purpose.",
        "Marked arrived",
        "Status: Scheduled → Arrived",
        "Private note changed",
        "Reason: Weather",
    ):
        assert line in shown
    assert "stairs" not in shown


def test_history_takes_the_same_queries_however_long(desk, booked, django_assert_num_queries):
    with django_assert_num_queries(3):
        assert len(history(booked)) == 1
    for version in range(29):
        status = "arrived" if version % 2 == 0 else "scheduled"
        booking.mark(appointment=booked, status=status, by=desk.staff.user, now=timezone.now())
    with django_assert_num_queries(3):
        assert len(history(booked)) == 30


def place(desk, **fields):
    """What the moving form sends."""
    sent = {
        "staff": desk.staff.pk,
        "date": DAY.isoformat(),
        "time": "11:00",
        "minutes": "45",
        "version": "0",
    }
    return {**sent, **fields}


def test_move_by_form_changes_time_length_and_staff(desk, client, booked):
    other = desk.colleague()
    response = send(client, booked, "move", place(desk, staff=other.pk))
    assert response.status_code == 204
    booked.refresh_from_db()
    assert (booked.starts_at, booked.minutes, booked.staff) == (make.at(DAY, 11), 45, other)
    toast = triggers(response)["toast"]
    assert toast["text"] == f"Moved: {desk.customer}, {DAY:%a, %b %-d}, 11:00–11:45 AM, {other}."
    undo = client.post(toast["action"]["url"], toast["action"]["values"], headers={"HX-Request": "true"})
    assert undo.status_code == 204
    booked.refresh_from_db()
    assert (booked.starts_at, booked.minutes, booked.staff) == (make.at(DAY, 10), 30, desk.staff)


def test_move_without_javascript_goes_to_the_schedule(desk, client, booked):
    response = client.post(url(booked, "move"), place(desk))
    assert (response.status_code, response.url) == (302, f"{reverse('schedule')}?date={DAY}")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"date": "tomorrow"}, "This is not a date. Enter it as 11/24/2026."),
        ({"time": ""}, "Enter the time."),
        ({"time": "11:07"}, "Appointments start on the quarter hour: :00, :15, :30 or :45."),
        ({"minutes": ""}, "Enter the length in minutes."),
        ({"minutes": "-15"}, "The appointment must end after it starts: enter 15 minutes or more."),
        ({"staff": "424242"}, "Choose a staff member from the list."),
    ],
)
def test_move_says_beside_the_field_what_is_wrong(desk, client, booked, fields, message):
    response = send(client, booked, "move", place(desk, **fields))
    assert (response.status_code, errors_of(response)) == (422, [message])
    booked.refresh_from_db()
    assert booked.version == 0


def test_move_to_a_taken_time_offers_others(desk, client, booked):
    desk.appointment(11, customer=make.customer())
    response = send(client, booked, "move", place(desk, minutes="30"))
    assert (response.status_code, alerts_of(response)) == (
        409,
        ["This time was just taken. Choose another time."],
    )
    offers = offers_of(response)
    assert list(offers)[:2] == ["10:30 AM", "11:30 AM"]
    taken = place(desk, minutes="30", take=offers["11:30 AM"])
    assert send(client, booked, "move", taken).status_code == 204


def test_move_in_a_repeated_hour_asks_which(desk, client, booked):
    form = place(desk, date=FALL.isoformat(), time="01:30", overrides="outside_hours")
    response = send(client, booked, "move", form)
    assert response.status_code == 422
    assert "1:30 AM EDT" in text_of(response)
    assert send(client, booked, "move", {**form, "fold": "0"}).status_code == 204
    booked.refresh_from_db()
    assert f"{booked.starts_at:%H:%M}" == "05:30"


def test_move_of_a_changed_appointment_shows_it_and_keeps_what_was_typed(desk, client, booked):
    somebody_else_moves(desk, booked)
    response = send(client, booked, "move", place(desk))
    assert response.status_code == 409
    assert "3:00–3:30 PM" in text_of(response)
    assert (value_of(response, "time"), value_of(response, "minutes")) == ("11:00", "45")
    again = place(desk, version=value_of(response, "version"))
    assert send(client, booked, "move", again).status_code == 204


def test_move_of_a_settled_appointment_shows_it(desk, client, booked):
    booking.mark(appointment=booked, status="completed", by=desk.staff.user, now=timezone.now())
    response = send(client, booked, "move", place(desk, version="1"))
    assert response.status_code == 409
    assert alerts_of(response) == ["It is completed. Undo that first, or book a new one."]


def test_move_check_warns_and_fills_in_an_offer_without_saving(desk, client, booked):
    desk.appointment(11, customer=make.customer())
    response = send(client, booked, "move", place(desk), "move-answer")
    assert f"{desk.staff} already has an appointment at this time." in text_of(response)
    filled = send(client, booked, "move", place(desk, fill=offers_of(response)["11:30 AM"]), "move-answer")
    assert value_of(filled, "time") == "11:30"
    booked.refresh_from_db()
    assert booked.version == 0


def test_move_form_opens_with_a_suggested_place(desk, client, booked):
    other = desk.colleague()
    query = {"staff": other.pk, "at": instant(13, 15)}
    response = client.get(url(booked, "move"), query, headers=DIALOG)
    assert value_of(response, "time") == "13:15"
    assert f'<option value="{other.pk}" selected>' in response.content.decode()


def test_stranded_appointment_opens_its_move_with_what_is_free(desk, client, booked):
    make.time_off(staff=desk.staff, first_day=DAY)
    Appointment.objects.filter(pk=booked.pk).update(status=Status.PENDING_REASSIGNMENT)
    response = client.get(url(booked, "move"), headers=DIALOG)
    assert f"{desk.staff} does not work at {desk.facility}" in text_of(response)
    next_day = DAY + timedelta(days=1)
    assert next(iter(offers_of(response))) == f"{next_day:%a, %b %-d}, 10:00 AM"


def test_appointment_of_a_facility_one_left_is_not_there_any_more(desk, booked):
    member = make.staff(at=desk.facility)
    client = signed_in(member)
    assert client.get(url(booked)).status_code == 200
    member.facilities.clear()
    assert client.get(url(booked)).status_code == 404


def test_appointment_is_told_on_the_clock_of_its_own_facility():
    desk = Desk.open(time_zone="America/Los_Angeles")
    booked = desk.appointment(10)
    member = make.staff(at=[make.facility(), desk.facility])
    shown = text_of(signed_in(member).get(url(booked), headers=DIALOG))
    offset = "PST" if booked.local_starts_at.utcoffset() == timedelta(hours=-8) else "PDT"
    assert f"10:00–10:30 AM {offset}" in shown
    assert f"Time: {DAY:%A, %B %-d, %Y}, 10:00–10:30 AM" in shown
