"""The evidence of a request as staff read it."""

from typing import Any, NamedTuple

from signatures.models import EventKind, SignatureEvent

HOW = {"drawn": "signature drawn", "typed": "name typed"}


class Told(NamedTuple):
    event: SignatureEvent
    what: str
    notes: list[str]


def told(event: SignatureEvent) -> Told:
    return Told(event, EventKind(event.kind).label, list(_notes(event.detail or {})))


def _notes(detail: dict[str, Any]) -> list[str]:
    notes = []
    if to := detail.get("to"):
        notes.append("To " + (", ".join(map(str, to)) if isinstance(to, list) else str(to)))
    if name := detail.get("name"):
        notes.append(f"As {name}, {HOW.get(detail.get('how', ''), 'signed')}")
    elif how := detail.get("how"):
        notes.append(str(how))
    if version := detail.get("version"):
        notes.append(f"Version {version}")
    if disclosure := detail.get("disclosure"):
        notes.append(f"Disclosure {disclosure['number']} ({disclosure['language']})")
    if form := detail.get("form"):
        notes.append(f"As {form}")
    if reason := detail.get("reason"):
        notes.append(f"Reason: {reason}")
    if digest := detail.get("sealed_sha256") or detail.get("sha256"):
        notes.append(f"SHA-256 {digest}")
    return notes
