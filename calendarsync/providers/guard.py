"""HTTP to servers whose addresses people entered: nothing they can say or do leads us elsewhere, or keeps us.

What is connected to is what was checked: names are looked up once for each connection, and only addresses that may be talked to
are left of what comes back. The password goes to the server that it is for, never to where that one sends us.
"""

import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import niquests
from django.conf import settings
from niquests.adapters import HTTPAdapter
from niquests.packages.urllib3.contrib.resolver.system import SystemResolver
from niquests.packages.urllib3.exceptions import HTTPError

from calendarsync.providers.addresses import (
    PRIVATE,
    AddressRefused,
    allows,
    check_address,
    is_public,
    joined,
    origin,
)
from calendarsync.providers.base import Pace, unpaced
from calendarsync.providers.login import Login

__all__ = ["AddressRefused", "Answer", "NoAnswer", "NotReached", "Session", "check_address"]

MOST_BYTES = 10_000_000
MOST_HOPS = 5
# Of those that a name leads to: each may take until the time-out.
MOST_ADDRESSES = 3
CONNECTS_WITHIN = 5.0
# The time-out is for silence; an answer that drips in is cut off after so many of them.
TIMEOUTS_IN_ALL = 3
# Routers forget idle connections without a word.
IDLE_SECONDS = 20
REDIRECTS = (301, 302, 307, 308)
PORTION = 65_536
ELSEWHERE = "It leads to {address}. Enter that address instead, if it is the right one."
ROUND_AND_ROUND = "it leads from one address to the next without an end"
TOO_LARGE = "its answer is too large"
TOO_SLOW = "its answer took too long"
COMPRESSED = "its answer is compressed, unasked"

Lookup = Callable[..., list[Any]]


class NotReached(Exception):
    """Nothing of the request left this machine."""


class NoAnswer(Exception):
    """The request may have arrived and been carried out; there is no answer, or none that is fit to read."""


@dataclass(frozen=True)
class Answer:
    """As far as the caldav library looks at one."""

    status_code: int
    reason: str
    url: str
    headers: Mapping[str, str]
    content: bytes

    @property
    def text(self) -> str:
        return self.content.decode(errors="replace")

    @property
    def leads_to(self) -> str | None:
        return self.headers.get("Location") if self.status_code in REDIRECTS else None


class Session:
    """Stands in for the session of the caldav library. For one thread.

    Raises AddressRefused, NotReached and NoAnswer. `home`: the address that the login is for. `pace` is waited for before every
    single request.
    """

    def __init__(
        self,
        *,
        home: str,
        login: Login | None = None,
        pace: Pace = unpaced,
        lookup: Lookup = socket.getaddrinfo,
    ) -> None:
        self._login, self._pace = login, pace
        self._trusted = {origin(home)}
        self._timeout = settings.PROVIDER_TIMEOUT_SECONDS
        self._resolver = _Resolver(lookup)
        self._http = _Http(self._resolver)
        self._has_connected = False
        self._used_at = time.monotonic()
        self.last_headers: Mapping[str, str] = {}

    def request(
        self,
        method: str,
        url: str,
        *,
        data: str | bytes | None = b"",
        headers: Mapping[str, str] | None = None,
        **_of_the_library: Any,
    ) -> Answer:
        for _ in range(MOST_HOPS):
            answer = self._ask(method, url, data, headers or {})
            if answer.leads_to is None:
                self.last_headers = answer.headers
                return answer
            url = self._followed(url, answer.leads_to)
        raise NoAnswer(ROUND_AND_ROUND)

    def trust(self, address: str) -> None:
        """The password is for this server, too. Raises AddressRefused."""
        check_address(address)
        self._trusted.add(origin(address))

    def close(self) -> None:
        self._http.close()
        self._resolver.let_go()

    def _ask(self, method: str, url: str, data: str | bytes | None, headers: Mapping[str, str]) -> Answer:
        check_address(url)
        answer = self._send(method, url, data, headers)
        challenge = answer.headers.get("WWW-Authenticate", "")
        login = self._login_for(url)
        if answer.status_code == 401 and login is not None and login.learn(challenge):
            return self._send(method, url, data, headers)
        return answer

    def _followed(self, url: str, target: str) -> str:
        """Nothing but the same server, or the same by TLS."""
        address = joined(url, target)
        check_address(address)
        (scheme, host, port), (new_scheme, new_host, new_port) = origin(url), origin(address)
        is_upgrade = (scheme, new_scheme) == ("http", "https") and host == new_host
        if not is_upgrade and (scheme, host, port) != (new_scheme, new_host, new_port):
            raise AddressRefused(ELSEWHERE.format(address=_shown(address)))
        if origin(url) in self._trusted:
            self._trusted.add(origin(address))
        return address

    def _login_for(self, url: str) -> Login | None:
        return self._login if origin(url) in self._trusted else None

    def _send(self, method: str, url: str, data: str | bytes | None, headers: Mapping[str, str]) -> Answer:
        self._pace()
        given = {**headers, "Accept-Encoding": "identity"}
        if login := self._login_for(url):
            given["Authorization"] = login.header(method, url)
        if time.monotonic() - self._used_at > IDLE_SECONDS:
            self.close()
        self._has_connected = False
        with _Deadline(self._timeout * TIMEOUTS_IN_ALL, self._resolver.hang_up) as deadline:
            try:
                answer = self._exchange(method, url, data, given)
            except (niquests.RequestException, HTTPError, OSError) as error:
                self.close()
                raise self._explained(error, deadline) from error
            except (AddressRefused, NoAnswer):
                self.close()
                raise
        if deadline.has_passed:
            self.close()
            raise NoAnswer(TOO_SLOW)
        self._used_at = time.monotonic()
        return answer

    def _exchange(self, method: str, url: str, data: str | bytes | None, headers: dict[str, str]) -> Answer:
        response = self._http.request(
            method,
            url,
            data=data or None,
            headers=headers,
            timeout=(min(self._timeout, CONNECTS_WITHIN), self._timeout),
            allow_redirects=False,
            stream=True,
            hooks={"pre_send": [self._note_connected]},
        )
        return Answer(
            status_code=response.status_code or 0,
            reason=response.reason or "",
            url=url,
            headers=response.headers,
            content=_body(response),
        )

    def _note_connected(self, _request: Any) -> None:
        self._has_connected = True

    def _explained(self, error: Exception, deadline: "_Deadline") -> Exception:
        if self._has_connected:
            return NoAnswer(TOO_SLOW if deadline.has_passed or _is_timeout(error) else "it broke off")
        return NotReached(_why(error))


