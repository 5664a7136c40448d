"""Documents as PDFs: as they are shown before anybody signs, and as they are sealed, with the evidence behind them."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.template.loader import render_to_string
from django.utils import translation
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from appointments.branding import brand
from securecare import wording
from signatures import content, fields, markup, overlay
from signatures.answers import BOX, Answers, Mark
from signatures.fields import Field
from signatures.models import SignatureEvent, SignatureRequest, Signer, TemplateVersion

# Documents are the organisation's papers: their frame is in its language, whatever the reader's.
LANGUAGE = "en"


class CannotRender(Exception):
    """What draws PDFs is not installed here; the text says what to do."""


@dataclass(frozen=True)
class SignatureBlock:
    """Where somebody signs, or has signed."""

    role: str
    name: str = ""
    written: str = ""
    at: str = ""


@dataclass(frozen=True)
class EvidenceLine:
    at: str
    what: str
    who: str
    details: tuple[str, ...]
    digest: str


def unsigned(request: SignatureRequest, *, facts: Mapping[str, str]) -> bytes:
    """The document as it is shown: with its facts, and room for what is to be filled in."""
    with translation.override(LANGUAGE):
        blocks = [SignatureBlock(role=str(signer.get_role_display())) for signer in _signers(request)]
        context = {**_frame(request), "blocks": blocks}
        if request.version.source == TemplateVersion.Source.PDF:
            return overlay.filled(
                request.version,
                facts=facts,
                values={},
                after=_pdf("signatures/pdf/blocks.html", context, request),
            )
        context["body"] = markup.render(request.version.body, facts=facts, draw=_blank)
        return _pdf("signatures/pdf/document.html", context, request)


def signed(
    request: SignatureRequest, *, answers: Mapping[int, Answers], events: Sequence[SignatureEvent]
) -> bytes:
    """The final document: what everybody filled in and signed with, and the evidence. `answers` by the signer's place."""
    with translation.override(LANGUAGE):
        values = _values(request, answers)
        signers = _signers(request)
        context = {
            **_frame(request),
            "blocks": [_signed_block(request, signer, answers[signer.place].mark) for signer in signers],
            "evidence": evidence_of(request, signers, events),
        }
        if request.version.source == TemplateVersion.Source.PDF:
            after = _pdf("signatures/pdf/signed_blocks.html", context, request)
            return overlay.filled(request.version, facts=request.facts, values=values, after=after)
        context["body"] = markup.render(
            request.version.body, facts=request.facts, draw=lambda field: _filled(field, values)
        )
        return _pdf("signatures/pdf/signed.html", context, request)


def evidence_of(
    request: SignatureRequest, signers: Sequence[Signer], events: Sequence[SignatureEvent]
) -> dict[str, Any]:
    """What the evidence page says."""
    return {
        "shown_sha256": content.digest(request.version, request.facts).hex(),
        "last_digest": bytes(events[-1].digest).hex() if events else "",
        "signers": signers,
        "lines": [_evidence_line(event, request.facility.zone) for event in events],
    }


# --------------------------------------------------------------------------------------------- fields


def _blank(field: Field) -> str:
    if field.kind == "tick":
        return format_html('<span class="tick"></span> {}', field.label)
    return format_html(
        '<span class="label">{}:</span> <span class="blank {}"></span>', field.label, field.kind
    )


def _filled(field: Field, values: Mapping[str, str]) -> str:
    value = values.get(field.name, "")
    if field.kind == "tick":
        mark = (
            mark_safe('<span class="tick"><span class="ticked"></span></span>')
            if value
            else mark_safe('<span class="tick"></span>')
        )
        return format_html("{} {}", mark, field.label)
    return format_html(
        '<span class="label">{}:</span> <span class="answer {}">{}</span>',
        field.label,
        field.kind,
        overlay.said(field.kind, value) or "–",
    )


def _values(request: SignatureRequest, answers: Mapping[int, Answers]) -> dict[str, str]:
    """By name of a field, what its own signer gave."""
    roles = {signer.role: signer.place for signer in request.signers.all()}
    wanted = fields.of(request.version)
    return {
        field.name: answers[roles[field.role]].values.get(field.name, "")
        for field in wanted
        if field.role in roles and roles[field.role] in answers
    }


