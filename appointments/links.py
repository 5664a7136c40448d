"""Making and opening the links that stand in messages about an appointment."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import Q

from appointments.models import Appointment, AppointmentLink
from securecare import links

OUTLIVES_APPOINTMENT = timedelta(days=1)


@dataclass(frozen=True)
class NewLink:
    """A token and the one thing it is for."""

    token: str
    purpose: str
    channel: str = ""


def issue(
    *,
    appointment: Appointment,
    purpose: str,
    now: datetime,
    channel: str = "",
    token: str | None = None,
) -> str:
    """A token for this purpose alone, good until a day after the appointment, wherever that moves. `token` is one made before;
    one that confirms says by which channel."""
    token = token or links.new_token()
    issue_together([NewLink(token, purpose, channel)], appointment=appointment, now=now)
    return token


_ISSUE = """
INSERT INTO appointments_appointmentlink
       (digest, purpose, channel, appointment_id, revision, created_at, expires_at)
VALUES """


def issue_together(made: Sequence[NewLink], *, appointment: Appointment, now: datetime) -> None:
    """Several tokens at once, each good as long as one that `issue` makes."""
    expires_at = appointment.ends_at + OUTLIVES_APPOINTMENT
    rest = (appointment.pk, appointment.revision, now, expires_at)
    rows = [(links.digest(link.token), link.purpose, link.channel, *rest) for link in made]
    with connection.cursor() as cursor:
        places = ", ".join(["(%s, %s, %s, %s, %s, %s, %s)"] * len(rows))
        cursor.execute(_ISSUE + places, [value for row in rows for value in row])


def find(token: str, *, purpose: str, now: datetime) -> AppointmentLink | None:
    """The link with its appointment; None if it is unknown, revoked, expired or made for something else: they look the same."""
    alive = Q(expires_at__gt=now) | Q(appointment__ends_at__gt=now - OUTLIVES_APPOINTMENT)
    related = (
        "appointment__customer",
        "appointment__staff",
        "appointment__program__facility",
        "appointment__facility",
    )
    found = AppointmentLink.objects.filter(
        alive, digest=links.digest(token), purpose=purpose, revoked_at=None
    )
    return found.select_related(*related).first()
