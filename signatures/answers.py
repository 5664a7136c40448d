"""The only way in and out of what a signer filled in and signed with: sealed at rest, bound to their place in the request."""

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from django.db.models import Q

from securecare.encryption import CannotOpen, Sealed, key_ring
from securecare.rotation import SealedTable
from signatures.models import Signer

# Strokes lie in a box so wide and so high, whatever the screen; the origin is its top left.
BOX = (1000, 300)
Stroke = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Mark:
    """A signature: the name that was typed, and the strokes where it was drawn."""

    name: str
    strokes: tuple[Stroke, ...] = ()

    @property
    def is_drawn(self) -> bool:
        return bool(self.strokes)


@dataclass(frozen=True)
class Answers:
    """`values` by the names of the document's fields: text as typed, "yes" for a tick, dates in ISO 8601."""

    values: dict[str, str] = field(default_factory=dict)
    mark: Mark | None = None


class AnswersUnreadable(CannotOpen):
    """They cannot be opened with the keys at hand."""


def read(signer: Signer) -> Answers:
    """Nothing, where the signer has saved nothing. Raises AnswersUnreadable."""
    if signer.ciphertext is None or signer.salt is None:
        return Answers()
    stored = Sealed(bytes(signer.ciphertext), bytes(signer.salt), signer.key_id)
    try:
        found = json.loads(key_ring().open(stored, place=_place(signer)))
    except CannotOpen as error:
        raise AnswersUnreadable(str(error)) from error
    return Answers(found["values"], _mark(found["mark"]))


def sealed(answers: Answers, signer: Signer) -> dict[str, Any]:
    """The fields of the signer that hold them. Needs the signer with its request."""
    return asdict(key_ring().seal(json.dumps(asdict(answers)), place=_place(signer)))


def reseal(signer: Signer) -> bool:
    """Seal the same under the current key. False if somebody changed it meanwhile. Raises AnswersUnreadable."""
    fields = sealed(read(signer), signer)
    return bool(Signer.objects.filter(pk=signer.pk, ciphertext=signer.ciphertext).update(**fields))


def sealed_table() -> SealedTable:
    return SealedTable(
        called="answers in documents",
        model=Signer,
        reseal=reseal,
        name_of=lambda signer: f"answers of signer {signer.place} of request {signer.request.reference}",
        related=("request",),
        which=~Q(key_id=""),
    )


def _mark(stored: dict[str, Any] | None) -> Mark | None:
    if stored is None:
        return None
    strokes = tuple(tuple((x, y) for x, y in stroke) for stroke in stored["strokes"])
    return Mark(stored["name"], strokes)


def _place(signer: Signer) -> tuple[str, ...]:
    return ("signer-answers", str(signer.request.reference), str(signer.place))
