"""What needs a person: who sees it, and what becomes of it when somebody has looked."""

from datetime import timedelta
from itertools import count

import pytest

from appointments.access import Access
from reminders import attention, consent, inbound
from reminders.inbound import Received
from reminders.models import ConsentLog, InboundText, Message
from tests import factories as make
from tests.reminders import sending
from tests.scheduling.desk import Desk

pytestmark = pytest.mark.django_db
_number = count(1)


def text_from(phone, words="Please stop texting me"):
    received = Received(f"SM{next(_number)}", phone, words)
    inbound.receive(received, now=make.NOW)
    return InboundText.objects.get(provider_id=received.provider_id)


def failed(message):
    """As delivery and reports leave one that a person has to look at."""
    Message.objects.filter(pk=message.pk).update(
        state="given_up", settled_at=make.NOW, last_error="No such mailbox.", needs_person_since=make.NOW
    )
    message.refresh_from_db()
    return message


def notice(desk, hour=10):
    return sending.notice(of=desk.appointment(hour, customer=make.customer(at=desk.facility)))


def access(*facilities, **fields):
    return Access(make.staff(at=list(facilities), role="front_desk", **fields).user)


@pytest.fixture
def desk():
    return Desk.open()


@pytest.fixture
def other():
    return Desk.open()


def counted(seen):
    """The count of the bar, after a look whether it is that of the lists."""
    listed = attention.messages(seen).count() + attention.texts(seen).count()
    assert attention.count(seen) == listed
    return listed


def test_failures_are_those_of_the_facilities_one_sees(desk, other):
    ours, theirs = failed(notice(desk)), failed(notice(other))
    notice(desk, 14)

    assert list(attention.messages(access(desk.facility))) == [ours]
    assert list(attention.messages(access(desk.facility, other.facility))) == [ours, theirs]
    assert [counted(access(desk.facility)), counted(access(other.facility)), counted(access())] == [1, 1, 0]


def test_failure_about_no_appointment_is_of_the_customers_facilities(desk, other):
    ours = failed(sending.message(customer=desk.customer))
    failed(sending.message(customer=None))

    assert list(attention.messages(access(desk.facility))) == [ours]
    assert counted(access(other.facility)) == 0
    assert counted(Access(make.user(is_superuser=True))) == 2


def test_failure_about_an_appointment_elsewhere_is_not_ours_though_the_customer_is(desk, other):
    failed(sending.notice(of=other.appointment(10, customer=desk.customer)))

    assert counted(access(desk.facility)) == 0
    assert counted(access(other.facility)) == 1


def test_text_is_of_where_its_number_is_known(desk, other):
    text = text_from(desk.customer.phone)

    assert list(attention.texts(access(desk.facility))) == [text]
    assert counted(access(desk.facility)) == 1
    assert counted(access(other.facility)) == 0


def test_text_from_a_number_shared_by_customers_of_two_facilities_is_of_both(desk, other):
    make.customer(at=other.facility, phone=desk.customer.phone)
    text_from(desk.customer.phone)

    assert [counted(access(desk.facility)), counted(access(other.facility))] == [1, 1]


def test_text_of_nobody_on_record_is_everyones(desk, other):
    text_from("+13125550199")

    assert [counted(access(desk.facility)), counted(access(other.facility))] == [1, 1]


def test_text_in_answer_to_ours_is_of_the_appointments_facility(desk, other):
    """Whoever booked online under a number that is on nobody's record."""
    sending.notice(of=desk.appointment(10), channel="phone", address="+13125550199", handed_over_at=make.NOW)
    text_from("+13125550199")

    assert [counted(access(desk.facility)), counted(access(other.facility))] == [1, 0]


def test_texts_of_customers_known_nowhere_are_not_everyones(desk):
    stranger = make.customer()
    text_from(stranger.phone)

    assert counted(access(desk.facility)) == 0
    assert counted(Access(make.user(is_superuser=True))) == 1


def test_understood_texts_need_nobody(desk):
    for words in ("STOP", "START", "HELP"):
        text_from(desk.customer.phone, words)

    assert counted(access(desk.facility)) == 0


def test_count_takes_one_query(desk, django_assert_num_queries):
    failed(notice(desk))
    seen = access(desk.facility)
    assert seen.facility_ids
    with django_assert_num_queries(1):
        assert attention.count(seen) == 1


def test_handled_failure_leaves_the_queue_with_who_and_why(desk):
    message, amy = failed(notice(desk)), desk.staff.user
    later = make.NOW + timedelta(hours=1)

    assert attention.handle(message, by=amy, now=later, note="Called her")
    assert not attention.handle(message, by=make.user(), now=later, note="Me too")

    message.refresh_from_db()
    assert (message.handled_at, message.handled_by, message.handled_note) == (later, amy, "Called her")
    assert counted(access(desk.facility)) == 0


def test_message_that_needs_nobody_is_not_handled(desk):
    assert not attention.handle(notice(desk), by=desk.staff.user, now=make.NOW)


def test_texts_go_on_once_somebody_has_read_the_words(desk):
    phone = desk.customer.phone
    sending.agreed(customer=desk.customer)
    text = text_from(phone)
    assert not consent.may_text(phone)

    assert attention.handle_text(text, by=desk.staff.user, now=make.NOW, note="Meant another sender")

    assert consent.may_text(phone)
    assert not attention.handle_text(text, by=desk.staff.user, now=make.NOW)


def test_ending_texts_writes_the_log_with_the_persons_words(desk):
    sending.agreed(customer=desk.customer)
    text = text_from(desk.customer.phone)

    assert attention.end_texts(text, by=desk.staff.user, now=make.NOW, note="Called back")
    assert not attention.end_texts(text, by=desk.staff.user, now=make.NOW)

    entry = ConsentLog.objects.first()
    assert (entry.granted, entry.source, entry.by) == (False, "staff", desk.staff.user)
    assert (entry.address, entry.customer) == (desk.customer.phone, desk.customer)
    assert entry.wording == "Texted: Please stop texting me\nNote: Called back"
    assert ConsentLog.objects.count() == 2
    text.refresh_from_db()
    assert (text.handled_by, text.handled_note) == (desk.staff.user, "Called back")
