"""Texts from customers: kept once and sealed, and what they lead to."""

import base64
from datetime import timedelta
from itertools import count

import pytest
from django.core.cache import cache

from appointments import branding, confirmation
from appointments.models import Appointment, AppointmentEvent, Channel, Customer
from reminders import consent, inbound, segments
from reminders.inbound import ASKED_AGAIN_WITHIN, Received
from reminders.models import ConsentLog, InboundText, Kind, Meaning, Message
from scheduling import booking
from securecare.encryption import CannotOpen
from tests import factories as make
from tests.factories import NOW
from tests.reminders.sending import agreed, notice
from tests.together import at_once

pytestmark = pytest.mark.django_db

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
NUMBER = "+12125550143"
_sid = count(1)


def receive(words: str, *, opt_out: str = "", sid: str = "", number: str = NUMBER, now=NOW) -> str:
    sid = sid or f"SM{next(_sid)}"
    return inbound.receive(Received(sid, number, words, opt_out), now=now)


def last() -> InboundText:
    return InboundText.objects.first()


def consents() -> list[tuple[bool, str, str]]:
    rows = ConsentLog.objects.filter(address=NUMBER).order_by("id")
    return list(rows.values_list("granted", "source", "wording"))[1:]


@pytest.fixture
def place():
    return make.facility(name="Northside", phone="(212) 555-0100")


@pytest.fixture
def staff(place):
    member = make.staff(at=place)
    make.week(staff=member, at=place)
    return member


@pytest.fixture
def ada(place) -> Customer:
    customer = make.customer(at=place, phone=NUMBER)
    agreed(customer=customer)
    return customer


@pytest.fixture
def book(place, staff, ada):
    program = make.program(at=place, staff=staff, name="Sobriety Group")

    def made(starts_at=NOW + 2 * HOUR, *, customer: Customer = ada, **fields) -> Appointment:
        return make.appointment(
            starts_at=starts_at, staff=staff, program=program, customer=customer, **fields
        )

    return made


# -------------------------------------------------------------------------------------------------------- kept


def test_a_text_is_kept_sealed(ada):
    receive("See you, it is about my knee", sid="SM1")
    text = InboundText.objects.get()
    assert (text.provider_id, text.address, text.received_at, text.meaning) == (
        "SM1",
        NUMBER,
        NOW,
        Meaning.OTHER,
    )
    assert inbound.text_of(text) == "See you, it is about my knee"
    assert b"knee" not in bytes(text.ciphertext)


def test_words_open_only_where_they_were_sealed(ada):
    receive("mine")
    receive("yours")
    mine, yours = InboundText.objects.order_by("pk")
    yours.ciphertext, yours.salt = mine.ciphertext, mine.salt
    with pytest.raises(CannotOpen):
        inbound.text_of(yours)


def test_words_move_with_the_keys(settings, ada):
    old, new = (
        f"{name}:{base64.b64encode(byte * 32).decode()}" for name, byte in (("k1", b"1"), ("k2", b"2"))
    )
    settings.NOTE_KEY_RING = old
    receive("hello")
    settings.NOTE_KEY_RING = f"{new},{old}"
    assert [done.moved for done in inbound.sealed_table().rotate(batch=5)] == [1]
    settings.NOTE_KEY_RING = new
    assert inbound.text_of(last()) == "hello"


def test_a_text_counts_once_and_whoever_asks_again_at_once_gets_the_same_answer(ada, book):
    book()
    answer = receive("C", sid="SM1")
    assert receive("C", sid="SM1", now=NOW + ASKED_AGAIN_WITHIN) == answer != ""
    assert receive("C", sid="SM1", now=NOW + ASKED_AGAIN_WITHIN + timedelta(seconds=1)) == ""
    assert receive("STOP", sid="SM1") == answer
    assert InboundText.objects.count() == 1
    assert consent.may_text(NUMBER)


@pytest.mark.django_db(transaction=True)
def test_a_text_that_comes_several_times_at_once_counts_once(ada, book):
    visit = book()
    answers = at_once([lambda: receive("C", sid="SM1")] * 4)
    assert len(set(answers)) == 1
    assert InboundText.objects.count() == 1
    assert AppointmentEvent.objects.filter(appointment=visit, kind="confirmed").count() == 1


