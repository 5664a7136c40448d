"""What messages about an appointment say, in the reader's language and by the facility's clock.

An e-mail says all that the customer needs. A text can be read over a shoulder: sender, day, time, place and link, never the
program, the staff member or a note. Subjects stand on locked screens and say no more than texts do.
"""

from datetime import datetime

from django.conf import settings
from django.utils import translation

from reminders.letters import email, text
from reminders.letters.notice import Notice
from reminders.letters.own_words import fields_of
from reminders.links import MessageLinks
from reminders.messages import Letter
from reminders.models import Channel, Message, ReminderWording

__all__ = ["compose", "fields_of"]


def compose(
    message: Message, *, links: MessageLinks, now: datetime, wording: ReminderWording | None = None
) -> Letter:
    """The letter for a message about an appointment, as things stand. Writes nothing. `wording` is tried out in place of the
    one stored with the message's rule.

    Needs the appointment loaded with its customer, staff member, program and facility.
    """
    with translation.override(message.language or settings.LANGUAGE_CODE):
        notice = Notice.of(message, links=links, now=now, wording=wording)
        return text.letter(notice) if message.channel == Channel.PHONE else email.letter(notice)
