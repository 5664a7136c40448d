"""Codes themselves: who is sent one, what stands of it in the database, and when it opens nothing any more."""

import re
from datetime import timedelta
from urllib.parse import unquote

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from portal import codes, contacts
from portal.codes import CodeRefused
from portal.contacts import Contact
from portal.models import PortalCode
from reminders import consent
from reminders.models import Message, Source
from tests import factories as make
from tests.portal.signing_in import received, wrong
from tests.together import at_once

NOW = make.NOW
A_MOMENT = timedelta(microseconds=1)
IP = "192.0.2.7"


def ask(typed: str, *, now=NOW, ip: str = IP, **more) -> str:
    return codes.ask(contact=contacts.read(typed), now=now, ip=ip, **more)


def refused(use, *args, **more) -> bool | None:
    """Whether the code is dead; None if it is not refused at all."""
    try:
        use(*args, **more)
    except CodeRefused as error:
        return error.is_dead
    return None


# ----------------------------------------------------------------------------------------- who is sent one


@pytest.mark.django_db
@pytest.mark.parametrize("typed", ["ada@example.org", "  ADA@Example.ORG "])
def test_code_goes_to_the_email_on_file_however_it_is_written(typed):
    ada = make.customer(email="Ada@Example.org")
    ask(typed)
    message = Message.objects.get()
    assert (message.kind, message.channel, message.address, message.customer_id) == (
        "sign_in",
        "email",
        "ada@example.org",
        ada.pk,
    )


@pytest.mark.django_db
@pytest.mark.parametrize("typed", ["+1 212 555 0143", "(212) 555-0143", "212.555.0143", "2125550143"])
def test_code_goes_to_the_mobile_number_on_file_however_it_is_typed(typed):
    make.customer(phone="+12125550143")
    ask(typed)
    message = Message.objects.get()
    assert (message.channel, message.address) == ("phone", "+12125550143")
    assert received().subject == ""


@pytest.mark.django_db
def test_nothing_is_sent_to_an_address_nobody_has():
    make.customer(email="ada@example.org", phone="+12125550143")
    make.customer(email="", phone="")
    for typed in ("adam@example.org", "212 555 0144"):
        ask(typed)
    assert not Message.objects.exists()
    assert list(PortalCode.objects.values_list("address", "is_known").order_by("pk")) == [
        ("adam@example.org", False),
        ("+12125550144", False),
    ]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("on_file", "typed"), [("ida@example.org", "ıda@example.org"), ("sam@example.org", "ſam@example.org")]
)
def test_address_of_somebody_else_that_only_looks_alike_in_capitals_gets_nothing(on_file, typed):
    make.customer(email=on_file)
    ask(typed)
    assert not Message.objects.exists()


@pytest.mark.django_db
def test_customer_whose_sign_in_is_deactivated_is_sent_nothing():
    ada = make.customer(user=make.user(is_active=False))
    ask(ada.email)
    assert not Message.objects.exists()


@pytest.mark.django_db
def test_text_with_a_code_needs_no_consent_to_reminders_but_respects_a_stop():
    ada = make.customer(phone="+12125550143")
    ask(ada.phone)
    assert Message.objects.count() == 1

    for granted, texts in ((False, 1), (True, 2)):
        consent.record(
            phone=ada.phone, granted=granted, source=Source.PORTAL_PROFILE, wording="As shown", now=NOW
        )
        ask(ada.phone)
        assert Message.objects.count() == texts


@pytest.mark.django_db
@pytest.mark.parametrize(
    "typed", ["ada", "ada@", "@example.org", "a b@example.org", "12", "+1 800 555 0143", "😀", "@" * 200]
)
def test_what_is_neither_email_nor_mobile_number_is_refused_in_words(typed):
    with pytest.raises(contacts.ValidationError) as refusal:
        contacts.read(typed)
    assert refusal.value.messages[0].startswith(("Enter an e-mail", "This is not an e-mail", "Texts cannot"))


