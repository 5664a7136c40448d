"""The chaos of calendars does what it says, and its verdict finds what is not as the record says."""

import io
import random
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import requests
from django.utils import timezone

from appointments.models import Appointment, AppointmentEvent
from bench import connections, likeness, organisation
from bench.chaos.calendars import road, verdict
from bench.chaos.calendars.changes import VERBS, Changes
from bench.chaos.calendars.outsiders import VERBS as DEEDS
from bench.chaos.calendars.outsiders import Outsiders
from bench.chaos.calendars.owners import Owners
from bench.chaos.calendars.road import Road, Stretch
from bench.chaos.calendars.setting import CalendarSetting
from bench.chaos.calendars.verdict import Evidence
from bench.outside import Caldav, Google
from calendarsync import syncing
from calendarsync.models import CalendarConnection, CalendarSync, Reconciliation, SyncedEvent
from scheduling.booking import BookingRefused
from tests.calendarsync.harness import Standing
from tests.contracts.google_double import GoogleDouble

STAFF = 3


@pytest.fixture
def owners(transactional_db: None, google_calendar_double: GoogleDouble, settings: Any) -> Owners:
    """Two of three have a calendar with Google."""
    settings.CALENDAR_REQUESTS_PER_SECOND = 10_000
    place = organisation.create("calendars", staff=STAFF, customers=60)
    google = Google(int(google_calendar_double.base.rpartition(":")[2]))
    emails = [f"staff{number}-{uuid4().hex[:8]}@example.org" for number in range(2)]
    google.open(*emails)
    owned = [
        connections.google(member, email, refresh_token=google.permissions[email])
        for member, email in zip(place.staff, emails, strict=False)
    ]
    return Owners(place, owned, google, Caldav(0, {}, Path()))


@pytest.fixture
def changes(owners: Owners) -> Changes:
    return Changes(owners, random.Random(5))


def book(changes: Changes, count: int) -> None:
    """A time that is taken is left to who took it."""
    while len(changes.appointments) < count:
        with suppress(BookingRefused):
            VERBS["book"](changes, timezone.now())


def settle(owners: Owners) -> None:
    for each in owners.connections:
        syncing.drain(each.pk, clock=timezone.now)


def test_changes_use_every_verb_and_the_record_says_so(changes: Changes) -> None:
    for _ in range(150):
        changes.act()

    assert set(VERBS) <= set(changes.done)
    kinds = set(AppointmentEvent.objects.values_list("kind", flat=True))
    assert kinds == {
        "booked",
        "rescheduled",
        "reassigned",
        "cancelled",
        "notes_edited",
        "marked",
        "stranded",
        "restored",
    }
    assert Appointment.objects.filter(starts_at__lt=timezone.now()).exists()


def test_owners_do_everything_and_remember_what_they_did(changes: Changes, owners: Owners) -> None:
    book(changes, 20)
    settle(owners)
    outsiders = Outsiders(owners, random.Random(3))
    for _ in range(80):
        outsiders.act()

    assert set(DEEDS) <= set(outsiders.done)
    outsiders.connect_all_again()
    assert outsiders.locked_out == set()
    standing = [event for owned in verdict.seen(owners).values() for event in owned]
    own = {event.title: (event.starts_at, event.ends_at) for event in standing if not event.appointment}
    assert own == {title: times for made in outsiders.own.values() for title, times in made.items()}
    for owned in owners.connections:
        differing = likeness.differences(likeness.wanted(owned), owners.google.standing(owned))
        assert {(owned.pk, each.appointment) for each in differing} <= outsiders.touched


# ------------------------------------------------------------------------------------------------ verdict


@pytest.fixture
def evidence(changes: Changes, owners: Owners) -> Evidence:
    """Everything is as it should be."""
    book(changes, 4)
    settle(owners)
    comparisons = [
        Reconciliation(connection=each, started_at=timezone.now(), finished_at=timezone.now())
        for each in owners.connections
    ]
    rows = list(CalendarSync.objects.order_by("pk"))
    return Evidence(verdict.seen(owners), verdict.seen(owners), comparisons, rows)


@pytest.fixture
def outsiders(owners: Owners) -> Outsiders:
    return Outsiders(owners, random.Random(1))


@pytest.fixture
def wrong(evidence: Evidence, owners: Owners, outsiders: Outsiders, tmp_path: Path) -> Any:
    (tmp_path / road.ASKED).write_text("")

    def found(given: Evidence = evidence) -> list[str]:
        return sorted(verdict.found(given, owners, outsiders, tmp_path).wrong)

    return found


def first(evidence: Evidence) -> tuple[int, list[Standing]]:
    return next((pk, standing) for pk, standing in evidence.compared.items() if standing)


def test_verdict_is_clean_when_calendars_say_what_the_record_says(wrong: Any) -> None:
    assert wrong() == []


def test_verdict_finds_what_is_missing_there_twice_a_stray_or_different(
    evidence: Evidence, wrong: Any
) -> None:
    pk, [event, *others] = first(evidence)

    def with_events(*events: Standing) -> list[str]:
        return wrong(replace(evidence, compared={**evidence.compared, pk: [*events, *others]}))

    believed = "what we believe to stand there is not what does"
    assert with_events() == ["missing after the comparison", believed]
    copy = replace(event, external_id="copy")
    assert with_events(event, copy) == ["there twice after the comparison", believed]
    stray = replace(event, external_id="stray", appointment=uuid4())
    assert with_events(event, stray) == ["a stray after the comparison", believed]
    assert with_events(replace(event, title="Lunch")) == ["says something else after the comparison"]
    foreign = replace(event, external_id="foreign", appointment=None)
    assert with_events(event, foreign) == ["an event of the owner's own was touched"]


