"""A front desk to test pages with: one facility, one provider who works every day, and another organisation next door."""

import html
import json
import re
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from appointments.models import Customer, Facility, Program, StaffMember
from securecare import localtime
from tests import factories as make

# Views read the clock themselves, so their tests book a week from whenever they run.
DAY = localtime.local_date(timezone.now(), "America/New_York") + timedelta(days=7)


@dataclass
class Desk:
    facility: Facility
    staff: StaffMember
    program: Program
    customer: Customer

    @classmethod
    def open(cls, **fields: Any) -> "Desk":
        facility = make.facility(**fields)
        staff = make.staff(at=facility)
        make.week(staff=staff, at=facility)
        return cls(facility, staff, make.program(at=facility, staff=staff), make.customer(at=facility))

    def signed_in(self, role: str = "provider", **fields: Any) -> Client:
        return signed_in(make.staff(at=self.facility, role=role, takes_appointments=False, **fields))

    def colleague(self) -> StaffMember:
        member = make.staff(at=self.facility)
        make.week(staff=member, at=self.facility)
        self.program.staff.add(member)
        return member

    def form(self, **fields: Any) -> dict[str, Any]:
        """What the booking form sends for 10 AM."""
        sent = {
            "customer": self.customer.pk,
            "program": self.program.pk,
            "staff": self.staff.pk,
            "date": DAY.isoformat(),
            "time": "10:00",
            "minutes": "30",
            "public_note": "Bring the blue folder",
        }
        return {**sent, **fields}

    def appointment(self, hour: int = 10, minute: int = 0, day: date = DAY, **fields: Any) -> Any:
        given = {"staff": self.staff, "program": self.program, "customer": self.customer, **fields}
        at = make.at(day, hour, minute, self.facility.time_zone)
        return make.appointment(starts_at=at, now=timezone.now(), **given)


def signed_in(staff: StaffMember) -> Client:
    client = Client()
    client.force_login(staff.user, backend="appointments.access.StaffBackend")
    return client


def part(target: str) -> dict[str, str]:
    """The headers with which HTMX asks for a part."""
    return {"HX-Request": "true", "HX-Target": target}


def triggers(response: HttpResponse) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(response.headers.get("HX-Trigger", "{}"))
    return told


def text_of(response: HttpResponse) -> str:
    """What a reader sees, as one line."""
    words = re.sub(r"<[^>]+>", " ", response.content.decode())
    return " ".join(html.unescape(words).split())


def errors_of(response: HttpResponse) -> list[str]:
    """The messages beside fields."""
    lists = re.findall(r'<ul class="errorlist[^"]*"[^>]*>(.*?)</ul>', response.content.decode(), re.S)
    return [html.unescape(item) for found in lists for item in re.findall(r"<li>(.*?)</li>", found, re.S)]


def alerts_of(response: HttpResponse) -> list[str]:
    found = re.findall(r'<p class="notice error" role="alert">(.*?)</p>', response.content.decode(), re.S)
    return [html.unescape(item) for item in found]


def offers_of(response: HttpResponse) -> dict[str, str]:
    """The one-click buttons: label to value."""
    found = re.findall(
        r'<button name="(?:take|fill)" value="([^"]+)"[^>]*>(.*?)</button>', response.content.decode()
    )
    return {html.unescape(label): value for value, label in found}


def value_of(response: HttpResponse, name: str) -> str | None:
    """What a text, date, time, number or hidden input holds."""
    tags = re.findall(rf'<input[^>]*name="{name}"[^>]*>', response.content.decode())
    values = [re.search(r'value="([^"]*)"', tag) for tag in tags]
    return html.unescape(values[0][1]) if values and values[0] else None
