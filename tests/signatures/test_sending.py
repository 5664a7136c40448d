from datetime import timedelta

import pytest

from reminders import delivery, messages, resending, suppression, ways
from reminders.models import Channel, Kind, Message, Source
from scheduling import booking
from signatures import attaching, evidence, links, sending, signing
from signatures.models import SignatureLink, SignatureRequest, SigningReminder, SigningRules
from tests import factories as make
from tests.factories import NOW
from tests.signatures import papers
from tests.signatures.conftest import requests_of
from tests.signatures.test_sealing import seal

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _sign_page_has_an_address(settings):
    settings.PUBLIC_BASE_URL = "https://book.example.org"


def asked() -> list[Message]:
    return list(Message.objects.filter(kind=Kind.PLEASE_SIGN).order_by("id"))


def agrees_to_texts(phone: str) -> None:
    from reminders.models import ConsentLog

    ConsentLog.objects.create(
        channel=Channel.PHONE, address=phone, granted=True, source=Source.STAFF, wording="Yes", at=NOW
    )


def token_in(message: Message) -> str:
    letter = messages.read(message)
    return letter.text.partition("/s/")[2].partition("/")[0]


def test_one_message_and_one_link_for_all_that_one_person_has_to_sign(clinic):
    clinic.needs("Consent")
    clinic.needs("Release")
    appointment = clinic.books()
    sent = sending.send(requests=attaching.to_send(appointment), by=clinic.user, now=NOW)
    assert (sent.documents, sent.addresses, sent.unreached) == (2, [clinic.customer.email], [])
    (message,) = asked()
    assert (message.address, message.appointment, message.state) == (
        clinic.customer.email,
        appointment,
        "pending",
    )
    letter = messages.read(message)
    assert "Consent" in letter.text
    assert "Release" in letter.html
    assert "Consent" not in letter.subject
    link = links.find(token_in(message))
    assert (link.channel, link.address, link.message) == ("email", clinic.customer.email, message)
    assert [signer.request for signer in links.signers_of(link)] == requests_of(appointment)
    for request in requests_of(appointment):
        assert (request.state, request.sent_at) == ("sent", NOW)
        assert evidence.of(request)[-1].detail == {"to": [clinic.customer.email]}


def test_texts_go_to_those_who_agreed_and_name_no_document(clinic):
    clinic.needs("HIV test consent")
    agrees_to_texts(clinic.customer.phone)
    appointment = clinic.books()
    sending.send(requests=attaching.to_send(appointment), by=clinic.user, now=NOW)
    email, text = asked()
    assert (email.channel, text.channel) == (Channel.EMAIL, Channel.PHONE)
    said = messages.read(text).text
    assert "HIV" not in said
    assert "https://book.example.org/s/" in said
    assert token_in(email) != token_in(text)


def test_where_nothing_reaches_anybody_it_says_what_to_do(clinic):
    clinic.needs()
    clinic.customer.email = ""
    clinic.customer.save()
    appointment = clinic.books()
    with pytest.raises(sending.CannotSend, match="Nothing reaches Ada Nguyen: enter an e-mail address"):
        sending.send(requests=attaching.to_send(appointment), by=clinic.user, now=NOW)
    assert requests_of(appointment)[0].state == "prepared"
    assert not asked()


def test_sending_again_makes_another_link_and_the_first_still_opens(clinic):
    clinic.needs()
    appointment = clinic.books()
    for _ in range(2):
        sending.send(requests=requests_of(appointment), by=clinic.user, now=NOW)
    first, second = asked()
    assert (first.copy, second.copy) == (0, 1)
    assert token_in(first) != token_in(second)
    assert links.find(token_in(first)).is_alive(NOW)


def test_the_next_signer_is_told_when_the_one_before_has_signed(clinic):
    clinic.needs(signers=["customer", "second"])
    appointment = clinic.books()
    request = requests_of(appointment)[0]
    request.signers.filter(place=2).update(name="Grace", email="grace@example.org")
    sending.send(requests=[request], by=clinic.user, now=NOW)
    assert [message.address for message in asked()] == [clinic.customer.email]
    signing.sign(papers.agreed(request), values={}, mark=papers.MARK, caller=papers.PHONE, now=NOW)
    assert [message.address for message in asked()] == [clinic.customer.email, "grace@example.org"]


def test_a_message_to_a_guardian_goes_to_the_guardian(clinic):
    clinic.needs(signers=["second"])
    appointment = clinic.books()
    request = requests_of(appointment)[0]
    request.signers.update(name="Grace", email="grace@example.org")
    sending.send(requests=[request], by=clinic.user, now=NOW)
    (message,) = asked()
    delivery.deliver(message.pk, now=NOW)
    message.refresh_from_db()
    assert (message.state, message.address) == ("done", "grace@example.org")


def test_a_message_is_sent_word_for_word_though_the_appointment_moved(clinic):
    clinic.needs()
    appointment = clinic.books()
    sending.send(requests=requests_of(appointment), by=clinic.user, now=NOW)
    (message,) = asked()
    before = messages.read(message)
    booking.reschedule(
        appointment=appointment, starts_at=appointment.starts_at + timedelta(hours=2), by=clinic.user, now=NOW
    )
    delivery.deliver(message.pk, now=NOW)
    message.refresh_from_db()
    assert message.state == "done"
    assert messages.read(message) == before