def test_before_the_comparison_only_what_somebody_touched_may_differ(
    evidence: Evidence, outsiders: Outsiders, wrong: Any
) -> None:
    pk, [event, *others] = first(evidence)
    given = replace(evidence, settled={**evidence.settled, pk: others})
    assert wrong(given) == ["missing before the comparison, and nobody had touched it"]
    assert event.appointment is not None
    outsiders.touched.add((pk, event.appointment))
    assert wrong(given) == []


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({"state": "pending"}, "never settled"),
        ({"state": "given_up"}, "given up"),
        ({"state": "closed", "closed_reason": "No more."}, "closed, though nobody wanted that"),
    ],
)
def test_verdict_finds_what_was_not_done(
    evidence: Evidence, wrong: Any, fields: dict[str, str], found: str
) -> None:
    for name, value in fields.items():
        setattr(evidence.rows[0], name, value)
    assert wrong(evidence) == [found]


def test_verdict_finds_a_calendar_that_stays_stopped_or_was_not_compared(
    evidence: Evidence, owners: Owners, wrong: Any
) -> None:
    CalendarConnection.objects.filter(pk=owners.connections[0].pk).update(
        state="broken", broken_at=timezone.now()
    )
    assert wrong() == ["stopped, though its owner connected it again"]
    CalendarConnection.objects.update(state="active")
    evidence.comparisons[0].finished_at = None  # type: ignore[union-attr]
    assert wrong() == ["not compared to the end"]


def test_verdict_finds_a_belief_that_nothing_stands_for(evidence: Evidence, wrong: Any) -> None:
    SyncedEvent.objects.filter(pk=SyncedEvent.objects.first().pk).update(external_id="elsewhere")  # type: ignore[union-attr]
    assert wrong() == ["what we believe to stand there is not what does"]


def test_peak_counts_what_came_within_one_second() -> None:
    assert verdict._peak([]) == 0
    assert verdict._peak([0.0, 0.5, 0.99, 1.0, 1.4, 1.98]) == 4


# --------------------------------------------------------------------------------------------------- road


class Server(BaseHTTPRequestHandler):
    """Remembers what it was asked, and answers with an etag."""

    protocol_version = "HTTP/1.1"
    asked: list[tuple[str, str, bytes]]

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.asked.append((self.path, self.headers["If-Match"], body))
        self.send_response(201)
        self.send_header("ETag", '"new"')
        self.send_header("Content-Length", "4")
        self.end_headers()
        self.wfile.write(b"done")

    def log_message(self, *_given: Any) -> None:
        """Quiet."""


@pytest.fixture
def travelled() -> Iterator[tuple[str, list[Any], Road, Stretch]]:
    handler = type("Asked", (Server,), {"asked": []})
    server = ThreadingHTTPServer((road.HOST, 0), handler)
    threading.Thread(target=server.serve_forever, args=[0.02], daemon=True).start()
    where = CalendarSetting.found(1)
    servers = {**where.servers, road.CALDAV: server.server_port}
    config = replace(where.road_config(), servers=servers, timeout=0.05)
    way = Road(config, io.StringIO(), random.Random(1))
    stretch = Stretch(road.CALDAV, way)
    yield where.caldav_address("dana/work"), handler.asked, way, stretch  # type: ignore[attr-defined]
    stretch.close()
    server.shutdown()
    server.server_close()


def put(address: str) -> requests.Response:
    return requests.put(f"{address}1.ics", b"BEGIN", headers={"If-Match": '"old"'}, timeout=5)


@pytest.mark.parametrize("fate", [*road.FATES, road.AS_USUAL])
def test_road_tells_what_the_weather_says(travelled: Any, fate: str) -> None:
    address, asked, way, _ = travelled
    way.weather = {road.CALDAV: {fate: 1.0}}
    status = 201 if fate in (road.AS_USUAL, "slow") else {**road.UNSEEN, **road.SEEN}[fate]
    if status is None:
        with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
            put(address)
    else:
        answer = put(address)
        assert answer.status_code == status
        assert (answer.headers.get("ETag") == '"new"') == (status == 201)

    assert asked == ([] if fate in road.UNSEEN else [("/dana/work/1.ics", '"old"', b"BEGIN")])
    assert way.asked.getvalue().rstrip().split("\t")[1:] == [
        road.CALDAV,
        "dana/work",
        "PUT",
        fate,
        "/dana/work/1.ics",
    ]


def test_road_that_is_closed_refuses_connections_until_it_opens(travelled: Any) -> None:
    address, _, way, stretch = travelled
    stretch.close()
    with socket.socket() as probe:
        assert probe.connect_ex((road.HOST, way.config.ports[road.CALDAV])) != 0
    stretch.open()
    assert put(address).status_code == 201


def test_requests_are_told_apart_by_their_calendar() -> None:
    google = "/calendar/v3/calendars/dana%40example.org/events/abc?alt=json"
    assert road.calendar_of(road.GOOGLE, google) == "dana@example.org"
    assert road.calendar_of(road.GOOGLE, "/token") == ""
    assert road.calendar_of(road.CALDAV, "/dana/work/1.ics") == "dana/work"
    assert road.calendar_of(road.CALDAV, "/") == ""
