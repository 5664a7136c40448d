"""What doubles of providers have in common: an HTTP server that keeps connections, and troubles that it can be told to make.

A program outside asks for the same over HTTP: `/_double/trouble` and `/_double/messages`.
"""

import json
import random
import socket
import threading
import time
import traceback
from dataclasses import dataclass, field, fields
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from requests.structures import CaseInsensitiveDict

CONTROL = "/_double/"
ANY = "*"


@dataclass(frozen=True)
class Asked:
    method: str
    target: str
    headers: CaseInsensitiveDict
    body: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        return {name: values[-1] for name, values in parse_qs(urlsplit(self.target).query).items()}

    @property
    def form(self) -> dict[str, str]:
        given = parse_qs(self.body.decode(), keep_blank_values=True)
        return {name: values[-1] for name, values in given.items()}


@dataclass(frozen=True)
class Answer:
    status: int
    body: Any = ""
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def content(self) -> bytes:
        return (self.body if isinstance(self.body, str) else json.dumps(self.body)).encode()

    @property
    def content_type(self) -> str:
        return "text/html" if str(self.body).startswith("<") else "application/json"


@dataclass
class Trouble:
    """How to answer the next `times` requests, or a `share` of all of them, instead of as one should.

    `after`: only once the request has been taken on; otherwise it is not looked at. Without a status it is answered as it
    should be, after the delay. `drop`: the connection is closed without an answer. `method` may be ANY; `path` is a part of
    those that are meant. `skip`: so many of those pass first.
    """

    status: int | None = None
    body: Any = ""
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    drop: bool = False
    after: bool = False
    times: int | None = 1
    share: float = 1.0
    method: str = "POST"
    path: str = ""
    skip: int = 0

    def befalls(self, asked: Asked) -> bool:
        return self.method in (ANY, asked.method) and self.path in asked.path

    @property
    def answer(self) -> Answer | None:
        return None if self.status is None else Answer(self.status, self.body, self.headers)


class Double:
    """A provider's stand-in. Subclasses answer requests and remember what they accepted in `self._accepted`."""

    def __init__(self, *, port: int = 0, delay: float = 0.0, light: bool = False, seed: int = 0) -> None:
        self.delay = delay
        self.is_light = light
        self.crashes: list[str] = []
        self.asked = self.connections = 0
        self._accepted: list[dict[str, Any]] = []
        self._troubles: list[Trouble] = []
        self._random = random.Random(seed)
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", port), _handler_for(self))
        self.base = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=[0.05], daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def reset(self) -> None:
        with self._lock:
            self._accepted, self._troubles, self.crashes = [], [], []
            self.asked = self.connections = 0
            self.delay = 0.0

    @property
    def messages(self) -> list[dict[str, Any]]:
        """What was accepted, in order."""
        with self._lock:
            return [dict(message) for message in self._accepted]

    def trouble(self, **given: Any) -> None:
        """See Trouble."""
        with self._lock:
            self._troubles.append(Trouble(**given))

    def calm(self) -> None:
        """No more troubles."""
        with self._lock:
            self._troubles = []

    def accept(self, message: dict[str, Any]) -> None:
        with self._lock:
            self._accepted.append(message)

    def respond(self, asked: Asked) -> Answer:
        raise NotImplementedError

    def handle(self, asked: Asked) -> Answer | None:
        """None drops the connection."""
        if asked.path.startswith(CONTROL):
            return self._control(asked)
        trouble = self._next_trouble(asked)
        if trouble is None:
            answer = self.respond(asked)
            time.sleep(self.delay)
            return answer
        regular = self.respond(asked) if trouble.after else None
        time.sleep(trouble.delay)
        if trouble.drop:
            return None
        return trouble.answer or regular or self.respond(asked)

    def _next_trouble(self, asked: Asked) -> Trouble | None:
        with self._lock:
            self.asked += 1
            for trouble in self._troubles:
                if not trouble.befalls(asked):
                    continue
                if trouble.skip:
                    trouble.skip -= 1
                elif self._random.random() < trouble.share:
                    if trouble.times is not None:
                        trouble.times -= 1
                    self._troubles = [each for each in self._troubles if each.times != 0]
                    return trouble
        return None

    def _control(self, asked: Asked) -> Answer:
        what = asked.path.removeprefix(CONTROL)
        if what == "trouble" and asked.method == "POST":
            known = {each.name for each in fields(Trouble)}
            self.trouble(**{name: value for name, value in json.loads(asked.body).items() if name in known})
        elif what == "trouble" and asked.method == "DELETE":
            self.calm()
        elif what == "messages" and asked.method == "GET":
            return Answer(200, {"messages": self.messages, "asked": self.asked, "crashes": self.crashes})
        elif what == "messages" and asked.method == "DELETE":
            delay = self.delay
            self.reset()
            self.delay = delay
        else:
            return Answer(404, {})
        return Answer(200, {})


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 512

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that waited no longer is no fault of the server; crashes are kept by the handler."""


def _handler_for(double: Double) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = 65_536

        def setup(self) -> None:
            with double._lock:
                double.connections += 1
            super().setup()

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked = Asked(self.command, self.path, CaseInsensitiveDict(self.headers.items()), body)
            try:
                answer = double.handle(asked)
            except Exception:
                double.crashes.append(traceback.format_exc())
                answer = Answer(599, {"crash": traceback.format_exc()})
            if answer is None:
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            self._write(answer)

        do_GET = do_POST = do_DELETE = do_PUT = do_PATCH = _serve
        do_OPTIONS = do_PROPFIND = do_PROPPATCH = do_REPORT = do_MKCALENDAR = do_MKCOL = do_MOVE = _serve

        def _write(self, answer: Answer) -> None:
            self.send_response_only(answer.status)
            told = {"Date": self.date_time_string(), "Content-Type": answer.content_type}
            given = {**told, **answer.headers}
            for name, value in {**given, "Content-Length": str(len(answer.content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.content)

        def log_message(self, *_given: Any) -> None:
            """Quiet."""

    return Handler
