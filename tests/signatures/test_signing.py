from datetime import date, timedelta

import pytest

from signatures import answers, evidence, links, requests, signing
from signatures.answers import Mark
from signatures.evidence import Caller
from signatures.models import EventKind, Sealing, SignatureRequest, Signer
from tests import factories as make
from tests.factories import NOW
from tests.signatures import papers
from tests.together import at_once

pytestmark = pytest.mark.django_db
LATER = NOW + timedelta(minutes=10)


def kinds(request: SignatureRequest) -> list[str]:
    return [event.kind for event in evidence.of(request)]


def sign(signer: Signer, mark: Mark = papers.MARK, now=LATER, **values: str) -> SignatureRequest:
    return signing.sign(signer, values=values, mark=mark, caller=papers.PHONE, now=now)


def test_signing_records_each_step_and_sets_the_sealing_in_motion():
    request = papers.request()
    sign(papers.agreed(request))
    request.refresh_from_db()
    assert kinds(request) == ["created", "opened", "disclosed", "consented", "viewed", "signed"]
    assert (request.state, request.closed_at) == ("signed", LATER)
    assert Sealing.objects.get().request == request
    signer = request.signers.get()
    assert (signer.signed_as, signer.signed_at) == ("Ada Nguyen", LATER)


def test_a_drawn_signature_is_kept_sealed_and_opens_for_its_signer_alone():
    request = papers.request()
    sign(papers.agreed(request), mark=papers.DRAWN)
    signer = request.signers.get()
    assert b"Ada" not in bytes(signer.ciphertext)
    assert answers.read(signer).mark == papers.DRAWN
    other = papers.request().signers.get()
    other.ciphertext, other.salt, other.key_id = signer.ciphertext, signer.salt, signer.key_id
    with pytest.raises(answers.AnswersUnreadable):
        answers.read(other)


def test_what_the_document_says_is_frozen_when_it_is_first_opened():
    request = papers.request()
    papers.agreed(request)
    request.customer.family_name = "Married"
    request.customer.save()
    request.refresh_from_db()
    papers.agreed(request)
    request.refresh_from_db()
    assert request.facts["customer_name"] == "Ada Nguyen"


def test_opening_is_recorded_once_for_each_link():
    request = papers.request()
    signer = papers.next_signer(request)
    link = links.find(links.make(signers=[signer], channel="email", now=NOW, address="ada@example.org"))
    for caller in (papers.PHONE, papers.PHONE, Caller(link=link), Caller(link=link)):
        signing.begin(signer, caller=caller, now=LATER)
    assert kinds(request) == ["created", "opened", "opened"]


def test_nobody_signs_before_agreeing_to_electronic_records():
    request = papers.request()
    with pytest.raises(signing.NotTheirTurn):
        sign(papers.next_signer(request))
    assert request.signers.get().signed_at is None


def test_signers_come_one_after_the_other():
    request = papers.request(signers=["customer", "second", "staff"])
    first, second, third = request.signers.order_by("place")
    for early in (second, third):
        signing.begin(early, caller=papers.PHONE, now=NOW)
        signing.consent(early, papers.disclosure(), caller=papers.PHONE, now=NOW)
        with pytest.raises(signing.NotTheirTurn):
            sign(early)
    for expected in (first, second, third):
        signer = papers.agreed(request)
        assert signer == expected
        assert not Sealing.objects.exists()
        sign(signer, mark=Mark(f"Signer {signer.place} X"))
    request.refresh_from_db()
    assert request.state == "signed"
    assert [each.signed_as for each in request.signers.all()] == ["Signer 1 X", "Signer 2 X", "Signer 3 X"]


@pytest.mark.parametrize(
    ("mark", "named"),
    [
        (Mark(""), "name"),
        (Mark("  "), "name"),
        (Mark("x"), "name"),
        (Mark("123"), "name"),
        (Mark("Ada\x00Nguyen"), "name"),
        (Mark("A" * 162), "name"),
        (Mark("Ada Nguyen", (((1, 1), (2, 2)),)), "mark"),
        (Mark("Ada Nguyen", (tuple((n % 1000, n % 300) for n in range(6001)),)), "mark"),
        (Mark("Ada Nguyen", tuple(((1, 1), (9, 9)) for _ in range(301))), "mark"),
    ],
)
def test_a_signature_that_is_none_is_refused_by_name(mark, named):
    request = papers.request()
    with pytest.raises(signing.Incomplete) as refused:
        sign(papers.agreed(request), mark=mark)
    assert list(refused.value.problems) == [named]
    assert request.signers.get().signed_at is None


