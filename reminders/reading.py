"""What staff may read of a message, and how it is shown."""

import re
from dataclasses import dataclass, replace
from datetime import datetime

from appointments.access import Access
from reminders import letters, links, messages
from reminders.messages import Letter, MessageUnreadable
from reminders.models import CODES, Message
from reminders.outcome import CONSOLE
from securecare.adminsite import ENTER_ADMIN
from securecare.outbox import SETTLED

CODE_HIDDEN = "Not shown: whoever reads a code could sign in with it."
NEVER_WORDED = "It was never written: messages are worded just before they are sent."
# What is secret in an address is at least this long: see securecare.links.
_SECRET = re.compile(r"(?<=/)[\w-]{40,}")


@dataclass(frozen=True)
class Shown:
    """The text as a reader may see it, or why there is none. A preview is worded as it would be now."""

    letter: Letter | None
    problem: str = ""
    is_preview: bool = False


def may_read(access: Access, message: Message) -> bool:
    """Who reads a code could sign in as the customer, everywhere the customer is known. So only administrators who see all those
    facilities may, and only while nobody else has it: while it waits, or where the console kept it."""
    if message.kind not in CODES:
        return True
    if not _is_with_us(message) or not (access.user.is_superuser or access.may(ENTER_ADMIN)):
        return False
    if access.user.is_superuser:
        return True
    if message.customer is None:
        return False
    known_at = message.customer.facilities.filter(is_active=True).values_list("pk", flat=True)
    return access.facility_ids.issuperset(known_at)


def _is_with_us(message: Message) -> bool:
    """Whether no provider has it: staff who tap a link in it take nobody's place."""
    if message.transport == CONSOLE:
        return True
    return message.state not in SETTLED and message.handed_over_at is None


def shown(access: Access, message: Message, *, now: datetime) -> Shown:
    """Needs the message's appointment and rule loaded with what they name."""
    if not may_read(access, message):
        return Shown(None, CODE_HIDDEN)
    try:
        letter = messages.read(message)
    except MessageUnreadable:
        return Shown(None, f"Cannot be opened: the key ring has no fitting key {message.key_id}.")
    if letter is not None:
        return Shown(letter if _is_with_us(message) else _without_links(letter))
    if message.state in SETTLED:
        return Shown(None, NEVER_WORDED)
    return Shown(letters.compose(message, links=links.sample(), now=now), is_preview=True)


def _without_links(letter: Letter) -> Letter:
    """A link acts in the customer's name, and the record says so. What the customer holds, staff do not."""
    return replace(letter, text=_SECRET.sub("…", letter.text), html="")
