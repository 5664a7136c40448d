"""Asking people to sign: one message for all that one person has to sign, by the channels that reach them."""

from collections.abc import Iterable
from datetime import datetime

from django.contrib.auth.models import User

from signatures.models import SignatureRequest, SignedDocument


def send(*, requests: Iterable[SignatureRequest], by: User | None, now: datetime) -> None:
    pass


def ask_next(request: SignatureRequest, *, now: datetime) -> None:
    pass


def send_copy(document: SignedDocument, *, now: datetime) -> None:
    pass


def remind_due(*, now: datetime) -> None:
    pass
