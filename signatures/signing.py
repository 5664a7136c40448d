"""What a signer does, from opening the link to the signature: each step recorded as evidence, in its own transaction.

The order is fixed: begin, give the birth date where it is asked for, agree to electronic records, read, fill in, sign. Signers
come one after the other; whoever signs last sets the sealing in motion.
"""

import hashlib
from collections.abc import Mapping
from datetime import date, datetime

from django.db import transaction
from django.utils.translation import gettext

from securecare import outbox
from signatures import answers as stored
from signatures import evidence, facts, fields, requests, sending
from signatures.answers import Answers, Mark
from signatures.evidence import Caller
from signatures.models import (
    OPEN_STATES,
    Disclosure,
    EventKind,
    RequestState,
    Sealing,
    SignatureEvent,
    SignatureRequest,
    Signer,
)

NAME_LIMIT = 161
MOST_STROKES = 300
MOST_POINTS = 6_000
LEAST_POINTS = 8
MOST_WRONG_DATES = 10


class NoLongerOpen(Exception):
    """The request was signed, declined or voided meanwhile: `request` is its present state."""

    def __init__(self, request: SignatureRequest) -> None:
        super().__init__("This document is no longer waiting for a signature.")
        self.request = request


class NotTheirTurn(Exception):
    """Somebody else has to sign first."""


class Incomplete(Exception):
    """`problems`: by name of a field, or "mark" and "name", what is missing or wrong, in the reader's language."""

    def __init__(self, problems: dict[str, str]) -> None:
        super().__init__("Some of it is missing or not right.")
        self.problems = problems


@transaction.atomic
def begin(signer: Signer, *, caller: Caller, now: datetime) -> None:
    """They want to see it: what it says of people and dates is frozen. Recorded once for each link."""
    request = _open(signer)
    _freeze_facts(request, now=now)
    _record_once(signer, EventKind.OPENED, caller=caller, now=now)
    if caller.link is not None and caller.link.is_kiosk:
        _record_once(signer, EventKind.IDENTITY, caller=caller, now=now, how="By staff at the facility")


def check_birth_date(signer: Signer, given: date | None, *, caller: Caller, now: datetime) -> bool:
    """Whether it is the customer's. After many wrong ones no link asks any more: staff see why and send a new one."""
    with transaction.atomic():
        request = _open(signer)
        is_right = given is not None and given == request.customer.date_of_birth
        kind = EventKind.IDENTITY if is_right else EventKind.IDENTITY_FAILED
        evidence.record(request, kind=kind, now=now, signer=signer, caller=caller)
        if is_right:
            signer.identity_checked_at = now
            signer.save(update_fields=["identity_checked_at"])
    return is_right


def may_try_birth_date(signer: Signer) -> bool:
    """Not after too many wrong ones since it was last sent to them."""
    events = SignatureEvent.objects.filter(request=signer.request_id).order_by("number")
    kinds = list(events.values_list("kind", flat=True))
    sent = max((n for n, kind in enumerate(kinds) if kind == EventKind.SENT), default=-1)
    return kinds[sent + 1 :].count(EventKind.IDENTITY_FAILED) < MOST_WRONG_DATES


@transaction.atomic
def consent(signer: Signer, disclosure: Disclosure, *, caller: Caller, now: datetime) -> None:
    """They agree to electronic records, having read this. Again only when the words are others."""
    request = _open(signer)
    if signer.consented_at is not None and signer.disclosure_id == disclosure.pk:
        return
    said = {"language": disclosure.language, "number": disclosure.number, "sha256": _sha256(disclosure.text)}
    evidence.record(request, kind=EventKind.DISCLOSED, now=now, signer=signer, caller=caller, disclosure=said)
    evidence.record(request, kind=EventKind.CONSENTED, now=now, signer=signer, caller=caller, disclosure=said)
    signer.consented_at, signer.disclosure = now, disclosure
    signer.save(update_fields=["consented_at", "disclosure"])


@transaction.atomic
def viewed(signer: Signer, *, form: str, sha256: bytes, caller: Caller, now: datetime) -> None:
    """The document was shown to them: `form` is "page" or "PDF", `sha256` that of what was. Recorded once for each link and form."""
    request = requests.locked(signer.request)
    if request.state not in OPEN_STATES or signer.signed_at is not None:
        return
    _record_once(signer, EventKind.VIEWED, caller=caller, now=now, form=form, sha256=sha256.hex())
    if signer.viewed_at is None:
        signer.viewed_at = now
        signer.save(update_fields=["viewed_at"])


@transaction.atomic
def save(signer: Signer, answers: Answers, *, now: datetime) -> None:
    """Keep what they have filled in so far. Raises NoLongerOpen."""
    _open(signer)
    _keep(signer, answers, now=now)


