"""A way to send that keeps what it is given, and answers as it is told to."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from reminders import delivery
from reminders.models import Message
from reminders.transports.base import Envelope, Fault, Receipt, TransportError
from tests.factories import NOW


class Killed(BaseException):
    """What ends a worker on the spot."""


class Post:
    """Each answer is used once, in order: a receipt, an exception, or something to do. After the last it takes everything."""

    name = "post"

    def __init__(self, *answers: Any, about_earlier: Any = None) -> None:
        self.answers = list(answers)
        self.about_earlier = about_earlier
        self.taken: list[Envelope] = []
        self.asked: list[tuple[Envelope, datetime]] = []

    def send(self, envelope: Envelope) -> Receipt:
        self.taken.append(envelope)
        answer = self.answers.pop(0) if self.answers else None
        return _given(answer) or Receipt(f"P-{len(self.taken)}")

    def find(self, envelope: Envelope, *, handed_over_at: datetime, now: datetime) -> Receipt | None:
        self.asked.append((envelope, handed_over_at))
        return _given(self.about_earlier)

    def deliver(self, message: Message, *, now: datetime = NOW) -> Message:
        """Let a worker deliver the message by this post; the row as it is then."""
        delivery.deliver(message.pk, now=now, transport_of=lambda channel: self)
        return Message.objects.get(pk=message.pk)

    def deliver_and_die(self, message: Message, *, now: datetime = NOW) -> Message:
        """As `deliver`, by a worker that is killed when the provider has taken the message."""
        self.answers = [Killed()]
        try:
            self.deliver(message, now=now)
        except Killed:
            return Message.objects.get(pk=message.pk)
        raise AssertionError("It was not sent.")


def _given(answer: Receipt | BaseException | Callable[[], Any] | None) -> Receipt | None:
    if isinstance(answer, BaseException):
        raise answer
    if callable(answer):
        answer()
        return None
    return answer


def busy(**fields: Any) -> TransportError:
    """Not taken on; later perhaps."""
    return TransportError("Too many requests.", **{"permanent": False, "code": "20429", **fields})


def silent() -> TransportError:
    """It may or may not have been taken on."""
    return TransportError("No answer within 10 s.", permanent=False, may_have_been_sent=True)


def refused(fault: Fault, text: str = "Refused.", *, retry_after: timedelta | None = None) -> TransportError:
    return TransportError(text, permanent=True, fault=fault, retry_after=retry_after)
