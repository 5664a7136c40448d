"""Messages as staff see them: what was planned, sent or not, and why; and what needs a person."""

from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.contrib import messages as told
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from appointments.access import SEE_MESSAGES, SEND_MESSAGES, Access, access_of
from appointments.models import Customer
from reminders import attention, finding, inbound, outcome, reading, resending, transports, ways
from reminders.finding import Place
from reminders.forms.messages import SHOW, AgainForm, FindForm, NoteForm, TextForm
from reminders.models import ChannelStop, InboundText, Message
from reminders.outcome import Row
from securecare import localtime
from securecare.encryption import CannotOpen
from securecare.outbox import SETTLED
from securecare.parts import respond

LIST = "reminders/messages.html"
LIST_PARTS = {"message-list": "reminders/_message_list.html"}
MESSAGE = "reminders/message.html"
ATTENTION = "reminders/attention.html"
MOST_WAITING = 100
SEEN_TO = "Somebody has seen to this already."


@require_safe
def message_list(request: HttpRequest) -> HttpResponse:
    access, now = access_of(request), timezone.now()
    access.demand(SEE_MESSAGES)
    form = FindForm(request.GET, access=access)
    if form.names_others:
        raise Http404
    wish = form.wish()
    after = Place.read(request.GET.get("after", ""))
    seen = attention.visible(access)
    page = finding.find(seen, wish, facilities=access.facilities, after=after)
    context = {
        "form": form,
        "kept": form.kept(),
        "wish": wish,
        "rows": [_row(message, access, now) for message in page.messages],
        "tabs": _tabs(request, form, wish.show),
        "next": _address(request, show=wish.show, after=str(page.next)) if page.next else "",
        "first": _address(request, show=wish.show) if after else "",
        "off": [words for _, name, words in transports.status() if name == outcome.CONSOLE],
        **_stops(access),
    }
    return respond(request, LIST, context, parts=LIST_PARTS)


def _row(message: Message, access: Access, now: datetime) -> Row:
    return outcome.row(message, now=now, zone=_own_zone(access))


def _own_zone(access: Access) -> ZoneInfo:
    return access.facilities[0].zone if access.facilities else localtime.zone_of("UTC")


def _tabs(request: HttpRequest, form: FindForm, shown: str) -> list[tuple[str, str, bool]]:
    listed = [(finding.ALL, "All"), *SHOW] if form.is_narrow else SHOW
    return [(label, _address(request, show=value), value == shown) for value, label in listed]


def _address(request: HttpRequest, **changed: str) -> str:
    """This search with something else about it, from its first page on unless `after` is given."""
    asked = request.GET.copy()
    asked.pop("after", None)
    for name, value in changed.items():
        asked[name] = value
    return f"?{asked.urlencode()}"


def _stops(access: Access) -> dict[str, Any]:
    return {"stops": list(ChannelStop.objects.order_by("since")), "own_zone": _own_zone(access)}


def _message_of(access: Access, reference: UUID, *, locked: bool = False) -> Message:
    related = (
        "customer",
        "appointment__customer",
        "appointment__facility",
        "appointment__staff",
        "appointment__program__facility",
        "rule",
        "again_of",
        "again_by__staff_member",
        "handled_by__staff_member",
    )
    seen = attention.visible(access).select_related(*related)
    if locked:
        seen = seen.select_for_update(of=("self",), no_key=True)
    found: Message = get_object_or_404(seen, reference=reference)
    return found


@never_cache
@require_safe
def message(request: HttpRequest, reference: UUID) -> HttpResponse:
    access, now = access_of(request), timezone.now()
    access.demand(SEE_MESSAGES)
    return _show(request, _message_of(access, reference), access, now)


def _show(
    request: HttpRequest,
    found: Message,
    access: Access,
    now: datetime,
    *,
    again: AgainForm | None = None,
    note: NoteForm | None = None,
) -> HttpResponse:
    may_send = access.may(SEND_MESSAGES)
    copies = list(found.sent_again_as.select_related(*finding.RELATED).order_by("pk"))
    against = ways.against(found, now=now)
    context = {
        **_row(found, access, now)._asdict(),
        "outcome": outcome.of(found, now=now),
        "shown": reading.shown(access, found, now=now),
        "reports": list(found.reports.all()),
        "copies": [_row(copy, access, now) for copy in copies],
        "against": against,
        "again": again or (_again_form(found, len(copies)) if may_send and not against else None),
        "closed_ways": [way for way in ways.ways(found) if way.against] if may_send and not against else [],
        "waits": may_send and found.needs_person_since is not None and found.handled_at is None,
        "note": note or NoteForm(auto_id="note_%s"),
        "is_settled": found.state in SETTLED,
    }
    status = 422 if again or note else 200
    return respond(request, MESSAGE, context, parts={}, status=status)


