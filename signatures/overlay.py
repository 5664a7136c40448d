"""Uploaded PDFs with what was filled in drawn over their pages, and further pages behind them."""

import io
from collections.abc import Mapping
from datetime import date
from typing import Any

import pypdfium2
from django.template.loader import render_to_string

from securecare import wording
from signatures import fields, uploads
from signatures.facts import KNOWN
from signatures.models import TemplateVersion


def filled(
    version: TemplateVersion, *, facts: Mapping[str, str], values: Mapping[str, str], after: bytes
) -> bytes:
    """The uploaded pages with facts and values where they were placed, followed by the pages of `after`."""
    from signatures.rendering import pages_of

    sheets = [_sheet(version, number, facts, values) for number in range(len(version.pdf_pages))]
    over = pages_of(
        render_to_string("signatures/pdf/overlay.html", {"sheets": sheets}), identifier=b"overlay-of-pages"
    )
    return _merged(bytes(version.pdf or b""), over, after)


def said(kind: str, value: str) -> str:
    """An answer as it is read: dates in words."""
    return wording.date_in_full(date.fromisoformat(value)) if kind == "date" and value else value


def _sheet(
    version: TemplateVersion, number: int, facts: Mapping[str, str], values: Mapping[str, str]
) -> dict[str, Any]:
    page = version.pdf_pages[number]
    names = {id(field.place): field.name for field in fields.of(version)}
    placed = []
    for place in version.placements:
        if place["page"] != number:
            continue
        name = names.get(id(place), "")
        text = (
            facts.get(place["kind"], "")
            if place["kind"] in KNOWN
            else said(place["kind"], values.get(name, ""))
        )
        placed.append({**_percent(place), "text": text, "is_ticked": place["kind"] == "tick" and bool(text)})
    size = {"width": f"{page['width']:.2f}", "height": f"{page['height']:.2f}"}
    return {"number": number, **size, "placed": placed}


def _percent(place: Mapping[str, Any]) -> dict[str, str]:
    """Of the page, as CSS wants it."""
    sides = {"left": "x", "top": "y", "wide": "width", "high": "height"}
    return {"kind": place["kind"], **{css: f"{place[name] * 100:.3f}" for css, name in sides.items()}}


def _merged(pdf: bytes, over: bytes, after: bytes) -> bytes:
    with uploads.alone():
        document, sheets, rest = (pypdfium2.PdfDocument(data) for data in (pdf, over, after))
        for number in range(len(document)):
            page = document[number]
            drawn = sheets.page_as_xobject(number, document).as_pageobject()
            drawn.set_matrix(_onto(page))
            page.insert_obj(drawn)
            page.gen_content()
        document.import_pages(rest)
        made = io.BytesIO()
        document.save(made)
        return made.getvalue()


def _onto(page: pypdfium2.PdfPage) -> pypdfium2.PdfMatrix:
    """From the page as it is read to where its content stands: pages may be cropped, and lie on their side."""
    left, bottom, right, top = page.get_cropbox()
    width, height = right - left, top - bottom
    turned = {
        0: (1, 0, 0, 1, 0, 0),
        90: (0, 1, -1, 0, width, 0),
        180: (-1, 0, 0, -1, width, height),
        270: (0, -1, 1, 0, 0, height),
    }[page.get_rotation()]
    a, b, c, d, e, f = turned
    return pypdfium2.PdfMatrix(a, b, c, d, e + left, f + bottom)
