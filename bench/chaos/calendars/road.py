"""The road between the site and the servers of calendars, and what may happen on it.

`python -m bench.chaos.calendars.road FOLDER` reads `calendar-road.json` there and listens on a port for each provider. Every
request meets a fate that is drawn from its provider's weather: the provider never sees it, takes it and answers, or takes it and
the answer is lost, cut off or turned into nonsense. At times nobody listens at all. Each request is written down, a line each.
"""

import http.client
import json
import random
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

HOST = "127.0.0.1"
CONFIG, ASKED = "calendar-road.json", "calendar-requests.txt"
WEATHER, ABSENCE = "/weather", "/absence"
GOOGLE, CALDAV = "google", "caldav"
AS_USUAL = "answered as usual"
# Whether the provider sees the request, and what the site gets to hear of it: None is nothing.
UNSEEN: dict[str, int | None] = {
    "hung up": None,
    "silence": None,
    "too many": 429,
    "crowded": 403,
    "broken": 500,
    "down": 503,
    "another page": 200,
}
SEEN: dict[str, int | None] = {
    "slow": None,
    "answer lost": None,
    "answer late": None,
    "answer cut off": None,
    "broken after": 500,
    "garbled": 200,
}
FATES = (*UNSEEN, *SEEN)
_LIMIT = {"domain": "usageLimits", "reason": "rateLimitExceeded", "message": "Rate Limit Exceeded"}
_PAGE = ({"Content-Type": "text/html"}, b"<html><title>Welcome</title><form>Sign in</form></html>")
ANSWERS: dict[int, tuple[dict[str, str], bytes]] = {
    429: ({"Content-Type": "text/plain", "Retry-After": "2"}, b"Too many requests"),
    403: (
        {"Content-Type": "application/json"},
        json.dumps({"error": {"code": 403, "message": _LIMIT["message"], "errors": [_LIMIT]}}).encode(),
    ),
    500: ({"Content-Type": "text/plain"}, b"Internal error"),
    503: ({"Content-Type": "text/html"}, b"<html><h1>503 Service Unavailable</h1></html>"),
    200: _PAGE,
}
# What belongs to one connection and not to the answer (RFC 9110, 7.6.1), and what the road's own server writes.
OWN_HEADERS = {"connection", "keep-alive", "transfer-encoding", "content-length", "date", "server"}
FORWARD_SECONDS = 20
SLOW_SECONDS = 0.6
ASKED_BY = "OPTIONS GET HEAD POST PUT PATCH DELETE PROPFIND PROPPATCH REPORT MKCALENDAR"


@dataclass(frozen=True)
class Config:
    """`ports` are where the road listens for each provider, `servers` where it really is; the site waits for `timeout` seconds."""

    ports: dict[str, int]
    servers: dict[str, int]
    control: int
    timeout: float
    seed: int

    @classmethod
    def read(cls, folder: Path) -> "Config":
        return cls(**json.loads((folder / CONFIG).read_text()))


@dataclass
class Road:
    config: Config
    asked: Any
    rng: random.Random
    weather: dict[str, dict[str, float]] = field(default_factory=dict)
    away: set[str] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def fate(self, provider: str, method: str, target: str) -> str:
        with self.lock:
            calendar = calendar_of(provider, target) or "-"
            fate = "hung up" if provider in self.away else self._drawn(provider)
            if (fate, calendar) == ("crowded", "-"):
                fate = "down"  # the limit is a calendar's; who gives out tokens has another way to say it
            line = (f"{time.time():.4f}", provider, calendar, method, fate, target)
            self.asked.write("\t".join(line) + "\n")
        return fate

    def _drawn(self, provider: str) -> str:
        drawn = self.rng.random()
        for name, share in self.weather.get(provider, {}).items():
            drawn -= share
            if drawn < 0:
                return name
        return AS_USUAL


def calendar_of(provider: str, target: str) -> str:
    """Which calendar a request is for; "" for none, such as a new token."""
    parts = [unquote(part) for part in urlsplit(target).path.strip("/").split("/")]
    if provider == CALDAV:
        return "/".join(parts[:2]) if len(parts) > 1 else ""
    return parts[parts.index("calendars") + 1] if "calendars" in parts[:-1] else ""


