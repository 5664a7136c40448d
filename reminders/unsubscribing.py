"""Links that end e-mails to an address with one click (RFC 8058). Nothing is stored for them and they do not expire: whoever
still has the e-mail may still say no."""

import base64
import binascii
import hmac
from uuid import UUID

from django.conf import settings
from django.urls import reverse

from reminders.models import CODES, WARNINGS, Channel, Message
from securecare.links import keyed_digest

PURPOSE = "unsubscribe"
REFERENCE_BYTES = 16
_NOT_ENDED = {*CODES, *WARNINGS}


def url(message: Message) -> str:
    """Where this e-mail's address is unsubscribed; "" for a text, and for what is sent however that stands."""
    if message.channel != Channel.EMAIL or message.kind in _NOT_ENDED:
        return ""
    return settings.PUBLIC_BASE_URL + reverse("portal-unsubscribe", args=[token_of(message.reference)])


def token_of(reference: UUID) -> str:
    """64 characters that only we can make."""
    proof = keyed_digest(reference.hex, purpose=PURPOSE)
    return base64.urlsafe_b64encode(reference.bytes + proof).decode()


def message_of(token: str) -> Message | None:
    """The e-mail that carries this link; None if there is none."""
    try:
        reference = UUID(bytes=base64.urlsafe_b64decode(token)[:REFERENCE_BYTES])
    except (ValueError, binascii.Error):
        return None
    if not hmac.compare_digest(token_of(reference).encode(), token.encode()):
        return None
    return Message.objects.filter(reference=reference, channel=Channel.EMAIL).first()
