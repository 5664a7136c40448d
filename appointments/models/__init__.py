from appointments.models.appointment import Appointment, AppointmentQuerySet, PrivateNote, PrivateNoteRead
from appointments.models.event import AppointmentEvent
from appointments.models.link import AppointmentLink, Channel
from appointments.models.organisation import Facility, Organisation, Program, StaffMember
from appointments.models.people import Case, Customer, CustomerQuerySet

__all__ = [
    "Appointment",
    "AppointmentEvent",
    "AppointmentLink",
    "AppointmentQuerySet",
    "Case",
    "Channel",
    "Customer",
    "CustomerQuerySet",
    "Facility",
    "Organisation",
    "PrivateNote",
    "PrivateNoteRead",
    "Program",
    "StaffMember",
]
