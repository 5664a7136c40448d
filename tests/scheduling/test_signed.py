"""What is signed, where staff look at appointments: on the schedule, on the appointment's page, and at the door."""

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from appointments.access import Access
from appointments.models import Appointment
from scheduling import booking
from scheduling.day import load
from scheduling.freshness import fresh
from scheduling.grid import draw
from scheduling.history import history
from scheduling.selection import selection_of
from signatures import requests, signing
from signatures.models import SignatureRequest, SigningRules
from tests import factories as make
from tests.scheduling.desk import DAY, Desk, part, text_of, triggers
from tests.scheduling.grid_page import GridPage
from tests.signatures import papers

pytestmark = pytest.mark.django_db

PAGE = f"/schedule/?date={DAY:%Y-%m-%d}"
DIALOG = part("dialog-body")


@pytest.fixture
def desk() -> Desk:
    desk = Desk.open()
    for title in ("Consent to care", "Program agreement", "Release of information"):
        papers.template(needed_by=desk.program, title=title)
    return desk


def asked(appointment) -> list[SignatureRequest]:
    return list(
        SignatureRequest.objects.filter(attachments__appointment=appointment).order_by("template__title")
    )


def sign(*wanted) -> None:
    now = timezone.now()
    for request in wanted:
        SignatureRequest.objects.filter(pk=request.pk).update(state="sent", sent_at=now)
        request.refresh_from_db()
        papers.signed(request=request, now=now)


@pytest.fixture
def half(desk):
    """An appointment for which two of three are signed."""
    booked = desk.appointment(10)
    sign(*asked(booked)[:2])
    return booked


def card_of(client, view="vertical"):
    [card] = GridPage.of(client.get(f"{PAGE}&view={view}", headers=part("day-grid"))).cards
    return card.text


def holds_arrival(desk) -> None:
    SigningRules.objects.create(program=desk.program, holds_arrival=True)


def mark(client, appointment, **data):
    sent = {"status": "arrived", "version": appointment.version, **data}
    return client.post(
        reverse("appointment-status", args=[appointment.reference]), sent, headers=part("appointment")
    )


# ------------------------------------------------------------------------------------------------- the schedule


def test_card_says_how_many_are_signed(desk, half):
    client, name, program = desk.signed_in(), desk.customer.full_name, desk.program.name
    assert card_of(client) == f"10:00 {name} ✎2/3 {program}"
    assert card_of(client, "horizontal") == f"{name} ✎2/3 10:00 {program}"


def test_card_tells_apart_when_all_are_signed(desk, half):
    sign(asked(half)[2])
    assert card_of(desk.signed_in()) == f"10:00 {desk.customer.full_name} ✎✓ {desk.program.name}"


def test_card_of_a_quarter_of_an_hour_says_it_on_its_one_line(desk):
    desk.appointment(10, minutes=15)
    client = desk.signed_in()
    for view, before in (("vertical", ["10:00 ✎0/3"]), ("horizontal", ["✎0/3"])):
        [card] = GridPage.of(client.get(f"{PAGE}&view={view}")).cards
        assert card.texts[:1] == [f"{before[0]} "]


@pytest.mark.parametrize("status", ["cancelled", "no_show"])
def test_card_of_what_does_not_take_place_says_nothing_of_documents(desk, half, status):
    if status == "cancelled":
        booking.cancel(appointment=half, reason="", by=desk.staff.user, now=timezone.now())
    else:
        booking.mark(appointment=half, status=status, by=desk.staff.user, now=timezone.now())
    client = desk.signed_in()
    client.post(reverse("schedule-view"), {"status": "cancelled"})
    assert "✎" not in client.get(PAGE).content.decode()


def test_list_and_day_sheet_say_it_in_words(desk, half):
    client = desk.signed_in()
    assert "Scheduled 2 of 3 signed" in text_of(client.get(f"{PAGE}&view=list"))
    assert "Scheduled 2 of 3 signed" in text_of(client.get(f"{reverse('day-sheet')}?date={DAY:%Y-%m-%d}"))


def test_schedule_without_documents_says_nothing_of_them():
    desk = Desk.open()
    desk.appointment(10)
    client = desk.signed_in()
    assert card_of(client) == f"10:00 {desk.customer.full_name} {desk.program.name}"
    assert "3 signed" not in text_of(client.get(f"{PAGE}&view=list"))


