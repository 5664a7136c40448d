"""The appointment as an invitation that calendars add, move and take out by themselves (RFC 5546)."""

from appointments.calendar_file import CANCEL, REQUEST, Invited, calendar_file
from reminders.letters.notice import Notice


def invitation(notice: Notice) -> str:
    appointment = notice.appointment
    return calendar_file(
        appointment,
        now=notice.now,
        method=CANCEL if appointment.is_cancelled else REQUEST,
        invited=Invited(attendee=notice.message.address, organizer=notice.sender),
    ).decode()
