"""What documents say of the people and the dates they are about, filled in when somebody first sees one."""

from dataclasses import dataclass
from datetime import datetime

from appointments.branding import brand
from securecare import localtime, wording
from signatures.models import SignatureRequest


@dataclass(frozen=True)
class Fact:
    name: str
    label: str
    example: str


KNOWN = {
    fact.name: fact
    for fact in (
        Fact("customer_name", "The customer’s name", "Ada Nguyen"),
        Fact("birth_date", "The customer’s birth date", "March 4, 1990"),
        Fact("program", "The program’s name", "Benefits counseling"),
        Fact("staff", "Whom they meet", "Dana Reyes"),
        Fact("facility", "The facility’s name", "Northside"),
        Fact("facility_address", "The facility’s address", "214 Maple Avenue, Riverton"),
        Fact("facility_phone", "The facility’s phone number", "(212) 555-0143"),
        Fact("organisation", "Your organization’s name", "Riverton Services"),
        Fact("appointment_date", "The appointment’s date", "Tuesday, March 3, 2026"),
        Fact("today", "The date on which it was first shown", "March 1, 2026"),
    )
}
EXAMPLES = {name: fact.example for name, fact in KNOWN.items()}


def of(request: SignatureRequest, *, now: datetime) -> dict[str, str]:
    """Those that were frozen, or else those of now. What is not known is empty. Needs the request with its customer, facility and
    appointment. Dates are those of the facility, in the active language."""
    if request.facts:
        return dict(request.facts)
    customer, facility, appointment = request.customer, request.facility, request.appointment
    birth = customer.date_of_birth
    return {
        "customer_name": customer.full_name,
        "birth_date": wording.date_in_full(birth) if birth else "",
        "program": appointment.program.name if appointment else "",
        "staff": appointment.staff.display_name if appointment else "",
        "facility": facility.name,
        "facility_address": facility.address,
        "facility_phone": facility.phone,
        "organisation": brand().name,
        "appointment_date": wording.day_with_year(appointment.local_date) if appointment else "",
        "today": wording.date_in_full(localtime.local_date(now, facility.zone)),
    }
