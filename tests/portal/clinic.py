"""A clinic that can be booked online: one facility, one staff member who works every day, one public program."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.utils import timezone

from appointments.models import Appointment, Customer, Facility, Program, StaffMember
from securecare import localtime
from tests import factories as make

ZONE = "America/New_York"
# Views read the clock themselves, so their tests book a week from whenever they run.
DAY = localtime.local_date(timezone.now(), ZONE) + timedelta(days=7)


@dataclass
class Clinic:
    facility: Facility
    staff: StaffMember
    program: Program

    @classmethod
    def open(cls, *, program: dict[str, Any] | None = None, **facility: Any) -> "Clinic":
        place = make.facility(**{"time_zone": ZONE, "phone": "(212) 555-0100", **facility})
        staff = make.staff(at=place)
        make.week(staff=staff, at=place)
        fields = {"allows_public_booking": True, **(program or {})}
        return cls(place, staff, make.program(at=place, staff=staff, **fields))

    def colleague(self, **fields: Any) -> StaffMember:
        member = make.staff(at=self.facility, **fields)
        make.week(staff=member, at=self.facility)
        self.program.staff.add(member)
        return member

    def at(self, hour: int = 10, minute: int = 0, day: date = DAY) -> datetime:
        return make.at(day, hour, minute, self.facility.time_zone)

    def appointment(self, customer: Customer, hour: int = 10, minute: int = 0, **fields: Any) -> Appointment:
        given = {"staff": self.staff, "program": self.program, "customer": customer, **fields}
        return make.appointment(starts_at=self.at(hour, minute), **given)
