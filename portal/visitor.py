"""Who is visiting, without an account: a random name in a cookie, and the zone their browser keeps."""

import re
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from portal.pages import customer_of
from securecare import links, localtime

COOKIE = "visitor"
ZONE_COOKIE = "zone"
SECONDS_KEPT = 86_400
_NAME = re.compile(r"[A-Za-z0-9_-]{43}")


def visitor_of(request: HttpRequest) -> str:
    """The visitor's random name, "" before they have one."""
    name = request.COOKIES.get(COOKIE, "")
    return name if _NAME.fullmatch(name) else ""


def new_visitor() -> str:
    return links.new_token()


def remember(response: HttpResponse, visitor: str) -> None:
    """Know the visitor again on the portal's pages for a day."""
    response.set_cookie(
        COOKIE,
        visitor,
        max_age=SECONDS_KEPT,
        path=reverse("portal-home"),
        secure=settings.SECURE_COOKIES,
        httponly=True,
        samesite="Lax",
    )


def zone_of_visitor(request: HttpRequest) -> ZoneInfo | None:
    """The zone on a signed-in customer's profile, else the one their browser said; None if neither is known."""
    customer = customer_of(request)
    if customer is not None and customer.time_zone:
        return _zone(customer.time_zone)
    return _zone(request.COOKIES.get(ZONE_COOKIE, ""))


def _zone(key: str) -> ZoneInfo | None:
    if not key or len(key) > 64:
        return None
    try:
        return localtime.zone_of(key)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None
