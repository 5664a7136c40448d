"""Hours, facilities and staff in admin: saving and deleting strand and restore appointments."""

from datetime import date
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from appointments.models import Appointment, AppointmentEvent, Facility, StaffMember
from appointments.models.organisation import Role
from scheduling.models import Closure, ExtraShift, Shift, TimeOff
from tests import factories
from tests.administering import add_page, last_event, page_of, status, words
from tests.appointments.signing_in import give_password, signed_in_user

pytestmark = pytest.mark.django_db

Status = Appointment.Status
Kind = AppointmentEvent.Kind


def shift_fields(shift: Shift, **changes: Any) -> dict[str, Any]:
    fields = {
        "staff": shift.staff_id,
        "facility": shift.facility_id,
        "weekday": shift.weekday,
        "starts": "09:00",
        "ends": "17:00",
        "valid_from": "2020-01-01",
        "valid_until": "",
    }
    return {**fields, **changes}


def shift_of(member: StaffMember, day: date) -> Shift:
    return Shift.objects.get(staff=member, weekday=day.weekday())


def test_shortened_shift_strands_and_the_old_hours_restore(
    admin_client: Client, administrator: StaffMember, dana: StaffMember, visit: Appointment, day: date
) -> None:
    shift = shift_of(dana, day)

    shortened = admin_client.post(page_of(shift), shift_fields(shift, starts="11:00"), follow=True)
    stranded = status(visit), last_event(visit)
    admin_client.post(page_of(shift), shift_fields(shift), follow=True)

    assert stranded == (Status.PENDING_REASSIGNMENT, (Kind.STRANDED, administrator.user))
    assert "1 appointment is no longer inside working hours. Give it a new time or another person." in words(
        shortened
    )
    assert (status(visit), last_event(visit)) == (Status.SCHEDULED, (Kind.RESTORED, administrator.user))


def test_deleted_shift_strands(
    admin_client: Client, dana: StaffMember, visit: Appointment, day: date
) -> None:
    answer = admin_client.post(page_of(shift_of(dana, day), "delete"), {"post": "yes"}, follow=True)

    assert status(visit) == Status.PENDING_REASSIGNMENT
    assert "1 appointment is no longer inside working hours" in words(answer)


def test_shifts_deleted_together_strand(
    admin_client: Client, dana: StaffMember, visit: Appointment, day: date
) -> None:
    sent = {
        "action": "delete_selected",
        "_selected_action": [shift.pk for shift in Shift.objects.all()],
        "post": "yes",
    }
    admin_client.post(reverse("admin:scheduling_shift_changelist"), sent)

    assert Shift.objects.count() == 0
    assert status(visit) == Status.PENDING_REASSIGNMENT


def test_shift_given_to_somebody_else_strands_whom_it_left(
    admin_client: Client, place: Facility, dana: StaffMember, visit: Appointment, day: date
) -> None:
    shift, other = shift_of(dana, day), factories.staff(at=place)

    admin_client.post(page_of(shift), shift_fields(shift, staff=other.pk))

    assert status(visit) == Status.PENDING_REASSIGNMENT


def test_extra_shift_restores(admin_client: Client, dana: StaffMember, visit: Appointment, day: date) -> None:
    admin_client.post(page_of(shift_of(dana, day), "delete"), {"post": "yes"})
    sent = {
        "staff": dana.pk,
        "facility": visit.facility_id,
        "date": str(day),
        "starts": "09:30",
        "ends": "12:00",
    }

    answer = admin_client.post(add_page(ExtraShift), sent, follow=True)

    assert status(visit) == Status.SCHEDULED
    assert "1 appointment is back inside working hours and scheduled again." in words(answer)


def test_shift_that_ends_before_it_begins_to_run_is_refused_beside_the_field(
    admin_client: Client, dana: StaffMember, day: date
) -> None:
    shift = shift_of(dana, day)

    answer = admin_client.post(page_of(shift), shift_fields(shift, valid_until="2020-01-01"))

    assert answer.context["adminform"].form.errors == {
        "valid_until": ["Choose a date after the first one, or leave it empty."]
    }


@pytest.mark.parametrize(
    ("times", "errors"),
    [
        ({"starts": "09:05"}, {"starts": ["Hours go by quarter hours: :00, :15, :30 or :45."]}),
        ({"ends": "17:00:30"}, {"ends": ["Hours go by quarter hours: :00, :15, :30 or :45."]}),
        (
            {"ends": "09:00"},
            {
                "ends": [
                    "It ends when it starts. For a whole day enter 12:00 AM–12:00 PM and 12:00 PM–12:00 AM."
                ]
            },
        ),
        ({"ends": "late"}, {"ends": ["Enter a valid time."]}),
    ],
)
@pytest.mark.parametrize("model", [Shift, ExtraShift], ids=lambda model: model.__name__)
def test_times_that_no_shift_has_are_refused_beside_the_field(
    admin_client: Client,
    dana: StaffMember,
    day: date,
    model: type,
    times: dict[str, str],
    errors: dict[str, list[str]],
) -> None:
    sent = shift_fields(shift_of(dana, day), date=str(day), **times)

    answer = admin_client.post(add_page(model), sent)

    assert answer.context["adminform"].form.errors == errors


def time_off_fields(member: StaffMember, day: date, state: str) -> dict[str, Any]:
    return {
        "staff": member.pk,
        "first_day": str(day),
        "last_day": str(day),
        "reason": "Training",
        "state": state,
    }


