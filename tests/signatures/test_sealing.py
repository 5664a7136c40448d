"""From the last signature to the sealed copy: once, whatever happens on the way."""

import hashlib
import shutil
import subprocess
from datetime import date, timedelta

import pytest

from signatures import certificate, content, evidence, sealing, vault, verification
from signatures.answers import Mark
from signatures.models import EventKind, Sealing, SignedDocument
from tests import factories as make
from tests.factories import NOW
from tests.signatures import certificates, papers, scans

pytestmark = pytest.mark.django_db

AT = NOW + timedelta(minutes=20)
LONG = "# Terms\n\n" + "\n\n".join(
    f"{n}. " + "We agree to be kind to each other. " * 12 for n in range(1, 46)
)
FIELDS = (
    "I am {customer_name}.\n\n[[text*: Emergency contact]]\n\n[[tick*: I have read it]]\n\n[[date: Since]]"
)


def seal(request, *, now=AT):
    sealing.seal_request(Sealing.objects.get(request=request).pk, clock=lambda: now)
    request.refresh_from_db()
    return SignedDocument.objects.filter(request=request).first()


def text_of(pdf: bytes) -> str:
    import pypdfium2

    document = pypdfium2.PdfDocument(pdf)
    return "\n".join(page.get_textpage().get_text_range() for page in document)


def test_the_sealed_copy_says_what_was_filled_in_by_whom_and_how():
    values = {"f1": "Grace Hopper", "f2": "yes", "f3": "2024-02-29"}
    request = papers.signed(body=FIELDS, values=values, mark=papers.DRAWN, signers=["customer"])
    document = seal(request)
    said = text_of(vault.open_copy(document))
    for expected in (
        "I am Ada Nguyen.",
        "Grace Hopper",
        "February 29, 2024",
        "simple electronic signature",
        "203.0.113.9",
        "A phone",
        content.digest(request.version, request.facts).hex()[:32],
        str(request.reference),
        "Page 1 of",
    ):
        assert expected in said


def test_sealing_stores_one_document_and_closes_its_row():
    request = papers.signed(valid_months=12)
    document = seal(request)
    assert request.state == "sealed"
    assert Sealing.objects.get().state == "done"
    pdf = vault.open_copy(document)
    assert hashlib.sha256(pdf).digest() == bytes(document.sealed_sha256)
    assert (document.size, document.sealed_at, document.valid_until) == (len(pdf), AT, date(2027, 11, 23))
    assert bytes(document.certificate_sha256) == certificate.current(now=AT).sha256
    events = evidence.of(request)
    assert events[-1].kind == EventKind.SEALED
    assert bytes(document.evidence_digest) == bytes(events[-2].digest)
    assert verification.verify(document) == []


def test_a_task_that_comes_twice_seals_once():
    request = papers.signed()
    seal(request)
    seal(request)
    assert SignedDocument.objects.count() == 1


@pytest.mark.parametrize(
    ("signed_on", "months", "last_day"),
    [
        (date(2026, 11, 23), 12, date(2027, 11, 23)),
        (date(2024, 2, 29), 12, date(2025, 2, 28)),
        (date(2026, 8, 31), 6, date(2027, 2, 28)),
        (date(2026, 12, 31), 1, date(2027, 1, 31)),
    ],
)
def test_a_signature_is_valid_for_so_many_months(signed_on, months, last_day):
    request = papers.signed(valid_months=months, now=make.at(signed_on, 23, 30))
    document = seal(request, now=make.at(signed_on, 23, 45))
    assert document.valid_until == last_day


def test_signers_in_order_stand_on_the_paper_with_what_each_filled_in():
    body = "[[text: Mine]]\n\n[[second text: Relationship]]\n\n[[staff text: Seen by]]"
    request = papers.request(body=body, signers=["customer", "second", "staff"])
    from signatures import signing

    for place, value in enumerate(["one", "two", "three"], start=1):
        signer = papers.agreed(request)
        signing.sign(
            signer, values={f"f{place}": f"Answer {value}"}, mark=Mark(f"Person {value}"),
            caller=papers.PHONE, now=NOW,
        )  # fmt: skip
    request.refresh_from_db()
    said = text_of(vault.open_copy(seal(request)))
    for value in ("one", "two", "three"):
        assert f"Answer {value}" in said
        assert f"Person {value}" in said


def test_an_uploaded_document_is_filled_in_where_fields_were_placed():
    placements = [
        {"page": 0, "x": 0.1, "y": 0.2, "width": 0.4, "height": 0.03, "kind": "text", "label": "Contact",
         "is_required": True, "role": "customer"},
        {"page": 0, "x": 0.1, "y": 0.3, "width": 0.4, "height": 0.03, "kind": "customer_name", "label": "",
         "is_required": False, "role": "customer"},
        {"page": 1, "x": 0.5, "y": 0.5, "width": 0.05, "height": 0.03, "kind": "tick", "label": "Read",
         "is_required": True, "role": "customer"},
    ]  # fmt: skip
    version = papers.template(
        version={
            "source": "pdf",
            "body": "",
            "pdf": scans.pdf("First page", "Second page"),
            "pdf_pages": [{"width": 612, "height": 792}] * 2,
            "placements": placements,
        }
    )
    request = papers.signed(of=version, values={"f1": "Grace Hopper", "f2": "yes"})
    document = seal(request)
    said = text_of(vault.open_copy(document))
    for expected in ("Grace Hopper", "Ada Nguyen", "✓", "Evidence of signature"):
        assert expected in said
    assert verification.verify(document) == []


def test_an_expired_certificate_makes_sealing_wait_and_signing_goes_on(settings, tmp_path):
    path = tmp_path / "seal.p12"
    path.write_bytes(certificates.pkcs12_bytes(not_after=AT - timedelta(days=1)))
    settings.SEALING_CERTIFICATE_FILE = str(path)
    request = papers.signed()
    assert seal(request) is None
    row = Sealing.objects.get()
    assert (request.state, row.state, row.attempts) == ("signed", "pending", 0)
    assert "expired" in row.last_error
    settings.SEALING_CERTIFICATE_FILE = ""
    assert seal(request, now=AT + timedelta(minutes=6)) is not None


def test_what_cannot_be_sealed_is_given_up_loudly_and_tried_again_by_a_person(settings):
    request = papers.signed()
    ring, settings.NOTE_KEY_RING = settings.NOTE_KEY_RING, "other:" + "A" * 43 + "="
    now = AT
    for _ in range(8):
        seal(request, now=now)
        now += timedelta(hours=2)
    row = Sealing.objects.get()
    assert (row.state, request.state) == ("given_up", "signed")
    assert "AnswersUnreadable" in row.last_error
    settings.NOTE_KEY_RING = ring
    assert sealing.try_again(row, now=now)
    assert seal(request, now=now) is not None
    assert not sealing.try_again(row, now=now)


@pytest.mark.skipif(shutil.which("pdfsig") is None, reason="poppler-utils is not installed")
def test_a_tool_of_others_finds_the_seal_valid_and_over_all_of_it(tmp_path):
    document = seal(papers.signed(body=LONG))
    path = tmp_path / "signed.pdf"
    path.write_bytes(vault.open_copy(document))
    told = subprocess.run(["pdfsig", str(path)], capture_output=True, text=True, check=False).stdout
    assert "Signature is Valid." in told
    assert "Total document signed" in told
    assert "ETSI.CAdES.detached" in told
