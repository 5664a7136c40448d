"""Whatever is done to a signed document, verifying it finds and names."""

import hashlib
from datetime import timedelta
from io import StringIO

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from pyhanko.sign.fields import MDPPerm

from signatures import certificate, evidence, sealing, vault, verification
from signatures.models import DocumentKey, EventKind, Sealing, SignatureEvent, SignedDocument
from tests.factories import NOW
from tests.signatures import certificates, papers, sealed

pytestmark = pytest.mark.django_db

DIGEST = "The copy is not the one that was sealed: its SHA-256 differs from the one recorded."
CHANGED = "The seal is broken: what it covers was changed."
FORGED = "The seal is broken: it was not made by the key of its certificate."
REVISION = "A revision was appended after sealing."
APPENDED = "The seal does not cover the entire file: bytes were appended after sealing."
FORBIDDEN = "It was changed after sealing, which its seal forbids."
UNREADABLE = "The seal cannot be read: the copy was damaged or changed."
OTHER_CERTIFICATE = "It was sealed with another certificate than the one recorded."
OTHER_COPY = "The stored copy cannot be opened. The stored copy was changed, or belongs to another document."
OTHER_SAID = "The evidence says that another copy was sealed."
OTHER_EVIDENCE = "The evidence is not the one that was sealed."


@pytest.fixture
def document() -> SignedDocument:
    return sealed.document()


@pytest.fixture
def other_certificate(settings, tmp_path) -> certificate.Certificate:
    """Read, and put away again."""
    return _read(settings, tmp_path)


@pytest.fixture
def authority(settings, tmp_path) -> list[certificate.Certificate]:
    """Two timestamp authorities, with keys of the only kind that pyHanko's own takes."""
    return [_read(settings, tmp_path, rsa.generate_private_key(65537, 2048)) for _ in range(2)]


def _read(settings, folder, key=None) -> certificate.Certificate:
    path = folder / "other.p12"
    path.write_bytes(certificates.pkcs12_bytes(name="Riverton Services seal", key=key))
    usual = settings.SEALING_CERTIFICATE_FILE
    settings.SEALING_CERTIFICATE_FILE = str(path)
    found = certificate.current(now=NOW)
    settings.SEALING_CERTIFICATE_FILE = usual
    return found


def problems(document: SignedDocument, **options) -> list[str]:
    return verification.verify(SignedDocument.objects.get(pk=document.pk), **options)


def test_a_document_as_it_was_sealed_is_sound(document):
    assert problems(document) == []
    assert problems(document, seal=False) == []


def test_it_stays_sound_while_more_is_recorded(document):
    evidence.record(document.request, kind=EventKind.DOWNLOADED, now=NOW + timedelta(days=1))
    assert problems(document) == []


def test_it_stays_sound_when_its_certificate_has_expired(settings, tmp_path):
    """It was valid when it sealed; nobody asks of what came later."""
    path = tmp_path / "short.p12"
    path.write_bytes(certificates.pkcs12_bytes(not_after=NOW + timedelta(minutes=11)))
    settings.SEALING_CERTIFICATE_FILE = str(path)
    made = sealed.document()
    assert certificate.problem(now=NOW + timedelta(hours=1)).startswith("The sealing certificate expired")
    assert problems(made) == []


def test_it_stays_sound_when_another_certificate_seals_by_now(
    document, settings, other_certificate, tmp_path
):
    settings.SEALING_CERTIFICATE_FILE = str(tmp_path / "other.p12")
    assert certificate.current(now=NOW).sha256 == other_certificate.sha256
    assert problems(document) == []


def test_what_sealing_makes_is_sound():
    """With pages, an evidence page and a seal of the product's own making."""
    request = papers.signed()
    row = Sealing.objects.get(request=request)
    sealing.seal_request(row.pk, clock=lambda: sealed.SEALED_AT)
    made = SignedDocument.objects.get(request=request)
    assert problems(made) == []
    changed = sealed.put(made, sealed.revised(vault.open_copy(made)))
    assert problems(changed) == [DIGEST, FORBIDDEN, REVISION]


# ------------------------------------------------------------------------------------- what is stored