def test_after_a_cancellation_nobody_is_asked(clinic):
    clinic.needs()
    appointment = clinic.books()
    sending.send(requests=requests_of(appointment), by=clinic.user, now=NOW)
    booking.cancel(appointment=appointment, reason="", by=clinic.user, now=NOW)
    (message,) = asked()
    assert message.state == "closed"


def test_such_a_message_is_not_sent_again_by_itself(clinic):
    clinic.needs()
    appointment = clinic.books()
    sending.send(requests=requests_of(appointment), by=clinic.user, now=NOW)
    (message,) = asked()
    delivery.deliver(message.pk, now=NOW)
    message.refresh_from_db()
    assert ways.against(message, now=NOW) == ways.FROM_DOCUMENTS
    assert resending.fall_back(message, now=NOW) is None
    with pytest.raises(resending.CannotSendAgain, match="Send the documents again"):
        resending.send_again(message, reason="", by=clinic.user, now=NOW)


def test_a_text_does_not_come_at_night(clinic):
    clinic.needs()
    agrees_to_texts(clinic.customer.phone)
    appointment = clinic.books()
    night = make.at(make.TODAY, 23)
    sending.send(requests=requests_of(appointment), by=clinic.user, now=night, channels=[Channel.PHONE])
    (message,) = asked()
    delivery.deliver(message.pk, now=night)
    message.refresh_from_db()
    assert message.state == "pending"
    assert message.due_at > night + timedelta(hours=7)


def test_after_sealing_the_signer_is_told_where_the_copy_is_once():
    request = papers.signed()
    seal(request)
    seal(request)
    (message,) = asked()
    assert message.address == request.customer.email
    assert messages.read(message).subject == "Your signed copy"
    assert SignatureLink.objects.get(message=message).signers.get().request == request


def test_a_program_may_send_on_booking(clinic):
    clinic.needs()
    SigningRules.objects.create(program=clinic.program, sends_on_booking=True)
    appointment = clinic.books()
    assert requests_of(appointment)[0].state == "sent"
    assert len(asked()) == 1


# ------------------------------------------------------------------------------------------ reminders


def remind(day: int, hour: int = 10, minute: int = 0) -> int:
    return sending.remind_due(now=make.at(make.TODAY + timedelta(days=day), hour, minute))


@pytest.fixture
def sent(clinic):
    """Sent today for an appointment in ten days."""
    clinic.needs()
    appointment = clinic.books(starts_at=NOW + timedelta(days=10))
    sending.send(requests=requests_of(appointment), by=clinic.user, now=NOW)
    return appointment


def test_what_is_not_signed_is_reminded_of_three_days_and_one_day_before(sent):
    told = [(day, hour) for day in range(11) for hour in (9, 10, 11, 15) if remind(day, hour)]
    assert told == [(7, 10), (9, 10)]
    assert len(asked()) == 3
    assert messages.read(asked()[1]).subject.startswith("Reminder:")
    assert [event.kind for event in evidence.of(requests_of(sent)[0])].count("reminded") == 2
    assert SigningReminder.objects.count() == 2


def test_what_is_signed_is_not_reminded_of(sent):
    papers.signed(request=requests_of(sent)[0])
    assert [remind(day) for day in range(11)] == [0] * 11


def test_who_was_written_to_today_is_not_reminded_yet(sent, clinic):
    now = make.at(make.TODAY + timedelta(days=7), 9)
    sending.send(requests=requests_of(sent), by=clinic.user, now=now)
    assert remind(7) == 0
    assert remind(9) == 1


def test_a_reminder_missed_for_long_is_left_to_the_next(sent):
    assert remind(7, 23) == 0
    assert remind(9) == 1


def test_rules_of_the_program_are_followed(sent, clinic):
    SigningRules.objects.create(program=clinic.program, remind_days_before=[5])
    assert [day for day in range(11) if remind(day)] == [5]


def test_what_was_never_sent_is_not_reminded_of(clinic):
    clinic.needs()
    clinic.books(starts_at=NOW + timedelta(days=10))
    assert [remind(day) for day in range(11)] == [0] * 11
    assert SignatureRequest.objects.get().state == "prepared"


def test_a_person_with_several_documents_is_reminded_by_one_message(clinic):
    clinic.needs("Consent")
    clinic.needs("Release")
    appointment = clinic.books(starts_at=NOW + timedelta(days=10))
    sending.send(requests=requests_of(appointment), by=clinic.user, now=NOW)
    remind(7)
    assert len(asked()) == 2


def test_unsubscribed_addresses_are_not_written_to(clinic):
    from reminders.models import ConsentLog

    clinic.needs()
    appointment = clinic.books()
    ConsentLog.objects.create(
        channel=Channel.EMAIL, address=clinic.customer.email.lower(), granted=False,
        source=Source.STAFF, wording="No", at=NOW,
    )  # fmt: skip
    (way,) = [
        each
        for each in sending.ways(papers.next_signer(requests_of(appointment)[0]))
        if each.channel == "email"
    ]
    assert way.against == suppression.UNSUBSCRIBED