def test_an_endless_text_is_cut_and_nulls_are_dropped(ada):
    receive("x\x00" * 3_000)
    assert inbound.text_of(last()) == "x" * inbound.LONGEST


# ------------------------------------------------------------------------------------------------ stop and start


@pytest.mark.parametrize("words", ["STOP", "Unsubscribe!", "cancel"])
def test_stop_ends_texts_at_once_in_the_person_s_own_words(ada, words, book):
    visit = book(NOW + 30 * DAY)
    assert receive(words) == ""  # the provider answers
    assert consents() == [(False, "text_stop", words)]
    assert ConsentLog.objects.first().customer == ada
    assert not consent.may_text(NUMBER)
    reminders = Message.objects.filter(appointment=visit, channel="phone", kind=Kind.REMINDER)
    assert set(reminders.values_list("state", flat=True)) == {"closed"}
    assert (last().meaning, last().needs_person) == (Meaning.STOP, False)


def test_a_stop_that_the_provider_does_not_know_is_answered_once(ada):
    assert (
        receive("ALTO")
        == "SecureCare: no le enviaremos otros mensajes. Responda START para recibirlos de nuevo."
    )
    assert consents() == [(False, "text_stop", "ALTO")]


def test_the_provider_answers_what_it_took_for_a_keyword(ada):
    for opt_out in ("STOP", "START", "HELP"):
        assert receive("ALTO", opt_out=opt_out) == ""


def test_a_number_of_two_people_is_ended_for_both_and_named_to_neither(ada, place):
    make.customer(at=place, phone=NUMBER)
    receive("STOP")
    assert ConsentLog.objects.first().customer is None
    assert not consent.may_text(NUMBER)


def test_a_number_of_nobody_is_ended_as_well():
    assert receive("STOP", number="+12125550999") == ""
    assert consent.was_withdrawn("+12125550999")


@pytest.mark.parametrize(("words", "opt_out"), [("START", "START"), ("unstop", ""), ("YES", "START")])
def test_start_agrees_anew(ada, words, opt_out):
    receive("STOP")
    assert receive(words, opt_out=opt_out) == ""
    assert consents()[1:] == [(True, "text_start", words)]
    assert consent.may_text(NUMBER)
    assert not last().needs_person


def test_start_of_somebody_who_agreed_already_adds_nothing(ada):
    receive("START", opt_out="START")
    assert consents() == []


def test_a_start_that_the_provider_does_not_know_is_answered(ada):
    receive("STOP")
    answer = receive("EMPEZAR")
    assert "STOP" in answer
    assert segments.count(answer) == 1
    assert consent.may_text(NUMBER)


def test_a_yes_after_stop_is_for_a_person_to_ask_about(ada, book):
    visit = book()
    receive("STOP")
    assert receive("YES") == ""
    visit.refresh_from_db()
    assert (last().needs_person, visit.phone_confirmed_at) == (True, None)
    assert consent.was_withdrawn(NUMBER)


def test_a_yes_that_starts_texts_confirms_nothing(ada, book):
    visit = book()
    receive("STOP")
    receive("YES", opt_out="START")
    visit.refresh_from_db()
    assert (consent.may_text(NUMBER), visit.phone_confirmed_at) == (True, None)


# --------------------------------------------------------------------------------------------------- free text


def test_free_text_that_may_mean_stop_holds_texts_and_asks_staff(ada):
    answer = receive("please stop texting me")
    assert (
        answer == "SecureCare: we send no more texts until our staff have read yours. Reply STOP to end them."
    )
    text = last()
    assert (text.meaning, text.holds_texts, text.needs_person, text.answer) == (
        Meaning.MAYBE_STOP,
        True,
        True,
        answer,
    )
    assert not consent.may_text(NUMBER)
    assert not consent.was_withdrawn(NUMBER)
    assert consents() == []


def test_that_texts_are_held_is_said_once(ada):
    receive("please stop texting me")
    assert receive("I said no more texts") == ""
    assert InboundText.objects.filter(holds_texts=True).count() == 2


def test_what_was_held_is_settled_by_the_person_s_own_stop_or_start(ada):
    for word, may_text in (("STOP", False), ("START", True)):
        receive("leave me alone")
        held = last()
        receive(word)
        held.refresh_from_db()
        assert (held.handled_at, consent.is_held(NUMBER), consent.may_text(NUMBER)) == (NOW, False, may_text)


