"""Moving an appointment, by both doors: pick a time, look at it, move it."""

from datetime import UTC, date, datetime, timedelta
from functools import partial

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from appointments.models import Appointment, AppointmentEvent, Customer
from portal import holds, moving, own
from portal.views.times import MOST_HOLDS
from scheduling import booking
from scheduling.booking import BookingRefused
from scheduling.models import TimeOff
from securecare import localtime
from tests import factories as make
from tests.portal.clinic import DAY, ZONE, Clinic
from tests.portal.visiting import field, link_to, signed_in, text_of
from tests.together import at_once

Kind = AppointmentEvent.Kind


class Door:
    """A browser before one of the two doors of an appointment."""

    def __init__(self, kind: str, appointment: Appointment) -> None:
        self.kind = kind
        if kind == "account":
            self.client, key = signed_in(appointment.customer), str(appointment.reference)
            see, move = "portal-appointment", "portal-move"
        else:
            self.client, key = Client(), link_to(appointment)
            see, move = "portal-link", "portal-link-move"
        self.see, self.move = reverse(see, args=[key]), reverse(move, args=[key])

    def pick(self, starts_at: datetime, staff: object = ""):
        return self.client.post(self.move, {"at": written(starts_at), "staff": str(staff)})

    def review(self, starts_at: datetime, staff: object = ""):
        """Pick a time and follow to the step that shows it."""
        return self.client.get(self.pick(starts_at, staff)["Location"])

    def confirm(self, review, **changed: str):
        form = {name: field(review, name) for name in ("at", "staff", "taker", "version")}
        return self.client.post(self.move, form | changed)

    def move_to(self, starts_at: datetime, staff: object = ""):
        return self.confirm(self.review(starts_at, staff))


