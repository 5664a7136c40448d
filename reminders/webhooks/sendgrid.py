"""SendGrid's signed event webhook: what became of e-mails."""

import json
import logging
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from cryptography.exceptions import UnsupportedAlgorithm
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from sendgrid.helpers.eventwebhook import EventWebhook
from sendgrid.helpers.eventwebhook.eventwebhook_header import EventWebhookHeader

from reminders import reports
from reminders.models import Channel, Delivery
from reminders.reports import Cause, Report
from reminders.webhooks import refusal, webhook

logger = logging.getLogger(__name__)

LONGEST = 2 * 1024 * 1024
# SendGrid tries for a day; what comes twice is told by its id.
OLDEST = timedelta(hours=26)
CLOCKS_DIFFER = timedelta(minutes=10)
# Our own name for the message, as `reminders.transports.sendgrid` sends it along.
REFERENCE = "message"

EVENTS: dict[str, str] = {
    "processed": Delivery.SENT,
    "deferred": Delivery.DELAYED,
    "delivered": Delivery.DELIVERED,
    "spamreport": Delivery.DELIVERED,
    "unsubscribe": Delivery.DELIVERED,
    "group_unsubscribe": Delivery.DELIVERED,
    "bounce": Delivery.FAILED,
    "blocked": Delivery.FAILED,
    "dropped": Delivery.FAILED,
}
_WANTS_NO_MORE = {"spamreport", "unsubscribe", "group_unsubscribe"}
# Why SendGrid did not even try.
DROPPED: dict[str, Cause] = {
    "bounced address": Cause.ADDRESS,
    "invalid": Cause.ADDRESS,
    "unsubscribed address": Cause.OPT_OUT,
    "spam reporting address": Cause.OPT_OUT,
}


@webhook(at_most=LONGEST)
def events(request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    if not _is_signed(request, now):
        logger.warning("A request to %s bears no signature of SendGrid's that is still good", request.path)
        return refusal(403, "The signature does not fit.")
    try:
        told = json.loads(request.body)
    except (ValueError, RecursionError):
        return refusal(400, "This is no JSON.")
    if not isinstance(told, list):
        return refusal(400, "This is no list of events.")
    for event in told:
        try:
            report = report_of(event, now=now)
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError, OSError):
            logger.warning("An event of SendGrid's cannot be read")
        else:
            reports.take(report, now=now)
    return HttpResponse(status=204)


def _is_signed(request: HttpRequest, now: datetime) -> bool:
    """With any of our keys, over the bytes as they came, and not too long ago."""
    signature = request.headers.get(EventWebhookHeader.SIGNATURE, "")
    stamp = request.headers.get(EventWebhookHeader.TIMESTAMP, "")
    keys = filter(None, settings.SENDGRID_WEBHOOK_KEYS)
    return _is_fresh(stamp, now) and any(_fits(key, request.body, signature, stamp) for key in keys)


def _is_fresh(stamp: str, now: datetime) -> bool:
    try:
        sent_at = datetime.fromtimestamp(int(stamp), UTC)
    except (ValueError, OverflowError, OSError):
        return False
    return now - OLDEST <= sent_at <= now + CLOCKS_DIFFER


def _fits(key: str, body: bytes, signature: str, stamp: str) -> bool:
    """What is no signature, no key or no text at all makes SendGrid's own check raise."""
    try:
        return bool(EventWebhook(key).verify_signature(body.decode(), signature, stamp))
    except (ValueError, TypeError, AttributeError, UnsupportedAlgorithm):
        return False


def report_of(event: Any, *, now: datetime) -> Report:
    """Raises what Python raises for what is no event."""
    said, reference = str(event["event"]), event.get(REFERENCE)
    if said == "bounce" and event.get("type") == "blocked":
        said = "blocked"
    delivery = EVENTS.get(said, Delivery.UNKNOWN)
    return Report(
        transport="sendgrid",
        channel=Channel.EMAIL,
        reference=UUID(reference) if reference else None,
        provider_id=str(event.get("sg_message_id") or "").partition(".")[0],
        event_id=_name(event["sg_event_id"]),
        status=said,
        delivery=delivery,
        cause=_cause(said, event),
        code=str(event.get("status") or ""),
        detail=str(event.get("reason") or event.get("response") or ""),
        at=min(datetime.fromtimestamp(int(event["timestamp"]), UTC), now),
    )


def _name(event_id: Any) -> str:
    if not isinstance(event_id, str) or not 0 < len(event_id) <= 120 or not event_id.isprintable():
        raise ValueError("An event without its id.")
    return event_id


def _cause(said: str, event: dict[str, Any]) -> Cause | None:
    if said in _WANTS_NO_MORE:
        return Cause.OPT_OUT
    if said == "dropped":
        return DROPPED.get(str(event.get("reason") or "").lower(), Cause.MESSAGE)
    return {"bounce": Cause.ADDRESS, "blocked": Cause.BLOCKED}.get(said)
