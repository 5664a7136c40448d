"""The record of a request: each event carries the digest of itself and the one before, so none can be changed, left out or put
in between without all later ones telling. The sealed PDF prints the last one."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import connection, transaction
from django.http import HttpRequest

from securecare.client import address_of
from signatures.models import SignatureEvent, SignatureLink, SignatureRequest, Signer

START = bytes(32)
USER_AGENT_LIMIT = 300


@dataclass(frozen=True)
class Caller:
    """Who is at the other end: by which link or as which user, from where, with what."""

    ip: str | None = None
    user_agent: str = ""
    link: SignatureLink | None = None
    by: User | None = None

    @classmethod
    def of(
        cls, request: HttpRequest, *, link: SignatureLink | None = None, by: User | None = None
    ) -> "Caller":
        agent = "".join(c for c in request.headers.get("User-Agent", "") if c.isprintable())
        return cls(address_of(request), agent[:USER_AGENT_LIMIT], link, by)


NOBODY = Caller()
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 6))"


@transaction.atomic
def record(
    request: SignatureRequest,
    *,
    kind: str,
    now: datetime,
    signer: Signer | None = None,
    caller: Caller = NOBODY,
    **detail: Any,
) -> SignatureEvent:
    """Append an event, in the caller's transaction: those of one request are written one after the other.

    `detail` is JSON; it says where something was sent, which disclosure, which bytes, why.
    """
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, [f"evidence of {request.reference}"])
    last = SignatureEvent.objects.filter(request=request).order_by("-number").first()
    event = SignatureEvent(
        request=request,
        number=last.number + 1 if last else 1,
        kind=kind,
        at=now,
        signer=signer,
        by=caller.by,
        link=caller.link,
        ip=caller.ip,
        user_agent=caller.user_agent,
        detail=detail,
        previous=bytes(last.digest) if last else START,
    )
    event.digest = digest(event)
    event.save(force_insert=True)
    return event


def digest(event: SignatureEvent) -> bytes:
    """SHA-256 of all that the event says, and of the one before it."""
    said = {
        "request": str(event.request.reference),
        "number": event.number,
        "kind": str(event.kind),
        "at": event.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "signer": event.signer.place if event.signer else None,
        "by": event.by_id,
        "link": event.link_id,
        "ip": event.ip,
        "user_agent": event.user_agent,
        "detail": event.detail,
    }
    text = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(bytes(event.previous) + text.encode()).digest()


def of(request: SignatureRequest) -> list[SignatureEvent]:
    """The events in order, with what telling them needs."""
    rows = SignatureEvent.objects.filter(request=request).order_by("number")
    return list(rows.select_related("request", "signer", "by__staff_member", "link"))


def breaks(events: Iterable[SignatureEvent]) -> list[str]:
    """What is wrong with a whole chain, from its first event, in words that name the event."""
    found, before, number = [], START, 0
    for event in events:
        number += 1
        if event.number != number:
            found.append(f"Event {number} of the evidence is missing.")
            number = event.number
        elif bytes(event.previous) != before:
            found.append(f"Event {number} of the evidence does not follow from the one before it.")
        if digest(event) != bytes(event.digest):
            found.append(f"Event {number} of the evidence was changed.")
        before = bytes(event.digest)
    return found