def test_a_flipped_byte_of_what_is_stored_is_found(document):
    content = bytes(document.content)
    flipped = sealed.flipped(content, len(content) // 2)
    papers.tamper("UPDATE signatures_signeddocument SET content = %s", flipped)
    assert problems(document) == [OTHER_COPY]
    assert problems(document, seal=False) == [OTHER_COPY]


def test_a_copy_that_was_cut_off_is_found(document):
    papers.tamper("UPDATE signatures_signeddocument SET content = substr(content, 1, 9)")
    assert problems(document) == [OTHER_COPY]


def test_a_swapped_ciphertext_is_found(document):
    """Both whole, with both keys moved along: each opens only as the document it was stored for."""
    other = sealed.document()
    papers.tamper(
        "UPDATE signatures_signeddocument AS one SET content = two.content "
        "FROM signatures_signeddocument AS two WHERE one.id <> two.id"
    )
    assert [problems(each) for each in (document, other)] == [[OTHER_COPY]] * 2


def test_a_copy_and_its_key_that_were_taken_from_another_document_are_found(document):
    other = sealed.document()
    papers.tamper(
        "UPDATE signatures_signeddocument SET content = (SELECT content FROM signatures_signeddocument WHERE id = %s) WHERE id = %s",
        other.pk,
        document.pk,
    )
    key = DocumentKey.objects.get(document=other)
    DocumentKey.objects.filter(document=document).update(
        ciphertext=key.ciphertext, salt=key.salt, key_id=key.key_id
    )
    (found,) = problems(document)
    assert found.startswith("The stored copy cannot be opened. ")
    assert problems(other) == []


def test_a_missing_key_is_found(document):
    papers.tamper("DELETE FROM signatures_documentkey")
    assert problems(document) == ["The stored copy cannot be opened. Its key is missing."]
    assert [found for _, found in verification.verify_all(SignedDocument.objects.all())] == [
        ["The stored copy cannot be opened. Its key is missing."]
    ]


# --------------------------------------------------------- what the PDF is, put in place with the right keys


def test_any_flipped_byte_of_the_pdf_is_found_by_its_digest_and_by_its_seal(document):
    """A seal says nothing of the place that holds the seal itself: there, only the digest tells of some bytes."""
    pdf = vault.open_copy(document)
    by_seal = {"certificate_sha256": bytes(document.certificate_sha256)}
    assert verification.seal_problems(pdf, **by_seal) == []
    unseen = [
        at
        for at in range(0, len(pdf), 23)
        if not verification.seal_problems(sealed.flipped(pdf, at), **by_seal)
    ]
    held_from = pdf.index(b"/Contents <")
    held_until = pdf.index(b">", held_from)
    assert [at for at in unseen if not held_from < at < held_until] == []
    assert len(unseen) < 5
    for at in [*unseen, pdf.index(b"/MediaBox") + 14]:
        assert problems(sealed.put(document, sealed.flipped(pdf, at)))[0] == DIGEST


def test_a_flipped_byte_is_found_where_the_digest_was_changed_to_fit(document):
    pdf = vault.open_copy(document)
    flipped = sealed.flipped(pdf, pdf.index(b"/MediaBox") + 14)
    assert problems(sealed.put(document, flipped, with_digest=True)) == [CHANGED, OTHER_SAID]


def test_something_hidden_in_the_room_beside_the_seal_is_found(document):
    pdf = vault.open_copy(document)
    hidden = sealed.flipped(pdf, pdf.index(b">", pdf.index(b"/Contents <")) - 9)
    assert problems(sealed.put(document, hidden, with_digest=True)) == [
        "The seal is broken: something was written into the room beside it.",
        OTHER_SAID,
    ]


def test_an_appended_revision_is_found(document):
    changed = sealed.put(document, sealed.revised(vault.open_copy(document)))
    assert problems(changed) == [DIGEST, FORBIDDEN, REVISION]
    assert problems(changed, seal=False) == [DIGEST]


def test_an_appended_revision_is_found_where_the_digest_was_changed_to_fit(document):
    changed = sealed.put(document, sealed.revised(vault.open_copy(document)), with_digest=True)
    assert problems(changed) == [FORBIDDEN, REVISION, OTHER_SAID]


@pytest.mark.parametrize("added", [b"\n", b"\x00" * 100, b"<html>"])
def test_appended_bytes_are_found(document, added):
    """A seal is still intact and valid then: only its reach tells."""
    changed = sealed.put(document, vault.open_copy(document) + added)
    assert problems(changed) == [DIGEST, APPENDED]


def test_an_appended_end_of_file_is_found(document):
    changed = sealed.put(document, vault.open_copy(document) + b"%%EOF\n")
    assert problems(changed) == [DIGEST, UNREADABLE]


def test_appended_bytes_are_found_where_the_digest_was_changed_to_fit(document):
    changed = sealed.put(document, vault.open_copy(document) + b"\n%more", with_digest=True)
    assert problems(changed) == [APPENDED, OTHER_SAID]


def test_a_second_seal_is_found(document, other_certificate):
    """Some other signer's, added in a revision to one of ours that did not forbid it."""
    lenient = sealed.seal(sealed.pdf(), docmdp_permissions=MDPPerm.FILL_FORMS)
    twice = sealed.seal(lenient, by=other_certificate, field_name="Second", certify=False)
    changed = sealed.put(document, twice, with_digest=True)
    assert problems(changed) == ["It has 2 seals, and should have one.", REVISION, OTHER_SAID]


def test_a_copy_without_a_seal_is_found(document):
    changed = sealed.put(document, sealed.pdf(), with_digest=True)
    assert problems(changed) == ["It has no seal.", OTHER_SAID]


def test_something_that_is_no_pdf_is_found(document):
    changed = sealed.put(document, b"Not a PDF", with_digest=True)
    assert problems(changed) == [UNREADABLE, OTHER_SAID]


def test_a_copy_sealed_anew_by_another_is_found(document, other_certificate):
    """Their certificate may say the same name."""
    changed = sealed.put(document, sealed.seal(sealed.pdf(), by=other_certificate), with_digest=True)
    assert problems(changed) == [OTHER_CERTIFICATE, OTHER_SAID]


def test_a_copy_sealed_in_the_name_of_our_certificate_is_found(document, other_certificate):
    ours = certificate.current(now=NOW)
    forged = sealed.seal(sealed.pdf(), by=sealed.with_other_key(ours, other_certificate))
    assert problems(sealed.put(document, forged, with_digest=True)) == [FORGED, OTHER_SAID]


def test_a_timestamp_that_holds_is_sound_whoever_gave_it(authority):
    stamped = sealed.seal(sealed.pdf(), stamped_by=authority[0])
    assert problems(sealed.document(sealed=stamped, fields={"is_timestamped": True})) == []


def test_a_timestamp_that_was_forged_is_found(authority):
    stamped = sealed.seal(sealed.pdf(), stamped_by=sealed.with_other_key(*authority))
    made = sealed.document(sealed=stamped, fields={"is_timestamped": True})
    assert problems(made) == ["The timestamp is broken."]


def test_a_missing_timestamp_is_found_where_one_is_recorded():
    assert problems(sealed.document(fields={"is_timestamped": True})) == ["The timestamp is missing."]


# ------------------------------------------------------------------------------------- what is recorded


@pytest.mark.parametrize(
    "edit",
    [
        "title = 'Something else'",
        "sealed_sha256 = decode(repeat('00', 32), 'hex')",
        "certificate_sha256 = decode(repeat('00', 32), 'hex')",
        "evidence_digest = decode(repeat('00', 32), 'hex')",
        "content = decode('00', 'hex')",
        "valid_until = '2099-01-01'",
    ],
)
def test_the_database_refuses_to_edit_a_row(document, edit):
    with (
        pytest.raises(DatabaseError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(f"UPDATE signatures_signeddocument SET {edit}")
    assert problems(document) == []


@pytest.mark.parametrize(
    ("column", "found"),
    [
        ("sealed_sha256", [DIGEST, OTHER_SAID]),
        ("certificate_sha256", [OTHER_CERTIFICATE]),
        ("evidence_digest", [OTHER_EVIDENCE]),
    ],
)
def test_a_row_that_was_edited_all_the_same_is_found(document, column, found):
    papers.tamper(f"UPDATE signatures_signeddocument SET {column} = %s", hashlib.sha256(b"").digest())
    assert problems(document) == found


def test_a_changed_event_is_found_and_named(document):
    papers.tamper("UPDATE signatures_signatureevent SET ip = '198.51.100.1' WHERE kind = 'signed'")
    signed = SignatureEvent.objects.get(kind="signed").number
    assert problems(document) == [f"Event {signed} of the evidence was changed."]
    assert problems(document, seal=False) == [f"Event {signed} of the evidence was changed."]


def test_a_missing_event_is_found_and_named(document):
    papers.tamper("DELETE FROM signatures_signatureevent WHERE number = 2")
    assert problems(document) == ["Event 2 of the evidence is missing."]


def test_a_chain_that_was_written_anew_is_found(document):
    """With digests that fit each other: but they are not those that the sealed copy prints."""
    event = SignatureEvent.objects.select_related("request").get(kind="signed")
    event.ip = "198.51.100.1"
    before = bytes(event.previous)
    for later in SignatureEvent.objects.filter(number__gte=event.number).order_by("number"):
        later.ip, later.previous = (event.ip if later.pk == event.pk else later.ip), before
        later.digest = before = evidence.digest(later)
        papers.tamper(
            "UPDATE signatures_signatureevent SET ip = %s, previous = %s, digest = %s WHERE id = %s",
            later.ip,
            later.previous,
            later.digest,
            later.pk,
        )
    assert evidence.breaks(evidence.of(document.request)) == []
    assert problems(document) == [OTHER_EVIDENCE]


def test_evidence_that_was_cut_off_is_found(document):
    papers.tamper("DELETE FROM signatures_signatureevent WHERE kind = 'sealed'")
    assert problems(document) == ["The evidence does not say that it was sealed."]
    papers.tamper("DELETE FROM signatures_signatureevent")
    assert problems(document) == [OTHER_EVIDENCE]


# ----------------------------------------------------------------------------------------- all of them


def test_all_are_checked_and_each_that_fails_is_named():
    made = [sealed.document() for _ in range(verification.BATCH + 2)]
    bad = made[verification.BATCH]
    sealed.put(bad, vault.open_copy(bad) + b"\n")
    found = dict(verification.verify_all(SignedDocument.objects.all()))
    assert [one.pk for one in found] == [one.pk for one in made]
    assert {one.pk: words for one, words in found.items() if words} == {bad.pk: [DIGEST, APPENDED]}


@pytest.mark.parametrize("count", [1, 10])
def test_checking_many_asks_the_database_as_little_as_one(count, django_assert_num_queries):
    for _ in range(count):
        sealed.document()
    with django_assert_num_queries(
        3
    ):  # documents with keys and requests; their events; whether there are more
        assert [found for _, found in verification.verify_all(SignedDocument.objects.all())] == [[]] * count


def command(*arguments: str) -> str:
    out = StringIO()
    call_command("verify_documents", *arguments, stdout=out)
    return out.getvalue()


def test_the_command_says_that_all_are_sound(document):
    sealed.document()
    assert command() == "Checked with seals: 2. None failed.\n"
    assert command("--hashes-only") == "Checked by digests alone: 2. None failed.\n"
    assert command(str(document.reference)) == "Checked with seals: 1. None failed.\n"


def test_the_command_names_each_that_fails_and_fails_itself(document):
    sealed.document()
    sealed.put(document, vault.open_copy(document) + b"\n")
    out = StringIO()
    with pytest.raises(CommandError, match=r"^1 of 2 documents failed\.") as error:
        call_command("verify_documents", stdout=out)
    assert error.value.returncode == 1
    assert out.getvalue() == (
        f"{document.reference} Consent to care, signed 2026-11-23 (request {document.request.reference}):\n"
        f"  {DIGEST}\n  {APPENDED}\n"
    )


def test_the_command_takes_the_references_of_documents_and_of_requests(document):
    bad = sealed.document()
    sealed.put(bad, sealed.pdf())
    assert command(str(document.request.reference)) == "Checked with seals: 1. None failed.\n"
    with pytest.raises(CommandError, match=r"^1 of 1 documents failed"):
        command(str(bad.request.reference))
    with pytest.raises(
        CommandError, match=r"^There is no signed document 00000000-0000-0000-0000-000000000000\.$"
    ):
        command("00000000-0000-0000-0000-000000000000")
