"""What stands between a request and every page that is not public."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import auth
from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, resolve_url
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django_htmx.http import HttpResponseClientRedirect

from appointments.access import belongs_to_staff, may_sign_in
from appointments.signin import session


class StaffSessionMiddleware:
    """Lets a staff session through only while its owner is on staff and its second factor is settled.

    A settled session costs no query. One that is not (made by other means than the sign-in page) starts over there.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        user = request.user
        if not user.is_authenticated or not belongs_to_staff(user):
            return self.get_response(request)
        if not may_sign_in(user):
            auth.logout(request)
            request.has_left = True  # type: ignore[attr-defined]
        elif not session.is_settled(request):
            return self._settle(request, user)
        return self.get_response(request)

    def _settle(self, request: HttpRequest, user: Any) -> HttpResponseBase:
        now = timezone.now()
        step = session.next_step(user)
        if step is None:
            session.remember(request, now=now)
            return self.get_response(request)
        session.wait(request, user=user, next_url=return_address(request), now=now)
        return send_to(request, resolve_url(step))


def settle_at_login(request: HttpRequest, user: Any, **_: Any) -> None:
    """A session begun by other means than the sign-in page owes nothing either if its owner owes no second factor."""
    if belongs_to_staff(user) and may_sign_in(user) and session.next_step(user) is None:
        session.remember(request, now=timezone.now())


class SignInRequiredMiddleware(LoginRequiredMiddleware):
    """Sends whoever is not signed in to the sign-in page, with the way back and the reason.

    A signed-in customer is a stranger here: only pages that ask for no sign-in, the portal among them, are theirs.
    """

    def process_view(
        self, request: HttpRequest, view_func: Any, view_args: Any, view_kwargs: Any
    ) -> HttpResponseBase | None:
        user = request.user
        is_customer = user.is_authenticated and not belongs_to_staff(user)
        if is_customer and getattr(view_func, "login_required", True):
            return self.handle_no_permission(request, view_func)
        answer: HttpResponseBase | None = super().process_view(request, view_func, view_args, view_kwargs)
        return answer

    def handle_no_permission(  # type: ignore[override]
        self, request: HttpRequest, view_func: Any
    ) -> HttpResponseBase:
        return to_sign_in(request)


def to_sign_in(request: HttpRequest) -> HttpResponseBase:
    query = {"next": return_address(request)}
    if getattr(request, "was_idle", False):
        query["why"] = "idle"
    if getattr(request, "has_left", False):
        query["why"] = "left"
    return send_to(request, f"{resolve_url(settings.LOGIN_URL)}?{urlencode(query)}")


def send_to(request: HttpRequest, url: str) -> HttpResponseBase:
    """Redirect the page. HTMX and polls would follow a redirect in the background, so they are told by a header."""
    if getattr(request, "htmx", False):
        return HttpResponseClientRedirect(url)
    if request.headers.get("X-Passive") == "1":
        return HttpResponse(status=401, headers={"HX-Redirect": url})
    return redirect(url)


def return_address(request: HttpRequest) -> str:
    """Where to go back to after sign-in: the page itself, not the part or the form that was asked for."""
    if htmx := getattr(request, "htmx", None):
        return htmx.current_url_abs_path or "/"
    if request.method == "GET" and request.headers.get("X-Passive") != "1":
        return request.get_full_path()
    referrer = request.headers.get("Referer", "")
    is_ours = url_has_allowed_host_and_scheme(
        referrer, {request.get_host()}, require_https=request.is_secure()
    )
    return referrer if is_ours else "/"
