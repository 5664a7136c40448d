from datetime import timedelta

import pytest

from reminders import messages
from reminders.messages import Letter
from reminders.models import Channel, Kind, Message
from scheduling.booking import Contact
from signatures import evidence, links, requests, signing
from signatures.models import SignatureLink
from tests import factories as make
from tests.factories import NOW
from tests.signatures import papers
from tests.signatures.conftest import requests_of

pytestmark = pytest.mark.django_db


def letter_to(*signers, address="ada@example.org"):
    """A message that waits, with a link to these."""
    message = messages.write(
        kind=Kind.PLEASE_SIGN, channel=Channel.EMAIL, address=address, letter=Letter("s", "t"), now=NOW
    )
    links.make(signers=signers, channel="email", address=address, message=message, now=NOW)
    return message


def test_a_draft_cannot_be_asked_for():
    with pytest.raises(requests.RequestRefused, match="Publish"):
        papers.request(is_published=False)


def test_asking_twice_says_what_to_do():
    request = papers.request()
    with pytest.raises(requests.RequestRefused, match="has been asked for “Consent to care” already"):
        papers.request(of=request.version, customer=request.customer, facility=request.facility)


def test_after_voiding_it_can_be_asked_for_again():
    request = papers.request()
    requests.void(request=request, reason="Wrong version", by=make.user(), now=NOW)
    again = papers.request(of=request.version, customer=request.customer, facility=request.facility)
    assert again.is_open
    assert [event.kind for event in evidence.of(request)] == ["created", "voided"]
    assert evidence.of(request)[1].detail == {"reason": "Wrong version"}


@pytest.mark.parametrize("how", ["signed", "declined", "voided"])
def test_what_is_closed_cannot_be_voided(how):
    request = papers.request()
    if how == "signed":
        papers.signed(request=request)
    elif how == "declined":
        signing.decline(papers.agreed(request), reason="", caller=papers.PHONE, now=NOW)
    else:
        requests.void(request=request, reason="", by=None, now=NOW)
    with pytest.raises(requests.RequestRefused, match="already"):
        requests.void(request=request, reason="", by=make.user(), now=NOW)
    request.refresh_from_db()
    assert request.state == how


def test_voiding_closes_the_message_that_waits_to_ask_for_it_alone():
    one, other = papers.request(), papers.request()
    alone = letter_to(one.signers.get())
    both = letter_to(one.signers.get(), other.signers.get())
    requests.void(request=one, reason="", by=None, now=NOW)
    assert Message.objects.get(pk=alone.pk).state == "closed"
    assert Message.objects.get(pk=both.pk).state == "pending"


def test_a_message_that_is_being_sent_is_left_to_its_worker():
    request = papers.request()
    message = letter_to(request.signers.get())
    Message.objects.filter(pk=message.pk).update(handed_over_at=NOW)
    requests.void(request=request, reason="", by=None, now=NOW)
    assert Message.objects.get(pk=message.pk).state == "pending"


def test_naming_another_second_party_ends_the_links_of_the_first():
    request = papers.request(signers=["customer", "second"])
    second = request.signers.get(place=2)
    token = links.make(signers=[second], channel="email", address="old@example.org", now=NOW)
    requests.name_second_party(
        signer=second, name="Grace", email="grace@example.org", phone="", by=make.user(), now=NOW
    )
    assert (second.name, second.email) == ("Grace", "grace@example.org")
    assert not links.find(token).is_alive(NOW)


def test_who_has_signed_is_not_named_anew():
    request = papers.request(signers=["customer", "second"])
    signing.sign(papers.agreed(request), values={}, mark=papers.MARK, caller=papers.PHONE, now=NOW)
    for place in (1, 2):
        signer = request.signers.get(place=place)
        if place == 2:
            signing.sign(papers.agreed(request), values={}, mark=papers.MARK, caller=papers.PHONE, now=NOW)
        with pytest.raises(requests.RequestRefused, match="signed already"):
            requests.name_second_party(signer=signer, name="X", email="", phone="", by=make.user(), now=NOW)


def test_links_are_kept_as_digests_and_expire():
    signer = papers.next_signer(papers.request())
    token = links.make(signers=[signer], channel="email", now=NOW, address="ada@example.org")
    assert len(token) == 43
    link = SignatureLink.objects.get()
    assert token.encode() not in bytes(link.digest)
    assert links.find(token) == link
    assert links.find(token[:-1] + "A") is None or token.endswith("A")
    assert link.is_alive(NOW + timedelta(days=59))
    assert not link.is_alive(NOW + timedelta(days=60))
    assert [each.pk for each in links.signers_of(link)] == [signer.pk]


def test_documents_go_to_the_address_on_record_before_one_that_was_typed_when_booking(clinic):
    clinic.needs()
    typed = Contact(contact_email="typed@example.org", contact_phone="+12125550199")
    appointment = clinic.books(contact=typed)
    (signer,) = requests_of(appointment)[0].signers.all()
    assert (signer.email, signer.phone) == (clinic.customer.email, clinic.customer.phone)


def test_without_an_address_on_record_they_go_where_the_appointment_does(clinic):
    clinic.needs()
    clinic.customer.email = clinic.customer.phone = ""
    clinic.customer.save()
    appointment = clinic.books(contact=Contact(contact_email="typed@example.org"))
    (signer,) = requests_of(appointment)[0].signers.all()
    assert (signer.email, signer.phone) == ("typed@example.org", "")
