"""Links of messages that confirm, and the page behind them as a browser sees it."""

from datetime import date, timedelta

from django.test import Client
from django.utils import timezone

from appointments import links
from appointments.models import Appointment, AppointmentEvent, AppointmentLink, Channel
from reminders.links import manage_token
from tests import factories as make
from tests.portal.clinic import DAY, Clinic
from tests.portal.visiting import field, text_of

Purpose = AppointmentLink.Purpose
SOON = DAY - timedelta(days=5)  # the window is open from whenever the tests run


def open_clinic() -> Clinic:
    clinic = Clinic.open(
        name="Northside",
        address="120 Mill Street",
        phone="(212) 555-0100",
        program={"name": "Counseling", "public_note": "Bring your card.", "min_notice_hours": 2},
    )
    clinic.staff.display_name = "Dana Reyes"
    clinic.staff.save()
    return clinic


def booked(clinic: Clinic, day: date, hour: int = 10, minute: int = 45) -> Appointment:
    ada = make.customer(at=clinic.facility, given_name="Ada", family_name="Nguyen")
    return make.appointment(
        starts_at=clinic.at(hour, minute, day),
        staff=clinic.staff,
        program=clinic.program,
        customer=ada,
        public_note="Use the side door.",
    )


def confirm_token(appointment: Appointment, channel: str = Channel.EMAIL) -> str:
    """As a message carries it, together with what belongs to it."""
    now = timezone.now()
    token = links.issue(appointment=appointment, purpose=Purpose.CONFIRM, channel=channel, now=now)
    links.issue(appointment=appointment, purpose=Purpose.MANAGE, token=manage_token(token), now=now)
    return token


class Page:
    """A link of a message, in a browser that has never been here and refuses what it is not made to send."""

    def __init__(
        self, appointment: Appointment, channel: str = Channel.EMAIL, client: Client | None = None
    ) -> None:
        self.client = client or Client(enforce_csrf_checks=True)
        self.token = confirm_token(appointment, channel)
        self.address = f"/c/{self.token}/"

    def get(self, **headers):
        return self.client.get(self.address, headers=headers)

    def text(self, **headers) -> str:
        return text_of(self.get(**headers))

    def post(self, **form):
        return self.client.post(self.address, form)

    def press(self):
        """The one button, and the page it leads to."""
        answer = self.post(revision=field(self.get(), "revision"))
        assert (answer.status_code, answer["Location"]) == (303, self.address)
        return self.get()


def stamps(appointment: Appointment) -> tuple[bool, bool]:
    appointment.refresh_from_db()
    return appointment.email_confirmed_at is not None, appointment.phone_confirmed_at is not None


def confirmed_events(appointment: Appointment) -> int:
    return appointment.events.filter(kind=AppointmentEvent.Kind.CONFIRMED).count()
