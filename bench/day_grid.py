"""The day grid: its part through everything that stands before it, in this process and over HTTP; and the poll."""

import http.client
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.urls import reverse

from appointments.models import Appointment
from bench import database, organisation
from bench.organisation import DAY, OPENS, PASSWORD, Place
from bench.report import Row
from bench.timing import p50_ms

ADDRESS = f"/schedule/?date={DAY}"
PART = {"HX-Request": "true", "HX-Target": "day-grid"}
HOST = "127.0.0.1"
KILOBYTE = 1000


@dataclass(frozen=True)
class Size:
    """So many staff members with about so many appointments; limits in ms."""

    staff: int
    appointments: int
    landing: float
    aim: float

    def __str__(self) -> str:
        return f"{self.staff} staff, {self.appointments:,} appointments"


SIZES = (Size(20, 180, 6, 3), Size(60, 500, 12, 6), Size(332, 3300, 80, 40))


def rows(*, runs: int, quick: bool) -> Iterator[Row]:
    database.empty()
    places = [_filled(size) for size in SIZES]
    database.settle()
    before: dict[Size, float] = {}
    for size, place in zip(SIZES, places, strict=True):
        for row in _size_rows(size, place, runs, quick):
            before.setdefault(size, row.measured)
            yield row
    yield from _http_rows(places[0], SIZES[0], runs, quick)
    organisation.fill_years(places, rows=100_000 if quick else 1_000_000)
    total = Appointment.objects.count()
    for size, place in zip(SIZES, places, strict=True):
        runs_after = [_part_ms(_signed_in(place), quick) for _ in range(runs)]
        work = f"day grid, {size.staff} staff, {total:,} appointments in the table"
        yield Row(work, "ms", runs_after, landing=before[size] * 1.2)


def _filled(size: Size) -> Place:
    place = organisation.create(f"grid{size.staff}", staff=size.staff, customers=size.staff)
    each, more = divmod(size.appointments, size.staff)
    if more:
        organisation.fill(place, staff=slice(more), slots=each + 1)
    organisation.fill(place, staff=slice(more, None), slots=each)
    return place


def _size_rows(size: Size, place: Place, runs: int, quick: bool) -> Iterator[Row]:
    client = _signed_in(place)
    floor = p50_ms(lambda: _floor(RequestFactory().get(ADDRESS), place), calls=40)
    taken = [_part_ms(client, quick) for _ in range(runs)]
    yield Row(f"day grid, {size}", "ms", taken, floor=floor, landing=size.landing, aim=size.aim)
    weight = len(_fetch(client, ADDRESS)) / KILOBYTE
    yield Row(f"day grid, {size.staff} staff: HTML", "kB", [weight], landing=40 if size.staff == 20 else None)
    nothing_new = [p50_ms(_poll(client), calls=20 if quick else 100) for _ in range(runs)]
    yield Row(f"poll with nothing new, {size.staff} staff", "ms", nothing_new, landing=3)


def _signed_in(place: Place) -> Client:
    """By the sign-in page, as anybody."""
    client = Client(headers=PART, SERVER_NAME="localhost")
    client.post(reverse("sign-in"), {"username": place.user.username, "password": PASSWORD})
    return client


def _fetch(client: Client, address: str) -> bytes:
    response = client.get(address)
    if response.status_code != 200 or b"Customer Number" not in response.content:
        raise RuntimeError(f"{address} answered {response.status_code} without the day.")
    return bytes(response.content)


def _part_ms(client: Client, quick: bool) -> float:
    _fetch(client, ADDRESS)
    return p50_ms(lambda: client.get(ADDRESS), calls=15 if quick else 60)


def _poll(client: Client) -> Callable[[], None]:
    """The request an open page repeats, told what it shows already."""
    address = f"{ADDRESS}&known={_fingerprint(_fetch(client, ADDRESS))}"

    def call() -> None:
        if (status := client.get(address, headers={"X-Passive": "1"}).status_code) != 204:
            raise RuntimeError(f"The poll answered {status} although nothing changed.")

    return call


def _fingerprint(content: bytes) -> str:
    found = re.search(rb'data-known="([^"]+)"', content)
    if found is None:
        raise RuntimeError("The day grid names no fingerprint to poll with.")
    return found[1].decode()


_DAY = """
SELECT appointment.id, date_part('epoch', starts_at)::bigint / 900 %% 96, to_char(starts_at, 'HH24:MI'),
       to_char(ends_at, 'HH24:MI'), status, given_name, family_name, program.name
  FROM appointments_appointment appointment
  JOIN appointments_customer customer ON customer.id = customer_id
  JOIN appointments_program program ON program.id = program_id
 WHERE staff_id = ANY(%s) AND starts_at >= %s AND starts_at < %s + interval '12 hours'
"""


def _floor(request: HttpRequest, place: Place) -> HttpResponse:
    """One query and one join: no sign-in, permissions, hours, zones or escaping."""
    with connection.cursor() as cursor:
        cursor.execute(_DAY, [[member.pk for member in place.staff], OPENS, OPENS])
        cards = [
            f'<a class="{status}" href="/appointments/{pk}/" style="--at:{at}">'
            f"{start}–{end} <b>{given} {family}</b> {program}</a>"
            for pk, at, start, end, status, given, family, program in cursor.fetchall()
        ]
    return HttpResponse("".join(cards))


def _http_rows(place: Place, size: Size, runs: int, quick: bool) -> Iterator[Row]:
    cookies = _signed_in(place).cookies
    cookie = "; ".join(f"{name}={morsel.value}" for name, morsel in cookies.items())
    with _serving() as port:
        line = http.client.HTTPConnection(HOST, port, timeout=30)
        calls = 30 if quick else 150
        floor = p50_ms(lambda: _get(line, "/healthz", {}), calls=calls)
        headers = {**PART, "Cookie": cookie}
        taken = [p50_ms(lambda: _get(line, ADDRESS, headers), calls=calls) for _ in range(runs)]
        line.close()
    work = f"day grid, {size}, over HTTP (granian; floor: /healthz)"
    yield Row(work, "ms", taken, floor=floor, landing=size.landing, aim=size.aim)


def _get(line: http.client.HTTPConnection, address: str, headers: dict[str, str]) -> bytes:
    line.request("GET", address, headers=headers)
    response = line.getresponse()
    body = response.read()
    if response.status != 200:
        raise RuntimeError(f"{address} answered {response.status}.")
    return body


@contextmanager
def _serving() -> Iterator[int]:
    """The site on the benchmarks' database, served as in production; its port."""
    with socket.socket() as free:
        free.bind((HOST, 0))
        port = int(free.getsockname()[1])
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--host", HOST, "--port", str(port)]
    options = ["--workers", "1", "--blocking-threads", "2", "--no-ws", "bench.web:application"]
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen([*command, *options], env={**os.environ, "LOG_LEVEL": "ERROR"}, **quiet)
    try:
        _wait_for(port, process)
        yield port
    finally:
        process.terminate()
        process.wait(20)


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until and process.poll() is None:
        try:
            socket.create_connection((HOST, port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(f"The site does not answer on port {port}; its root is {settings.BASE_DIR}.")
