"""How text messages are cut and counted: 160 characters of the GSM alphabet in one segment, 70 of any other (3GPP TS 23.038)."""

import unicodedata
from collections.abc import Sequence

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_ESCAPED = frozenset("\f^{}\\[~]|€")
_GSM = _BASIC | _ESCAPED
_PLAIN = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "–": "-", "—": "-", "·": "-"})


def plain(text: str) -> str:
    """The text in the GSM alphabet, without the accents that it lacks ("mié" stays, "sáb" becomes "sab"), so that it costs
    one segment instead of two or three. Unchanged if that cannot be done, as for Cyrillic or emoji."""
    replaced = "".join(c if c in _GSM else _without_marks(c) for c in text.translate(_PLAIN))
    return replaced if _GSM.issuperset(replaced) else text


def count(text: str) -> int:
    """How many segments the text is sent in."""
    if _GSM.issuperset(text):
        return _parts([2 if c in _ESCAPED else 1 for c in text], alone=160, joined=153)
    return _parts([len(c.encode("utf-16-le")) // 2 for c in text], alone=70, joined=67)


def beyond(text: str) -> str:
    """The characters, each once, that the GSM alphabet lacks: for one of them every segment holds 70 instead of 160."""
    return "".join(dict.fromkeys(c for c in text if c not in _GSM))


def _parts(widths: Sequence[int], *, alone: int, joined: int) -> int:
    """No character is cut in two, and a text of several parts spends some of each on putting them together."""
    if sum(widths) <= alone:
        return 1
    parts, room = 1, joined
    for width in widths:
        if width > room:
            parts, room = parts + 1, joined
        room -= width
    return parts


def _without_marks(character: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFKD", character) if not unicodedata.combining(c))
