"""What signers fill in: the fields of a version, and whether what was given will do."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from signatures import markup
from signatures.models import SignerRole, TemplateVersion


@dataclass(frozen=True)
class Field:
    """`name` is f1, f2, … in the order of the document; `kind` text, long, tick, initials or date; `role` who fills it in.

    `place` is where it stands on an uploaded PDF: one of `TemplateVersion.placements`.
    """

    name: str
    kind: str
    label: str
    is_required: bool
    role: str = SignerRole.CUSTOMER
    place: Mapping[str, Any] | None = None


def of(version: TemplateVersion) -> list[Field]:
    return markup.fields(version.body)


def problems(wanted: list[Field], values: Mapping[str, str], *, role: str) -> dict[str, str]:
    """By name of a field of this signer, what is missing or wrong, in the reader's language."""
    return {}


def cleaned(wanted: list[Field], values: Mapping[str, str], *, role: str) -> dict[str, str]:
    """The values of this signer's fields, and no others."""
    return {}