@pytest.mark.django_db
def test_message_holds_the_digits_and_a_link_to_this_site(settings):
    settings.PUBLIC_BASE_URL = "https://care.example"
    ada = make.customer()
    ask(ada.email, way_back="/portal/book/1/?staff=2&day=2026-11-25")
    letter = received()
    assert letter.subject == "Your sign-in code for SecureCare"
    assert f"Your code is {letter.digits}\n" in letter.text
    link = next(line for line in letter.text.splitlines() if line.startswith("http"))
    address, _, query = link.partition("?")
    assert address == f"https://care.example/portal/sign-in/link/{letter.token}/"
    assert unquote(query) == "next=/portal/book/1/?staff=2&day=2026-11-25"
    assert letter.digits not in letter.subject


@pytest.mark.django_db
def test_text_fits_one_segment_and_is_in_the_language_of_the_page():
    ada = make.customer()
    with translation.override("es"):
        ask(ada.phone)
    message = Message.objects.get()
    assert message.language == "es"
    assert len(received().text) <= 160


# ------------------------------------------------------------------------------------- what proves an address


@pytest.mark.django_db
def test_digits_prove_the_address_once():
    ada = make.customer()
    secret = ask(ada.email)
    digits = received().digits
    proved = codes.use_digits(digits, secret=secret, now=NOW)
    assert (proved.address, proved.used_at) == (ada.email, NOW)
    assert refused(codes.use_digits, digits, secret=secret, now=NOW) is True
    assert refused(codes.use_link, received().token, now=NOW) is True


@pytest.mark.django_db
def test_link_proves_the_address_once():
    ada = make.customer()
    secret = ask(ada.email)
    assert codes.use_link(received().token, now=NOW).address == ada.email
    assert refused(codes.use_link, received().token, now=NOW) is True
    assert refused(codes.use_digits, received().digits, secret=secret, now=NOW) is True


@pytest.mark.django_db
def test_digits_prove_nothing_with_another_secret():
    ada, bo = make.customer(), make.customer()
    ask(ada.email)
    of_ada = received().digits
    of_bo = ask(bo.email)
    assert received().digits != of_ada or ask(bo.email)
    assert refused(codes.use_digits, of_ada, secret="", now=NOW) is True
    assert refused(codes.use_digits, of_ada, secret="x" * 43, now=NOW) is True
    assert refused(codes.use_digits, of_ada, secret=of_bo, now=NOW) is False


@pytest.mark.django_db
@pytest.mark.parametrize(("later", "works"), [(codes.LASTS - A_MOMENT, True), (codes.LASTS, False)])
def test_code_ends_at_its_exact_instant(later, works):
    ada = make.customer()
    for use in ("digits", "link"):
        secret = ask(ada.email)
        letter, then = received(), NOW + later
        assert (codes.waiting(secret, now=then) == Contact("email", ada.email)) is works
        assert codes.is_open(letter.token, now=then) is works
        if use == "digits":
            end = refused(codes.use_digits, letter.digits, secret=secret, now=then)
        else:
            end = refused(codes.use_link, letter.token, now=then)
        assert end is (None if works else True)


@pytest.mark.django_db
def test_fifth_try_may_still_be_right():
    ada = make.customer()
    secret = ask(ada.email)
    digits = received().digits
    for _ in range(4):
        assert refused(codes.use_digits, wrong(digits), secret=secret, now=NOW) is False
    assert codes.use_digits(digits, secret=secret, now=NOW).wrong_tries == 4


@pytest.mark.django_db
def test_five_wrong_tries_kill_the_code_and_its_link():
    ada = make.customer()
    secret = ask(ada.email)
    digits = received().digits
    told = [refused(codes.use_digits, wrong(digits), secret=secret, now=NOW) for _ in range(5)]
    assert told == [False, False, False, False, True]
    assert refused(codes.use_digits, digits, secret=secret, now=NOW) is True
    assert refused(codes.use_link, received().token, now=NOW) is True
    assert codes.waiting(secret, now=NOW) is None


