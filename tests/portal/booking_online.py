"""A visitor who books: the form, the review, the button, as a browser without scripts sends them."""

import re
from dataclasses import dataclass, field
from datetime import datetime
from html import unescape
from html.parser import HTMLParser
from typing import Any

from django.test import Client

from appointments.models import Appointment
from portal.models import OnlineBooking
from portal.picker import write_at
from reminders.models import ConsentLog, Message
from tests.portal.clinic import Clinic

ADA = {
    "given_name": "Ada",
    "family_name": "Nguyen",
    "email": "ada@example.org",
    "birth_month": "4",
    "birth_day": "12",
    "birth_year": "1991",
    "phone": "",
    "website": "",
}
MOBILE = "(212) 555-0143"
GONE = "This time cannot be booked anymore: it was just taken, or you have another appointment then."


class Form(HTMLParser):
    """What a browser would send of the form to book with, and the buttons it has for that."""

    def __init__(self, answer: Any) -> None:
        super().__init__()
        self.sent: dict[str, str] = {}
        self.action = ""
        self.buttons: list[dict[str, str | None]] = []
        self._inside = False
        self.feed(answer.content.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "form":
            self._inside = found.get("id") == "booking"
            self.action = (found.get("action") or "") if self._inside else self.action
        elif tag == "input" and self._inside:
            is_box = found.get("type") == "checkbox"
            if not is_box or "checked" in found:
                self.sent[found["name"] or ""] = found.get("value") or ("on" if is_box else "")
        elif tag == "button" and (self._inside or found.get("form") == "booking"):
            self.buttons.append(found)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._inside = False

    @property
    def typed(self) -> dict[str, str]:
        """The fields a person sees or saw."""
        return {name: value for name, value in self.sent.items() if name in ADA}

    @property
    def offers(self) -> list[str]:
        return [button["value"] or "" for button in self.buttons if button.get("name") == "other"]


@dataclass
class Visitor:
    """`address` is where they come from."""

    clinic: Clinic
    client: Client = field(default_factory=Client)
    address: str = "192.0.2.1"

    @property
    def details(self) -> str:
        return f"/portal/book/{self.clinic.program.pk}/details/"

    @property
    def confirm(self) -> str:
        return f"/portal/book/{self.clinic.program.pk}/confirm/"

    def open(self, starts_at: datetime, staff: object = "") -> Any:
        return self.client.get(self.details, {"at": write_at(starts_at), "staff": str(staff)})

    def post(self, address: str, sent: dict[str, Any]) -> Any:
        return self.client.post(address, sent, REMOTE_ADDR=self.address, headers={"user-agent": "Firefox"})

    def fill_in(self, starts_at: datetime, staff: object = "", **typed: str) -> Any:
        """The answer to the form: the review, if all is well."""
        return self.post(self.details, {"at": write_at(starts_at), "staff": str(staff), **ADA, **typed})

    def press(self, page: Any, name: str = "", value: str = "", **changed: str) -> Any:
        """A button of the page's form, the main one without a name."""
        form = Form(page)
        to = next((button.get("formaction") for button in form.buttons if button.get("name") == name), None)
        pressed = {name: value} if name else {}
        return self.post(to or form.action, form.sent | pressed | changed)

    def book(self, starts_at: datetime, staff: object = "", **typed: str) -> Any:
        return self.press(self.fill_in(starts_at, staff, **typed))


def problems(answer: Any) -> list[str]:
    """The summary of errors on top of a form."""
    page = answer.content.decode()
    return [unescape(found) for found in re.findall(r'<li><a href="#id_\w+">(.*?)</a></li>', page)]


def nothing_is_booked():
    return not (
        Appointment.objects.exists()
        or OnlineBooking.objects.exists()
        or ConsentLog.objects.exists()
        or Message.objects.exists()
    )


def booked_by() -> list[str]:
    """The channels by which the booking is told."""
    waiting = Message.objects.filter(kind="booked", state="pending")
    return sorted(waiting.values_list("channel", flat=True))
