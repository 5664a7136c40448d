"""What portal pages are shown: frozen values that hold what a customer may know, and nothing else.

No portal template is ever given a model: whatever staff keep on an appointment has no name here.
"""

import re
from dataclasses import dataclass
from datetime import date, datetime
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

from appointments.models import Appointment, Facility, Program
from scheduling import rules
from scheduling.rules import BookingRefused
from securecare import localtime

Status = Appointment.Status
MAP = "https://www.openstreetmap.org/search?"


@dataclass(frozen=True)
class ShownFacility:
    id: int
    name: str
    address: str
    phone: str
    zone: ZoneInfo

    @classmethod
    def of(cls, facility: Facility) -> "ShownFacility":
        return cls(facility.pk, facility.name, facility.address, facility.phone, facility.zone)

    @property
    def map_url(self) -> str:
        return MAP + urlencode({"query": self.address}) if self.address else ""

    @property
    def tel_url(self) -> str:
        """The number before words such as “ext. 4”, to be dialed; empty if there is none."""
        dialed = re.sub(r"[^\d+]", "", re.split(r"[A-Za-z]", self.phone)[0])
        return f"tel:{dialed}" if dialed else ""


@dataclass(frozen=True)
class ShownProgram:
    id: int
    name: str
    description: str
    minutes: int
    public_note: str
    notice_hours: int
    facility: ShownFacility

    @classmethod
    def of(cls, program: Program) -> "ShownProgram":
        return cls(
            program.pk,
            program.name,
            program.description,
            program.default_minutes,
            program.public_note,
            program.min_notice_hours,
            ShownFacility.of(program.facility),
        )


@dataclass(frozen=True)
class ShownAppointment:
    """`is_open`: nobody has come to it, missed or cancelled it. `may_move` and `may_cancel` say what the program's rules still
    allow at the moment of showing; `must_call` that it would be possible but for the notice."""

    reference: UUID
    program: ShownProgram
    staff: str
    booked_as: str
    starts_at: datetime
    ends_at: datetime
    public_note: str
    is_open: bool
    staff_may_change: bool
    is_cancelled: bool
    is_over: bool
    was_attended: bool
    was_missed: bool
    confirmed_by_email: datetime | None
    confirmed_by_phone: datetime | None
    may_move: bool
    may_cancel: bool
    must_call: bool

    @classmethod
    def of(cls, appointment: Appointment, *, now: datetime) -> "ShownAppointment":
        """Needs customer, staff, program and facility loaded."""
        is_open = appointment.status in (Status.SCHEDULED, Status.PENDING_REASSIGNMENT)
        in_time = _is_in_time(appointment, now)
        is_ahead = is_open and appointment.starts_at > now
        return cls(
            reference=appointment.reference,
            program=ShownProgram.of(appointment.program),
            staff=appointment.staff.display_name,
            booked_as=appointment.booked_as,
            starts_at=appointment.starts_at,
            ends_at=appointment.ends_at,
            public_note=appointment.public_note,
            is_open=is_open,
            staff_may_change=appointment.status == Status.PENDING_REASSIGNMENT,
            is_cancelled=appointment.is_cancelled,
            is_over=appointment.ends_at <= now,
            was_attended=appointment.status in (Status.ARRIVED, Status.COMPLETED),
            was_missed=appointment.status == Status.NO_SHOW,
            confirmed_by_email=appointment.email_confirmed_at,
            confirmed_by_phone=appointment.phone_confirmed_at,
            may_move=is_open and in_time and is_bookable(appointment.program),
            may_cancel=is_open and in_time,
            must_call=is_ahead and not in_time,
        )

    @property
    def facility(self) -> ShownFacility:
        return self.program.facility

    @property
    def zone(self) -> ZoneInfo:
        return self.facility.zone

    @property
    def date(self) -> date:
        return localtime.local_date(self.starts_at, self.zone)

    @property
    def minutes(self) -> int:
        return int((self.ends_at - self.starts_at).total_seconds() // 60)


def is_bookable(program: Program) -> bool:
    """Whether customers book this program themselves."""
    return program.allows_public_booking and program.is_active and program.facility.is_active


def _is_in_time(appointment: Appointment, now: datetime) -> bool:
    try:
        rules.check_notice(appointment, now)
    except BookingRefused:
        return False
    return True