@pytest.mark.django_db
def test_code_that_was_never_sent_opens_nothing_and_is_refused_like_wrong_digits():
    ada = make.customer()
    secret = ask(ada.email)
    PortalCode.objects.update(is_known=False)
    assert refused(codes.use_link, received().token, now=NOW) is True
    told = [refused(codes.use_digits, received().digits, secret=secret, now=NOW) for _ in range(5)]
    assert told == [False, False, False, False, True]


@pytest.mark.django_db
def test_code_for_a_new_contact_signs_nobody_in_and_helps_nobody_else():
    ada, bo = make.customer(), make.customer()
    secret = ask(bo.email, customer=ada)
    digits = received().digits
    assert "link" not in received().text
    assert refused(codes.use_digits, digits, secret=secret, now=NOW) is True
    assert refused(codes.use_digits, digits, secret=secret, now=NOW, customer=bo) is True
    assert codes.waiting(secret, now=NOW) is None
    assert codes.use_digits(digits, secret=secret, now=NOW, customer=ada).address == bo.email


# ------------------------------------------------------------------------------------------- at the same moment


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("use", ["digits", "link", "both"])
def test_two_uses_at_once_prove_it_once(use):
    ada = make.customer()
    secret = ask(ada.email)
    letter = received()

    def by_digits():
        return refused(codes.use_digits, letter.digits, secret=secret, now=NOW)

    def by_link():
        return refused(codes.use_link, letter.token, now=NOW)

    jobs = {"digits": [by_digits] * 4, "link": [by_link] * 4, "both": [by_digits, by_link] * 2}[use]
    assert at_once(jobs).count(None) == 1


@pytest.mark.django_db(transaction=True)
def test_tries_at_once_are_no_more_than_five():
    ada = make.customer()
    secret = ask(ada.email)
    digits = received().digits
    guesses = [f"{(int(digits) + n) % 10**6:06d}" for n in range(1, 13)]
    jobs = [lambda g=g: refused(codes.use_digits, g, secret=secret, now=NOW) for g in guesses]
    assert None not in at_once(jobs)
    assert PortalCode.objects.get().wrong_tries == codes.MOST_TRIES
    assert refused(codes.use_digits, digits, secret=secret, now=NOW) is True


# ------------------------------------------------------------------------------------------------------ limits


@pytest.mark.django_db
def test_sixth_code_in_an_hour_for_one_address_is_not_sent_and_opens_nothing():
    ada = make.customer()
    for _ in range(5):
        ask(ada.email)
    secret = ask(ada.email.upper())
    assert Message.objects.count() == 5
    assert (PortalCode.objects.count(), PortalCode.objects.latest("pk").is_known) == (6, False)
    assert codes.waiting(secret, now=NOW) == Contact("email", ada.email)
    ask(ada.phone)
    assert Message.objects.count() == 6


@pytest.mark.django_db
def test_stranger_who_asks_for_codes_does_not_keep_the_owner_from_one():
    ada = make.customer()
    for _ in range(20):
        ask(ada.email)
    assert Message.objects.count() == 5
    ask(ada.email, ip="2001:db8::1")
    assert Message.objects.count() == 6


@pytest.mark.django_db
def test_codes_for_one_address_from_everywhere_have_an_end():
    ada = make.customer()
    for network in range(5):
        for _ in range(5):
            ask(ada.email, ip=f"192.0.2.{network}")
    assert Message.objects.count() == 20


@pytest.mark.django_db
def test_digits_of_one_address_are_tried_a_hundred_times_a_day_whoever_asked_for_them():
    ada = make.customer()
    secrets = [ask(ada.email, ip=f"192.0.2.{number % 5}") for number in range(21)]
    mine = secrets.pop(19)
    letter = received()
    for secret in secrets:
        for _ in range(codes.MOST_TRIES):
            refused(codes.use_digits, "nothing", secret=secret, now=NOW)
    assert refused(codes.use_digits, letter.digits, secret=mine, now=NOW) is False
    assert refused(codes.use_link, letter.token, now=NOW) is None


