"""Automatic logoff after a time without activity, kept by the server: the page's own warning is only a courtesy.

The time of the last activity lives in the session and is written at most once a minute, so that a busy page costs no
UPDATE on each request. Expiry waits that minute out: nobody is signed out early, and at most a minute late.
"""

from datetime import UTC, datetime, timedelta

from django.contrib.auth.decorators import login_not_required
from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest, JsonResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods
from session_security.middleware import SessionSecurityMiddleware
from session_security.utils import get_last_activity, set_last_activity

IDLE_SECONDS = "idle_seconds"
DEFAULT_IDLE_SECONDS = 1800
PRECISION = timedelta(minutes=1)
_LAST = "_session_security"


class IdleMiddleware(SessionSecurityMiddleware):
    """The library's middleware in UTC, with each session's own limit. Polls say `X-Passive: 1` and are no activity."""

    def process_request(self, request: HttpRequest) -> None:
        if not self.is_authenticated(request):
            return
        now = timezone.now()
        if last_activity(request.session) is None:
            record(request.session, at=now)
        elif has_expired(request.session, now=now):
            self.do_logout(request)
            request.was_idle = True  # type: ignore[attr-defined]
        elif not self.is_passive_request(request):
            note_activity(request.session, at=now)

    def is_passive_request(self, request: HttpRequest) -> bool:
        return request.headers.get("X-Passive") == "1" or request.path == reverse("activity")

    def get_expire_seconds(self, request: HttpRequest) -> int:
        return idle_seconds(request.session)


def idle_seconds(session: SessionBase) -> int:
    return int(session.get(IDLE_SECONDS, DEFAULT_IDLE_SECONDS))


def last_activity(session: SessionBase) -> datetime | None:
    return get_last_activity(session).replace(tzinfo=UTC) if _LAST in session else None


def record(session: SessionBase, *, at: datetime) -> None:
    set_last_activity(session, at.astimezone(UTC))


def note_activity(session: SessionBase, *, at: datetime) -> None:
    """Remember activity, unless what is remembered is no more than a minute older."""
    last = last_activity(session)
    if last is None or at - last >= PRECISION:
        record(session, at=at)


def has_expired(session: SessionBase, *, now: datetime) -> bool:
    last = last_activity(session)
    return last is not None and now - last >= timedelta(seconds=idle_seconds(session)) + PRECISION


def seconds_left(session: SessionBase, *, now: datetime) -> int:
    """Until the session is idle, as far as the server knows; 0 when it already is."""
    last = last_activity(session) or now
    return max(0, idle_seconds(session) - int((now - last).total_seconds()))


@login_not_required
@never_cache
@require_http_methods(["GET", "POST"])
def activity(request: HttpRequest) -> JsonResponse:
    """How long the session still has. A POST tells of activity in the page, `idle_for` seconds ago."""
    if not request.user.is_authenticated:
        return JsonResponse({"seconds_left": 0}, status=401)
    now = timezone.now()
    told = request.POST.get("idle_for", "")
    if told.isascii() and told.isdigit() and len(told) <= 6:
        note_activity(request.session, at=now - timedelta(seconds=int(told)))
    return JsonResponse({"seconds_left": seconds_left(request.session, now=now)})
