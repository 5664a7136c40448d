"""Where a request comes from."""

from ipaddress import ip_address

from django.conf import settings
from django.http import HttpRequest


def address_of(request: HttpRequest) -> str | None:
    """The client's IP address. Behind a proxy it is the one the nearest proxy saw: what a client claims to be is ignored."""
    if settings.BEHIND_PROXY:
        return _valid(request.META.get("HTTP_X_FORWARDED_FOR", "").rpartition(",")[2])
    return _valid(request.META.get("REMOTE_ADDR", ""))


def _valid(text: str) -> str | None:
    try:
        return str(ip_address(text.strip()))
    except ValueError:
        return None