def test_a_yes_while_texts_are_held_is_for_a_person(ada, book):
    visit = book()
    receive("leave me alone")
    assert receive("YES", opt_out="START") == ""
    visit.refresh_from_db()
    assert (visit.phone_confirmed_at, last().needs_person, consent.is_held(NUMBER)) == (None, True, True)


@pytest.mark.parametrize("words", ["I will be 10 minutes late", "thanks", "👍", "", "no"])
def test_whatever_else_is_written_is_for_a_person(ada, words):
    assert receive(words) == ""
    assert (last().meaning, last().needs_person, last().holds_texts) == (Meaning.OTHER, True, False)
    assert consent.may_text(NUMBER)


# -------------------------------------------------------------------------------------------------------- help


def test_help_names_who_texts_and_whom_to_call(ada, book):
    book()
    answer = receive("HELP")
    assert answer == "SecureCare, appointment texts. Questions? Call (212) 555-0100. Reply STOP to end."
    assert not last().needs_person


def test_help_for_somebody_unknown_names_the_one_number_there_is(place):
    assert "(212) 555-0100" in receive("help", number="+12125550999")


def test_help_for_somebody_who_did_not_agree_does_not_tell_where_they_go(ada, book):
    book()
    make.facility(phone="(212) 555-0200")
    assert "555-0100" in receive("help")
    receive("STOP")
    answer = receive("help")
    assert "555-0" not in answer
    assert answer == "SecureCare, appointment texts. Questions? See http://localhost:8000. Reply STOP to end."


# ------------------------------------------------------------------------------------------------------ confirm


@pytest.mark.parametrize("word", ["C", "yes", "¡Sí!", "Confirmo"])
def test_one_word_confirms_the_one_appointment(book, word):
    visit = book()
    receive(word)
    visit.refresh_from_db()
    assert (visit.phone_confirmed_at, visit.email_confirmed_at) == (NOW, None)
    assert (last().appointment, last().meaning, last().needs_person) == (visit, Meaning.CONFIRM, False)


def test_yes_confirms_for_who_has_agreed_whatever_the_provider_took_it_for(book):
    visit = book()
    receive("YES", opt_out="START")
    visit.refresh_from_db()
    assert visit.phone_confirmed_at == NOW
    assert consents() == []


def test_the_answer_names_day_time_and_place_and_no_more(book):
    book(public_note="Bring the letter")
    answer = receive("C")
    assert answer == "SecureCare: thank you. Mon, Nov 23, 11:00 AM EST, Northside is confirmed."
    assert segments.count(answer) == 1
    assert last().answer == answer


def test_the_answer_is_in_the_customer_s_language(ada, book):
    Customer.objects.filter(pk=ada.pk).update(language="es")
    book()
    assert (
        receive("C")
        == "SecureCare: gracias. Su cita del lun, 23 de nov, 11:00 a.m. EST, Northside, queda confirmada."
    )


def test_the_answer_is_in_the_language_of_the_last_text_else(ada, book):
    visit = book()
    notice(of=visit, channel=Channel.PHONE, language="es", handed_over_at=NOW, kind=Kind.MOVED)
    assert "gracias" in receive("C")


def test_the_word_itself_tells_the_language_where_nothing_else_does(ada, book):
    book()
    assert "gracias" in receive("SÍ")


def test_long_names_make_room(book, place):
    type(place).objects.filter(pk=place.pk).update(
        name="The Northside Community Center for Children and Families"
    )
    call_us("Northside Community Care and Counseling of Greater Springfield")
    book()
    answer = receive("C")
    assert answer == (
        "Northside Community Care and Counseling of Greater Springfield: Mon, Nov 23, 11:00 AM EST is confirmed."
    )


def call_us(name: str) -> None:
    cache.set(branding.KEY, branding.Brand(name, "customer", "customers", "", ()), None)


def test_of_several_none_is_confirmed(book):
    visits = [book(), book(NOW + DAY)]
    answer = receive("C")
    assert answer == (
        "SecureCare: you have several appointments. To confirm one, open the link in its message."
    )
    assert (
        Appointment.objects.filter(pk__in=[visit.pk for visit in visits], phone_confirmed_at=None).count()
        == 2
    )
    assert (last().appointment, last().needs_person) == (None, False)