class Traveller(BaseHTTPRequestHandler):
    """One request on its way."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 65_536
    provider: str
    road: Road

    def travel(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fate = self.road.fate(self.provider, self.command, self.path)
        if fate in ("silence", "answer late"):
            late = self.road.config.timeout * 1.5
        else:
            late = SLOW_SECONDS if fate == "slow" else 0
        if fate in UNSEEN:
            time.sleep(late)
            self._meet(UNSEEN[fate])
            return
        status, headers, answer = self._forward(body)
        time.sleep(late)
        if fate in (AS_USUAL, "slow"):
            self._answer(status, headers, answer)
        elif fate == "answer cut off" and answer:
            self._answer(status, headers, answer, sent=len(answer) // 2)
        else:
            self._meet(SEEN[fate])

    def _forward(self, body: bytes) -> tuple[int, Mapping[str, str], bytes]:
        server = http.client.HTTPConnection(
            HOST, self.road.config.servers[self.provider], timeout=FORWARD_SECONDS
        )
        try:
            server.request(self.command, self.path, body or None, dict(self.headers))
            answer = server.getresponse()
            return answer.status, answer.headers, answer.read()
        except (OSError, http.client.HTTPException):
            return 502, {"Content-Type": "text/html"}, b"<html><h1>502 Bad Gateway</h1></html>"
        finally:
            server.close()

    def _meet(self, status: int | None) -> None:
        """This answer instead of the provider's; None closes the connection without a word."""
        if status is None:
            self.close_connection = True
        else:
            self._answer(status, *ANSWERS[status])

    def _answer(
        self, status: int, headers: Mapping[str, str], body: bytes, *, sent: int | None = None
    ) -> None:
        """`sent`: hang up after so much of it."""
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() not in OWN_HEADERS:
                self.send_header(name, value)
        if status not in (204, 304):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[:sent])
        self.close_connection = self.close_connection or sent is not None

    def log_message(self, *_given: Any) -> None:
        """Requests are written down by their fate."""


for method in ASKED_BY.split():
    setattr(Traveller, f"do_{method}", Traveller.travel)


class Stretch:
    """The road to one provider, which may be closed for a while: connections are refused then."""

    def __init__(self, provider: str, road: Road) -> None:
        self.provider, self.road = provider, road
        self.handler = type(provider, (Traveller,), {"provider": provider, "road": road})
        self.server: ThreadingHTTPServer | None = None
        self.open()

    def open(self) -> None:
        self.server = _Server((HOST, self.road.config.ports[self.provider]), self.handler)
        self.road.away.discard(self.provider)
        threading.Thread(target=self.server.serve_forever, args=[0.02], daemon=True).start()

    def close_for(self, seconds: float) -> None:
        if self.close():
            threading.Timer(seconds, self.open).start()

    def close(self) -> bool:
        """False if it is closed already."""
        if self.server is None:
            return False
        server, self.server = self.server, None
        self.road.away.add(self.provider)
        server.shutdown()
        server.server_close()
        return True


class _Server(ThreadingHTTPServer):
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Somebody who waited no longer."""


class Control(BaseHTTPRequestHandler):
    """`PUT /weather`: a share of requests for each fate, by provider. `PUT /absence`: seconds, by provider."""

    road: Road
    stretches: Mapping[str, Stretch]

    def do_PUT(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == WEATHER:
            self.road.weather |= asked
        elif self.path == ABSENCE:
            for provider, seconds in asked.items():
                self.stretches[provider].close_for(seconds)
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_given: Any) -> None:
        """Quiet."""


def main(folder: Path) -> None:
    config = Config.read(folder)
    with (folder / ASKED).open("a", buffering=1) as asked:
        road = Road(config, asked, random.Random(config.seed))
        stretches = {provider: Stretch(provider, road) for provider in config.ports}
        control = type("Controlled", (Control,), {"road": road, "stretches": stretches})
        ThreadingHTTPServer((HOST, config.control), control).serve_forever()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
