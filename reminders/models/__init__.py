"""Messages to customers, when they are due, what became of them, and who agreed to them."""

from appointments.models import Channel
from reminders.models.consent import ConsentLog, Source
from reminders.models.inbound import InboundText, Meaning
from reminders.models.message import CODES, NOTICES, WARNINGS, Delivery, Kind, Message, MessageQuerySet
from reminders.models.report import ChannelStop, ContactProblem, DeliveryReport
from reminders.models.rule import ReminderRule, ReminderWording

__all__ = [
    "CODES",
    "NOTICES",
    "WARNINGS",
    "Channel",
    "ChannelStop",
    "ConsentLog",
    "ContactProblem",
    "Delivery",
    "DeliveryReport",
    "InboundText",
    "Kind",
    "Meaning",
    "Message",
    "MessageQuerySet",
    "ReminderRule",
    "ReminderWording",
    "Source",
]
