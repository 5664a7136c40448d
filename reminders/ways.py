"""Whether a message can be sent again, and by which channels."""

from dataclasses import dataclass
from datetime import datetime

from reminders import consent, suppression
from reminders.models import Channel, Kind, Message
from securecare.outbox import SETTLED

ABOUT_NOTHING = "Only messages about an appointment can be sent again."
STILL_WAITS = "It has not been sent yet."
FROM_DOCUMENTS = "Send the documents again from Documents: each message has a link of its own."
HELD = "They wrote that they may want no more texts; answer that first."


@dataclass(frozen=True)
class Way:
    """A channel with the address that it reaches now, and what speaks against it, if anything does."""

    channel: str
    address: str
    against: str

    @property
    def label(self) -> str:
        return str(Channel(self.channel).label)


def against(message: Message, *, now: datetime) -> str:
    """Why this message cannot be sent again by any channel; "" if it can. Needs its appointment with the facility."""
    if message.appointment is None:
        return ABOUT_NOTHING
    if message.kind == Kind.PLEASE_SIGN:
        return FROM_DOCUMENTS
    if message.state not in SETTLED:
        return STILL_WAITS
    return suppression.of_time(message.appointment, kind=message.kind, revision=message.revision, now=now)


def ways(message: Message) -> list[Way]:
    """Its own channel first. Needs its appointment with the customer."""
    appointment = message.appointment
    if appointment is None:
        return []
    addresses = {channel: suppression.address_of(appointment, channel) for channel in Channel.values}
    keys = {channel: suppression.key(channel, address) for channel, address in addresses.items()}
    standings = suppression.standings(keys.values())
    found = [
        Way(channel, address, _against(channel, address, standings[keys[channel]]))
        for channel, address in addresses.items()
    ]
    return sorted(found, key=lambda way: way.channel != message.channel)


def _against(channel: str, address: str, standing: suppression.Standing) -> str:
    why = suppression.of_address(channel, address, standing)
    return HELD if not why and channel == Channel.PHONE and consent.is_held(address) else why
