"""What every page of the portal has in common: its language, who it is for, and who may keep a copy.

`portal_page` is open to everyone, `secret_page` to whoever holds its address, `own_page` to a signed-in customer.
"""

import posixpath
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any
from urllib.parse import unquote, urlencode

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.utils import translation
from django.utils.cache import add_never_cache_headers, patch_vary_headers

from appointments.access import belongs_to_staff
from appointments.models import Customer

View = Callable[..., HttpResponse]
# Besides what is under the portal's own address: links in messages, which are short.
LINKS = ("/c/", "/s/")


def portal_page(view: View) -> View:
    """Open to everyone. Shown in the visitor's language; what is not found looks the same whatever the reason."""

    @login_not_required
    @wraps(view)
    def shown(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        with translation.override(language_of(request)):
            try:
                response = view(request, *args, **kwargs)
            except Http404:
                response = render(request, "portal/not_found.html", status=404)
            response.headers["Content-Language"] = translation.get_language() or ""
        patch_vary_headers(response, ["Accept-Language", "Cookie"])
        return response

    return shown


def secret_page(view: View) -> View:
    """Open to whoever holds the address: kept by no cache and found by no search engine.

    The site's `Referrer-Policy: same-origin` keeps the address from others; `no-referrer` would make browsers send
    `Origin: null` with the page's own forms, which the CSRF check refuses.
    """

    shown = portal_page(view)

    @wraps(shown)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response = shown(request, *args, **kwargs)
        add_never_cache_headers(response)
        response.headers["X-Robots-Tag"] = "noindex, nofollow"
        return response

    return guarded


def own_page(view: View) -> View:
    """For a signed-in customer, handed to the view as its second argument; others are sent to sign in and come back."""

    @wraps(view)
    def mine(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        customer = customer_of(request)
        if customer is None:
            way_back = request.get_full_path() if request.method == "GET" else resolve_url("portal-account")
            query = {"next": way_back, **({"why": "idle"} if getattr(request, "was_idle", False) else {})}
            return redirect(f"{resolve_url('portal-sign-in')}?{urlencode(query)}")
        return view(request, customer, *args, **kwargs)

    return secret_page(mine)


def is_portal(path: str) -> bool:
    """Whether a browser that asks for this comes to a page of the portal: it resolves dots, also encoded ones, first."""
    roots = (resolve_url("portal-home"), *LINKS)
    return path.startswith(roots) and f"{posixpath.normpath(unquote(path))}/".startswith(roots)


def customer_of(request: HttpRequest) -> Customer | None:
    """The customer who is signed in. Staff are nobody here: they have the schedule."""
    user: Any = request.user
    if not user.is_authenticated or belongs_to_staff(user):
        return None
    return getattr(user, "customer", None)


def language_of(request: HttpRequest) -> str:
    """What the page's switch chose, else the signed-in customer's own, else the best of the browser's."""
    known = dict(settings.LANGUAGES)
    chosen = request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME)
    if chosen in known:
        return str(chosen)
    customer = customer_of(request)
    if customer is not None and customer.language in known:
        return customer.language
    return translation.get_language_from_request(request)


def remember_language(response: HttpResponse, language: str) -> None:
    """Speak this language to this browser from now on."""
    response.set_cookie(
        settings.LANGUAGE_COOKIE_NAME,
        language,
        max_age=settings.LANGUAGE_COOKIE_AGE,
        secure=settings.LANGUAGE_COOKIE_SECURE,
        httponly=settings.LANGUAGE_COOKIE_HTTPONLY,
        samesite="Lax",
    )


def context(request: HttpRequest) -> dict[str, Any]:
    """Context processor: `portal` in every template of the portal."""
    return {"portal": Portal(request)}


@dataclass(frozen=True)
class Portal:
    """What the frame of a portal page shows, worked out when it does."""

    request: HttpRequest

    @property
    def is_signed_in(self) -> bool:
        return customer_of(self.request) is not None

    @property
    def language(self) -> str:
        return translation.get_language() or settings.LANGUAGE_CODE

    @property
    def other_languages(self) -> list[tuple[str, str]]:
        return [(code, name) for code, name in settings.LANGUAGES if code != self.language.partition("-")[0]]
