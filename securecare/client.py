"""Where a request comes from."""

from ipaddress import IPv6Address, ip_address, ip_network

from django.conf import settings
from django.http import HttpRequest


def address_of(request: HttpRequest) -> str | None:
    """The client's IP address. Behind a proxy it is the one the nearest proxy saw: what a client claims to be is ignored."""
    if settings.BEHIND_PROXY:
        return _valid(request.META.get("HTTP_X_FORWARDED_FOR", "").rpartition(",")[2])
    return _valid(request.META.get("REMOTE_ADDR", ""))


def network_of(address: str | None) -> str:
    """What counts as one where requests are limited: an IPv4 address, or the /64 of an IPv6 address, of which one line has all.

    Requests from nowhere count together.
    """
    if address is None or not isinstance(ip_address(address), IPv6Address):
        return address or "unknown"
    return str(ip_network((address, 64), strict=False))


def _valid(text: str) -> str | None:
    """Without what names the line it came by; a server that listens on both sees IPv4 addresses within IPv6."""
    try:
        found = ip_address(text.strip())
    except ValueError:
        return None
    return str(getattr(found, "ipv4_mapped", None) or found).partition("%")[0]
