"""Customers at the portal: signed in, or with a link; and what they read on a page."""

import re
from html import unescape
from typing import Any

from django.test import Client
from django.urls import reverse
from django.utils import timezone

from appointments import links
from appointments.models import Appointment, AppointmentLink, Customer
from portal import accounts
from tests import factories as make


def signed_in(customer: Customer) -> Client:
    """A browser in which this customer is signed in."""
    if customer.user is None:
        customer.user = make.user()
        customer.save()
    client = Client()
    client.force_login(customer.user, backend=f"{accounts.__name__}.PatronBackend")
    return client


def link_to(appointment: Appointment, purpose: str = AppointmentLink.Purpose.MANAGE) -> str:
    """A token of this appointment."""
    channel = "email" if purpose == AppointmentLink.Purpose.CONFIRM else ""
    return links.issue(appointment=appointment, purpose=purpose, channel=channel, now=timezone.now())


def account_address(name: str, appointment: Appointment) -> str:
    return reverse(name, args=[appointment.reference])


def text_of(answer: Any) -> str:
    """What a reader sees of a page's main part: no tags, single spaces."""
    page = answer.content.decode()
    main = re.search(r"<main.*?</main>", page, re.DOTALL)
    return plain(main[0] if main else page)


def plain(html: str) -> str:
    without_scripts = re.sub(r"<(script|style).*?</\1>", " ", html, flags=re.DOTALL)
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]*>", " ", without_scripts))).strip()


def field(answer: Any, name: str) -> str:
    """The value of a form's hidden field."""
    found = re.search(rf'name="{name}" value="([^"]*)"', answer.content.decode())
    assert found, f"There is no field {name}."
    return unescape(found[1])
