"""PDFs to upload: sound ones, and some that hold more than pages."""

import io
from collections.abc import Callable
from typing import Any

import weasyprint
from django.core.files.uploadedfile import SimpleUploadedFile
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.pdf_utils.writer import PdfFileWriter, copy_into_new_writer


def pdf(*pages: str, size: str = "Letter", **options: Any) -> bytes:
    """A page for each of these words."""
    body = "".join(f"<p>{words}</p>" for words in pages or ("A page",))
    style = f"@page {{ size: {size} }} p {{ break-after: page }} p:last-child {{ break-after: auto }}"
    return bytes(weasyprint.HTML(string=f"<style>{style}</style>{body}").write_pdf(**options))


def file(*pages: str, data: bytes | None = None, name: str = "consent.pdf") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, pdf(*pages) if data is None else data, "application/pdf")


def changed(change: Callable[[PdfFileWriter], None]) -> bytes:
    writer = copy_into_new_writer(PdfFileReader(io.BytesIO(pdf("One", "Two"))))
    change(writer)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def dictionary(**entries: Any) -> generic.DictionaryObject:
    """With names as keys; a text that begins with a slash is a name."""
    return generic.DictionaryObject(
        {generic.NameObject(f"/{key}"): _object(value) for key, value in entries.items()}
    )


def number(value: int) -> generic.NumberObject:
    return generic.NumberObject(value)


def _object(value: Any) -> Any:
    if isinstance(value, str):
        return generic.NameObject(value) if value.startswith("/") else generic.pdf_string(value)
    if isinstance(value, list):
        return generic.ArrayObject(map(_object, value))
    return value


def in_root(**entries: Any) -> bytes:
    """The document does or holds this."""
    return changed(lambda writer: writer.root.update(dictionary(**entries)))


def on_page(**note: Any) -> bytes:
    """Its second page has this note."""
    wanted = generic.ArrayObject([dictionary(**note)])
    return changed(
        lambda writer: (
            writer.find_page_for_modification(1)[0]
            .get_object()
            .update({generic.NameObject("/Annots"): wanted})
        )
    )


def encrypted(password: str = "secret") -> bytes:
    return changed(lambda writer: writer.encrypt("owner", password))
