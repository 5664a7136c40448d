"""Documents as staff see them: the queue, and one document with what can be done about it."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import auth, messages
from django.core.paginator import Paginator
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from appointments.access import SEE_DOCUMENTS, SEND_DOCUMENTS, Access, access_of, staff_member_of
from appointments.models import Customer
from securecare.parts import respond
from signatures import (
    asking,
    attention,
    certificate,
    evidence,
    facts,
    rendering,
    requests,
    sealing,
    sending,
    signing,
    timeline,
    vault,
)
from signatures.asking_forms import SHOWN, FindForm, SecondForm, VoidForm
from signatures.evidence import Caller
from signatures.models import (
    SIGNED_STATES,
    EventKind,
    RequestState,
    Sealing,
    SignatureRequest,
    SignedDocument,
    SignerRole,
)
from signatures.requests import RequestRefused

LIST = "signatures/documents.html"
LIST_PARTS = {"document-list": "signatures/_document_list.html"}
DOCUMENT = "signatures/document.html"
KIOSK = "signatures/kiosk.html"
PER_PAGE = 30
MOST_NEEDING = 100
LATELY = 10
ROW = ("customer", "facility", "template", "appointment__facility")


@require_safe
def documents(request: HttpRequest) -> HttpResponse:
    access, now = access_of(request), timezone.now()
    access.demand(SEE_DOCUMENTS)
    form = FindForm(request.GET, access=access)
    seen = _found(SignatureRequest.objects.visible_at(access.facility_ids), form)
    rows = seen.filter(state__in=SHOWN[form.shown][1]).select_related(*ROW)
    page = Paginator(rows, PER_PAGE).get_page(request.GET.get("page"))
    is_first = form.shown == "waiting" and page.number == 1
    needing = _needing(attention.needing(access, now=now), form) if is_first else []
    lately = seen.filter(state__in=SIGNED_STATES).exclude(pk__in=[each.pk for each in needing])
    lately = lately.select_related(*ROW).order_by("-closed_at")
    context = {
        "form": form,
        "certificate_problem": certificate.problem(now=now),
        "needing": [(each, attention.WHY[each.why]) for each in needing],
        "page": page,
        "lately": list(lately[:LATELY]) if is_first else [],
        "tabs": [
            (label, _address(request, show=key), key == form.shown) for key, (label, _) in SHOWN.items()
        ],
        "earlier": _address(request, page=str(page.next_page_number())) if page.has_next() else "",
        "newer": _address(request, page=str(page.previous_page_number())) if page.has_previous() else "",
    }
    return respond(request, LIST, context, parts=LIST_PARTS)


def _needing(rows: Any, form: FindForm) -> list[Any]:
    return list(_found(rows, form).select_related(*ROW, "sealing")[:MOST_NEEDING])


def _found(rows: Any, form: FindForm) -> Any:
    text, facility = form.cleaned_data.get("q"), form.cleaned_data.get("facility")
    if text:
        people = Customer.objects.matching(text).values("pk")
        rows = rows.filter(Q(customer__in=people) | Q(template__title__icontains=text))
    return rows.filter(facility=facility) if facility else rows


def _address(request: HttpRequest, **changed: str) -> str:
    """This list with something else about it, from its first page on unless a page is given."""
    asked = request.GET.copy()
    asked.pop("page", None)
    for name, value in changed.items():
        asked[name] = value
    return f"?{asked.urlencode()}"


def request_of(access: Access, reference: UUID) -> SignatureRequest:
    """One at the user's facilities, or 404."""
    seen = SignatureRequest.objects.visible_at(access.facility_ids)
    found: SignatureRequest = get_object_or_404(
        seen.select_related(*requests.RELATED, "supersedes__request", "created_by", "closed_by"),
        reference=reference,
    )
    return found


def _may_send(request: HttpRequest) -> Access:
    access = access_of(request)
    access.demand(SEE_DOCUMENTS, SEND_DOCUMENTS)
    return access


@never_cache
@require_safe
def document(request: HttpRequest, reference: UUID) -> HttpResponse:
    access = access_of(request)
    access.demand(SEE_DOCUMENTS)
    return _show(request, request_of(access, reference), access, timezone.now())