@pytest.mark.django_db
def test_texts_to_new_numbers_are_limited_for_each_customer_wherever_they_are():
    ada = make.customer()
    for number in range(5):
        ask(f"+1212555019{number}", customer=ada, ip=f"192.0.2.{number}")
    with pytest.raises(codes.TooManyAsked):
        ask("+12125550195", customer=ada, ip="192.0.2.5")
    assert Message.objects.count() == 5
    ask("+12125550195", customer=make.customer(), ip="192.0.2.5")
    ask("new@example.org", customer=ada, ip="192.0.2.5")
    assert Message.objects.count() == 7


@pytest.mark.django_db
@pytest.mark.parametrize("known", [True, False])
def test_twenty_first_code_in_an_hour_from_one_network_address_is_refused(known):
    asked = [make.customer().email if known else f"x{n}@example.org" for n in range(21)]
    for typed in asked[:20]:
        ask(typed)
    with pytest.raises(codes.TooManyAsked):
        ask(asked[20])
    assert PortalCode.objects.count() == 20
    ask(asked[20], ip="192.0.2.8")


# ------------------------------------------------------------------------------------------- what gives it away


@pytest.mark.django_db
def test_known_and_unknown_addresses_cost_the_same_statements():
    ada = make.customer()

    def statements(typed: str) -> list[str]:
        with CaptureQueriesContext(connection) as caught:
            ask(typed)
        of_transactions = ("SAVEPOINT", "RELEASE", "ROLLBACK")
        done = [re.split(r"\sVALUES\s|\sWHERE\s|\sunnest\(", query["sql"])[0] for query in caught]
        return [sql for sql in done if not sql.startswith(of_transactions)]

    assert statements(ada.email) == statements("nobody@example.org")
    assert len(statements(ada.email)) == 3
    assert statements(ada.phone) == statements("212 555 9999")
    assert len(statements(ada.phone)) == 4


def every_text() -> str:
    """Whatever stands in any column of any table, as PostgreSQL would print it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        tables = [name for (name,) in cursor.fetchall()]
        found = []
        for table in tables:
            cursor.execute(f'SELECT t::text FROM "{table}" t')
            found += [text for (text,) in cursor.fetchall()]
    return "\n".join(found)


@pytest.mark.django_db
def test_neither_digits_nor_link_nor_secret_stand_in_the_database():
    ada = make.customer(phone="", date_of_birth=None)
    secret = ask(ada.email)
    letter, kept = received(), every_text()
    assert ada.email in kept
    for said in (letter.token, secret, "Your code is"):
        assert said not in kept
        assert said.encode().hex() not in kept
    assert f'"{letter.digits}"' not in kept
    assert f" {letter.digits}" not in kept
    assert letter.digits.encode().hex() not in kept


@pytest.mark.django_db
def test_digest_of_digits_is_worth_nothing_beside_another_row():
    ada = make.customer()
    first, second = ask(ada.email), ask(ada.email)
    rows = PortalCode.objects.order_by("pk")
    assert bytes(rows[0].code_digest) != bytes(rows[1].code_digest)
    PortalCode.objects.filter(pk=rows[0].pk).update(code_digest=rows[1].code_digest)
    assert refused(codes.use_digits, received().digits, secret=first, now=NOW) is False
    assert refused(codes.use_digits, received().digits, secret=second, now=NOW) is None


@pytest.mark.django_db
def test_old_codes_are_forgotten_and_later_ones_kept():
    for asked_at in (NOW - codes.KEPT, NOW - codes.KEPT + A_MOMENT):
        ask("nobody@example.org", now=asked_at)
    assert codes.clear_old(now=NOW) == 1
    assert PortalCode.objects.get().created_at == NOW - codes.KEPT + A_MOMENT
