"""A real CalDAV server, Radicale, and the road to it, on which everything can go wrong."""

import http.client
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit
from uuid import uuid4
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from tests.contracts.doubles import Answer, Asked, Double

USERS = {"dana": "dana's app password", "kim": "kim's app password", "lee@example.org": "pässword: of lee"}
CONFIGURATION = """
[server]
hosts = 127.0.0.1:{port}
max_connections = 64
delay_on_error = 0
[auth]
type = htpasswd
htpasswd_filename = {folder}/users
htpasswd_encryption = plain
delay = 0
[rights]
type = owner_only
[storage]
filesystem_folder = {folder}/storage
[logging]
level = critical
"""
STARTS_WITHIN = 20
# What concerns one connection only; and what would have Radicale send something else than the road can carry.
OF_ONE_HOP = {"connection", "transfer-encoding", "content-length", "host", "accept-encoding", "keep-alive"}
MAKE = """<?xml version="1.0"?>
<C:mkcalendar xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><set><prop>
<displayname>{name}</displayname>
<C:supported-calendar-component-set><C:comp name="{component}"/></C:supported-calendar-component-set>
</prop></set></C:mkcalendar>"""
EVERYTHING = """<?xml version="1.0"?>
<C:calendar-query xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><prop><getetag/><C:calendar-data/></prop>
<C:filter><C:comp-filter name="VCALENDAR"/></C:filter></C:calendar-query>"""


Twist = Callable[[Asked, Callable[[Asked], Answer]], Answer]


class Radicale:
    """The process. `ask` goes to it directly, past the road."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="radicale-"))
        self.port = _free_port()
        (self.folder / "users").write_text("".join(f"{name}:{word}\n" for name, word in USERS.items()))
        configuration = self.folder / "config"
        configuration.write_text(CONFIGURATION.format(port=self.port, folder=self.folder))
        command = [sys.executable, "-m", "radicale", "--config", str(configuration)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._wait()

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def empty(self) -> None:
        shutil.rmtree(self.folder / "storage" / "collection-root", ignore_errors=True)

    def ask(self, asked: Asked) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            given = {name: value for name, value in asked.headers.items() if name.lower() not in OF_ONE_HOP}
            connection.request(asked.method, asked.target, asked.body, given)
            answer = connection.getresponse()
            kept = {name: value for name, value in answer.getheaders() if name.lower() not in OF_ONE_HOP}
            return Answer(answer.status, answer.read().decode(), kept)
        finally:
            connection.close()

    def _wait(self) -> None:
        end = time.monotonic() + STARTS_WITHIN
        while time.monotonic() < end:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                assert self._process.poll() is None, "Radicale did not start."
                time.sleep(0.02)
            else:
                return
        raise AssertionError("Radicale did not answer in time.")


class RadicaleRoad(Double):
    """In front of Radicale: hands requests on, with the troubles of any double. What stands in the calendars is read and changed
    past it. `twist` makes another server of it: it is given what is asked, and Radicale to hand it on to."""

    def __init__(self, radicale: Radicale, **given: Any) -> None:
        self.radicale = radicale
        self.requests: list[Asked] = []
        self.twist: Twist | None = None
        super().__init__(**given)

    @property
    def address(self) -> str:
        """host:port, as CALDAV_PRIVATE_HOSTS has it."""
        return urlsplit(self.base).netloc

    def reset(self) -> None:
        super().reset()
        self.requests, self.twist = [], None
        self.radicale.empty()

    def respond(self, asked: Asked) -> Answer:
        self.requests.append(asked)
        return self.twist(asked, self.radicale.ask) if self.twist else self.radicale.ask(asked)

    @property
    def verbs(self) -> list[str]:
        """Of what was asked on the road, in order."""
        return [asked.method for asked in self.requests]

    def calendar(self, user: str = "dana", name: str = "Work", *, component: str = "VEVENT") -> str:
        """A new collection's address."""
        path = f"/{quote(user)}/{uuid4()}/"
        made = self.as_user(path, "MKCALENDAR", MAKE.format(name=escape(name), component=component))
        assert made.status == 201, made.body
        return self.base + path

    def resources(self, collection: str) -> dict[str, tuple[str, str]]:
        """Etag and content of all that stands there, by path."""
        answer = self.as_user(collection, "REPORT", EVERYTHING, {"Depth": "1"})
        assert answer.status == 207, answer.body
        dav, caldav = "{DAV:}", "{urn:ietf:params:xml:ns:caldav}"
        return {
            found.findtext(f"{dav}href", ""): (
                found.findtext(f".//{dav}getetag", ""),
                found.findtext(f".//{caldav}calendar-data", ""),
            )
            for found in ElementTree.fromstring(answer.body).iterfind(f"{dav}response")
        }

    def read(self, address: str) -> str:
        answer = self.as_user(address, "GET")
        assert answer.status == 200, answer.body
        return str(answer.body)

    def write(self, address: str, content: str) -> None:
        headers = {"Content-Type": "text/calendar; charset=utf-8"}
        answer = self.as_user(address, "PUT", content, headers)
        assert answer.status in (201, 204), answer.body

    def delete(self, address: str) -> None:
        assert self.as_user(address, "DELETE").status == 200

    def as_user(
        self, address: str, method: str, body: str = "", headers: dict[str, str] | None = None
    ) -> Answer:
        """Asked by whoever's it is, past the road and its troubles."""
        path = urlsplit(address).path
        user = unquote(path.split("/")[1])
        word = b64encode(f"{user}:{USERS[user]}".encode()).decode()
        given = {"Authorization": f"Basic {word}", "Content-Type": "text/xml; charset=utf-8"}
        return self.radicale.ask(Asked(method, path, {**given, **(headers or {})}, body.encode()))  # type: ignore[arg-type]


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port
