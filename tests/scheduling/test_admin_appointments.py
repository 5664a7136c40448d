"""Appointments in admin: to look at, and settled by actions that call the booking verbs."""

from datetime import date
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from appointments.models import Appointment, AppointmentEvent, StaffMember
from appointments.models.organisation import Role
from scheduling import booking
from securecare import localtime
from tests import factories
from tests.administering import last_event, page_of, status, words
from tests.appointments.signing_in import give_password

pytestmark = pytest.mark.django_db

Status = Appointment.Status
Kind = AppointmentEvent.Kind


def act(client: Client, action: str, *rows: Appointment, **fields: str) -> Any:
    sent = {"action": action, "_selected_action": [row.pk for row in rows], **fields}
    return client.post(reverse("admin:appointments_appointment_changelist"), sent, follow=True)


@pytest.mark.parametrize("goal", [Status.ARRIVED, Status.COMPLETED, Status.NO_SHOW])
def test_action_marks_and_records_who(
    admin_client: Client, administrator: StaffMember, visit: Appointment, goal: str
) -> None:
    answer = act(admin_client, f"mark_{goal}", visit)

    assert (status(visit), last_event(visit)) == (goal, (Kind.MARKED, administrator.user))
    assert words(answer) == "1 appointment changed."


def test_action_cancels_with_its_reason_and_undoes(
    admin_client: Client, administrator: StaffMember, visit: Appointment
) -> None:
    act(admin_client, "cancel", visit, reason="Moved away")
    cancelled = status(visit), visit.cancel_reason, last_event(visit)
    act(admin_client, "mark_scheduled", visit)

    assert cancelled == (Status.CANCELLED, "Moved away", (Kind.CANCELLED, administrator.user))
    assert status(visit) == Status.SCHEDULED


def test_cancelling_without_a_reason_changes_nothing_and_asks_for_one(
    admin_client: Client, visit: Appointment
) -> None:
    answer = act(admin_client, "cancel", visit, reason=" ")

    assert status(visit) == Status.SCHEDULED
    assert words(answer) == "Give a reason beside the action, then run it again."


def test_action_refused_for_one_still_changes_the_other(
    admin_client: Client, visit: Appointment, dana: StaffMember, day: date
) -> None:
    other = factories.appointment(
        staff=dana, program=visit.program, starts_at=factories.at(day, 12), now=timezone.now()
    )
    booking.cancel(appointment=other, reason="Ill", by=dana.user, now=timezone.now())

    answer = act(admin_client, "mark_completed", visit, other)

    assert (status(visit), status(other)) == (Status.COMPLETED, Status.CANCELLED)
    assert "It is cancelled: that cannot become “completed”." in words(answer)
    assert "1 appointment changed." in words(answer)


def test_undoing_a_cancellation_whose_slot_is_taken_says_so(
    admin_client: Client, visit: Appointment, dana: StaffMember
) -> None:
    booking.cancel(appointment=visit, reason="Ill", by=dana.user, now=timezone.now())
    factories.appointment(staff=dana, program=visit.program, starts_at=visit.starts_at, now=timezone.now())

    answer = act(admin_client, "mark_scheduled", visit)

    assert status(visit) == Status.CANCELLED
    assert "Ada Nguyen" in words(answer)
    assert "changed" not in words(answer)


def test_appointment_shows_its_local_time_and_history(
    admin_client: Client, administrator: StaffMember, visit: Appointment, day: date
) -> None:
    act(admin_client, "mark_arrived", visit)

    answer = admin_client.get(page_of(visit))

    page, (history,) = answer.content.decode(), answer.context["inline_admin_formsets"]
    zone_name = localtime.abbreviation(visit.starts_at, visit.facility.zone)
    assert f"{day:%a %Y-%m-%d} 10:00–10:30 {zone_name}" in page
    assert [form.instance.kind for form in history.formset.forms] == [Kind.MARKED, Kind.BOOKED]
    assert administrator.user.username in page


def test_appointment_page_costs_the_same_for_a_long_history(
    admin_client: Client, visit: Appointment, django_assert_num_queries: Any
) -> None:
    counts = []
    for _ in range(2):
        with django_assert_num_queries(6):
            admin_client.get(page_of(visit))
        for goal in (Status.ARRIVED, Status.SCHEDULED) * 6:
            booking.mark(appointment=visit, status=goal, by=visit.staff.user, now=timezone.now())
        counts.append(visit.events.count())

    assert counts == [13, 25]


def test_manager_granted_nothing_more_may_not_use_the_actions(client: Client, visit: Appointment) -> None:
    give_password(client, factories.staff(role=Role.MANAGER, at=visit.facility).user)

    assert act(client, "mark_completed", visit).status_code == 403
    assert status(visit) == Status.SCHEDULED


def test_private_note_is_nowhere_in_admin(
    admin_client: Client, dana: StaffMember, visit: Appointment
) -> None:
    booking.edit_notes(
        appointment=visit,
        by=dana.user,
        now=timezone.now(),
        public_note="Bring papers",
        private_note="Sealed words",
    )

    pages = [
        admin_client.get(path).content.decode()
        for path in (
            page_of(visit),
            reverse("admin:appointments_appointment_changelist"),
            page_of(visit.events.last()),
            reverse("admin:index"),
        )
    ]

    assert "Bring papers" in pages[0]
    assert not any("Sealed words" in page for page in pages)
