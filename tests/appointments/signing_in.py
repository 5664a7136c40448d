"""What the tests of sign-in share: the steps a person takes, and the codes their phone shows."""

import time
from binascii import unhexlify
from typing import Any

from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import Client
from django_otp.oath import TOTP
from django_otp.plugins.otp_totp.models import TOTPDevice, default_key

from appointments.models import Organisation
from tests import factories

# django-otp reads the clock itself, and accepts the step before and after. Each code works once, in order.
STEP = 30


def code_of(key: str, *, steps: int = 0) -> str:
    """What an authenticator app with this key shows `steps` half minutes from now."""
    totp = TOTP(unhexlify(key))
    totp.time = time.time() + steps * STEP
    return f"{totp.token():06d}"


def organisation(**fields: Any) -> Organisation:
    found = Organisation.current()
    for name, value in fields.items():
        setattr(found, name, value)
    found.save()
    return found


def device(user: User) -> TOTPDevice:
    return TOTPDevice.objects.create(user=user, name="Phone", key=default_key())


def give_password(
    client: Client,
    user: User,
    *,
    password: str = factories.PASSWORD,
    next_url: str = "/account/",
    **extra: Any,
) -> HttpResponse:
    sent = {"username": user.username, "password": password, "next": next_url}
    return client.post("/sign-in/", sent, **extra)


def signed_in_user(client: Client) -> User | None:
    """Who this browser is, asked of the site itself."""
    client.get("/account/activity/")
    key = client.session.get("_auth_user_id")
    return User.objects.get(pk=key) if key else None


def reaches_pages(client: Client) -> bool:
    """Whether this browser gets past the gate. The address has no content of its own, so nothing else decides."""
    answer = client.get("/account/sign-out-elsewhere/")
    assert answer.status_code in (302, 405)
    return answer.status_code == 405