def _again_form(found: Message, copies: int, data: Any = None) -> AgainForm:
    return AgainForm(data, ways=ways.ways(found), copies=copies)


@require_POST
@transaction.atomic
def message_again(request: HttpRequest, reference: UUID) -> HttpResponse:
    """One at a time: the form says how many copies it knew of."""
    access, now = access_of(request), timezone.now()
    access.demand(SEE_MESSAGES, SEND_MESSAGES)
    found = _message_of(access, reference, locked=True)
    if against := ways.against(found, now=now):
        told.error(request, f"It cannot be sent again. {against}")
        return redirect("message", reference=reference)
    form = _again_form(found, found.sent_again_as.count(), request.POST)
    if not form.is_valid():
        return _show(request, found, access, now, again=form)
    reason, channel = form.cleaned_data["reason"], form.cleaned_data["channel"]
    copy = resending.send_again(found, reason=reason, by=request.user, now=now, channel=channel)  # type: ignore[arg-type]
    attention.handle(found, by=request.user, now=now, note=f"Sent again: {reason}")  # type: ignore[arg-type]
    told.success(request, "This one is on its way now.")
    return redirect("message", reference=copy.reference)


@require_POST
def message_handled(request: HttpRequest, reference: UUID) -> HttpResponse:
    access, now = access_of(request), timezone.now()
    access.demand(SEE_MESSAGES, SEND_MESSAGES)
    found = _message_of(access, reference)
    form = NoteForm(request.POST, auto_id="note_%s")
    if not form.is_valid():
        return _show(request, found, access, now, note=form)
    is_done = attention.handle(found, by=request.user, now=now, note=form.cleaned_data["note"])  # type: ignore[arg-type]
    told.success(request, "Done. It needs nothing more." if is_done else SEEN_TO)
    return redirect("messages-attention")


@never_cache
@require_safe
def waiting(request: HttpRequest) -> HttpResponse:
    """The queue: failures, and texts that somebody has to read."""
    access, now = access_of(request), timezone.now()
    access.demand(SEE_MESSAGES)
    failures = attention.messages(access).select_related(*finding.RELATED)[:MOST_WAITING]
    texts = list(attention.texts(access)[:MOST_WAITING])
    context = {
        "failures": [_row(failure, access, now) for failure in failures],
        "texts": _texts(texts, access),
        "may_send": access.may(SEND_MESSAGES),
        "note_limit": attention.NOTE_LIMIT,
        "providers": transports.status(),
        **_stops(access),
    }
    return respond(request, ATTENTION, context, parts={})


def _texts(texts: list[InboundText], access: Access) -> list[dict[str, Any]]:
    """Each with its words, and whose number it is among the customers this user sees."""
    numbers = {text.address for text in texts}
    theirs = Customer.objects.known_at(access.facility_ids).filter(phone__in=numbers).exclude(phone="")
    owners: dict[str, list[Customer]] = {}
    for customer in theirs:
        owners.setdefault(customer.phone, []).append(customer)
    return [{"text": text, "words": _words(text), "owners": owners.get(text.address, [])} for text in texts]


def _words(text: InboundText) -> str:
    try:
        return inbound.text_of(text)
    except CannotOpen:
        return ""


@require_POST
def text_handled(request: HttpRequest, pk: int) -> HttpResponse:
    access, now = access_of(request), timezone.now()
    access.demand(SEE_MESSAGES, SEND_MESSAGES)
    text = attention.texts(access).filter(pk=pk).first()
    form = TextForm(request.POST)
    if text is None or not form.is_valid():
        told.error(request, SEEN_TO if text is None else "Not done: keep the note to 200 characters.")
        return redirect("messages-attention")
    wants_no_more = form.cleaned_data["answer"] == TextForm.STOP
    act = attention.end_texts if wants_no_more else attention.handle_text
    is_done = act(text, by=request.user, now=now, note=form.cleaned_data["note"])  # type: ignore[arg-type]
    done = "Nothing more is texted to this number." if wants_no_more else "Done. It needs nothing more."
    told.success(request, done if is_done else SEEN_TO)
    return redirect("messages-attention")