# ----------------------------------------------------------------------------------------- signatures


def _signers(request: SignatureRequest) -> list[Signer]:
    return list(request.signers.select_related("disclosure").order_by("place"))


def _signed_block(request: SignatureRequest, signer: Signer, mark: Mark | None) -> SignatureBlock:
    if mark is None or signer.signed_at is None:
        raise ValueError(f"Signer {signer.place} of request {request.reference} has not signed.")
    return SignatureBlock(
        role=str(signer.get_role_display()),
        name=signer.signed_as,
        written=drawn(mark) if mark.is_drawn else format_html('<span class="typed">{}</span>', mark.name),
        at=_moment(signer.signed_at, request.facility.zone),
    )


def drawn(mark: Mark) -> SafeString:
    """The strokes as SVG."""
    path = " ".join(
        "M" + " L".join(f"{x} {y}" for x, y in (stroke if len(stroke) > 1 else stroke * 2))
        for stroke in mark.strokes
    )
    return format_html(
        '<svg class="drawn" viewBox="0 0 {} {}" xmlns="http://www.w3.org/2000/svg">'
        '<path d="{}" fill="none" stroke="#10243e" stroke-width="6" stroke-linecap="round"'
        ' stroke-linejoin="round"/></svg>',
        *BOX,
        path,
    )


# ------------------------------------------------------------------------------------------- evidence


def _evidence_line(event: SignatureEvent, zone: Any) -> EvidenceLine:
    who = str(event.signer) if event.signer else ""
    if event.by is not None:
        staff = getattr(event.by, "staff_member", None)
        who = str(staff or event.by.get_username())
    return EvidenceLine(
        at=f"{event.at:%Y-%m-%d %H:%M:%S} UTC",
        what=event.get_kind_display(),
        who=who,
        details=tuple(_details(event)),
        digest=bytes(event.digest).hex()[:16],
    )


def _details(event: SignatureEvent) -> list[str]:
    found = [_detail(name, value) for name, value in event.detail.items() if value]
    if event.link is not None and event.link.address:
        found.append(f"by the link sent to {event.link.address}")
    elif event.link is not None:
        found.append(f"by a link: {event.link.get_channel_display().lower()}")
    if event.ip:
        found.append(f"from {event.ip}")
    if event.user_agent:
        found.append(event.user_agent[:160])
    return found


def _detail(name: str, value: Any) -> str:
    if isinstance(value, Mapping):
        value = ", ".join(f"{key} {said}" for key, said in value.items())
    elif isinstance(value, list):
        value = ", ".join(map(str, value))
    return f"{name.replace('_', ' ')}: {value}"


# ------------------------------------------------------------------------------------------------ PDF


def _frame(request: SignatureRequest) -> dict[str, Any]:
    return {"request": request, "title": request.template.title, "organisation": brand().name}


def _moment(at: datetime, zone: Any) -> str:
    return f"{wording.day_of(at, zone)}, {at:%Y}, {wording.clock_with_zone(at, zone)}"


def _pdf(template: str, context: dict[str, Any], request: SignatureRequest) -> bytes:
    """By WeasyPrint, which fetches nothing; the same document gives the same bytes."""
    html = render_to_string(template, context)
    identifier = hashlib.sha256(f"{request.reference}/{template}".encode()).digest()[:16]
    return pages_of(html, identifier=identifier)


def pages_of(html: str, *, identifier: bytes) -> bytes:
    try:
        from weasyprint import HTML  # it takes a second to load, and few processes need it
        from weasyprint.text.fonts import FontConfiguration
    except OSError as error:
        raise CannotRender("PDFs cannot be made here: install Pango (libpangoft2-1.0-0).") from error

    made: bytes = HTML(string=html, url_fetcher=_nothing_fetched(), base_url=None).write_pdf(
        font_config=FontConfiguration(), pdf_identifier=identifier
    )
    return made


def _nothing_fetched() -> Any:
    from weasyprint.urls import URLFetcher

    class NothingFetched(URLFetcher):
        """Refuses every address, also those of files and data."""

        def fetch(self, url: str, headers: Any = None) -> Any:
            raise ValueError(f"Documents fetch nothing: {url[:100]}")

    return NothingFetched()
