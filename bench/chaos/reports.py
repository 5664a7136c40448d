"""What a provider took, and the signed reports about it that it keeps sending until the site has taken them."""

import heapq
import http.client
import json
import random
import threading
import time
import uuid
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode, urlsplit

from cryptography.hazmat.primitives.serialization import load_pem_private_key

from tests.contracts.signing import sendgrid_headers, twilio_signature

if TYPE_CHECKING:
    from bench.chaos.road import Config

TWILIO, SENDGRID = "twilio", "sendgrid"
REPORTED = "reported.jsonl"
STATUSES = {TWILIO: ("sent", "delivered"), SENDGRID: ("processed", "delivered")}
# A text's report may come late: Twilio can be asked. SendGrid cannot, so its events are what we wait for.
SLOWEST = {TWILIO: 60.0, SENDGRID: 3.0}
AGAIN_AFTER = 1.0
AT_ONCE = 16


@dataclass(frozen=True)
class Taken:
    """One message that a provider took: under its id, with our reference, at a Unix time; `fate` is what became of the answer."""

    provider: str
    id: str
    reference: str
    to: str
    at: float
    fate: str
    callback: str = ""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def taken(provider: str, body: bytes, headers: Mapping[str, str], answer: bytes, *, fate: str) -> Taken:
    now = time.time()
    if provider == TWILIO:
        form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        callback = form.get("StatusCallback", "")
        reference = parse_qs(urlsplit(callback).query).get("message", [""])[0]
        return Taken(TWILIO, json.loads(answer)["sid"], reference, form["To"], now, fate, callback)
    person = json.loads(body)["personalizations"][0]
    reference = person.get("custom_args", {}).get("message", "")
    return Taken(SENDGRID, headers["X-Message-Id"], reference, person["to"][0]["email"], now, fate)


@dataclass(frozen=True, order=True)
class Report:
    due: float
    number: int
    about: Taken
    status: str
    event_id: str


class Reporter:
    """Sends the reports that are due, and those that were not taken again. `reported.jsonl` says when each was taken."""

    def __init__(self, config: "Config", folder: Path) -> None:
        self.config = config
        self.waiting: list[Report] = []
        self.lock = threading.Lock()
        self.count = 0
        self.rng = random.Random(config.seed)
        self.reported = (folder / REPORTED).open("a", buffering=1)
        self.private_key: Any = load_pem_private_key(config.sendgrid_key.encode(), None)

    def expect(self, about: Taken) -> None:
        due = time.time()
        for status in STATUSES[about.provider]:
            due += self.rng.uniform(0, SLOWEST[about.provider])
            self._put(due, about, status, uuid.uuid4().hex)

    def _put(self, due: float, about: Taken, status: str, event_id: str) -> None:
        with self.lock:
            self.count += 1
            heapq.heappush(self.waiting, Report(due, self.count, about, status, event_id))

    def run(self) -> None:
        with ThreadPoolExecutor(AT_ONCE) as senders:
            while True:
                for report in self._due():
                    senders.submit(self._send, report)
                time.sleep(0.05)

    def _due(self) -> Iterable[Report]:
        with self.lock:
            while self.waiting and self.waiting[0].due <= time.time():
                yield heapq.heappop(self.waiting)

    def _send(self, report: Report) -> None:
        try:
            status = self._post(*self._request(report))
        except (OSError, http.client.HTTPException):
            status = 0
        if 200 <= status < 300:
            line = {"id": report.about.id, "status": report.status, "at": time.time()}
            self.reported.write(json.dumps(line) + "\n")
        else:
            self._put(time.time() + AGAIN_AFTER, report.about, report.status, report.event_id)

    def _request(self, report: Report) -> tuple[str, bytes, dict[str, str]]:
        if report.about.provider == TWILIO:
            return self._status(report)
        return self._event(report)

    def _status(self, report: Report) -> tuple[str, bytes, dict[str, str]]:
        form = {"MessageSid": report.about.id, "MessageStatus": report.status, "To": report.about.to}
        url = report.about.callback
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "X-Twilio-Signature": twilio_signature(url, form, self.config.twilio_token),
        }
        return url, urlencode(form).encode(), headers

    def _event(self, report: Report) -> tuple[str, bytes, dict[str, str]]:
        event = {
            "email": report.about.to,
            "timestamp": int(report.about.at),
            "event": report.status,
            "sg_event_id": report.event_id,
            "sg_message_id": f"{report.about.id}.filter0001-1-2-3",
            "message": report.about.reference,
        }
        body = json.dumps([event]).encode()
        headers = {"Content-Type": "application/json", **sendgrid_headers(body, self.private_key)}
        return f"{self.config.web}/webhooks/sendgrid/events/", body, headers

    def _post(self, url: str, body: bytes, headers: dict[str, str]) -> int:
        parts = urlsplit(url)
        site = http.client.HTTPConnection(parts.netloc, timeout=5)
        try:
            site.request("POST", f"{parts.path}?{parts.query}" if parts.query else parts.path, body, headers)
            return site.getresponse().status
        finally:
            site.close()
