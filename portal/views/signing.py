"""The pages behind a link to documents: look, agree, read, fill in and sign.

Looking changes nothing: mail scanners follow links. The forms need no cookie, which browsers within mail apps may not keep: their
address is a secret, and who could have somebody else send them could as well send them. Only the proof that somebody gave the
customer's birth date is kept in a cookie, for this browser alone.
"""

import hashlib
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import wraps
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods
from limits import parse

from portal import papers
from portal.pages import secret_page
from portal.papers import StrokesBroken
from securecare import limits
from securecare.client import address_of, network_of
from signatures import (
    content,
    disclosures,
    evidence,
    facts,
    fields,
    links,
    rendering,
    signing,
    uploads,
    vault,
)
from signatures.answers import Answers, Mark
from signatures.evidence import Caller
from signatures.models import EventKind, RequestState, SignatureLink, Signer, TemplateVersion

BIRTH_COOKIE = "sign-birth"
BIRTH_KNOWN_FOR = timedelta(hours=2)
PAGE_WIDTH = 1200
View = Callable[..., HttpResponse]


@dataclass(frozen=True)
class Visit:
    """Somebody who holds a link, and came by it now."""

    request: HttpRequest
    link: SignatureLink
    token: str
    now: datetime

    @property
    def caller(self) -> Caller:
        user: Any = self.request.user
        is_desk = self.link.channel == SignatureLink.Channel.DESK and user.is_authenticated
        return Caller.of(self.request, link=self.link, by=user if is_desk else None)

    def show(self, template: str, context: dict[str, Any] | None = None, status: int = 200) -> HttpResponse:
        frame = {
            "is_kiosk": self.link.is_kiosk,
            "facility": papers.shown_facility(self.link),
            "list": reverse("sign", args=[self.token]),
        }
        return render(self.request, template, {**frame, **(context or {})}, status=status)

    def go(self, name: str, *args: object) -> HttpResponse:
        answer = redirect(name, self.token, *args)
        answer.status_code = 303
        return answer

    def signer(self, reference: UUID) -> Signer:
        found = [each for each in links.signers_of(self.link) if each.request.reference == reference]
        if not found:
            raise Http404
        return min(found, key=lambda each: (each.signed_at is not None, each.place))


def visited(view: View) -> View:
    """For whoever holds the link; an expired or ended one says what to do."""

    @csrf_exempt
    @secret_page
    @require_http_methods(["GET", "HEAD", "POST"])
    @wraps(view)
    def opened(request: HttpRequest, token: str, *args: Any, **kwargs: Any) -> HttpResponse:
        link = links.find(token)
        if link is None or not _may_use(link, request):
            raise Http404
        visit = Visit(request, link, token, timezone.now())
        if not link.is_alive(visit.now):
            return visit.show("portal/sign_expired.html", status=410)
        return view(visit, *args, **kwargs)

    return opened


def _may_use(link: SignatureLink, request: HttpRequest) -> bool:
    """One to sign as a member of staff is theirs alone: a copy of its address is no signature."""
    return link.channel != SignatureLink.Channel.DESK or (
        request.user.is_authenticated and request.user.pk == link.created_by_id
    )


@visited
def sign(visit: Visit) -> HttpResponse:
    """What there is to sign. The button says that somebody has opened it."""
    if visit.request.method == "POST":
        return _begin(visit)
    listed = papers.papers(visit.link, visit.token)
    context = {"papers": listed, "to_sign": [each for each in listed if each.standing == papers.TO_SIGN]}
    return visit.show("portal/sign.html", context)


def _begin(visit: Visit) -> HttpResponse:
    open_ones = [each for each in links.signers_of(visit.link) if papers.standing(each) == papers.TO_SIGN]
    for signer in open_ones:
        try:
            signing.begin(signer, caller=visit.caller, now=visit.now)
        except signing.NoLongerOpen:
            continue
    if not open_ones:
        return visit.go("sign")
    return visit.go("sign-document", open_ones[0].request.reference)


@visited
def document(visit: Visit, reference: UUID) -> HttpResponse:
    """The step that its signer has come to."""
    signer = visit.signer(reference)
    if papers.standing(signer) != papers.TO_SIGN:
        is_late = visit.request.method == "POST"
        return visit.go("sign-document", reference) if is_late else _settled(visit, signer)
    if not papers.has_begun(visit.link, signer):
        return visit.go("sign")
    step = _step(visit, signer)
    try:
        return _STEPS[step](visit, signer)
    except signing.NoLongerOpen:
        return visit.go("sign-document", reference)