def test_of_two_people_with_one_number_none_is_confirmed(book, place):
    book()
    ben = make.customer(at=place, phone=NUMBER)
    book(NOW + 4 * HOUR, customer=ben)
    assert "several" in receive("C")
    assert Appointment.objects.exclude(phone_confirmed_at=None).count() == 0


def test_the_one_that_is_left_is_confirmed(book):
    first, second = book(), book(NOW + DAY)
    confirmation.confirm(appointment=first, channel="phone", now=NOW)
    receive("C")
    second.refresh_from_db()
    assert second.phone_confirmed_at == NOW


def test_what_was_confirmed_by_email_is_confirmed_by_text_as_well(book):
    visit = book()
    confirmation.confirm(appointment=visit, channel="email", now=NOW)
    receive("C", now=NOW + HOUR)
    visit.refresh_from_db()
    assert (visit.email_confirmed_at, visit.phone_confirmed_at) == (NOW, NOW + HOUR)


def test_a_second_word_says_that_it_is_confirmed(book):
    visit = book()
    receive("C")
    answer = receive("C", now=NOW + HOUR)
    visit.refresh_from_db()
    assert answer == "SecureCare: Mon, Nov 23, 11:00 AM EST, Northside is confirmed already."
    assert (visit.phone_confirmed_at, last().appointment) == (NOW, None)


def test_too_early_says_from_when_on(book):
    visit = book(make.at(make.TODAY + 10 * DAY, 10))
    answer = receive("C")
    visit.refresh_from_db()
    assert answer == "SecureCare: you can confirm Thu, Dec 3, 10:00 AM EST, Northside from Mon, Nov 30 on."
    assert visit.phone_confirmed_at is None


def test_the_window_opens_to_the_second(book):
    visit = book(make.at(make.TODAY + 10 * DAY, 10))
    opens = make.at(make.TODAY + 7 * DAY, 0)
    assert "you can confirm" in receive("C", now=opens - timedelta(seconds=1))
    assert "is confirmed" in receive("C", now=opens)
    visit.refresh_from_db()
    assert visit.phone_confirmed_at == opens


@pytest.mark.parametrize("case", ["none", "cancelled", "begun", "other number", "no texts"])
def test_where_there_is_none_it_says_whom_to_call(case, ada, book):
    now = NOW
    if case == "cancelled":
        booking.cancel(appointment=book(), reason="", by=make.user(), now=NOW)
    if case == "begun":
        now = book().starts_at
    if case == "other number":
        Appointment.objects.filter(pk=book().pk).update(contact_phone="+12125550177")
    if case == "no texts":
        Appointment.objects.filter(pk=book().pk).update(no_texts=True)
    answer = receive("C", now=now)
    assert answer == "SecureCare: there is no appointment to confirm by text. Please call (212) 555-0100."
    assert Appointment.objects.exclude(phone_confirmed_at=None).count() == 0


def test_a_number_given_for_one_appointment_confirms_that_one(book):
    visit, other = book(), "+12125550177"
    Appointment.objects.filter(pk=visit.pk).update(contact_phone=other)
    agreed(phone=other)
    assert "is confirmed" in receive("C", number=other)
    visit.refresh_from_db()
    assert visit.phone_confirmed_at == NOW


@pytest.mark.parametrize("state", ["never agreed", "withdrawn"])
def test_who_did_not_agree_to_texts_is_told_nothing_of_any_appointment(book, ada, state):
    visit = book()
    if state == "withdrawn":
        agreed(customer=ada, granted=False)
    else:
        Customer.objects.filter(pk=ada.pk).update(phone="+12125550177")
        Appointment.objects.filter(pk=visit.pk).update(contact_phone="+12125550177")
    number = NUMBER if state == "withdrawn" else "+12125550177"
    assert receive("C", number=number) == ""
    visit.refresh_from_db()
    assert (visit.phone_confirmed_at, last().needs_person) == (None, True)


def test_answers_are_never_longer_than_is_kept(book):
    call_us("Ü" * 400)
    book()
    assert receive("C") == last().answer
    assert len(last().answer) == 320
