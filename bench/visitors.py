"""Visitors without an account who have typed everything, looked at the review, and are about to press “Book it”."""

import re
import secrets
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from html import unescape
from urllib.parse import urlencode

from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from bench.organisation import Place
from bench.timing import CLIENTS, Work
from portal import holds, visitor
from portal.picker import write_at

FORM = "application/x-www-form-urlencoded"
BOOKED = "booked"
OTHERS_OFFERED = "taken, other times shown"
# Limits count for a day, so every run brings people nobody has seen.
RUN = secrets.randbelow(8_000_000)
_HIDDEN = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)">')


@dataclass(frozen=True)
class Visitor:
    """Each comes from a network address of their own and with a name of their own: none meets another's limits."""

    number: int
    name: str
    form: str

    @property
    def environment(self) -> dict[str, str]:
        return _environment(self.number, self.name)


def ready(place: Place, number: int, starts_at: datetime, *, keeps_hold: bool) -> Visitor:
    """A visitor who holds the time, with anyone of the staff, or whose hold has just run out."""
    name = visitor.new_visitor()
    client = Client(SERVER_NAME="localhost", **_environment(number, name))
    typed = _typed(number) | {"at": write_at(starts_at), "staff": ""}
    page = client.post(reverse("portal-details", args=[place.program.pk]), typed)
    form = {field: unescape(value) for field, value in _HIDDEN.findall(page.content.decode())}
    if page.status_code != 200 or "mac" not in form:
        raise RuntimeError(f"Visitor {number} got {page.status_code} and no review.")
    if not keeps_hold:
        holds.release(facility=place.facility.pk, visitor=name)
    return Visitor(number, name, urlencode(form))


def booking(place: Place, visitors: list[Visitor], *, before: list[Visitor]) -> Work:
    """Each client sends every eighth form, once its process and connection have served those `before`."""
    address = reverse("portal-confirm", args=[place.program.pk])

    def work(number: int) -> Iterable[Callable[[], str]]:
        client = Client(SERVER_NAME="localhost")
        for send in _sends(client, address, before[number::CLIENTS]):
            send()
        return _sends(client, address, visitors[number::CLIENTS])

    return work


def _sends(client: Client, address: str, visitors: list[Visitor]) -> Iterator[Callable[[], str]]:
    for each in visitors:
        yield partial(_send, client, address, each)


def _send(client: Client, address: str, sender: Visitor) -> str:
    return _outcome(client.post(address, sender.form, content_type=FORM, **sender.environment))


def _outcome(response: HttpResponse) -> str:
    if response.status_code == 302 and response.headers["Location"].endswith("/booked/"):
        return BOOKED
    if response.status_code == 409 and b'name="other"' in response.content:
        return OTHERS_OFFERED
    return f"answered {response.status_code}"


def _typed(number: int) -> dict[str, str]:
    return {
        "given_name": "Visitor",
        "family_name": f"Number {number:04}",
        "email": f"visitor{RUN + number}@example.org",
        "birth_month": "4",
        "birth_day": "12",
        "birth_year": "1991",
        "phone": f"212{2_000_000 + (RUN + number) % 8_000_000}",
    }


def _environment(number: int, name: str) -> dict[str, str]:
    a, b, c = (RUN + number).to_bytes(3, "big")
    return {"REMOTE_ADDR": f"10.{a}.{b}.{c}", "HTTP_COOKIE": f"{visitor.COOKIE}={name}"}