def _show(
    request: HttpRequest,
    found: SignatureRequest,
    access: Access,
    now: datetime,
    *,
    void: VoidForm | None = None,
    second: SecondForm | None = None,
) -> HttpResponse:
    turn = signing.whose_turn(found) if found.is_open else None
    may_send = access.may(SEND_DOCUMENTS)
    staff = staff_member_of(access.user)
    context = {
        "request_": found,
        "signers": list(found.signers.select_related("staff", "signed_by")),
        "turn": turn,
        "may_send": may_send,
        "ways": _ways(found, turn, may_send),
        "may_sign": turn is not None
        and turn.role == SignerRole.STAFF
        and staff is not None
        and asking.is_theirs(turn, staff, found),
        "may_hand_over": may_send and turn is not None and turn.role != SignerRole.STAFF,
        "void": void or VoidForm(auto_id="void_%s"),
        "second": second or _second_form(turn),
        "may_ask_anew": may_send and not found.is_open and found.state != RequestState.SIGNED,
        "signed_copy": _signed_copy(found),
        "superseded_by": SignatureRequest.objects.visible_at(access.facility_ids)
        .filter(supersedes__request=found)
        .first(),
        "sealing": Sealing.objects.filter(request=found).first(),
        "certificate_problem": certificate.problem(now=now) if found.state == RequestState.SIGNED else "",
        "events": [timeline.told(event) for event in evidence.of(found)],
        "zone": found.facility.zone,
    }
    return respond(request, DOCUMENT, context, parts={}, status=422 if void or second else 200)


def _ways(found: SignatureRequest, turn: Any, may_send: bool) -> list[sending.Way]:
    return sending.ways(turn) if may_send and turn is not None and turn.role != SignerRole.STAFF else []


def _signed_copy(found: SignatureRequest) -> SignedDocument | None:
    return SignedDocument.objects.defer("content").filter(request=found).first()


def _second_form(turn: Any) -> SecondForm | None:
    if turn is None or not turn.request.signers.filter(role=SignerRole.SECOND, signed_at=None).exists():
        return None
    second = turn.request.signers.get(role=SignerRole.SECOND)
    initial = {"name": second.name, "email": second.email, "phone": second.phone}
    return SecondForm(initial=initial, auto_id="second_%s")


@require_POST
def send(request: HttpRequest, reference: UUID) -> HttpResponse:
    """To whoever's turn it is, by the channels ticked; by all that reach them where none was offered."""
    access = _may_send(request)
    found = request_of(access, reference)
    tell_sent(request, [found], access, channels=request.POST.getlist("channel") or None)
    return redirect("document", reference)


def tell_sent(
    request: HttpRequest,
    asked: list[SignatureRequest],
    access: Access,
    *,
    channels: list[str] | None = None,
) -> str:
    """Send them, and say what became of it. The words are also returned, empty where nothing was sent."""
    try:
        sent = sending.send(requests=asked, by=access.user, now=timezone.now(), channels=channels)
    except sending.CannotSend as refusal:
        messages.error(request, str(refusal))
        return ""
    text = f"Sent to {', '.join(dict.fromkeys(sent.addresses))}."
    if sent.unreached:
        text += f" Not reached: {', '.join(sent.unreached)}. They can sign on a device here."
    messages.success(request, text)
    return text


@require_POST
def void(request: HttpRequest, reference: UUID) -> HttpResponse:
    access, now = _may_send(request), timezone.now()
    found = request_of(access, reference)
    form = VoidForm(request.POST, auto_id="void_%s")
    if not form.is_valid():
        return _show(request, found, access, now, void=form)
    try:
        requests.void(request=found, reason=form.cleaned_data["reason"], by=access.user, now=now)
    except RequestRefused as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, "Voided. Its links lead nowhere now.")
    return redirect("document", reference)


@require_POST
def second(request: HttpRequest, reference: UUID) -> HttpResponse:
    """Who signs beside the customer."""
    access, now = _may_send(request), timezone.now()
    found = request_of(access, reference)
    signer = found.signers.filter(role=SignerRole.SECOND).first()
    if signer is None:
        raise Http404
    form = SecondForm(request.POST, auto_id="second_%s")
    if not form.is_valid():
        return _show(request, found, access, now, second=form)
    try:
        if not found.is_open:
            raise RequestRefused("It is no longer waiting for signatures.")
        requests.name_second_party(signer=signer, **form.cleaned_data, by=access.user, now=now)
    except RequestRefused as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, f"{signer.name} signs beside them.")
    return redirect("document", reference)


