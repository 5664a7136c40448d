"""A program's own words for its reminders."""

import logging
import re
from dataclasses import dataclass

from django.conf import settings
from django.utils import translation

from reminders import templates
from reminders.letters.notice import Notice
from reminders.links import MessageLinks
from reminders.models import Channel, Message, ReminderWording
from reminders.templates import WordingBroken

logger = logging.getLogger(__name__)

# The stem of it in each language that customers are written to in.
_ASKS = re.compile("confirm", re.IGNORECASE)


@dataclass(frozen=True)
class OwnWords:
    subject: str
    text: str


def of(notice: Notice) -> OwnWords | None:
    """The words for this reminder in the reader's language, filled in. None if there are none, if they cannot be filled in,
    or if they speak of confirming to somebody who has confirmed: SecureCare's own are sent then, and no message is lost."""
    found = notice.wording or _stored(notice.message)
    if found is None or (notice.is_confirmed and _ASKS.search(found.subject + found.text)):
        return None
    fields = _fields(notice)
    try:
        subject, text = (templates.fill(words, fields).strip() for words in (found.subject, found.text))
    except WordingBroken as error:
        logger.warning("Wording %s cannot be filled in: %s", found.pk, error)
        return None
    return OwnWords(" ".join(subject.split()), text) if text else None


# Every reminder asks, and building the query costs more than it.
_STORED = "SELECT * FROM reminders_reminderwording WHERE rule_id = %s AND language = %s"


def _stored(message: Message) -> ReminderWording | None:
    if message.rule_id is None:
        return None
    return next(iter(ReminderWording.objects.raw(_STORED, [message.rule_id, message.language])), None)


def fields_of(message: Message, links: MessageLinks) -> dict[str, str]:
    """The values of `reminders.templates.FIELDS`, in the message's language. A text has none that tells of the care, and a
    name that somebody typed to advertise is left out: words that need it cannot be filled in."""
    with translation.override(message.language or settings.LANGUAGE_CODE):
        return _fields(Notice.of(message, links=links, now=message.created_at))


def _fields(notice: Notice) -> dict[str, str]:
    facility = notice.appointment.facility
    fields = {
        "day": notice.short_day,
        "date": notice.date,
        "time": notice.clock,
        "place": facility.name,
        "address": facility.address,
        "phone": facility.phone,
        "organisation": notice.sender,
        "link": notice.links.main,
    }
    if notice.message.channel == Channel.PHONE:
        return fields
    fields |= {"program": notice.appointment.program.name, "staff": notice.appointment.staff.display_name}
    return fields | ({"first_name": notice.first_name} if notice.first_name else {})
