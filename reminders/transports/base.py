"""What every way of sending has in common: an envelope in, a receipt or one kind of error out.

Provider JSON, codes and exceptions never leave the provider's file. Every call has a time-out.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Protocol
from uuid import UUID

from reminders.messages import Letter


@dataclass(frozen=True)
class Envelope:
    """One message for one address. `reference` is ours, and travels with it wherever the provider lets it."""

    reference: UUID
    to: str
    letter: Letter
    sender: str
    is_wanted_for: timedelta | None = None
    """How long it is still worth delivering; None for as long as it takes."""
    unsubscribe_url: str = ""
    """Where one click ends e-mails of this kind (RFC 8058); empty for those that were asked for."""


@dataclass(frozen=True)
class Receipt:
    """The provider has taken the message on. `provider_id` is its name for it, if it gave one."""

    provider_id: str = ""


class Fault(Enum):
    """What is to blame for a failure that repeating will not mend, and so what else cannot be sent."""

    MESSAGE = "message"  # this one alone
    ADDRESS = "address"  # nothing reaches this address
    OPT_OUT = "opt out"  # the provider knows that the person wants no texts
    ACCOUNT = "account"  # our own account: nothing at all is sent


class TransportError(Exception):
    """The message was not taken on, or it is not known whether it was.

    `permanent`: repeating is pointless, and `fault` says what for. Else it may be tried again, not before `retry_after` if
    the provider named a time; `may_have_been_sent` tells that the provider has to be asked first.
    """

    def __init__(
        self,
        text: str,
        *,
        permanent: bool,
        code: str = "",
        fault: Fault = Fault.MESSAGE,
        retry_after: timedelta | None = None,
        may_have_been_sent: bool = False,
    ) -> None:
        super().__init__(text)
        self.permanent = permanent
        self.code = code
        self.fault = fault
        self.retry_after = retry_after
        self.may_have_been_sent = may_have_been_sent


class NotKnownYet(Exception):
    """Whether an earlier attempt arrived will be known later: ask again after `retry_after`."""

    def __init__(self, retry_after: timedelta) -> None:
        super().__init__(f"Ask again in {retry_after}.")
        self.retry_after = retry_after


class Transport(Protocol):
    """`name` is stored with what it sent."""

    name: str

    def send(self, envelope: Envelope) -> Receipt:
        """Hand it over. Raises TransportError."""

    def find(self, envelope: Envelope, *, handed_over_at: datetime, now: datetime) -> Receipt | None:
        """Whether an attempt that began at `handed_over_at` arrived; None if it did not, as far as can be known.

        Raises NotKnownYet, and TransportError when the provider cannot be asked.
        """
