"""Which addresses people may have us talk to: public ones, and those of the organization's own servers that settings name.

Whoever enters an address would otherwise reach what only this machine can reach (OWASP ASVS 5.0, 1.3.6).
"""

import ipaddress
import re
import socket
from ipaddress import IPv4Address, ip_network
from urllib.parse import SplitResult, urljoin, urlsplit

from django.conf import settings

PRIVATE = "{host} is an address of a private network. An administrator can allow it in the settings."
WITHOUT_TLS = "The address has to begin with https://, or passwords could be read on the way."
NOT_AN_ADDRESS = "That is no address of a server. It looks like https://calendar.example.org/."
HOLDS_LOGIN = "Leave the user name and password out of the address, and enter them below it."
DEFAULT_PORTS = {"https": 443, "http": 80}
# Parsers disagree on where a host ends if one of these stands in an address.
AMBIGUOUS = re.compile(r"[\x00-\x20\x7f\\]")

# Beyond what the standard library knows (it follows IANA's registries only as of its release): protocol assignments, relays.
NEVER_4 = [ip_network(net) for net in ("192.0.0.0/24", "192.88.99.0/24")]
# Global unicast, without documentation, tunnels and protocol assignments, which lead anywhere.
GLOBAL_6 = ip_network("2000::/3")
NEVER_6 = [ip_network(net) for net in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")]
# How hosts with IPv6 alone see those with IPv4 alone (RFC 6052).
TRANSLATED = ip_network("64:ff9b::/96")


class AddressRefused(Exception):
    """We do not talk to that address. The text says why, and is for whoever entered it."""


def check_address(url: str) -> None:
    """Raises AddressRefused. A name may still lead to a private address: `guard.Session` looks at what is connected to."""
    parts = _parts(url)
    host = parts.hostname or ""
    if allows(host, port_of(parts)):
        return
    if parts.scheme != "https":
        raise AddressRefused(WITHOUT_TLS)
    literal = _literal(host)
    if literal is not None and not is_public(literal):
        raise AddressRefused(PRIVATE.format(host=host))


def allows(host: str, port: int | None) -> bool:
    """Whether settings name it as a server of the organization's own."""
    name = host.lower().rstrip(".")
    spelled = f"[{name}]" if ":" in name else name
    allowed = {entry.strip().lower() for entry in settings.CALDAV_PRIVATE_HOSTS}
    return bool(name) and not allowed.isdisjoint({name, spelled, f"{spelled}:{port}"})


def is_public(address: str) -> bool:
    """Whether anybody on the internet could reach it just as well."""
    ip = ipaddress.ip_address(address)
    if isinstance(ip, IPv4Address):
        return _is_public_4(ip)
    if ip in TRANSLATED:
        return _is_public_4(IPv4Address(ip.packed[-4:]))
    return ip.scope_id is None and ip in GLOBAL_6 and not any(ip in net for net in NEVER_6)


def origin(url: str) -> tuple[str, str, int | None]:
    """What has the same is the same server. Raises AddressRefused."""
    parts = _parts(url)
    return parts.scheme, (parts.hostname or "").rstrip("."), port_of(parts)


def joined(address: str, link: str) -> str:
    """Where a link of that place leads. Raises AddressRefused."""
    try:
        return urljoin(address, link)
    except ValueError as error:
        raise AddressRefused(NOT_AN_ADDRESS) from error


def port_of(parts: SplitResult) -> int | None:
    return parts.port or DEFAULT_PORTS.get(parts.scheme)


def _parts(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        is_one = parts.scheme in DEFAULT_PORTS and bool(parts.hostname) and parts.port != 0
    except ValueError as error:
        raise AddressRefused(NOT_AN_ADDRESS) from error
    if not is_one or AMBIGUOUS.search(url):
        raise AddressRefused(NOT_AN_ADDRESS)
    if "@" in parts.netloc:
        raise AddressRefused(HOLDS_LOGIN)
    return parts


def _literal(host: str) -> str | None:
    """The IP address that a host spells, in any of the spellings that systems accept; None if it is a name."""
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        pass
    try:
        return socket.inet_ntoa(socket.inet_aton(host.rstrip(".")))
    except (OSError, UnicodeError):
        return None


def _is_public_4(ip: IPv4Address) -> bool:
    return ip.is_global and not ip.is_multicast and not any(ip in net for net in NEVER_4)
