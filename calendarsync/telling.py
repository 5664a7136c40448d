"""Telling people on staff that a calendar stopped: whose it is, and the managers of their facilities. By e-mail, once."""

from collections.abc import Iterator
from datetime import datetime

from django.conf import settings
from django.urls import reverse

from appointments.branding import brand
from appointments.models import StaffMember
from appointments.models.organisation import Role
from calendarsync.models import CalendarConnection
from reminders import messages
from reminders.messages import Letter
from reminders.models import Channel, Message


def tell(connection: CalendarConnection, *, now: datetime) -> None:
    """In the transaction that stopped it. Who has no e-mail address reads it on the page of calendars."""
    for member in _concerned(connection.staff):
        if member.user is not None and member.user.is_active and member.user.email:
            messages.write(
                kind=Message.Kind.COLLEAGUE,
                channel=Channel.EMAIL,
                address=member.user.email,
                letter=_letter(connection, member),
                now=now,
            )


def _concerned(staff: StaffMember) -> Iterator[StaffMember]:
    if staff.is_active:
        yield staff
    managers = StaffMember.objects.filter(
        role=Role.MANAGER, is_active=True, user__is_active=True, facilities__in=staff.facilities.all()
    )
    yield from managers.exclude(pk=staff.pk).select_related("user").distinct()


def _letter(connection: CalendarConnection, reader: StaffMember) -> Letter:
    is_own = reader.pk == connection.staff_id
    whose = "Your calendar" if is_own else f"{connection.staff}’s calendar"
    what_to_do = "Connect it again" if is_own else f"{connection.staff} can connect it again"
    address = settings.PUBLIC_BASE_URL + reverse("calendars")
    return Letter(
        subject=f"{whose} no longer follows {brand().name}",
        text=(
            f"{whose}, {connection.calendar_name or connection.get_provider_display()}, has stopped: "
            f"{connection.last_error}\n\n"
            f"Appointments are safe, and nothing is lost. {what_to_do} here, and it catches up:\n{address}\n"
        ),
    )
