"""What providers that are spoken to over HTTP have in common: connections, waiting times, failures on the way."""

import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from email.utils import mktime_tz, parsedate_tz
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import ConnectTimeoutError, MaxRetryError, NewConnectionError, SSLError

from reminders.transports.base import TransportError

# Routers and balancers forget idle connections without a word; a request into such a one looks like a lost answer.
IDLE_SECONDS = 20
LONGEST_WAIT = 3600.0
EXCERPT = 160


class KeptSession(requests.Session):
    """Keeps its connection from call to call, but not through silence. For one thread."""

    def __init__(self) -> None:
        super().__init__()
        for scheme in ("http://", "https://"):
            self.mount(scheme, HTTPAdapter(pool_connections=1, pool_maxsize=1))
        self.used_at = time.monotonic()

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        if time.monotonic() - self.used_at > IDLE_SECONDS:
            self.close()
        try:
            return super().send(request, **options)
        finally:
            self.used_at = time.monotonic()


@contextmanager
def explained(provider: str, *, asked: bool = False) -> Iterator[None]:
    """Turns what goes wrong on the way into a TransportError that says whether a message may have arrived: one that was
    on its way, or, `asked`, the earlier one that the provider was asked for."""
    try:
        yield
    except requests.RequestException as error:
        arrived = not never_connected(error)
        words = "did not answer" if arrived else "cannot be reached"
        raise TransportError(
            f"{provider} {words} ({type(error).__name__}).",
            permanent=False,
            may_have_been_sent=asked or arrived,
        ) from error


def never_connected(error: requests.RequestException) -> bool:
    """Whether no byte of the request left this machine. If in doubt, it did."""
    if isinstance(error, requests.exceptions.ProxyError | ValueError):
        return True
    cause = error.args[0] if error.args else None
    reason = cause.reason if isinstance(cause, MaxRetryError) else cause
    if isinstance(reason, SSLError):
        return bool(reason.args) and isinstance(reason.args[0], ssl.SSLCertVerificationError)
    return isinstance(reason, NewConnectionError | ConnectTimeoutError)


def retry_after(headers: Mapping[str, str]) -> timedelta | None:
    """The wait that an answer asks for: `Retry-After` in seconds or as a date (RFC 9110), else SendGrid's
    `X-RateLimit-Reset`, a Unix time. None if it names none that can be read."""
    wait = _seconds(headers.get("Retry-After", ""))
    if wait is None:
        wait = _until(headers.get("X-RateLimit-Reset", ""))
    return None if wait is None else timedelta(seconds=min(max(wait, 0), LONGEST_WAIT))


def _seconds(text: str) -> float | None:
    if text.strip().isdecimal():
        return float(text)
    try:
        at = parsedate_tz(text)
        return mktime_tz(at) - time.time() if at else None
    except (ValueError, OverflowError):
        return None


def _until(text: str) -> float | None:
    return float(text) - time.time() if text.strip().isdecimal() else None


def excerpt(text: object) -> str:
    """What a provider says, short and on one line."""
    return " ".join(str(text).split())[:EXCERPT]