@require_POST
def sign(request: HttpRequest, reference: UUID) -> HttpResponse:
    """The user's own signature, on the same pages as everybody's."""
    access = access_of(request)
    access.demand(SEE_DOCUMENTS)
    found, staff = request_of(access, reference), staff_member_of(access.user)
    try:
        if staff is None:
            raise RequestRefused("Only a staff member can sign it.")
        token = asking.sign_as_staff(found, staff=staff, by=access.user, now=timezone.now())
    except RequestRefused as refusal:
        messages.error(request, str(refusal))
        return redirect("document", reference)
    return redirect("sign", token)


@require_POST
def anew(request: HttpRequest, reference: UUID) -> HttpResponse:
    access = _may_send(request)
    found = request_of(access, reference)
    try:
        made = asking.ask_anew(request=found, by=access.user, now=timezone.now())
    except RequestRefused as refusal:
        messages.error(request, str(refusal))
        return redirect("document", reference)
    messages.success(request, "Prepared. Send it when it is right.")
    return redirect("document", made.reference)


@require_POST
def seal_again(request: HttpRequest, reference: UUID) -> HttpResponse:
    access = _may_send(request)
    found = request_of(access, reference)
    row = get_object_or_404(Sealing, request=found)
    if sealing.try_again(row, now=timezone.now()):
        messages.success(request, "It is tried again now.")
    else:
        messages.info(request, "Nothing to try again: it is waiting or done.")
    return redirect("document", reference)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def kiosk(request: HttpRequest, reference: UUID) -> HttpResponse:
    """Hand this device over: a POST ends the session here, so that it shows nothing but what is to be signed."""
    access, now = _may_send(request), timezone.now()
    found = request_of(access, reference)
    turn = signing.whose_turn(found) if found.is_open else None
    if request.method != "POST" and turn is not None:
        to_sign = asking.theirs(found, turn, facilities=access.facility_ids)
        context = {"request_": found, "turn": turn, "to_sign": to_sign}
        return respond(request, KIOSK, context, parts={})
    try:
        token = asking.hand_over(found, facilities=access.facility_ids, by=access.user, now=now)
    except RequestRefused as refusal:
        messages.error(request, str(refusal))
        return redirect("document", reference)
    auth.logout(request)
    response = redirect("sign", token)
    # What this browser kept of staff pages must not come back with its Back button.
    response["Clear-Site-Data"] = '"cache"'
    return response


@never_cache
@require_safe
def paper(request: HttpRequest, reference: UUID) -> HttpResponse:
    """As it is before anybody signs, for reading or printing."""
    access = access_of(request)
    access.demand(SEE_DOCUMENTS)
    found = request_of(access, reference)
    return _pdf(rendering.unsigned(found, facts=facts.of(found, now=timezone.now())), "unsigned", found)


@never_cache
@require_POST
def copy(request: HttpRequest, reference: UUID) -> HttpResponse:
    """The sealed copy. That somebody took it goes on record, which is why it takes a POST."""
    access, now = access_of(request), timezone.now()
    access.demand(SEE_DOCUMENTS)
    found = request_of(access, reference)
    stored = get_object_or_404(SignedDocument.objects.select_related("key"), request=found)
    try:
        pdf = vault.open_copy(stored)
    except vault.CopyUnreadable as problem:
        messages.error(request, f"The signed copy cannot be opened. {problem} Tell an administrator.")
        return redirect("document", reference)
    evidence.record(found, kind=EventKind.DOWNLOADED, now=now, caller=Caller.of(request, by=access.user))
    return _pdf(pdf, "signed", found)


def _pdf(pdf: bytes, kind: str, found: SignatureRequest) -> HttpResponse:
    response = HttpResponse(pdf, content_type="application/pdf")
    response["Content-Disposition"] = f'inline; filename="{kind}-{found.reference}.pdf"'
    return response