def _step(visit: Visit, signer: Signer) -> str:
    if papers.asks_birth_date(visit.link, signer) and not _has_given_birth_date(visit, signer):
        return "birth"
    return "paper" if signer.consented_at is not None else "disclosure"


# ----------------------------------------------------------------------------------------- birth date


def _birth(visit: Visit, signer: Signer) -> HttpResponse:
    if signer.request.customer.date_of_birth is None:
        return visit.show("portal/sign_locked.html", {"is_unknown": True})
    if not signing.may_try_birth_date(signer):
        return visit.show("portal/sign_locked.html", status=429)
    if visit.request.method != "POST":
        return visit.show("portal/sign_birth.html", {"paper": papers.paper(signer, visit.token)})
    rate = settings.BIRTH_DATES_PER_ADDRESS
    if not limits.allowed("birth dates before signing", network_of(address_of(visit.request)), rate):
        answer = visit.show("portal/sign_locked.html", status=429)
        answer.headers["Retry-After"] = str(parse(rate).get_expiry())
        return answer
    given = _date_in(visit.request)
    if given is None:
        return _birth_again(visit, signer, gettext("Give month, day and year, as 4 12 1991."))
    if not signing.check_birth_date(signer, given, caller=visit.caller, now=visit.now):
        return _birth_again(
            visit, signer, gettext("This is not the birth date we have. Please look again, or call us.")
        )
    answer = visit.go("sign-document", signer.request.reference)
    answer.set_signed_cookie(
        BIRTH_COOKIE,
        _birth_proof(visit, signer),
        salt=BIRTH_COOKIE,
        max_age=BIRTH_KNOWN_FOR,
        path=reverse("sign", args=[visit.token]),
        secure=settings.SECURE_COOKIES,
        httponly=True,
        samesite="Lax",
    )
    return answer


def _birth_again(visit: Visit, signer: Signer, problem: str) -> HttpResponse:
    context = {"paper": papers.paper(signer, visit.token), "problem": problem, "given": visit.request.POST}
    return visit.show("portal/sign_birth.html", context, status=422)


def _has_given_birth_date(visit: Visit, signer: Signer) -> bool:
    proof = visit.request.get_signed_cookie(
        BIRTH_COOKIE, default="", salt=BIRTH_COOKIE, max_age=BIRTH_KNOWN_FOR
    )
    return proof == _birth_proof(visit, signer)


def _birth_proof(visit: Visit, signer: Signer) -> str:
    return f"{visit.link.pk}:{signer.request.customer_id}"


def _date_in(request: HttpRequest) -> date | None:
    try:
        return date(*(int(request.POST.get(part, "")) for part in ("year", "month", "day")))
    except (ValueError, OverflowError):
        return None


# ------------------------------------------------------------------------------- electronic records


def _disclosure(visit: Visit, signer: Signer) -> HttpResponse:
    shown = disclosures.current(translation.get_language() or "", now=visit.now)
    if visit.request.method == "POST" and visit.request.POST.get("disclosure") == str(shown.pk):
        if visit.request.POST.get("agree") == "yes":
            _agree(visit, shown)
            return visit.go("sign-document", signer.request.reference)
        problem = gettext("Tick the box to go on, or ask us for paper.")
        return visit.show("portal/sign_disclosure.html", {**_told(shown), "problem": problem}, status=422)
    pdf = "" if visit.link.is_kiosk else _pdf_address(visit, signer)
    return visit.show("portal/sign_disclosure.html", {**_told(shown), "pdf": pdf})


def _told(disclosure: Any) -> dict[str, Any]:
    return {"disclosure": disclosure.pk, "words": disclosure.text.split("\n\n"), "number": disclosure.number}


def _agree(visit: Visit, disclosure: Any) -> None:
    """Once, for all that this link opens and that was begun."""
    for each in links.signers_of(visit.link):
        if papers.standing(each) == papers.TO_SIGN and papers.has_begun(visit.link, each):
            signing.consent(each, disclosure, caller=visit.caller, now=visit.now)


# ------------------------------------------------------------------------------------------ the paper