def test_what_was_filled_in_is_kept_when_signing_is_refused():
    request = papers.request(body="[[text*: Emergency contact]] [[text*: Their number]]")
    with pytest.raises(signing.Incomplete) as refused:
        sign(papers.agreed(request), f1="Grace")
    assert list(refused.value.problems) == ["f2"]
    assert answers.read(request.signers.get()).values == {"f1": "Grace"}


def test_saved_answers_are_there_again():
    request = papers.request(body="[[text: Allergies]]")
    signer = papers.agreed(request)
    signing.save(signer, answers.Answers({"f1": "Nuts"}), now=LATER)
    assert answers.read(Signer.objects.get()).values == {"f1": "Nuts"}
    assert kinds(request)[-1] == "viewed"


@pytest.mark.django_db(transaction=True)
def test_two_tabs_sign_once():
    request = papers.request()
    signer = papers.agreed(request)

    def tab() -> str:
        try:
            sign(Signer.objects.select_related("request").get(pk=signer.pk))
        except signing.NoLongerOpen:
            return "closed"
        return "signed"

    assert sorted(at_once([tab] * 4)) == ["closed", "closed", "closed", "signed"]
    assert kinds(request).count(EventKind.SIGNED) == 1
    assert Sealing.objects.count() == 1


def test_declining_ends_it_with_the_reason():
    request = papers.request(signers=["customer", "staff"])
    signer = papers.agreed(request)
    signing.decline(signer, reason="I do not agree to point 3.", caller=papers.PHONE, now=LATER)
    request.refresh_from_db()
    assert (request.state, request.closed_reason) == ("declined", "I do not agree to point 3.")
    with pytest.raises(signing.NoLongerOpen):
        sign(signer)
    assert kinds(request)[-1] == "declined"


def test_a_voided_document_cannot_be_signed():
    request = papers.request()
    signer = papers.agreed(request)
    requests.void(request=request, reason="Wrong person", by=make.user(), now=LATER)
    for act in (
        lambda: sign(signer),
        lambda: signing.begin(signer, caller=papers.PHONE, now=LATER),
        lambda: signing.save(signer, answers.Answers(), now=LATER),
        lambda: signing.decline(signer, reason="", caller=papers.PHONE, now=LATER),
    ):
        with pytest.raises(signing.NoLongerOpen) as refused:
            act()
        assert refused.value.request.state == "voided"


def test_the_birth_date_is_asked_for_so_many_times_and_again_when_sent_anew():
    request = papers.request(asks_birth_date=True)
    signer = papers.next_signer(request)
    for _ in range(signing.MOST_WRONG_DATES):
        assert signing.may_try_birth_date(signer)
        assert not signing.check_birth_date(signer, date(1990, 1, 1), caller=papers.PHONE, now=LATER)
    assert not signing.may_try_birth_date(signer)
    evidence.record(request, kind=EventKind.SENT, now=LATER)
    assert signing.may_try_birth_date(signer)
    assert signing.check_birth_date(signer, request.customer.date_of_birth, caller=papers.PHONE, now=LATER)
    assert kinds(request)[-1] == "identity"


def test_an_unknown_birth_date_is_never_right():
    request = papers.request()
    request.customer.date_of_birth = None
    request.customer.save()
    assert not signing.check_birth_date(papers.next_signer(request), None, caller=papers.PHONE, now=LATER)


def test_the_version_that_was_sent_is_signed_whatever_is_published_later():
    request = papers.request()
    version = request.version
    version.template.versions.create(
        number=2, body="# Other", created_at=NOW, created_by=version.created_by,
        published_at=NOW, published_by=version.created_by,
    )  # fmt: skip
    sign(papers.agreed(request))
    request.refresh_from_db()
    assert request.version == version
