"""PDFs that staff upload as documents: looked at before they are kept, and shown page by page as images.

Kept are only those that are the same wherever they are read, and that do nothing: no scripts, no files within, no fields of
their own, no signatures.
"""

import io
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

import pypdfium2
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.reader import PdfFileReader
from pypdfium2 import raw

MOST_BYTES = 10 * 1024 * 1024
MOST_PAGES = 40
# In points, 72 to the inch: from less than a postcard to A3.
SHORTEST_SIDE, LONGEST_SIDE = 200, 1200
MOST_ACTIONS = 2_000
WIDEST_IMAGE = 2_000

_HARMLESS_ACTIONS = {"/GoTo", "/URI", "/Named"}
_HARMLESS_NOTES = {"/Link", "/Text", "/Highlight", "/Underline", "/Popup", "/Square", "/Circle", "/Line"}
_HARMLESS_NOTES |= {
    "/FreeText",
    "/Stamp",
    "/Ink",
    "/StrikeOut",
    "/Squiggly",
    "/Polygon",
    "/PolyLine",
    "/Caret",
}
# PDFium may be in use by one thread at a time.
_LOCK = threading.Lock()

TOO_LARGE = f"This file is too large. {MOST_BYTES // 1024**2} MB are the most."
ENCRYPTED = "This PDF is protected with a password. Save it without one and upload that."
DAMAGED = "This PDF is damaged. Open it, print it to a new PDF and upload that."
ACTIVE = "This PDF holds more than pages: {what}. Print it to a new PDF and upload that."


class UploadRefused(Exception):
    """It cannot be kept; the message says what to do."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


@dataclass(frozen=True)
class Page:
    """In points, as it is read: a page that lies on its side is wide."""

    width: float
    height: float


def inspect(data: bytes) -> list[Page]:
    """Its pages. Raises UploadRefused."""
    if len(data) > MOST_BYTES:
        raise UploadRefused(TOO_LARGE)
    if b"%PDF-" not in data[:1024]:
        raise UploadRefused("This is not a PDF. Save the document as one and upload that.")
    pages = _pages(data)
    _check_pages(pages)
    _check_contents(data, pages=len(pages))
    return pages


def page_image(data: bytes, page: int, *, width: int) -> bytes:
    """A page, from 0, as PNG so many pixels wide. Raises IndexError where there is none."""
    with _opened(data) as document, closing(_page(document, page)) as found:
        scale = min(max(width, 1), WIDEST_IMAGE) / found.get_width()
        with closing(found.render(scale=scale)) as bitmap:
            image = io.BytesIO()
            bitmap.to_pil().save(image, "PNG", optimize=False, compress_level=3)
    return image.getvalue()


def page_text(data: bytes, page: int) -> str:
    """What stands on a page, for who cannot see it. Raises IndexError where there is none."""
    with (
        _opened(data) as document,
        closing(_page(document, page)) as found,
        closing(found.get_textpage()) as text,
    ):
        return str(text.get_text_bounded()).replace("\r\n", "\n").strip()


@contextmanager
def alone() -> Iterator[None]:
    """PDFium, for this thread alone."""
    with _LOCK:
        yield


@contextmanager
def _opened(data: bytes) -> Iterator[pypdfium2.PdfDocument]:
    with alone():
        document = pypdfium2.PdfDocument(data)
        try:
            yield document
        finally:
            document.close()


def _page(document: pypdfium2.PdfDocument, page: int) -> pypdfium2.PdfPage:
    if not 0 <= page < len(document):
        raise IndexError(page)
    return document[page]


def _pages(data: bytes) -> list[Page]:
    try:
        with _opened(data) as document:
            if len(document) > MOST_PAGES:
                raise UploadRefused(
                    f"This PDF has {len(document)} pages. {MOST_PAGES} are the most: split it, or shorten it."
                )
            return [_size(document, number) for number in range(len(document))]
    except pypdfium2.PdfiumError as error:
        # PDFium says so of some damaged ones as well.
        is_locked = error.err_code == raw.FPDF_ERR_PASSWORD and b"/Encrypt" in data
        raise UploadRefused(ENCRYPTED if is_locked else DAMAGED) from error


def _size(document: pypdfium2.PdfDocument, number: int) -> Page:
    with closing(document[number]) as page:
        width, height = page.get_size()
        return Page(round(width, 2), round(height, 2))


def _check_pages(pages: list[Page]) -> None:
    if not pages:
        raise UploadRefused("This PDF has no pages.")
    for number, page in enumerate(pages, start=1):
        sides = sorted((page.width, page.height))
        if sides[0] < SHORTEST_SIDE or sides[1] > LONGEST_SIDE:
            raise UploadRefused(
                f"Page {number} is {page.width / 72:.1f} by {page.height / 72:.1f} inches. Print it to Letter or A4 "
                "and upload that."
            )


# -------------------------------------------------------------------------------------- what lies within


def _check_contents(data: bytes, *, pages: int) -> None:
    try:
        reader = PdfFileReader(io.BytesIO(data), strict=False)
        if reader.encrypted:
            raise UploadRefused(ENCRYPTED)
        what = _more_than_pages(reader, pages)
    except UploadRefused:
        raise
    except Exception as error:  # whatever a reader trips over in a file from outside
        raise UploadRefused(DAMAGED) from error
    if what:
        raise UploadRefused(ACTIVE.format(what=what))


def _more_than_pages(reader: PdfFileReader, pages: int) -> str:
    """What the document holds or does besides, in words; "" for nothing."""
    root = reader.root
    form = _dictionary(root.get("/AcroForm"))
    names = _dictionary(root.get("/Names"))
    if "/XFA" in form:
        return "an XFA form"
    if form.get("/SigFlags"):
        return "a signature"
    if form.get("/Fields"):
        return "fields to fill in"
    if "/JavaScript" in names:
        return "a script"
    if "/EmbeddedFiles" in names or "/Collection" in root or "/AF" in root:
        return "files within it"
    return _doings(root) or next(filter(None, (_on_page(reader, number) for number in range(pages))), "")


def _on_page(reader: PdfFileReader, number: int) -> str:
    page = _dictionary(reader.find_page_for_modification(number)[0].get_object())
    notes = page.get("/Annots") or []
    if len(notes) > MOST_ACTIONS:
        return "too many notes and links"
    return _doings(page) or next(filter(None, map(_in_note, notes)), "")


def _in_note(note: Any) -> str:
    found = _dictionary(note)
    kind = str(found.get("/Subtype", ""))
    if kind == "/Widget":
        return "fields to fill in"
    if kind not in _HARMLESS_NOTES:
        return "sound, film or files within it"
    return _doings(found)


def _doings(owner: generic.DictionaryObject) -> str:
    """What it does of itself, or when somebody clicks."""
    if owner.get("/AA"):
        return "actions that run by themselves"
    waiting = [owner[key] for key in ("/OpenAction", "/A", "/PA") if key in owner]
    seen = 0
    while waiting and seen < MOST_ACTIONS:
        action = _dictionary(waiting.pop())
        seen += 1
        kind = str(action.get("/S", "/GoTo"))
        if kind not in _HARMLESS_ACTIONS:
            return "a script" if kind == "/JavaScript" else f"an action ({kind[1:]})"
        following = action.get("/Next", [])
        waiting += following if isinstance(following, list) else [following]
    return "actions without end" if waiting else ""


def _dictionary(value: Any) -> generic.DictionaryObject:
    """What it refers to, if that is a dictionary; an empty one otherwise."""
    found = value.get_object() if hasattr(value, "get_object") else value
    return found if isinstance(found, generic.DictionaryObject) else generic.DictionaryObject()