def written(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.fixture
def clinic(db) -> Clinic:
    clinic = Clinic.open(
        name="Northside", phone="(212) 555-0100", program={"name": "Counseling", "min_notice_hours": 24}
    )
    clinic.staff.display_name = "Dana Reyes"
    clinic.staff.save()
    return clinic


@pytest.fixture
def ada(clinic) -> Customer:
    return make.customer(at=clinic.facility)


@pytest.fixture
def visit(clinic, ada) -> Appointment:
    return clinic.appointment(ada, 10, minutes=45)


@pytest.fixture(params=["account", "link"])
def door(request, visit) -> Door:
    return Door(request.param, visit)


def place_of(appointment: Appointment) -> tuple[datetime, str]:
    fresh = Appointment.objects.select_related("staff").get(pk=appointment.pk)
    return fresh.starts_at, fresh.staff.display_name


# --------------------------------------------------------------------------------------------- the way through


def test_picking_shows_where_it_is_and_times_of_its_own_length(door, visit, clinic):
    answer = door.client.get(door.move, {"day": DAY.isoformat()})
    shown = text_of(answer)
    assert "Pick another time It is now on" in shown
    assert "10:00 AM" in shown
    assert "Counseling · 45 minutes" in shown
    values = answer.content.decode()
    assert f'value="{written(clinic.at(16, 15))}"' in values  # ends at 17:00
    assert f'value="{written(clinic.at(16, 30))}"' not in values
    assert f'value="{written(visit.starts_at)}"' not in values  # where it is
    assert f'value="{written(clinic.at(10, 15))}"' in values  # it does not stand in its own way


def test_choosing_leads_to_a_step_that_shows_both_times_and_changes_nothing(door, visit, clinic):
    picked = door.pick(clinic.at(14, 30))
    assert picked.status_code == 302
    shown = text_of(door.client.get(picked["Location"]))
    zone = localtime.abbreviation(visit.starts_at, ZONE)
    assert f"10:00 AM {zone} with Dana Reyes To" in shown
    assert f"2:30 PM {zone} with Dana Reyes What Counseling · 45 minutes" in shown
    assert place_of(visit) == (clinic.at(10), "Dana Reyes")


def test_who_moves_holds_no_more_times_than_who_books(visit, clinic):
    most = int(MOST_HOLDS.partition("/")[0])
    for number in range(most + 3):
        door = Door("link", visit)
        door.client.cookies["visitor"] = f"{number:043}"
        assert door.pick(clinic.at(11) + number * timedelta(minutes=15)).status_code == 302
        clinic.colleague()
    found = holds.held(clinic.facility.pk, besides="", now=timezone.now())
    assert sum(map(len, found.values())) == most


def test_moving_moves_and_says_so(door, visit, clinic):
    answer = door.move_to(clinic.at(14, 30))
    assert (answer.status_code, answer["Location"]) == (302, door.see)
    assert place_of(visit) == (clinic.at(14, 30), "Dana Reyes")
    shown = text_of(door.client.get(door.see))
    assert shown.startswith("Moved: your appointment is now on")
    assert shown.count("2:30 PM") == 2
    assert "10:00 AM" not in shown
    assert "Moved" not in text_of(door.client.get(door.see))


def test_a_move_is_recorded_as_the_customer_s_own_and_clears_confirmations(door, visit, clinic):
    Appointment.objects.update(email_confirmed_at=make.NOW)
    door.move_to(clinic.at(14, 30))
    event = AppointmentEvent.objects.get(kind=Kind.RESCHEDULED)
    visit.refresh_from_db()
    assert (event.actor, event.by) == (AppointmentEvent.Actor.CUSTOMER, None)
    assert (visit.revision, visit.email_confirmed_at) == (1, None)


def test_link_goes_on_working_after_a_move(visit, clinic):
    door = Door("link", visit)
    door.move_to(clinic.at(14, 30))
    door.move_to(clinic.at(15, 30))
    assert "3:30 PM" in text_of(door.client.get(door.see))


def test_review_shows_the_visitor_s_own_time_where_it_differs(visit, clinic):
    door = Door("link", visit)
    door.client.cookies["zone"] = "America/Denver"
    assert "12:30 PM" in text_of(door.review(clinic.at(14, 30)))


# ----------------------------------------------------------------------------------------- who will have it


def test_anyone_is_the_same_staff_member_if_they_are_free(door, visit, clinic):
    clinic.colleague(display_name="Aaron Abel")
    door.move_to(clinic.at(14))
    assert place_of(visit) == (clinic.at(14), "Dana Reyes")


def test_anyone_else_is_whoever_has_the_least_to_do(door, visit, clinic, ada):
    busy, idle = clinic.colleague(display_name="Aaron Abel"), clinic.colleague(display_name="Zoe Zimmer")
    other = make.customer(at=clinic.facility)
    clinic.appointment(other, 14)  # Dana is taken
    clinic.appointment(make.customer(at=clinic.facility), 9, staff=busy, minutes=60)
    review = door.review(clinic.at(14))
    assert "2:00 PM" in text_of(review)
    assert "with Zoe Zimmer" in text_of(review)
    door.confirm(review)
    assert place_of(visit) == (clinic.at(14), idle.display_name)


def test_a_chosen_staff_member_is_kept_to(door, visit, clinic):
    zoe = clinic.colleague(display_name="Zoe Zimmer")
    answer = door.client.get(door.move, {"staff": zoe.pk, "day": DAY.isoformat()})
    assert f'value="{written(clinic.at(10))}"' in answer.content.decode()  # the same time, but with Zoe
    door.move_to(clinic.at(10), zoe.pk)
    assert place_of(visit) == (clinic.at(10), "Zoe Zimmer")


def test_what_was_reviewed_is_what_happens(door, visit, clinic):
    """Dana becomes free between looking and moving: still with whom the review named."""
    clinic.colleague(display_name="Zoe Zimmer")
    blocking = clinic.appointment(make.customer(at=clinic.facility), 14)
    review = door.review(clinic.at(14))
    booking.cancel(appointment=blocking, reason="", by=clinic.staff.user, now=make.NOW)
    door.confirm(review)
    assert place_of(visit) == (clinic.at(14), "Zoe Zimmer")


# --------------------------------------------------------------------------------------------------- no-ops


def test_moving_to_where_it_is_says_so_and_changes_nothing(door, visit, clinic):
    for staff in ("", clinic.staff.pk):
        answer = door.pick(clinic.at(10), staff)
        assert answer["Location"] == door.see
        assert "Your appointment is on" in text_of(door.client.get(door.see))
    visit.refresh_from_db()
    assert (visit.revision, AppointmentEvent.objects.exclude(kind=Kind.BOOKED).count()) == (0, 0)


def test_confirming_twice_moves_once(door, visit, clinic):
    review = door.review(clinic.at(14, 30))
    first, second = door.confirm(review), door.confirm(review)
    assert first["Location"] == second["Location"] == door.see
    visit.refresh_from_db()
    assert (visit.starts_at, visit.revision) == (clinic.at(14, 30), 1)


# ------------------------------------------------------------------------------------------------ refusals


def test_a_time_taken_before_it_was_chosen_is_refused_with_others(door, visit, clinic):
    clinic.appointment(make.customer(at=clinic.facility), 14)
    answer = door.pick(clinic.at(14))
    assert answer.status_code == 409
    assert "taken" in text_of(answer)
    assert f'value="{written(clinic.at(15))}"' in answer.content.decode()
    assert f'value="{written(clinic.at(14))}"' not in answer.content.decode()
    assert place_of(visit) == (clinic.at(10), "Dana Reyes")


def test_a_time_taken_during_the_review_is_refused_with_others(door, visit, clinic):
    review = door.review(clinic.at(14))
    clinic.appointment(make.customer(at=clinic.facility), 14)
    answer = door.confirm(review)
    assert answer.status_code == 409
    assert "taken" in text_of(answer)
    assert f'value="{written(clinic.at(15))}"' in answer.content.decode()
    again = door.client.get(f"{door.move}?to={written(clinic.at(14))}&staff=")
    assert again.status_code == 409
    assert place_of(visit) == (clinic.at(10), "Dana Reyes")


def test_a_time_is_held_while_it_is_looked_at(visit, clinic):
    other = clinic.appointment(make.customer(at=clinic.facility), 12)
    first, second = Door("link", visit), Door("link", other)
    review = first.review(clinic.at(14))
    assert second.pick(clinic.at(14)).status_code == 409
    first.confirm(review)
    booking.reschedule(appointment=visit, starts_at=clinic.at(16), by=clinic.staff.user, now=make.NOW)
    assert second.pick(clinic.at(14)).status_code == 302  # what was moved is held no longer


def test_time_off_during_the_review_is_refused(door, visit, clinic):
    later = DAY + timedelta(days=3)
    review = door.review(clinic.at(14, day=later))
    TimeOff.objects.create(staff=clinic.staff, first_day=later, last_day=later)
    answer = door.confirm(review)
    assert answer.status_code == 422
    assert place_of(visit) == (clinic.at(10), "Dana Reyes")


@pytest.mark.parametrize(
    ("day", "hour", "minute"),
    [
        (DAY, 10, 7),  # off the quarter hour
        (DAY - timedelta(days=30), 10, 0),  # long past
        (DAY - timedelta(days=7), 23, 45),  # within the notice
        (DAY + timedelta(days=200), 10, 0),  # too far
    ],
)
def test_times_that_were_never_on_offer_are_refused(door, visit, clinic, day, hour, minute):
    wanted = clinic.at(hour, minute, day=day)
    answer = door.pick(wanted)
    assert answer.status_code == 422
    assert 'role="alert"' in answer.content.decode()
    assert "Pick another time" in text_of(answer)
    forged = door.client.post(
        door.move, {"at": written(wanted), "staff": "", "taker": str(clinic.staff.pk), "version": "0"}
    )
    assert forged.status_code == 422
    assert place_of(visit) == (clinic.at(10), "Dana Reyes")


def test_a_time_outside_hours_is_gone_for_anyone_and_said_of_whoever_was_chosen(door, visit, clinic):
    night = clinic.at(3)
    assert door.pick(night).status_code == 409
    assert door.pick(night, clinic.staff.pk).status_code == 422
    assert place_of(visit) == (clinic.at(10), "Dana Reyes")


def test_the_customer_s_own_other_appointment_stands_in_the_way(visit, clinic, ada):
    Clinic.open().appointment(ada, 14)
    door = Door("account", visit)
    assert (
        f'value="{written(clinic.at(14))}"'
        not in door.client.get(door.move, {"day": str(DAY)}).content.decode()
    )
    answer = door.pick(clinic.at(14))
    assert answer.status_code == 409
    assert "You have another appointment at this time." in text_of(answer)
    assert place_of(visit) == (clinic.at(10), "Dana Reyes")


def test_a_link_tells_nothing_of_the_customer_s_other_appointments(visit, clinic, ada):
    """Its holder may have known no more than an e-mail address and a birth date."""
    door = Door("link", visit)
    before = text_of(door.client.get(door.move, {"day": str(DAY)}))
    Clinic.open().appointment(ada, 14)
    assert text_of(door.client.get(door.move, {"day": str(DAY)})) == before
    answer = door.move_to(clinic.at(14))
    assert answer.status_code == 409
    assert "it was just taken, or you have another appointment then" in text_of(answer)
    assert place_of(visit) == (clinic.at(10), "Dana Reyes")


def test_the_cool_down_counts_the_others_only(door, visit, clinic, ada):
    clinic.program.cool_down_days = 7
    clinic.program.save()
    door.move_to(
        clinic.at(10, day=DAY + timedelta(days=1))
    )  # a day from where it is: its own place does not count
    assert place_of(visit)[0] == clinic.at(10, day=DAY + timedelta(days=1))
    make.appointment(
        starts_at=clinic.at(10, day=DAY + timedelta(days=20)),
        staff=clinic.staff,
        program=clinic.program,
        customer=ada,
    )
    allowed, barred = DAY + timedelta(days=13), DAY + timedelta(days=14)
    if door.kind == "account":
        assert door.pick(clinic.at(11, day=barred)).status_code == 422
    else:
        refused = door.move_to(clinic.at(11, day=barred))
        assert refused.status_code == 422
        assert "7 days apart" in text_of(refused)
    assert door.pick(clinic.at(11, day=allowed)).status_code == 302


@pytest.mark.parametrize(
    "at", ["", "x", "2026-13-45T10:00:00Z", "2026-11-25", "0001-01-01T00:00:00Z", "\x00", "9" * 500]
)
def test_what_is_no_time_is_told(door, visit, at):
    answer = door.client.post(door.move, {"at": at, "staff": ""})
    assert answer.status_code == 422
    assert "Choose one of these times." in text_of(answer)
    assert door.client.get(door.move, {"to": at}).status_code == 422


@pytest.mark.parametrize("staff", ["x", "0", "-1", "999999999999999999999", "\x00", "1 OR 1=1"])
def test_a_staff_member_who_is_none_is_anyone(door, visit, clinic, staff):
    door.move_to(clinic.at(14), staff)
    assert place_of(visit) == (clinic.at(14), "Dana Reyes")


def test_a_staff_member_of_another_program_takes_nothing(door, visit, clinic):
    outsider = make.staff(at=clinic.facility, display_name="Olga Outside")
    make.week(staff=outsider, at=clinic.facility)
    review = door.review(clinic.at(14))
    answer = door.confirm(review, taker=str(outsider.pk))
    assert answer.status_code == 200
    assert "Olga" not in text_of(answer)
    assert text_of(answer).startswith("Move your appointment?")
    assert place_of(visit) == (clinic.at(10), "Dana Reyes")


# ----------------------------------------------------------------------------------------------------- stale


def test_an_appointment_changed_meanwhile_is_shown_before_it_moves(door, visit, clinic):
    review = door.review(clinic.at(14))
    booking.reschedule(appointment=visit, starts_at=clinic.at(12), by=clinic.staff.user, now=make.NOW)
    answer = door.confirm(review)
    assert answer.status_code == 409
    assert "It was changed in the meantime. This is how it is now." in text_of(answer)
    assert "12:00 PM" in text_of(answer)
    assert place_of(visit)[0] == clinic.at(12)
    door.confirm(answer)
    assert place_of(visit)[0] == clinic.at(14)


@pytest.mark.parametrize("version", ["", "x", "-1", "5", "1" * 50])
def test_a_version_that_never_was_is_shown_again(door, visit, clinic, version):
    answer = door.confirm(door.review(clinic.at(14)), version=version)
    assert answer.status_code == 409
    assert place_of(visit)[0] == clinic.at(10)


def test_an_appointment_cancelled_meanwhile_says_so(door, visit, clinic):
    review = door.review(clinic.at(14))
    booking.cancel(appointment=visit, reason="", by=clinic.staff.user, now=make.NOW)
    assert door.confirm(review)["Location"] == door.see
    assert text_of(door.client.get(door.see)).startswith("This appointment is cancelled")


# ---------------------------------------------------------------------------------------------------- notice


def test_after_the_notice_nothing_moves(clinic, ada):
    make.week(staff=clinic.staff, at=clinic.facility, starts=datetime.min.time(), ends=datetime.min.time())
    for kind, hours in (("account", 20), ("link", 22)):
        starts_at = datetime.fromtimestamp(
            (timezone.now() + timedelta(hours=hours)).timestamp() // 900 * 900, UTC
        )
        late = make.appointment(
            starts_at=starts_at, staff=clinic.staff, program=clinic.program, customer=ada, minutes=15
        )
        door = Door(kind, late)
        form = {"at": written(clinic.at(14)), "staff": "", "taker": str(clinic.staff.pk), "version": "0"}
        assert door.client.get(door.move)["Location"] == door.see
        assert door.client.post(door.move, form)["Location"] == door.see
        assert "Please call Northside: (212) 555-0100" in text_of(door.client.get(door.see))
        assert place_of(late)[0] == starts_at


@pytest.mark.parametrize("day", [date(2026, 11, 1), date(2026, 3, 8), date(2026, 6, 10)])
def test_notice_binds_old_and_new_time_to_the_instant_across_a_clock_change(clinic, ada, day):
    """`day` is when clocks change, or an ordinary one."""
    starts_at = make.at(day, 10)
    opened = starts_at - timedelta(days=60)
    visit = make.appointment(
        starts_at=starts_at, staff=clinic.staff, program=clinic.program, customer=ada, now=opened
    )
    last = starts_at - timedelta(hours=24)
    search = moving.search_for(visit, own.Door.of_account(visit.reference), visitor="")
    later = starts_at + timedelta(hours=2)
    assert moving.aim(search, later, now=last).starts_at == later
    with pytest.raises(BookingRefused) as refused:
        booking.reschedule(appointment=visit, starts_at=later, by=None, now=last + timedelta(microseconds=1))
    assert refused.value.code == "too_soon"
    booking.reschedule(appointment=visit, starts_at=later, by=None, now=last)
    assert visit.starts_at == later
    # The new time has its notice too: it may move back to the first one exactly until then.
    assert moving.aim(search, starts_at, now=last).starts_at == starts_at
    with pytest.raises(BookingRefused) as refused:
        moving.aim(search, starts_at, now=last + timedelta(microseconds=1))
    assert refused.value.code == "too_soon"


# ----------------------------------------------------------------------------------------------------- races


@pytest.mark.django_db(transaction=True)
def test_two_who_move_to_the_same_time_at_once(clinic):
    """One gets it; the other reads that it is taken and sees other times."""
    visits = [clinic.appointment(make.customer(at=clinic.facility), hour) for hour in (9, 11)]
    doors = [Door("link", visit) for visit in visits]
    form = {"at": written(clinic.at(14)), "staff": "", "taker": str(clinic.staff.pk), "version": "0"}
    answers = at_once([partial(door.client.post, door.move, form) for door in doors])
    assert sorted(answer.status_code for answer in answers) == [302, 409]
    assert sorted(place_of(visit)[0] == clinic.at(14) for visit in visits) == [False, True]