def test_time_off_strands_once_approved_and_names_who_decided(
    admin_client: Client, administrator: StaffMember, dana: StaffMember, visit: Appointment, day: date
) -> None:
    admin_client.post(add_page(TimeOff), time_off_fields(dana, day, "requested"))
    off = TimeOff.objects.get()
    asked = (off.requested_by, off.decided_by, status(visit))

    admin_client.post(page_of(off), time_off_fields(dana, day, "approved"))
    off.refresh_from_db()

    assert asked == (administrator.user, None, Status.SCHEDULED)
    assert (off.decided_by, status(visit)) == (administrator.user, Status.PENDING_REASSIGNMENT)


def test_withdrawn_time_off_restores_and_keeps_who_decided(
    admin_client: Client, administrator: StaffMember, dana: StaffMember, visit: Appointment, day: date
) -> None:
    admin_client.post(add_page(TimeOff), time_off_fields(dana, day, "approved"))
    off = TimeOff.objects.get()

    admin_client.post(page_of(off), time_off_fields(dana, day, "withdrawn"))
    off.refresh_from_db()

    assert (off.requested_by, off.decided_by) == (None, administrator.user)
    assert status(visit) == Status.SCHEDULED


def test_closure_strands_everyone_there_and_its_deletion_restores(
    admin_client: Client, visit: Appointment, day: date
) -> None:
    sent = {"facility": visit.facility_id, "date": str(day), "reason": "Water damage"}
    admin_client.post(add_page(Closure), sent)
    closed = status(visit)

    admin_client.post(page_of(Closure.objects.get(), "delete"), {"post": "yes"})

    assert (closed, status(visit)) == (Status.PENDING_REASSIGNMENT, Status.SCHEDULED)


def test_closure_strands_who_is_no_member_any_more(
    admin_client: Client, dana: StaffMember, visit: Appointment, day: date
) -> None:
    dana.facilities.clear()
    sent = {"facility": visit.facility_id, "date": str(day), "reason": "Water damage"}

    admin_client.post(add_page(Closure), sent)

    assert status(visit) == Status.PENDING_REASSIGNMENT


def test_facility_in_another_zone_strands_what_its_clock_moves_out(
    admin_client: Client, place: Facility, visit: Appointment
) -> None:
    sent = {"name": place.name, "time_zone": "America/Los_Angeles", "is_active": "on"}

    admin_client.post(page_of(place), sent)

    assert status(visit) == Status.PENDING_REASSIGNMENT


def staff_fields(member: StaffMember, **changes: Any) -> dict[str, Any]:
    fields = {
        "display_name": member.display_name,
        "role": member.role,
        "facilities": [facility.pk for facility in member.facilities.all()] if member.pk else [],
        "takes_appointments": "on",
        "is_active": "on",
        "user": member.user_id or "",
    }
    return {name: value for name, value in {**fields, **changes}.items() if value is not None}


def test_staff_member_who_leaves_strands_and_comes_back(
    admin_client: Client, dana: StaffMember, visit: Appointment
) -> None:
    left = admin_client.post(page_of(dana), staff_fields(dana, is_active=None), follow=True)
    stranded = status(visit)
    admin_client.post(page_of(dana), staff_fields(dana))

    assert "1 appointment is no longer inside working hours" in words(left)
    assert (stranded, status(visit)) == (Status.PENDING_REASSIGNMENT, Status.SCHEDULED)


def test_staff_member_is_made_together_with_a_sign_in(
    admin_client: Client, place: Facility, client: Client
) -> None:
    new = StaffMember(display_name="Amy Lindqvist", role=Role.FRONT_DESK)
    sent = staff_fields(
        new,
        facilities=[place.pk],
        new_username="amy",
        new_email="amy@example.org",
        new_password="a-long-first-password",
    )

    admin_client.post(add_page(StaffMember), sent)

    amy = StaffMember.objects.get(display_name="Amy Lindqvist")
    assert (amy.user.username, amy.user.email, list(amy.facilities.all())) == (
        "amy",
        "amy@example.org",
        [place],
    )
    browser = Client()
    give_password(browser, amy.user, password="a-long-first-password")
    assert signed_in_user(browser) == amy.user


def test_staff_member_without_a_sign_in_is_fine(admin_client: Client) -> None:
    admin_client.post(add_page(StaffMember), staff_fields(StaffMember(display_name="Room 4")))

    assert StaffMember.objects.get(display_name="Room 4").user is None


@pytest.mark.parametrize(
    ("sent", "errors"),
    [
        ({"new_username": "taken"}, {"new_username": ["This user name is taken. Choose another."]}),
        ({"new_username": "TAKEN"}, {"new_username": ["This user name is taken. Choose another."]}),
        (
            {"new_username": "amy", "new_password": ""},
            {"new_password": ["Give a first password for the new sign-in."]},
        ),
    ],
)
def test_sign_in_that_cannot_be_made_is_refused_beside_the_field(
    admin_client: Client, sent: dict[str, str], errors: dict[str, list[str]]
) -> None:
    factories.user(username="taken")
    new = StaffMember(display_name="Amy")
    before = User.objects.count()

    answer = admin_client.post(
        add_page(StaffMember), staff_fields(new, **{"new_password": "a-long-first-password", **sent})
    )

    assert answer.context["adminform"].form.errors == errors
    assert (User.objects.count(), StaffMember.objects.filter(display_name="Amy").count()) == (before, 0)


def test_weak_first_password_is_refused(admin_client: Client) -> None:
    sent = staff_fields(StaffMember(display_name="Amy"), new_username="amy", new_password="password")

    errors = admin_client.post(add_page(StaffMember), sent).context["adminform"].form.errors

    assert list(errors) == ["new_password"]
