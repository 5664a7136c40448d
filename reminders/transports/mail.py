"""What an e-mail carries whoever sends it: its sender, its headers, and an invitation that calendars understand."""

import re
from email.utils import formataddr, parseaddr

from reminders.transports.base import Envelope

INVITATION_NAME = "invite.ics"


def sender(envelope: Envelope, email_from: str) -> tuple[str, str]:
    """Name and address: the envelope's name, if it has one, before the address that is set."""
    name, address = parseaddr(email_from)
    return envelope.sender or name, address


def sender_line(envelope: Envelope, email_from: str) -> str:
    return formataddr(sender(envelope, email_from))


def headers(envelope: Envelope, email_from: str) -> dict[str, str]:
    """A Message-ID that stays when it is sent again, so that a mailbox may show it once; no answers from machines
    (RFC 3834); and, where it may be ended, one click to end it (RFC 8058)."""
    domain = sender(envelope, email_from)[1].rpartition("@")[2] or "localhost"
    found = {"Message-ID": f"<{envelope.reference}@{domain}>", "Auto-Submitted": "auto-generated"}
    if envelope.unsubscribe_url:
        found["List-Unsubscribe"] = f"<{envelope.unsubscribe_url}>"
        found["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    return found


def calendar_type(invitation: str) -> str:
    """The MIME type of an invitation names the method that it holds (RFC 6047)."""
    method = re.search(r"^METHOD:([A-Z]+)\s*$", invitation, re.MULTILINE)
    return f"text/calendar; method={method[1] if method else 'PUBLISH'}"
