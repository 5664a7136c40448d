"""What every change of hours has in common: its review, the agreement to its effect, and how it is refused."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import date, datetime, time
from hashlib import sha256

from django.contrib.auth.models import User
from django.db import transaction

from appointments.models import Facility, StaffMember
from scheduling import words
from scheduling.reassignment import Review, changing_hours
from securecare import localtime

NOTHING = ""


class HoursRefused(Exception):
    """The change is not possible. `field` names what was entered wrongly, `facility` one that the message must not name to
    who does not belong to it.
    """

    def __init__(self, message: str, *, field: str = "", facility: Facility | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.facility = facility


class WouldStrand(Exception):
    """Nothing was changed: the user has not yet agreed to what the change would do. `review` tells it."""

    def __init__(self, review: Review) -> None:
        super().__init__(f"{len(review.stranded)} appointments would be stranded.")
        self.review = review


@contextmanager
def changing(
    *,
    staff: Collection[StaffMember | int],
    by: User,
    now: datetime,
    preview: bool = False,
    agreed: str | None = None,
) -> Iterator[Review]:
    """`changing_hours`, undone by WouldStrand when it strands others than `agreed` says. None agrees to anything."""
    with transaction.atomic():
        with changing_hours(staff=staff, by=by, now=now, preview=preview) as review:
            yield review
        if not preview and agreed is not None and review.stranded and key_of(review) != agreed:
            raise WouldStrand(review)


def key_of(review: Review) -> str:
    """Stands for exactly the appointments stranded: what a form carries from showing the effect to agreeing to it."""
    if not review.stranded:
        return NOTHING
    references = sorted(str(appointment.reference) for appointment in review.stranded)
    return sha256(" ".join(references).encode()).hexdigest()


def check_quarter(at: time | None, field: str) -> None:
    if at is not None and (at.minute % 15 or at.second or at.microsecond):
        raise HoursRefused("Hours go by quarter hours: :00, :15, :30 or :45.", field=field)


def check_order(starts: time, ends: time, field: str) -> None:
    if starts == ends:
        raise HoursRefused(
            "It ends when it starts. For a whole day enter 12:00 AM–12:00 PM and 12:00 PM–12:00 AM.",
            field=field,
        )


def check_not_past(day: date, today: date, field: str) -> None:
    if day < today:
        raise HoursRefused(
            f"This lies in the past, where hours stay as they were. Enter {words.short_day(today)} or later.",
            field=field,
        )


def check_belongs(staff: StaffMember, facility: Facility) -> None:
    if not staff.facilities.filter(pk=facility.pk).exists():
        raise HoursRefused(f"{staff} does not belong to {facility}.")


def today_at(facility: Facility, now: datetime) -> date:
    return localtime.local_date(now, facility.zone)
