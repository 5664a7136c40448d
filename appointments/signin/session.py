"""From a right password to a signed-in session, and what such a session remembers.

Until the second factor is settled nobody is signed in: the session only notes who is waiting, so nothing behind sign-in
can be reached half-way. What the organisation asks for is looked up once, here, and kept in the session.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

import django_otp
from django.contrib import auth
from django.contrib.auth.models import AnonymousUser, User
from django.http import HttpRequest
from django.shortcuts import resolve_url
from django_otp.models import Device

from appointments.access import may_sign_in, needs_second_factor
from appointments.models import Organisation
from appointments.signin import second_factor
from securecare import idle

BACKEND = "appointments.access.StaffBackend"
WAIT = timedelta(minutes=10)
_PENDING = "sign_in_pending"
_SETTLED = "second_factor_settled"


@dataclass(frozen=True)
class Pending:
    """Somebody who gave the right password and still owes a second factor."""

    user: User
    next_url: str
    is_setting_up: bool


def begin(request: HttpRequest, *, user: User, next_url: str, now: datetime) -> str:
    """Sign in whoever gave the right password, or wait for the second factor. Returns the address to go to."""
    step = next_step(user)
    if step is None:
        finish(request, user=user, now=now)
    else:
        wait(request, user=user, next_url=next_url, now=now)
    return resolve_url(step or next_url)


def next_step(user: User) -> str | None:
    """The page that the second factor asks for: to enter a code, to set it up, or None."""
    if second_factor.device_of(user) is not None:
        return "sign-in-code"
    return "second-factor" if needs_second_factor(user) else None


def wait(request: HttpRequest, *, user: User, next_url: str, now: datetime) -> None:
    """Note who is waiting, in a session that is nobody's."""
    request.session.flush()
    request.user = AnonymousUser()
    request.session[_PENDING] = {
        "user": user.pk,
        "hash": user.get_session_auth_hash(),
        "next": next_url,
        "until": (now + WAIT).timestamp(),
    }


def pending(request: HttpRequest, *, now: datetime) -> Pending | None:
    """Who is waiting in this session, if the wait is not over and the password still the same."""
    noted = request.session.get(_PENDING)
    if noted is None or now.timestamp() > noted["until"]:
        return None
    user = User.objects.select_related("staff_member").filter(pk=noted["user"], is_active=True).first()
    if user is None or not may_sign_in(user) or user.get_session_auth_hash() != noted["hash"]:
        return None
    return Pending(user, noted["next"], is_setting_up=second_factor.device_of(user) is None)


def finish(request: HttpRequest, *, user: User, now: datetime, device: Device | None = None) -> None:
    """Sign in for good. `device` is the one that proved the second factor."""
    request.session.pop(_PENDING, None)
    auth.login(request, user, backend=BACKEND)
    if device is not None:
        django_otp.login(request, device)
    remember(request, now=now)


def remember(request: HttpRequest, *, now: datetime) -> None:
    """Keep in the session what would otherwise be asked of the database on every request."""
    request.session[_SETTLED] = True
    request.session[idle.IDLE_SECONDS] = Organisation.current().idle_minutes * 60
    idle.record(request.session, at=now)


def is_settled(request: HttpRequest) -> bool:
    return _SETTLED in request.session
