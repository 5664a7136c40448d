"""What signers fill in: the fields of a version, and whether what was given will do."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.utils.translation import gettext

from signatures.models import SignerRole, TemplateVersion

TEXT, LONG, TICK, INITIALS, DATE = "text", "long", "tick", "initials", "date"
KINDS = (TEXT, LONG, TICK, INITIALS, DATE)
TICKED = "yes"
MOST_LETTERS = {TEXT: 200, LONG: 2000, INITIALS: 10}
# Nobody who signs was born before this year, and no plan reaches beyond that one.
YEARS = (1900, 2200)


@dataclass(frozen=True)
class Field:
    """`name` is f1, f2, … in the order of the document; `kind` text, long, tick, initials or date; `role` who fills it in.

    `place` is where it stands on an uploaded PDF: one of `TemplateVersion.placements`.
    """

    name: str
    kind: str
    label: str
    is_required: bool
    role: str = SignerRole.CUSTOMER.value
    place: Mapping[str, Any] | None = None


def of(version: TemplateVersion) -> list[Field]:
    from signatures import markup  # it builds on Field

    return placed(version) if version.source == TemplateVersion.Source.PDF else markup.fields(version.body)


def placed(version: TemplateVersion) -> list[Field]:
    """The inputs on an uploaded PDF. What else is placed there is filled in from facts."""
    inputs = [place for place in version.placements if place["kind"] in KINDS]
    return [
        Field(f"f{number}", place["kind"], place["label"], place["is_required"], place["role"], place)
        for number, place in enumerate(inputs, start=1)
    ]


def problems(wanted: list[Field], values: Mapping[str, str], *, role: str) -> dict[str, str]:
    """By name of a field of this signer, what is missing or wrong, in the reader's language."""
    found = {field.name: _problem(field, _given(field, values)) for field in wanted if field.role == role}
    return {name: problem for name, problem in found.items() if problem}


def cleaned(wanted: list[Field], values: Mapping[str, str], *, role: str) -> dict[str, str]:
    """The values of this signer's fields, and no others. What cannot be kept, as a whole book, is cut."""
    given = {field.name: _given(field, values) for field in wanted if field.role == role}
    kinds = {field.name: field.kind for field in wanted}
    return {name: value[: _most(kinds[name]) * 2] for name, value in given.items() if value}


def _most(kind: str) -> int:
    return MOST_LETTERS.get(kind, 20)


def _given(field: Field, values: Mapping[str, str]) -> str:
    value = str(values.get(field.name, "")).replace("\r\n", "\n").replace("\r", "\n").strip()
    if field.kind == TICK:
        return TICKED if value == TICKED else ""
    # The database keeps no NUL, and no other control character shows on paper.
    return "".join(c for c in value if c.isprintable() or (c == "\n" and field.kind == LONG))


def _problem(field: Field, value: str) -> str:
    if not value:
        return _missing(field.kind) if field.is_required else ""
    return _CHECKS[field.kind](value, _most(field.kind))


def _missing(kind: str) -> str:
    return {
        TEXT: gettext("Fill this in."),
        LONG: gettext("Fill this in."),
        TICK: gettext("Tick this box to go on."),
        INITIALS: gettext("Write your initials."),
        DATE: gettext("Give a date."),
    }[kind]


def _too_long(value: str, most: int) -> str:
    if len(value) <= most:
        return ""
    return gettext("Shorten this to %(most)d characters.") % {"most": most}


def _initials_problem(value: str, most: int) -> str:
    if not any(c.isalpha() for c in value):
        return gettext("Write your initials.")
    return _too_long(value, most)


def _date_problem(value: str, most: int) -> str:
    try:
        given = date.fromisoformat(value)
    except ValueError:
        return gettext("This is not a date. Give year, month and day.")
    if not YEARS[0] <= given.year <= YEARS[1]:
        return gettext("Look at the year again.")
    return ""


def _no_problem(value: str, most: int) -> str:
    return ""


_CHECKS: dict[str, Callable[[str, int], str]] = {
    TEXT: _too_long,
    LONG: _too_long,
    TICK: _no_problem,
    INITIALS: _initials_problem,
    DATE: _date_problem,
}
