"""Uploaded PDFs: which are kept, which are refused with which words, and how their pages are shown."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from io import BytesIO

import pytest
import weasyprint
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from signatures import uploads
from signatures.uploads import Page, UploadRefused
from tests.signatures import scans

SOUND = scans.pdf("First page", "Second page")
JAVASCRIPT = {"S": "/JavaScript", "JS": "app.alert(1)"}


def refusal(data):
    with pytest.raises(UploadRefused) as refused:
        uploads.inspect(data)
    return refused.value.text


def active(what):
    return f"This PDF holds more than pages: {what}. Print it to a new PDF and upload that."


def test_the_pages_of_a_sound_pdf_have_sizes_in_points():
    assert uploads.inspect(SOUND) == [Page(612, 792), Page(612, 792)]
    assert uploads.inspect(scans.pdf("Wide", size="A4 landscape")) == [Page(841.89, 595.28)]


def test_links_to_pages_and_sites_are_no_harm():
    page = '<p><a href="https://example.org">a</a> <a href="#b">b</a></p><p id="b">x</p>'
    assert len(uploads.inspect(weasyprint.HTML(string=page).write_pdf())) == 1


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "This is not a PDF. Save the document as one and upload that."),
        (b"PK\x03\x04 a text document", "This is not a PDF. Save the document as one and upload that."),
        (b"%PDF-1.7 and no more", uploads.DAMAGED),
        (SOUND[: len(SOUND) // 2], uploads.DAMAGED),
        (SOUND + b" " * uploads.MOST_BYTES, uploads.TOO_LARGE),
    ],
)
def test_what_is_no_sound_pdf_is_refused(data, words):
    assert refusal(data) == words


def test_a_password_is_refused_also_where_it_only_restricts():
    assert refusal(scans.encrypted("secret")) == uploads.ENCRYPTED
    assert refusal(scans.encrypted("")) == uploads.ENCRYPTED


def test_too_many_pages_are_refused():
    assert len(uploads.inspect(scans.pdf(*["x"] * 40))) == 40
    assert refusal(scans.pdf(*["x"] * 300)) == (
        "This PDF has 300 pages. 40 are the most: split it, or shorten it."
    )


@pytest.mark.parametrize("size", ["2in 11in", "20in 30in"])
def test_absurd_pages_are_refused(size):
    assert refusal(scans.pdf("x", size=size)).startswith("Page 1 is ")


def test_no_page_at_all_is_refused():
    def empty(writer):
        pages = writer.root["/Pages"]
        pages["/Kids"], pages["/Count"] = scans.dictionary(K=[])["/K"], scans.number(0)

    assert refusal(scans.changed(empty)) in ("This PDF has no pages.", uploads.DAMAGED)


@pytest.mark.parametrize(
    ("entries", "what"),
    [
        ({"OpenAction": scans.dictionary(**JAVASCRIPT)}, "a script"),
        ({"OpenAction": scans.dictionary(S="/Launch", F="x.exe")}, "an action (Launch)"),
        (
            {"OpenAction": scans.dictionary(S="/GoTo", Next=scans.dictionary(**JAVASCRIPT))},
            "a script",
        ),
        ({"AA": scans.dictionary(WC=scans.dictionary(**JAVASCRIPT))}, "actions that run by themselves"),
        ({"Names": scans.dictionary(JavaScript=scans.dictionary(Names=[]))}, "a script"),
        ({"Names": scans.dictionary(EmbeddedFiles=scans.dictionary(Names=[]))}, "files within it"),
        ({"Collection": scans.dictionary(View="/D")}, "files within it"),
        ({"AcroForm": scans.dictionary(XFA=[])}, "an XFA form"),
        ({"AcroForm": scans.dictionary(Fields=["x"])}, "fields to fill in"),
    ],
)
def test_what_holds_more_than_pages_is_refused(entries, what):
    assert refusal(scans.in_root(**entries)) == active(what)


@pytest.mark.parametrize(
    ("note", "what"),
    [
        ({"Subtype": "/Link", "A": scans.dictionary(S="/Launch", F="x.exe")}, "an action (Launch)"),
        ({"Subtype": "/Link", "A": scans.dictionary(**JAVASCRIPT)}, "a script"),
        (
            {"Subtype": "/Link", "A": scans.dictionary(S="/SubmitForm", F="http://x")},
            "an action (SubmitForm)",
        ),
        ({"Subtype": "/FileAttachment"}, "sound, film or files within it"),
        ({"Subtype": "/RichMedia"}, "sound, film or files within it"),
        ({"Subtype": "/Widget"}, "fields to fill in"),
    ],
)
def test_what_does_something_on_a_page_is_refused(note, what):
    assert refusal(scans.on_page(**note)) == active(what)


def test_forms_and_attachments_of_another_maker_are_refused():
    form = weasyprint.HTML(string="<form><input name=a></form>").write_pdf(pdf_forms=True)
    attached = scans.pdf("x", attachments=[weasyprint.Attachment(string="hello", name="a.txt")])
    assert (refusal(form), refusal(attached)) == (active("fields to fill in"), active("files within it"))


@settings(max_examples=60, deadline=None)
@given(at=st.integers(0, len(SOUND) - 1), value=st.integers(0, 255), cut=st.integers(0, 40))
def test_a_damaged_pdf_is_kept_or_refused_and_nothing_else(at, value, cut):
    damaged = SOUND[:at] + bytes([value]) * 8 + SOUND[at + cut :]
    with suppress(UploadRefused):
        assert uploads.inspect(damaged)


# Pages


def test_a_page_is_an_image_as_wide_as_asked():
    image = Image.open(BytesIO(uploads.page_image(SOUND, 1, width=300)))
    assert (image.format, image.size) == ("PNG", (300, 389))
    widest = Image.open(BytesIO(uploads.page_image(SOUND, 0, width=100_000)))
    assert widest.width == uploads.WIDEST_IMAGE


def test_the_words_of_a_page_can_be_read_out():
    assert uploads.page_text(SOUND, 1) == "Second page"


@pytest.mark.parametrize("page", [-1, 2])
def test_a_page_that_is_not_there(page):
    for read in (lambda: uploads.page_image(SOUND, page, width=100), lambda: uploads.page_text(SOUND, page)):
        with pytest.raises(IndexError):
            read()


def test_pages_are_drawn_for_many_at_once():
    with ThreadPoolExecutor(8) as pool:
        images = set(pool.map(lambda _: uploads.page_image(SOUND, 0, width=200), range(24)))
    assert len(images) == 1