class _Resolver(SystemResolver):
    """Looks names up, and leaves only addresses that may be talked to. Holds the connection that was made, to hang up on it."""

    def __init__(self, lookup: Lookup = socket.getaddrinfo) -> None:
        super().__init__()
        self._look_up = lookup
        self._line: socket.socket | None = None

    def getaddrinfo(self, host: Any, port: Any, *given: Any, **_quic: Any) -> list[Any]:
        name = host.decode() if isinstance(host, bytes) else host
        found = self._look_up(name, port, *given)
        if not allows(name, port):
            found = [record for record in found if is_public(record[4][0])]
        if not found:
            raise AddressRefused(PRIVATE.format(host=name))
        return found[:MOST_ADDRESSES]

    def create_connection(self, *given: Any, **named: Any) -> socket.socket:
        made: socket.socket = super().create_connection(*given, **named)
        self.let_go()
        # TLS takes the socket over; a second handle on it stays ours.
        self._line = made.dup()
        return made

    def hang_up(self) -> None:
        """From another thread: whoever waits for this connection is told that it ended."""
        line = self._line
        if line is not None:
            try:
                line.shutdown(socket.SHUT_RDWR)
            except OSError:
                return

    def let_go(self) -> None:
        line, self._line = self._line, None
        if line is not None:
            line.close()


class _Http(niquests.Session):
    """Takes nothing from the environment (proxies, .netrc), keeps no cookies, repeats nothing, looks at no redirect, asks no third
    party about certificates, and speaks HTTP/1.1 alone: the rest would need guarding, too."""

    def __init__(self, resolver: _Resolver) -> None:
        plain: dict[str, Any] = {
            "resolver": resolver,
            "disable_http2": True,
            "disable_http3": True,
            "revocation_configuration": None,
            "allow_incoming_cookies": False,
            "pool_connections": 1,
            "pool_maxsize": 1,
            "keepalive_delay": None,
        }
        super().__init__(retries=0, happy_eyeballs=False, **plain)
        self.trust_env = False
        self.adapters.clear()
        for prefix in ("https://", "http://"):
            self.mount(prefix, HTTPAdapter(max_retries=0, **plain))

    def get_redirect_target(self, _answer: Any) -> None:
        """Ours to follow."""
        return


class _Deadline:
    """Calls `at_end` after so many seconds, unless left before."""

    def __init__(self, seconds: float, at_end: Callable[[], None]) -> None:
        self.has_passed = False
        self._at_end = at_end
        self._timer = threading.Timer(seconds, self._pass)
        self._timer.daemon = True

    def __enter__(self) -> "_Deadline":
        self._timer.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._timer.cancel()

    def _pass(self) -> None:
        self.has_passed = True
        self._at_end()


def _body(response: Any) -> bytes:
    """All of it, unless it is too much."""
    try:
        if response.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise NoAnswer(COMPRESSED)
        portions, size = [], 0
        for portion in response.iter_raw(PORTION):
            size += len(portion)
            if size > MOST_BYTES:
                raise NoAnswer(TOO_LARGE)
            portions.append(portion)
        return b"".join(portions)
    finally:
        response.close()


def _is_timeout(error: Exception) -> bool:
    return isinstance(error, niquests.exceptions.Timeout) or "timed out" in str(error).lower()


def _why(error: Exception) -> str:
    """For the staff member: what an administrator would want to hear."""
    said = str(error)
    if isinstance(error, niquests.exceptions.SSLError) or "certificate" in said.lower():
        return "its certificate cannot be trusted"
    if "NameResolution" in said or "resolve" in said:
        return "there is no server of that name"
    return "it does not answer" if _is_timeout(error) else "it refuses connections"


def _shown(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}{parts.path}"
