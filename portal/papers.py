"""What a link to documents opens: where its holder stands with each, and what of a document they are shown."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from portal.showing import ShownFacility
from signatures import answers as stored
from signatures import facts, fields, links, markup, signing
from signatures.answers import BOX, Answers, Stroke
from signatures.fields import Field
from signatures.models import EventKind, RequestState, SignatureEvent, SignatureLink, Signer, SignerRole

STROKES_LIMIT = 64 * 1024
TO_SIGN, SIGNED, WAITS, DECLINED, VOIDED = "to_sign", "signed", "waits", "declined", "voided"


class StrokesBroken(ValueError):
    """This is no drawing."""


@dataclass(frozen=True)
class Paper:
    """One document of a link, as its list names it."""

    reference: UUID
    title: str
    standing: str
    address: str
    has_copy: bool


@dataclass(frozen=True)
class ShownField:
    name: str
    kind: str
    label: str
    is_required: bool
    value: str
    problem: str

    @property
    def id(self) -> str:
        return f"id_{self.name}"


@dataclass(frozen=True)
class ShownPage:
    """A page of an uploaded PDF, with the fields that stand on it."""

    number: int
    image: str
    text: str
    fields: tuple[ShownField, ...]


def papers(link: SignatureLink, token: str) -> list[Paper]:
    return [paper(signer, token) for signer in links.signers_of(link)]


def paper(signer: Signer, token: str) -> Paper:
    request = signer.request
    return Paper(
        request.reference,
        request.template.title,
        standing(signer),
        reverse("sign-document", args=[token, request.reference]),
        request.state == RequestState.SEALED,
    )


def standing(signer: Signer) -> str:
    request = signer.request
    if request.state in (RequestState.DECLINED, RequestState.VOIDED):
        return DECLINED if request.state == RequestState.DECLINED else VOIDED
    if signer.signed_at is not None:
        return SIGNED
    return TO_SIGN if signing.whose_turn(request) == signer else WAITS


def has_begun(link: SignatureLink, signer: Signer) -> bool:
    """Whether somebody pressed the button behind this link: a mail scanner that follows it has not."""
    return SignatureEvent.objects.filter(signer=signer, kind=EventKind.OPENED, link=link).exists()


def asks_birth_date(link: SignatureLink, signer: Signer) -> bool:
    """Not of those whom staff, or a sign-in, have made known."""
    sent_out = link.channel in (SignatureLink.Channel.EMAIL, SignatureLink.Channel.PHONE)
    return sent_out and signer.role == SignerRole.CUSTOMER and signer.request.template.asks_birth_date


def shown_facility(link: SignatureLink) -> ShownFacility | None:
    signers = links.signers_of(link)
    return ShownFacility.of(signers[0].request.facility) if signers else None


def strokes_in(text: str) -> tuple[Stroke, ...]:
    """A drawing as the page sends it: a list of strokes, each a list of [x, y] in the box. Raises StrokesBroken."""
    if not text.strip():
        return ()
    if len(text) > STROKES_LIMIT:
        raise StrokesBroken
    try:
        return tuple(
            tuple(map(_point, _list(stroke))) for stroke in _list(json.loads(text), may_be_empty=True)
        )
    except (ValueError, RecursionError) as error:
        raise StrokesBroken from error


def _list(found: object, *, may_be_empty: bool = False) -> list[object]:
    if not isinstance(found, list) or not (found or may_be_empty):
        raise StrokesBroken
    return found


def _point(point: object) -> tuple[int, int]:
    if not isinstance(point, list) or len(point) != 2:
        raise StrokesBroken
    x, y = point
    # Not isinstance: true and false are integers too.
    if not (type(x) is int and type(y) is int and 0 <= x <= BOX[0] and 0 <= y <= BOX[1]):
        raise StrokesBroken
    return x, y


# ------------------------------------------------------------------------------------- the document


def document(
    signer: Signer, given: Mapping[str, str], problems: Mapping[str, str], *, now: datetime
) -> SafeString:
    """One written here, as HTML: with what the signers before filled in, and inputs for this one's fields."""
    request = signer.request
    others = _given_by_others(signer)

    def draw(field: Field) -> str:
        if field.role == signer.role:
            return _input(shown_field(field, given, problems))
        return _settled(field, others.get(field.name))

    return markup.render(request.version.body, facts=facts.of(request, now=now), draw=draw)


def pages(
    signer: Signer,
    given: Mapping[str, str],
    problems: Mapping[str, str],
    *,
    image: Callable[[int], str],
    text: Callable[[int], str],
) -> list[ShownPage]:
    """An uploaded one, page by page, with this signer's fields under the page that they stand on."""
    version = signer.request.version
    own = [field for field in fields.of(version) if field.role == signer.role]
    return [
        ShownPage(
            number,
            image(number),
            text(number),
            tuple(
                shown_field(field, given, problems)
                for field in own
                if field.place is not None and field.place["page"] == number
            ),
        )
        for number in range(len(version.pdf_pages))
    ]


def shown_field(field: Field, given: Mapping[str, str], problems: Mapping[str, str]) -> ShownField:
    return ShownField(
        field.name,
        field.kind,
        field.label,
        field.is_required,
        given.get(field.name, ""),
        problems.get(field.name, ""),
    )


def _given_by_others(signer: Signer) -> dict[str, str]:
    """What was filled in by those who have signed before, by name of the field."""
    found: dict[str, str] = {}
    for other in signer.request.signers.filter(signed_at__isnull=False).select_related("request"):
        found |= stored.read(other).values
    return found


def _settled(field: Field, value: str | None) -> SafeString:
    said = value or (gettext("for somebody else") if value is None else "–")
    if field.kind == "tick":
        said = "✓" if value else "☐"
    return format_html('<span class="settled">{}: <b>{}</b></span>', field.label, said)


def _input(shown: ShownField) -> SafeString:
    """With its label, wherever in a sentence the field stands."""
    return render_to_string("portal/_paper_field.html", {"field": shown})


def saved(signer: Signer) -> Answers:
    """What they filled in before; nothing where it cannot be read: they fill it in once more."""
    try:
        return stored.read(signer)
    except stored.AnswersUnreadable:
        return Answers()