def test_who_may_not_see_documents_reads_nothing_of_them(desk, half):
    client = desk.signed_in("billing")
    assert "✎" not in card_of(client)
    assert "3 signed" not in text_of(client.get(f"{PAGE}&view=list"))
    shown = text_of(client.get(reverse("appointment", args=[half.reference])))
    assert "Consent to care" not in shown
    assert "2 of 3" not in shown


def test_schedule_takes_as_many_queries_with_documents_as_without(desk, django_assert_num_queries):
    for hour in range(9, 15):
        desk.appointment(hour)
    client = desk.signed_in("front_desk")
    client.get(PAGE)
    with django_assert_num_queries(7):
        client.get(PAGE, headers=part("day-grid"))


def test_open_schedule_learns_of_a_signature(desk, half):
    access = Access(desk.staff.user)

    def print_of() -> str:
        return fresh(access=access, day=DAY, now=timezone.now()).fingerprint

    before = print_of()
    assert print_of() == before
    sign(asked(half)[2])
    assert print_of() != before


def test_part_of_twenty_people_who_all_have_to_sign_stays_small(desk):
    """performance.md's limit for 20 staff and 180 appointments: 40 kB, with 2 kB of what stands around the grid."""
    for number in range(20):
        member = desk.colleague()
        for slot in range(9):
            customer = make.customer(
                at=desk.facility, given_name="Katarzyna", family_name=f"Wojcik {number}{slot}"
            )
            hour, minute = divmod(slot * 45, 60)
            desk.appointment(9 + hour, minute, staff=member, customer=customer)
    access = Access(User.objects.get(pk=desk.staff.user_id))
    view = fresh(access=access, day=DAY, now=timezone.now()).view
    day = load(access=access, selection=selection_of(view, access), date=DAY, now=timezone.now())
    for orientation in ("vertical", "horizontal"):
        html = str(draw(day, orientation=orientation).html)
        assert html.count("✎0/3") == 180
        assert len(html.encode()) < 38_500


# -------------------------------------------------------------------------------------------------- the appointment


def test_appointment_lists_its_documents_and_how_far_they_are(desk, half):
    request = asked(half)[2]
    shown = text_of(desk.signed_in().get(reverse("appointment", args=[half.reference]), headers=DIALOG))
    assert "Documents 2 of 3 signed" in shown
    assert "Consent to care Signed, being sealed" in shown
    assert "Release of information To be sent" in shown
    assert "Send for signature" in shown
    requests.void(request=request, reason="Asked by mistake", by=desk.staff.user, now=timezone.now())
    shown = text_of(desk.signed_in().get(reverse("appointment", args=[half.reference])))
    assert re.search(r"Release of information Voided .*: Asked by mistake", shown)
    assert "Send" not in shown.partition("Documents")[2].partition("Messages")[0]


def test_appointment_ticks_what_was_not_sent_yet(desk, half):
    content = desk.signed_in().get(reverse("appointment", args=[half.reference])).content.decode()
    reference = asked(half)[2].reference
    assert re.findall(r'name="document" value="([^"]+)" checked', content) == [str(reference)]


def test_one_click_sends_what_is_ticked(desk, half):
    client, request = desk.signed_in("front_desk"), asked(half)[2]
    url = reverse("appointment-documents", args=[half.reference])
    answer = client.post(url, {"document": str(request.reference)}, headers=part("appointment"))
    assert answer.status_code == 204
    request.refresh_from_db()
    assert request.state == "sent"
    shown = text_of(client.get(reverse("appointment", args=[half.reference])))
    assert re.search(r"Release of information Waiting for signature sent .* Send again", shown)
    assert "Sent for signature: Release of information" in shown


def test_device_is_offered_while_somebody_who_comes_here_signs_next(desk, half):
    client, page = desk.signed_in("front_desk"), reverse("appointment", args=[half.reference])
    kiosk = reverse("document-kiosk", args=[asked(half)[2].reference])
    assert kiosk in client.get(page).content.decode()
    sign(asked(half)[2])
    assert "Sign on this device" not in text_of(client.get(page))


def test_appointment_that_needs_nothing_has_no_section():
    desk = Desk.open()
    booked = desk.appointment(10)
    assert "Documents" not in text_of(
        desk.signed_in().get(reverse("appointment", args=[booked.reference]), headers=DIALOG)
    )


