"""What the tests of the portal's accounts share: asking for a code, reading the message, signing in with it."""

import re
from dataclasses import dataclass

from django.http import HttpResponse
from django.test import Client

from appointments.models import Customer
from portal.models import PortalCode
from reminders import messages
from reminders.models import Message

ASK = "/portal/sign-in/"
CODE = "/portal/sign-in/code/"
ACCOUNT = "/portal/account/"


@dataclass
class Received:
    """What stands in the last message, as a person reads it."""

    subject: str
    text: str

    @property
    def digits(self) -> str:
        return re.findall(r"(?<![\w-])\d{6}(?![\w-])", self.text)[0]

    @property
    def link(self) -> str:
        """The path of the link."""
        return re.findall(r"https?://[^/\s]+(/portal/sign-in/link/\S+)", self.text)[0]

    @property
    def token(self) -> str:
        return self.link.split("/")[4]


def received() -> Received:
    letter = messages.read(Message.objects.latest("pk"))
    return Received(letter.subject, letter.text)


def ask(client: Client, contact: str, **extra: object) -> HttpResponse:
    return client.post(ASK, {"contact": contact}, **extra)


def enter(client: Client, digits: str, **sent: object) -> HttpResponse:
    return client.post(CODE, {"digits": digits, **sent})


def sign_in(client: Client, customer: Customer, **sent: object) -> Client:
    """Signed in as this customer, who is the only one with their e-mail address."""
    ask(client, customer.email)
    answer = enter(client, received().digits, **sent)
    assert answer.headers["Location"] == ACCOUNT
    return client


def who_is(client: Client) -> int | None:
    """Whose account this browser sees, asked of the site itself."""
    client.get("/portal/account/profile/")
    user = client.session.get("_auth_user_id")
    return Customer.objects.get(user_id=user).pk if user else None


def wrong(digits: str) -> str:
    return f"{(int(digits) + 1) % 10**6:06d}"


def last_code() -> PortalCode:
    return PortalCode.objects.latest("pk")