def _paper(visit: Visit, signer: Signer) -> HttpResponse:
    if visit.request.method == "POST" and visit.request.POST.get("step") == "sign":
        return _sign(visit, signer)
    if visit.request.method == "POST":
        return visit.go("sign-document", signer.request.reference)
    shown = content.digest(signer.request.version, facts.of(signer.request, now=visit.now))
    signing.viewed(signer, form="page", sha256=shown, caller=visit.caller, now=visit.now)
    # A device that others use next shows nobody what was filled in before.
    before = Answers() if visit.link.is_kiosk else papers.saved(signer)
    return _show_paper(visit, signer, before, {})


def _show_paper(
    visit: Visit, signer: Signer, given: Answers, problems: dict[str, str], *, status: int = 200
) -> HttpResponse:
    request = signer.request
    is_pdf = request.version.source == TemplateVersion.Source.PDF
    context: dict[str, Any] = {
        "paper": papers.paper(signer, visit.token),
        "pdf": "" if visit.link.is_kiosk else _pdf_address(visit, signer),
        "save": reverse("sign-save", args=[visit.token, request.reference]),
        "decline": reverse("sign-decline", args=[visit.token, request.reference]),
        "name": given.mark.name if given.mark else (signer.name if not visit.link.is_kiosk else ""),
        "strokes": json.dumps(given.mark.strokes) if given.mark and given.mark.is_drawn else "",
        "draws": visit.request.POST.get("how") == "draw",
        "problems": problems,
        "wrong": len(problems),
        "is_saved": signer.saved_at is not None and not problems and not visit.link.is_kiosk,
    }
    if is_pdf:
        context["pages"] = papers.pages(
            signer,
            given.values,
            problems,
            image=lambda page: reverse("sign-page", args=[visit.token, request.reference, page]),
            text=lambda page: uploads.page_text(bytes(request.version.pdf or b""), page),
        )
    else:
        context["body"] = papers.document(signer, given.values, problems, now=visit.now)
    return visit.show("portal/sign_document.html", context, status=status)


def _sign(visit: Visit, signer: Signer) -> HttpResponse:
    values, name = _values(visit, signer), visit.request.POST.get("name", "").strip()
    is_drawn = visit.request.POST.get("how") == "draw"
    try:
        strokes = papers.strokes_in(visit.request.POST.get("strokes", "")) if is_drawn else ()
    except StrokesBroken:
        problem = gettext("This drawing cannot be used. Clear it and draw again, or type your name instead.")
        return _show_paper(visit, signer, Answers(values, Mark(name)), {"mark": problem}, status=422)
    if is_drawn and not strokes:
        problem = gettext("Draw your signature in the box, or type your name instead.")
        return _show_paper(visit, signer, Answers(values, Mark(name)), {"mark": problem}, status=422)
    mark = Mark(" ".join(name.split()), strokes)
    try:
        signing.sign(signer, values=values, mark=mark, caller=visit.caller, now=visit.now)
    except signing.Incomplete as incomplete:
        return _show_paper(visit, signer, Answers(values, mark), incomplete.problems, status=422)
    except signing.NotTheirTurn:
        pass
    return visit.go("sign-document", signer.request.reference)


def _values(visit: Visit, signer: Signer) -> dict[str, str]:
    wanted = fields.of(signer.request.version)
    return fields.cleaned(wanted, visit.request.POST.dict(), role=signer.role)


@visited
def save(visit: Visit, reference: UUID) -> HttpResponse:
    """Keep what was filled in so far: sent by the page by itself, or by its button."""
    if visit.request.method != "POST":
        raise Http404
    signer = visit.signer(reference)
    if papers.standing(signer) != papers.TO_SIGN or _gate(visit, signer) or visit.link.is_kiosk:
        return visit.go("sign-document", reference)
    try:
        signing.save(signer, Answers(_values(visit, signer), _kept_name(visit)), now=visit.now)
    except signing.NoLongerOpen:
        return visit.go("sign-document", reference)
    if visit.request.headers.get("Accept", "").startswith("application/json"):
        return HttpResponse(status=204)
    return visit.show("portal/sign_saved.html", {"paper": papers.paper(signer, visit.token)})


def _kept_name(visit: Visit) -> Mark | None:
    name = " ".join(visit.request.POST.get("name", "").split())[: signing.NAME_LIMIT]
    return Mark(name) if name else None


