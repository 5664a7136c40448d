"""What the database itself refuses, past all of our own checks."""

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from signatures import vault
from signatures.models import (
    AttachedDocument,
    DocumentKey,
    SignatureRequest,
    SignedDocument,
    TemplateVersion,
)
from tests import factories as make
from tests.factories import NOW
from tests.signatures import papers

pytestmark = pytest.mark.django_db


def sealed() -> SignedDocument:
    """A row as sealing writes it."""
    request = papers.signed()
    document = SignedDocument(
        request=request,
        customer=request.customer,
        version=request.version,
        title=request.template.title,
        signed_at=NOW,
        sealed_at=NOW,
        shown_sha256=bytes(32),
        sealed_sha256=bytes(32),
        evidence_digest=bytes(32),
        certificate_sha256=bytes(32),
        size=3,
    )
    locked = vault.lock(b"PDF", document.reference)
    document.content = locked.content
    document.save()
    DocumentKey.objects.create(document=document, **locked.key)
    SignatureRequest.objects.filter(pk=request.pk).update(state="sealed")
    return document


def refused(statement: str) -> None:
    with (
        pytest.raises(DatabaseError, match=r"append-only|cannot be") as error,
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)
    assert error.value.__cause__ is not None


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE signatures_signeddocument SET title = 'Other'",
        "UPDATE signatures_signeddocument SET content = 'x'",
        "UPDATE signatures_signeddocument SET valid_until = NULL, sealed_sha256 = 'x'",
        "DELETE FROM signatures_signeddocument",
        "UPDATE signatures_signaturerequest SET state = 'sent', closed_at = NULL",
        "UPDATE signatures_signaturerequest SET facts = '{}'",
        "DELETE FROM signatures_signaturerequest",
        "UPDATE signatures_signer SET signed_as = 'Somebody else'",
        "UPDATE signatures_signer SET signed_at = NULL, signed_as = ''",
        "DELETE FROM signatures_signer",
        "DELETE FROM signatures_documentkey",
        "UPDATE signatures_documentkey SET document_id = document_id + 1",
        "UPDATE signatures_templateversion SET body = 'Other'",
        "UPDATE signatures_templateversion SET published_at = NULL, published_by_id = NULL",
        "DELETE FROM signatures_templateversion",
    ],
)
def test_what_was_signed_stays(statement):
    sealed()
    refused(statement)


def test_a_signed_request_that_waits_to_be_sealed_stays_signed():
    papers.signed()
    refused("UPDATE signatures_signaturerequest SET state = 'voided'")
    refused("DELETE FROM signatures_signaturerequest")


def test_the_copy_opens_and_belongs_to_its_document_alone():
    document, other = sealed(), sealed()
    assert vault.open_copy(document) == b"PDF"
    assert b"PDF" not in bytes(document.content)
    document.content = other.content
    with pytest.raises(vault.CopyUnreadable, match="belongs to another"):
        vault.open_copy(document)


def test_a_key_may_be_sealed_anew():
    document = sealed()
    before = bytes(document.key.ciphertext)
    assert vault.reseal(document.key)
    again = SignedDocument.objects.get()
    assert bytes(again.key.ciphertext) != before
    assert vault.open_copy(again) == b"PDF"


def test_a_document_without_its_key_says_so():
    document = sealed()
    papers.tamper("DELETE FROM signatures_documentkey")
    with pytest.raises(vault.CopyUnreadable, match="key is missing"):
        vault.open_copy(SignedDocument.objects.get(pk=document.pk))


def test_a_draft_may_be_changed_and_there_is_one_at_a_time():
    draft = papers.template(is_published=False)
    draft.body = "Other"
    draft.save()
    draft.pk = None
    draft.number = 2
    with pytest.raises(IntegrityError, match="templateversion_one_draft"), transaction.atomic():
        draft.save(force_insert=True)


@pytest.mark.parametrize(
    ("fields", "constraint"),
    [
        ({"body": ""}, "templateversion_says_something"),
        ({"signers": []}, "templateversion_one_to_three"),
        ({"signers": ["customer", "second", "staff", "staff"]}, "templateversion_one_to_three"),
        ({"published_by": None}, "templateversion_published_who_and_when"),
        ({"source": "pdf"}, "templateversion_says_something"),
    ],
)
def test_a_version_that_cannot_be_signed_is_refused(fields, constraint):
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        papers.template(version=fields)


def test_a_customer_is_asked_for_a_document_once_at_a_time():
    request = papers.request()
    request.pk, request.reference = None, "5e6b4c0a-9f7b-4c55-8e1e-0d5a4b3c2d1e"
    with pytest.raises(IntegrityError, match="signaturerequest_one_open"), transaction.atomic():
        request.save(force_insert=True)


def test_an_open_request_is_not_closed_and_a_closed_one_says_when():
    request = papers.request()
    with pytest.raises(IntegrityError, match="signaturerequest_closed_when"), transaction.atomic():
        SignatureRequest.objects.filter(pk=request.pk).update(state="voided")


def test_nobody_signs_without_consent():
    signer = papers.next_signer(papers.request())
    signer.signed_at, signer.signed_as = NOW, "Ada"
    with pytest.raises(IntegrityError, match="signer_consented_before_signing"), transaction.atomic():
        signer.save()


def test_an_appointment_needs_a_document_once():
    place = make.facility()
    program = make.program(at=place)
    papers.template(needed_by=program)
    staff = make.staff(at=place)
    make.week(staff=staff, at=place)
    program.staff.add(staff)
    make.appointment(program=program, staff=staff)
    row = AttachedDocument.objects.get()
    row.pk = None
    with pytest.raises(IntegrityError, match="attacheddocument_once"), transaction.atomic():
        row.save(force_insert=True)


def test_published_versions_are_the_ones_in_use():
    version = papers.template()
    version.template.versions.create(
        number=2, body="Draft", created_at=NOW, created_by=version.created_by, signers=["customer"]
    )
    assert list(TemplateVersion.objects.current()) == [version]