def test_appointment_takes_as_many_queries_for_one_document_as_for_three(desk, half):
    other = Desk.open()
    papers.template(needed_by=other.program, title="One")
    counts = []
    for each, booked in ((desk, half), (other, other.appointment(10))):
        client = each.signed_in()
        client.get(reverse("appointment", args=[booked.reference]))
        with CaptureQueriesContext(connection) as queries:
            client.get(reverse("appointment", args=[booked.reference]), headers=DIALOG)
        counts.append(len(queries))
    assert counts[0] == counts[1]


# --------------------------------------------------------------------------------------------------------- the door


def test_arrival_is_held_until_all_is_signed(desk, half):
    holds_arrival(desk)
    client = desk.signed_in()

    held = mark(client, half)

    assert held.status_code == 409
    shown = text_of(held)
    assert "asks for this to be signed first: Release of information" in shown
    assert "Arrived all the same" in shown
    half.refresh_from_db()
    assert half.status == Appointment.Status.SCHEDULED
    sign(asked(half)[2])
    assert mark(client, half).status_code == 204
    assert half.events.latest("id").overrides == []


def test_arrival_all_the_same_goes_on_record(desk, half):
    holds_arrival(desk)
    answer = mark(desk.signed_in(), half, overrides="unsigned")
    assert "arrived" in triggers(answer)["toast"]["text"]
    event = half.events.latest("id")
    assert (event.after["status"], event.overrides) == ("arrived", ["unsigned"])
    assert history(half)[0].notes == ["Not everything was signed; set aside on purpose."]


def test_setting_aside_what_holds_nothing_is_not_recorded(desk, half):
    mark(desk.signed_in(), half, overrides="unsigned")
    assert half.events.latest("id").overrides == []


def test_arrival_is_not_held_where_the_program_does_not_ask_for_it(desk, half):
    SigningRules.objects.create(program=desk.program, holds_arrival=False)
    assert mark(desk.signed_in(), half).status_code == 204


def test_only_arriving_is_held_and_undoing_does_not_ask_again(desk, half):
    holds_arrival(desk)
    client = desk.signed_in()
    assert mark(client, half, status="completed").status_code == 204
    half.refresh_from_db()
    assert mark(client, half, status="arrived").status_code == 204
    half.refresh_from_db()
    gone = triggers(mark(client, half, status="no_show"))["toast"]["action"]["values"]
    assert gone == {"status": "arrived", "version": half.version + 1, "overrides": "unsigned"}
    half.refresh_from_db()
    assert mark(client, half).status_code == 409


def test_held_arrival_works_without_javascript(desk, half):
    holds_arrival(desk)
    client = desk.signed_in()
    url = reverse("appointment-status", args=[half.reference])
    sent = {"status": "arrived", "version": half.version}
    held = client.post(url, sent)
    assert held.status_code == 409
    assert "hx-post" not in held.content.decode().partition("notice error")[2][:200]
    assert client.post(url, {**sent, "overrides": "unsigned"}).status_code == 302
    half.refresh_from_db()
    assert half.status == Appointment.Status.ARRIVED


# ------------------------------------------------------------------------------------------------------ the history


def test_history_tells_what_became_of_the_documents(desk, half):
    signing.decline(
        papers.next_signer(sent(asked(half)[2])),
        reason="I want to read it at home",
        caller=papers.PHONE,
        now=timezone.now() + timedelta(minutes=1),
    )
    entries = history(half, reader=Access(desk.staff.user))
    name = desk.customer.full_name
    assert [(entry.what, entry.who, entry.reason) for entry in entries] == [
        ("Declined to sign: Release of information", name, "I want to read it at home"),
        ("Signed: Program agreement", "Ada Nguyen", ""),
        ("Signed: Consent to care", "Ada Nguyen", ""),
        ("Booked", desk.staff.display_name, ""),
    ]
    assert [entry.what for entry in history(half)] == ["Booked"]
    billing = Access(make.staff(at=desk.facility, role="billing").user)
    assert [entry.what for entry in history(half, reader=billing)] == ["Booked"]


def sent(request):
    SignatureRequest.objects.filter(pk=request.pk).update(state="sent", sent_at=timezone.now())
    request.refresh_from_db()
    return request


def test_history_of_cancelling_says_that_nothing_is_to_be_signed_any_more(desk, half):
    booking.cancel(appointment=half, reason="Ill", by=desk.staff.user, now=timezone.now())
    entries = history(half, reader=Access(desk.staff.user))
    assert [(entry.what, entry.who) for entry in entries[:2]] == [
        ("No longer to be signed: Release of information", "SecureCare"),
        ("Cancelled", desk.staff.display_name),
    ]
