"""The day grid read back from its HTML."""

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

from django.http import HttpResponse


@dataclass
class Piece:
    """One element of the grid: its classes, its place, its text and where its link goes."""

    classes: list[str]
    attributes: dict[str, str]
    texts: list[str] = field(default_factory=list)
    href: str = ""

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())

    @property
    def place(self) -> dict[str, int]:
        pairs = (each.split(":") for each in self.attributes.get("style", "").split(";") if each)
        return {name.removeprefix("--"): int(value) for name, value in pairs}


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[Piece | None] = []
        self.found: list[Piece] = []
        self.root: dict[str, str] = {}

    def handle_starttag(self, tag: str, attributes: Any) -> None:
        given = {name: value or "" for name, value in attributes}
        if given.get("id") == "day-grid":
            self.root = given
        if tag == "div":
            self.open.append(Piece(given.get("class", "").split(), given))
            self.found.append(self.open[-1])  # type: ignore[arg-type]
        elif tag == "a" and self.open and self.open[-1]:
            self.open[-1].href = given.get("href", "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "div" and self.open:
            self.open.pop()

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1]:
            self.open[-1].texts.append(data)


@dataclass
class GridPage:
    root: dict[str, str]
    pieces: list[Piece]

    @classmethod
    def of(cls, content: HttpResponse | str) -> "GridPage":
        reader = _Reader()
        reader.feed(content if isinstance(content, str) else content.content.decode())
        return cls(reader.root, reader.found)

    def all(self, kind: str) -> list[Piece]:
        return [piece for piece in self.pieces if kind in piece.classes]

    @property
    def cards(self) -> list[Piece]:
        return self.all("card")

    @property
    def heads(self) -> list[str]:
        return [piece.attributes["data-name"] for piece in self.all("head")]

    @property
    def marks(self) -> dict[int, str]:
        return {int(piece.attributes["data-i"]): piece.text for piece in self.all("at")}


def section_of(response: HttpResponse) -> str:
    """The grid's element as it stands in a whole page, without what differs from one request to the next."""
    found = re.search(r'<section id="day-grid".*</section>', response.content.decode(), re.S)
    assert found
    steady = re.sub(r'name="csrfmiddlewaretoken" value="[^"]*"', "", found[0])
    return re.sub(r'data-server-time="[^"]*"', "", steady)
