"""What a document shows its signers, and the digest by which a seal names it."""

import hashlib
import json
from collections.abc import Mapping

from signatures import markup
from signatures.models import TemplateVersion


def digest(version: TemplateVersion, facts: Mapping[str, str]) -> bytes:
    """SHA-256 of what is shown before anybody has filled in anything: the text with its facts; of an uploaded PDF its bytes,
    with what is placed on them."""
    if version.source == TemplateVersion.Source.PDF:
        placed = json.dumps([version.placements, dict(facts)], sort_keys=True)
        return hashlib.sha256(hashlib.sha256(bytes(version.pdf or b"")).digest() + placed.encode()).digest()
    shown = markup.render(version.body, facts=facts, draw=lambda field: f"[{field.kind}: {field.label}]")
    return hashlib.sha256(shown.encode()).digest()
