"""The road between the site and its providers, and what may happen on it.

`python -m bench.chaos.road FOLDER` reads `road.json` there and listens on a port for each provider. Every request meets a fate
that is drawn from the weather: the provider never sees it, takes it and answers, or takes it and the answer is lost. What
was taken is written down, a line each, before the site is told anything.

Reports go the other way: a signed status or event for each message taken, again and again until the site answers.
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

from bench.chaos import reports
from bench.chaos.reports import Taken

HOST = "127.0.0.1"
CONFIG, WEATHER, TAKEN, FATES = "road.json", "/weather", "taken.jsonl", "fates.txt"
AS_USUAL = "answered as usual"
FINE: dict[str, float] = {}
# Whether the provider sees the request, and what the site gets to hear of it.
UNSEEN = {"hung up": None, "silence": None, "throttled": 429, "broken": 500, "down": 503}
SEEN = {"answer lost": None, "answer late": None, "broken after": 500, "garbled": 200}
ANSWERS: dict[int, tuple[dict[str, str], bytes]] = {
    429: ({"Retry-After": "2"}, b'{"code": 20429, "message": "Too Many Requests", "status": 429}'),
    500: ({}, b'{"code": 20500, "message": "Internal Server Error", "status": 500}'),
    503: ({}, b'{"code": 20503, "message": "Service Unavailable", "status": 503}'),
    200: ({}, b"<html><title>Welcome</title></html>"),
}
FORWARD_SECONDS = 20


@dataclass(frozen=True)
class Config:
    """`ports` are where the road listens, `doubles` where each provider does; the site waits for `timeout` seconds."""

    ports: dict[str, int]
    doubles: dict[str, int]
    web: str
    twilio_token: str
    sendgrid_key: str
    timeout: float
    seed: int

    @classmethod
    def read(cls, folder: Path) -> "Config":
        return cls(**json.loads((folder / CONFIG).read_text()))


@dataclass
class Road:
    config: Config
    taken: Any
    fates: Any
    reporter: reports.Reporter
    rng: random.Random
    weather: dict[str, float] = field(default_factory=lambda: dict(FINE))
    lock: threading.Lock = field(default_factory=threading.Lock)

    def fate(self, *, sends: bool) -> str:
        """A request that only asks cannot lose what it did."""
        with self.lock:
            fate = self._drawn(sends)
            self.fates.write(f"{fate}\n")
        return fate

    def _drawn(self, sends: bool) -> str:
        drawn = self.rng.random()
        for name, share in self.weather.items():
            drawn -= share
            if drawn < 0:
                return name if sends or name in UNSEEN else AS_USUAL
        return AS_USUAL

    def note(self, taken: Taken) -> None:
        with self.lock:
            self.taken.write(json.dumps(taken.as_dict()) + "\n")
        self.reporter.expect(taken)


class Traveller(BaseHTTPRequestHandler):
    """One request on its way."""

    protocol_version = "HTTP/1.1"
    provider: str
    road: Road

    def do_GET(self) -> None:
        self._travel(b"", sends=False)

    def do_POST(self) -> None:
        self._travel(self._body(), sends=True)

    def do_PUT(self) -> None:
        """The weather: a share of requests for each fate."""
        self.road.weather = json.loads(self._body())
        self._answer(200, {}, b"")

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _travel(self, body: bytes, *, sends: bool) -> None:
        fate = self.road.fate(sends=sends)
        if fate in UNSEEN:
            if fate == "silence":
                time.sleep(self.road.config.timeout * 1.5)
            self._meet(UNSEEN[fate])
            return
        status, headers, answer = self._forward(body)
        if sends and status in (201, 202):
            self.road.note(reports.taken(self.provider, body, headers, answer, fate=fate))
        if fate == "answer late":
            time.sleep(self.road.config.timeout * 1.5)
        if fate in SEEN:
            self._meet(SEEN[fate])
        else:
            self._answer(status, headers, answer)

    def _forward(self, body: bytes) -> tuple[int, Mapping[str, str], bytes]:
        port = self.road.config.doubles[self.provider]
        provider = http.client.HTTPConnection(HOST, port, timeout=FORWARD_SECONDS)
        try:
            provider.request(self.command, self.path, body or None, dict(self.headers))
            answer = provider.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            provider.close()

    def _meet(self, status: int | None) -> None:
        """This answer instead of the provider's; None closes the connection without a word."""
        if status is None:
            self.close_connection = True
        else:
            self._answer(status, *ANSWERS[status])

    def _answer(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.send_response(status)
        for name in ("Content-Type", "Retry-After", "X-Message-Id"):
            if name in headers:
                self.send_header(name, headers[name])
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_given: Any) -> None:
        """What was taken is written down; the rest is many."""


def main(folder: Path) -> None:
    config = Config.read(folder)
    reporter = reports.Reporter(config, folder)
    with (folder / TAKEN).open("a", buffering=1) as taken, (folder / FATES).open("a", buffering=1) as fates:
        road = Road(config, taken, fates, reporter, random.Random(config.seed))
        for provider, port in config.ports.items():
            handler = type(provider, (Traveller,), {"provider": provider, "road": road})
            server = ThreadingHTTPServer((HOST, port), handler)
            threading.Thread(target=server.serve_forever, daemon=True).start()
        reporter.run()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
