"""The second factor: an authenticator app (TOTP) and ten recovery codes, kept and throttled by django-otp."""

from base64 import b32encode, b64encode
from binascii import unhexlify
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO

import qrcode
from django.contrib.auth.models import User
from django.db import transaction
from django_otp.models import Device
from django_otp.oath import TOTP
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice, default_key
from qrcode.image.svg import SvgPathFillImage

from appointments.access import needs_second_factor
from securecare import sessions

RECOVERY_CODES = 10


class CodeRefused(Exception):
    """The code does not prove anything; the message says what to do."""


@dataclass(frozen=True)
class NewKey:
    """A secret that no device holds yet, as an authenticator app takes it."""

    user: User
    key: str

    @property
    def text(self) -> str:
        """The key to type in, in groups of four."""
        letters = b32encode(unhexlify(self.key)).decode()
        return " ".join(letters[i : i + 4] for i in range(0, len(letters), 4))

    @property
    def picture(self) -> str:
        """The QR code as a data: address of an SVG image."""
        address = TOTPDevice(user=self.user, key=self.key).config_url
        image = BytesIO()
        qrcode.make(address, image_factory=SvgPathFillImage, box_size=8, border=3).save(image)
        return "data:image/svg+xml;base64," + b64encode(image.getvalue()).decode()


def new_key() -> str:
    return default_key()


def device_of(user: User) -> TOTPDevice | None:
    return TOTPDevice.objects.filter(user=user, confirmed=True).first()


def may_turn_off(user: User) -> bool:
    return not needs_second_factor(user)


def codes_left(user: User) -> int:
    return StaticToken.objects.filter(device__user=user, device__confirmed=True).count()


def enable(*, user: User, key: str, code: str, now: datetime) -> list[str]:
    """Make the app that holds `key` the user's second factor, instead of any other. Returns fresh recovery codes.

    Raises CodeRefused.
    """
    totp = TOTP(unhexlify(key))
    totp.time = now.timestamp()
    digits = _typed(code)
    if not (digits.isascii() and digits.isdigit() and totp.verify(int(digits), tolerance=1)):
        raise CodeRefused("That is not the code the app shows now. Wait for the next one and enter it.")
    with transaction.atomic():
        TOTPDevice.objects.filter(user=user).delete()
        TOTPDevice.objects.create(
            user=user, name="Authenticator app", key=key, last_t=totp.t(), drift=totp.drift
        )
        return renew_recovery_codes(user=user)


def renew_recovery_codes(*, user: User) -> list[str]:
    """Ten new codes; those given out before stop working."""
    with transaction.atomic():
        StaticDevice.objects.filter(user=user).delete()
        device = StaticDevice.objects.create(user=user, name="Recovery codes")
        codes = [StaticToken.random_token() for _ in range(RECOVERY_CODES)]
        StaticToken.objects.bulk_create(StaticToken(device=device, token=code) for code in codes)
    return [f"{code[:4]}-{code[4:]}" for code in codes]


def disable(*, user: User) -> None:
    with transaction.atomic():
        TOTPDevice.objects.filter(user=user).delete()
        StaticDevice.objects.filter(user=user).delete()


def reset(*, user: User) -> None:
    """Take away a lost or stolen second factor, and end every session it may have opened."""
    with transaction.atomic():
        disable(user=user)
        sessions.end_all(user_id=user.pk)


def verify(*, user: User, code: str, now: datetime) -> Device:
    """The device that accepts `code`: six digits are the app's, anything else is a recovery code, which works once.

    Raises CodeRefused. django-otp doubles the wait after each wrong code.
    """
    typed = _typed(code)
    kind = TOTPDevice if len(typed) == 6 and typed.isdigit() else StaticDevice
    with transaction.atomic():
        device = kind.objects.filter(user=user, confirmed=True).select_for_update().first()
        refusal = "" if device is None else _wait(device, now)
        if device is not None and not refusal and device.verify_token(typed):
            return device
    raise CodeRefused(
        refusal
        or "That code is wrong or was used before. Enter the one the app shows now, or a recovery code."
    )


def _wait(device: TOTPDevice | StaticDevice, now: datetime) -> str:
    """Why no code is looked at just now, or ""."""
    is_allowed, why = device.verify_is_allowed()
    if is_allowed:
        return ""
    seconds = int((why["locked_until"] - now).total_seconds()) + 1
    return f"Too many wrong codes. Wait {seconds} seconds and enter the next one."


def _typed(code: str) -> str:
    return code.replace(" ", "").replace("-", "").lower()
