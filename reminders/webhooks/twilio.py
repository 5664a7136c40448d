"""Twilio's webhooks: texts that come in, and what became of those that we sent."""

import logging
import re
from functools import wraps
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from twilio.request_validator import RequestValidator
from twilio.twiml.messaging_response import MessagingResponse

from reminders import inbound as texts
from reminders import reports
from reminders.inbound import Received
from reminders.models import Channel, Delivery
from reminders.reports import Cause, Report
from reminders.webhooks import View, refusal, webhook

logger = logging.getLogger(__name__)

LONGEST = 64 * 1024
FORM = "application/x-www-form-urlencoded"
_SID = re.compile(r"[A-Za-z0-9]{2,64}")
_NUMBER = re.compile(r"\+[1-9][0-9]{6,14}")

STATUSES: dict[str, str] = {
    "sent": Delivery.SENT,
    "delivered": Delivery.DELIVERED,
    "read": Delivery.DELIVERED,
    "undelivered": Delivery.FAILED,
    "failed": Delivery.FAILED,
    "canceled": Delivery.FAILED,
}
# Why a text that Twilio took on was not delivered, in words for staff. The setting TWILIO_CODES gives single ones another
# cause; an unknown one is for a person to look at. https://www.twilio.com/docs/api/errors
CODES: dict[str, tuple[Cause, str]] = {
    "21610": (Cause.OPT_OUT, "The number is opted out of texts."),
    "30001": (Cause.RETRY, "Too many texts were waiting."),
    "30002": (Cause.ACCOUNT, "The Twilio account is suspended."),
    "30003": (Cause.RETRY, "The phone was off or out of reach."),
    "30004": (Cause.ADDRESS, "The number or its carrier blocks texts."),
    "30005": (Cause.ADDRESS, "The number is unknown, or no longer in service."),
    "30006": (Cause.ADDRESS, "The number is a landline, or its carrier takes no texts."),
    "30007": (
        Cause.MESSAGE,
        "The carrier filtered the text out: check its wording and the sender's registration.",
    ),
    "30008": (Cause.RETRY, "The carrier gave no reason."),
    "30036": (Cause.LATE, "It could not be delivered in the time it was good for."),
    "30500": (Cause.RETRY, "Twilio had a fault of its own."),
}


def _from_twilio(view: View) -> View:
    """Lets in only forms that are signed with one of our tokens, each of their fields included, known or not."""

    @webhook(at_most=LONGEST)
    @wraps(view)
    def checked(request: HttpRequest) -> HttpResponse:
        if request.content_type != FORM:
            return refusal(415, "Send a form.")
        if not _is_signed(request):
            logger.warning("A request to %s bears no signature of Twilio's", request.path)
            return refusal(403, "The signature does not fit.")
        if not _SID.fullmatch(request.POST.get("MessageSid", "")):
            return refusal(400, "MessageSid is missing.")
        return view(request)

    return checked


def _is_signed(request: HttpRequest) -> bool:
    """Over the address that Twilio was told: what a proxy makes of it is of no interest."""
    url = settings.PUBLIC_BASE_URL + request.get_full_path()
    signature = request.headers.get("X-Twilio-Signature", "")
    tokens = filter(None, settings.TWILIO_AUTH_TOKENS)
    return any(RequestValidator(token).validate(url, request.POST, signature) for token in tokens)


@_from_twilio
def inbound(request: HttpRequest) -> HttpResponse:
    form = request.POST
    if not _NUMBER.fullmatch(form.get("From", "")):
        logger.info("Text %s comes from no phone number", form["MessageSid"])
        return _answer("")
    received = Received(
        provider_id=form["MessageSid"],
        address=form["From"],
        words=form.get("Body", ""),
        opt_out=form.get("OptOutType", "").upper(),
    )
    return _answer(texts.receive(received, now=timezone.now()))


@_from_twilio
def status(request: HttpRequest) -> HttpResponse:
    now, form = timezone.now(), request.POST
    sid, said = form["MessageSid"], form.get("MessageStatus", "").lower()
    if not said:
        return refusal(400, "MessageStatus is missing.")
    delivery, code = STATUSES.get(said, Delivery.UNKNOWN), form.get("ErrorCode", "")
    report = Report(
        transport="twilio",
        channel=Channel.PHONE,
        reference=_reference(request.GET.get("message", "")),
        provider_id=sid,
        event_id=f"{sid}:{said}",
        status=said,
        delivery=delivery,
        cause=cause_of(code) if delivery == Delivery.FAILED else None,
        code=code,
        detail=form.get("ErrorMessage", "") or CODES.get(code, (None, ""))[1],
        at=now,
    )
    reports.take(report, now=now)
    return HttpResponse(status=204)


def cause_of(code: str) -> Cause:
    set_here = settings.TWILIO_CODES.get(code, "")
    known = {cause.value: cause for cause in Cause}
    return known.get(set_here) or CODES.get(code, (Cause.MESSAGE, ""))[0]


def _reference(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _answer(words: str) -> HttpResponse:
    response = MessagingResponse()
    if words:
        response.message(words)
    return HttpResponse(str(response), content_type="text/xml; charset=utf-8")
