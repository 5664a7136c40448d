"""The words a program sends in place of SecureCare's own: text with fields in braces, as {time}, and nothing else.

`{{` and `}}` stand for braces themselves. A field is a name and no more: no attribute, no format, no code. There is none for
a note.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from reminders import segments
from reminders.models import Channel

MOST_SEGMENTS = 3


@dataclass(frozen=True)
class Field:
    """`in_texts`: whether it may stand where others can read it over a shoulder or on a locked screen."""

    name: str
    example: str
    meaning: str
    in_texts: bool = True

    def __str__(self) -> str:
        return f"{{{self.name}}}"


FIELDS = {
    field.name: field
    for field in (
        Field("day", "Wed, Nov 25", "The day, in short"),
        Field("date", "Wednesday, November 25, 2026", "The date in full"),
        Field("time", "10:45 AM EST", "When it starts, by the facility’s clock"),
        Field("place", "Northside Family Center", "The facility’s name"),
        Field("address", "214 Maple Avenue, Riverton", "The facility’s address"),
        Field("phone", "(212) 555-0143", "The facility’s phone number"),
        Field("organisation", "Riverton Services", "Your organization’s name"),
        Field(
            "link",
            f"https://book.example.org/c/{'Zk3vQ9' * 7}w/",
            "Where they confirm, move or cancel; their own for each message",
        ),
        Field("first_name", "Ada", "Whom it is for, by first name", in_texts=False),
        Field("program", "Benefits counseling", "The program’s name", in_texts=False),
        Field("staff", "Dana Reyes", "Whom they meet", in_texts=False),
    )
}
EXAMPLES = {name: field.example for name, field in FIELDS.items()}
# What a text must say. An e-mail says it all beneath the program's own words.
NEEDED = {
    "organisation": "so that the reader knows who writes",
    "time": "so that they know when to come",
    "link": "so that they can confirm, move or cancel",
}

_PIECES = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_LITERAL_FIELD = re.compile(r"(?<!\{)\{\{\s*(\w+)\s*\}\}(?!\})")
_LINE_BREAK = re.compile(r"[\r\n\v\f\x1c-\x1e\x85\u2028\u2029]")

# Whoever answers with one of these gets no text any more, from the provider or from us, whatever was meant by it.
_STOP_WORDS = "STOP ?ALL|UNSUBSCRIBE|CANCEL|END|QUIT|REVOKE|OPT[ -]?OUT|CANCELAR?|ALTO|BAJA|BASTA|FIN|FINALIZAR|PAREN?|PARAR|TERMINAR"
_ANSWER = (
    "reply|respond|answer|text|send|type|write|message"
    "|respond[ae]r?|contest[ae]|env[ií][ae]|enviar|mand[ae]|escrib[ae]|tecle[ae]"
)
_BETWEEN = r"(?:\s+(?:back|with|by|to|us|the|word|con|a|la|palabra|texto|para))*\W*\s\W*"
_TOLD_TO_ANSWER = re.compile(rf"\b(?:{_ANSWER})\b{_BETWEEN}\b({_STOP_WORDS})\b", re.IGNORECASE)
_IN_CAPITALS = re.compile(rf"\b({_STOP_WORDS})\b")


class WordingBroken(ValueError):
    """The words cannot be filled in: `problems` says why."""


def fill(text: str, fields: Mapping[str, str]) -> str:
    """The text with the fields' values in place of their names, which are read once: braces in a value stay braces.

    Raises WordingBroken for a brace that stands alone and for a field without a value.
    """

    def value(found: re.Match[str]) -> str:
        if found[0] in ("{{", "}}"):
            return found[0][0]
        if found[1] is None or found[1] not in fields:
            raise WordingBroken(found[0])
        return fields[found[1]]

    return _PIECES.sub(value, text)


def problems(text: str, *, channel: str, is_subject: bool = False) -> list[str]:
    """What has to be changed before these words can be used, in the words of whoever has to change them."""
    if not text.strip():
        return [] if is_subject else ["Write what the message says."]
    found = [*_brace_problems(text), *_field_problems(text, channel=channel, is_subject=is_subject)]
    if is_subject:
        return found + (["Keep the subject on one line."] if _LINE_BREAK.search(text) else [])
    if channel == Channel.PHONE:
        found += _missing(text) + _stop_problems(text)
        if not found and segment_count(text) > MOST_SEGMENTS:
            found.append(
                f"Shorten it: it would be sent, and charged, as {segment_count(text)} texts. "
                f"{MOST_SEGMENTS} are the most."
            )
    return found


def segment_count(text: str, fields: Mapping[str, str] = EXAMPLES) -> int:
    """In how many segments a text message is sent with these values. Raises WordingBroken."""
    return segments.count(segments.plain(fill(text, fields)))


def names_in(text: str) -> set[str]:
    """The fields that are filled in."""
    return {name for piece, name in _pieces(text) if name is not None}


def _pieces(text: str) -> Iterator[tuple[str, str | None]]:
    """Each brace or field as it stands, and the name in it if it is a field."""
    return ((found[0], found[1]) for found in _PIECES.finditer(text))


def _brace_problems(text: str) -> list[str]:
    found = []
    if any(piece in ("{", "}") for piece, _ in _pieces(text)):
        found.append(
            "A brace has no partner. Write a field as {time}; for braces themselves write {{ and }}."
        )
    for doubled in _LITERAL_FIELD.finditer(text):
        if doubled[1] in FIELDS:
            found.append(f"Write {{{doubled[1]}}} with single braces: {doubled[0]} is sent as it stands.")
    return found


def _field_problems(text: str, *, channel: str, is_subject: bool) -> list[str]:
    found = []
    for name in dict.fromkeys(name for _, name in _pieces(text) if name is not None):
        field = FIELDS.get(name)
        if field is None:
            found.append(_unknown(name))
        elif channel == Channel.PHONE and not field.in_texts:
            found.append(f"Leave {field} out: others may read a text. It can stand in an e-mail.")
        elif is_subject and not field.in_texts:
            found.append(f"Leave {field} out of the subject: others may read it on a locked screen.")
        elif is_subject and field.name == "link":
            found.append("Leave {link} out of the subject: it goes into the text below.")
    return found


def _unknown(name: str) -> str:
    near = get_close_matches(name.strip().lower(), FIELDS, n=1)
    advice = f"Did you mean {FIELDS[near[0]]}?" if near else "Choose one of the fields listed."
    return f"There is no field {{{name}}}. {advice}"


def _missing(text: str) -> list[str]:
    there = names_in(text)
    return [f"Add {FIELDS[name]}, {why}." for name, why in NEEDED.items() if name not in there]


def _stop_problems(text: str) -> list[str]:
    words = [found[1] for pattern in (_TOLD_TO_ANSWER, _IN_CAPITALS) for found in pattern.finditer(text)]
    return [
        f"Do not have them answer “{word}”: it ends all texts to their number. Let them cancel by {{link}}."
        for word in dict.fromkeys(word.upper() for word in words)
    ]