def sign(
    signer: Signer, *, values: Mapping[str, str], mark: Mark, caller: Caller, now: datetime
) -> SignatureRequest:
    """Sign it, once. Raises Incomplete, NotTheirTurn, and NoLongerOpen (also for a second tab)."""
    with transaction.atomic():
        request = _open(signer)
        _check_turn(request, signer)
        wanted = fields.of(request.version)
        problems = fields.problems(wanted, values, role=signer.role) | _mark_problems(mark)
        if problems:
            _keep(signer, Answers(fields.cleaned(wanted, values, role=signer.role), mark), now=now)
        else:
            answers = Answers(fields.cleaned(wanted, values, role=signer.role), mark)
            _finish(request, signer, answers, caller=caller, now=now)
    if problems:
        raise Incomplete(problems)
    return request


@transaction.atomic
def decline(signer: Signer, *, reason: str, caller: Caller, now: datetime) -> None:
    """They will not sign it. Raises NoLongerOpen."""
    request = _open(signer)
    requests.close(request, state=RequestState.DECLINED, reason=reason, by=caller.by, now=now)
    evidence.record(
        request,
        kind=EventKind.DECLINED,
        now=now,
        signer=signer,
        caller=caller,
        reason=request.closed_reason,
    )


def _freeze_facts(request: SignatureRequest, *, now: datetime) -> None:
    if not request.facts:
        request.facts, request.opened_at = facts.of(request, now=now), now
        request.save(update_fields=["facts", "opened_at"])


def whose_turn(request: SignatureRequest) -> Signer | None:
    """The first who has not signed."""
    return request.signers.filter(signed_at=None).order_by("place").first()


def _finish(
    request: SignatureRequest, signer: Signer, answers: Answers, *, caller: Caller, now: datetime
) -> None:
    assert answers.mark is not None  # noqa: S101 - checked before
    _freeze_facts(request, now=now)
    how = "drawn" if answers.mark.is_drawn else "typed"
    signer.signed_at, signer.signed_as, signer.signed_by = now, answers.mark.name, caller.by
    _keep(signer, answers, now=now)
    evidence.record(
        request,
        kind=EventKind.SIGNED,
        now=now,
        signer=signer,
        caller=caller,
        name=answers.mark.name,
        how=how,
        answers=_sha256(repr((sorted(answers.values.items()), answers.mark.strokes))),
    )
    if whose_turn(request) is not None:
        sending.ask_next(request, now=now)
        return
    requests.close(request, state=RequestState.SIGNED, now=now)
    from signatures.tasks import seal  # tasks come last: they import what seals

    sealing = Sealing.objects.create(request=request, created_at=now, due_at=now)
    outbox.queue_on_commit(seal, sealing, now=now)


def _open(signer: Signer) -> SignatureRequest:
    """The request under lock, and the signer as they stand then. Raises NoLongerOpen."""
    request = requests.locked(signer.request)
    signer.refresh_from_db()
    signer.request = request
    if request.state not in OPEN_STATES or signer.signed_at is not None:
        raise NoLongerOpen(request)
    return request


def _check_turn(request: SignatureRequest, signer: Signer) -> None:
    if whose_turn(request) != signer:
        raise NotTheirTurn
    if signer.consented_at is None:
        raise NotTheirTurn


def _keep(signer: Signer, answers: Answers, *, now: datetime) -> None:
    for name, value in stored.sealed(answers, signer).items():
        setattr(signer, name, value)
    signer.saved_at = now
    signer.save()


def _mark_problems(mark: Mark) -> dict[str, str]:
    found = {}
    if len(" ".join(mark.name.split())) < 2 or not any(c.isalpha() for c in mark.name):
        found["name"] = gettext("Write your full name.")
    elif len(mark.name) > NAME_LIMIT or not mark.name.isprintable():
        found["name"] = gettext("Write your name in at most %(most)d letters.") % {"most": NAME_LIMIT}
    points = sum(map(len, mark.strokes))
    if mark.is_drawn and points < LEAST_POINTS:
        found["mark"] = gettext(
            "This is too small for a signature. Draw it again, or type your name instead."
        )
    if len(mark.strokes) > MOST_STROKES or points > MOST_POINTS:
        found["mark"] = gettext("This drawing is too large. Clear it and draw only your signature.")
    return found


def _record_once(signer: Signer, kind: str, *, caller: Caller, now: datetime, **detail: str) -> None:
    """Not again for the same link and the same words."""
    rows = SignatureEvent.objects.filter(signer=signer, kind=kind, link=caller.link, detail=detail)
    if not rows.exists():
        evidence.record(signer.request, kind=kind, now=now, signer=signer, caller=caller, **detail)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
