"""A program that asks for documents, and a customer who comes to it."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from appointments.models import Appointment, Customer, Facility, Program, StaffMember
from signatures.models import AttachedDocument, SignatureRequest, TemplateVersion
from tests import factories as make
from tests.factories import NOW
from tests.signatures import papers


@dataclass
class Clinic:
    place: Facility
    staff: StaffMember
    program: Program
    customer: Customer
    days: int = field(default=0)

    def needs(self, title: str = "Consent to care", **fields: Any) -> TemplateVersion:
        return papers.template(needed_by=self.program, title=title, **fields)

    def books(self, *, starts_at: datetime | None = None, **fields: Any) -> Appointment:
        """On the next day each time."""
        self.days += 1
        return make.appointment(
            **{
                "program": self.program,
                "staff": self.staff,
                "customer": self.customer,
                "starts_at": starts_at or NOW + timedelta(days=self.days),
                **fields,
            }
        )

    @property
    def user(self) -> Any:
        return self.staff.user


def requests_of(appointment: Appointment) -> list[SignatureRequest]:
    rows = AttachedDocument.objects.filter(appointment=appointment).order_by("template__title")
    return [row.request for row in rows.select_related("request__template")]


@pytest.fixture
def clinic() -> Clinic:
    place = make.facility()
    staff = make.staff(at=place)
    make.week(staff=staff, at=place)
    program = make.program(at=place, staff=staff)
    return Clinic(place, staff, program, make.customer(at=place, given_name="Ada", family_name="Nguyen"))
