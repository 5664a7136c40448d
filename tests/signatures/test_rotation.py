"""When keys are rotated, answers and the keys of documents move; the documents themselves stay as they were written."""

import base64

import pytest

from signatures import answers, vault
from signatures.answers import Answers
from signatures.models import DocumentKey, SignedDocument, Signer
from tests.factories import NOW
from tests.signatures import papers
from tests.signatures.test_locks import sealed

pytestmark = pytest.mark.django_db

OLD = "k1:" + base64.urlsafe_b64encode(b"1" * 32).decode()
NEW = "k2:" + base64.urlsafe_b64encode(b"2" * 32).decode()


@pytest.fixture
def signed_under_the_old_key(settings) -> SignedDocument:
    settings.NOTE_KEY_RING = OLD
    document = sealed()
    settings.NOTE_KEY_RING = f"{NEW},{OLD}"
    return document


def test_a_signed_document_moves_to_the_new_key_and_keeps_its_bytes(signed_under_the_old_key, settings):
    before = bytes(signed_under_the_old_key.content)
    for table in (answers.sealed_table(), vault.sealed_table()):
        assert table.count_by_key() == {"k1": 1}
        assert sum(batch.moved for batch in table.rotate(batch=10)) == 1
        assert table.count_by_key() == {"k2": 1}
    settings.NOTE_KEY_RING = NEW
    document = SignedDocument.objects.get()
    assert bytes(document.content) == before
    assert vault.open_copy(document) == b"PDF"
    assert answers.read(Signer.objects.select_related("request").get()).mark == papers.MARK


def test_what_cannot_be_opened_is_named_and_left(signed_under_the_old_key, settings):
    settings.NOTE_KEY_RING = NEW
    (batch,) = vault.sealed_table().rotate(batch=10)
    assert batch.unreadable == [DocumentKey.objects.get()]
    name = vault.sealed_table().name_of(batch.unreadable[0])
    assert name == f"key of signed document {signed_under_the_old_key.reference}"


def test_answers_changed_meanwhile_are_left_as_they_are_now():
    request = papers.request(body="[[text: Allergies]]")
    signer = papers.agreed(request)
    for value in ("Nuts", "None"):
        stale = Signer.objects.select_related("request").get()
        fields = answers.sealed(Answers({"f1": value}), signer)
        Signer.objects.filter(pk=signer.pk).update(saved_at=NOW, **fields)
    assert not answers.reseal(stale)
    assert answers.read(Signer.objects.select_related("request").get()).values == {"f1": "None"}
