"""What every page has in common on which somebody connects a calendar of their own."""

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from appointments.access import HAVE_CALENDARS, access_of, staff_member_of
from appointments.models import StaffMember
from securecare import limits

# What somebody types makes this site talk to a server of their choice, with passwords to guess.
MOST_ASKED = "40/hour"
TOO_OFTEN = "Calendar servers were asked too often. Wait an hour, then try again."
NOT_ON_STAFF = "Calendars belong to people on staff. Sign in as one of them to connect yours."


def staff_of(request: HttpRequest) -> StaffMember:
    """Whose calendars these are. Raises PermissionDenied."""
    access_of(request).demand(HAVE_CALENDARS)
    staff = staff_member_of(request.user)
    if staff is None:
        raise PermissionDenied(NOT_ON_STAFF)
    return staff


def may_ask(request: HttpRequest) -> bool:
    """Whether a server may be asked once more for this person."""
    return limits.allowed("calendar servers asked by a person", str(request.user.pk), MOST_ASKED)


def user_of(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # noqa: S101 - the middleware lets nobody else in
    return request.user