@visited
def decline(visit: Visit, reference: UUID) -> HttpResponse:
    signer = visit.signer(reference)
    if papers.standing(signer) != papers.TO_SIGN or _gate(visit, signer):
        return visit.go("sign-document", reference)
    if visit.request.method != "POST":
        return visit.show("portal/sign_decline.html", {"paper": papers.paper(signer, visit.token)})
    # The database keeps no NUL, and no other control character is a word.
    reason = "".join(c for c in " ".join(visit.request.POST.get("reason", "").split()) if c.isprintable())
    with suppress(signing.NoLongerOpen):
        signing.decline(signer, reason=reason, caller=visit.caller, now=visit.now)
    return visit.go("sign-document", reference)


def _gate(visit: Visit, signer: Signer) -> bool:
    """Whether something comes before the paper: it must not be seen, or acted on, yet."""
    return not papers.has_begun(visit.link, signer) or _step(visit, signer) != "paper"


# ------------------------------------------------------------------------------ papers, copies, ends


@visited
def pdf(visit: Visit, reference: UUID) -> HttpResponse:
    """The document as it is shown, as a PDF."""
    signer = visit.signer(reference)
    is_birth_missing = papers.asks_birth_date(visit.link, signer) and not _has_given_birth_date(visit, signer)
    if (
        papers.standing(signer) != papers.TO_SIGN
        or not papers.has_begun(visit.link, signer)
        or is_birth_missing
        or visit.link.is_kiosk
    ):
        return visit.go("sign-document", reference)
    made = rendering.unsigned(signer.request, facts=facts.of(signer.request, now=visit.now))
    digest = hashlib.sha256(made).digest()
    signing.viewed(signer, form="PDF", sha256=digest, caller=visit.caller, now=visit.now)
    return _file(made, signer.request.template.title)


@visited
def page(visit: Visit, reference: UUID, number: int) -> HttpResponse:
    """One page of an uploaded document, as an image."""
    signer = visit.signer(reference)
    version = signer.request.version
    if _gate(visit, signer) or not 0 <= number < len(version.pdf_pages):
        raise Http404
    return HttpResponse(
        uploads.page_image(bytes(version.pdf or b""), number, width=PAGE_WIDTH), content_type="image/png"
    )


@visited
def copy(visit: Visit, reference: UUID) -> HttpResponse:
    """The sealed copy, for whoever signed it; not on a device that others use."""
    signer = visit.signer(reference)
    request = signer.request
    if request.state != RequestState.SEALED or signer.signed_at is None or visit.link.is_kiosk:
        return visit.go("sign-document", reference)
    if papers.asks_birth_date(visit.link, signer) and not _has_given_birth_date(visit, signer):
        return _birth(visit, signer)
    made = vault.open_copy(request.document)
    evidence.record(request, kind=EventKind.DOWNLOADED, now=visit.now, signer=signer, caller=visit.caller)
    return _file(made, request.document.title)


def _settled(visit: Visit, signer: Signer) -> HttpResponse:
    listed = papers.papers(visit.link, visit.token)
    shown = papers.paper(signer, visit.token)
    after = [each for each in listed if each.standing == papers.TO_SIGN]
    context = {
        "paper": shown,
        "next": after[0] if after else None,
        "is_sealing": signer.request.state == RequestState.SIGNED,
        "copy": reverse("sign-copy", args=[visit.token, signer.request.reference])
        if shown.has_copy and not visit.link.is_kiosk
        else "",
    }
    return visit.show("portal/sign_done.html", context)


def _pdf_address(visit: Visit, signer: Signer) -> str:
    return reverse("sign-pdf", args=[visit.token, signer.request.reference])


def _file(data: bytes, title: str) -> HttpResponse:
    name = "".join(c if c.isalnum() else "-" for c in title).strip("-")[:80] or "document"
    answer = HttpResponse(data, content_type="application/pdf")
    answer.headers["Content-Disposition"] = (
        f'inline; filename="{name.encode("ascii", "ignore").decode() or "document"}.pdf"'
    )
    return answer


_STEPS: dict[str, Callable[[Visit, Signer], HttpResponse]] = {
    "birth": _birth,
    "disclosure": _disclosure,
    "paper": _paper,
}
