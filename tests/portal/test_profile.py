"""The profile: what customers change about themselves, and nobody else about them."""

import pytest
from django.test import Client

from appointments.models import Customer
from portal.models import PortalCode
from reminders import consent, messages
from reminders.models import ConsentLog, Message, Source
from securecare.models import Session
from tests import factories as make
from tests.portal.signing_in import ACCOUNT, ask, enter, received, sign_in, who_is, wrong
from tests.portal.visiting import text_of

pytestmark = pytest.mark.django_db
PROFILE = "/portal/account/profile/"
TEXTS = "/portal/account/profile/texts/"
EMAIL = "/portal/account/profile/contact/email/"
PHONE = "/portal/account/profile/contact/phone/"


@pytest.fixture
def ada(db) -> Customer:
    return make.customer(
        given_name="Ada", family_name="Nguyen", email="ada@example.org", phone="+12125550143"
    )


@pytest.fixture
def bo(db) -> Customer:
    return make.customer(given_name="Bo", email="bo@example.org", phone="+12125550144")


@pytest.fixture
def browser(client, ada) -> Client:
    return sign_in(client, ada)


def kept(customer: Customer) -> tuple[str, str, str, str]:
    customer.refresh_from_db()
    return customer.email, customer.phone, customer.time_zone, customer.language


# ---------------------------------------------------------------------------------------- language and zone


def test_profile_shows_who_one_is_and_how_one_is_reached(browser):
    shown = text_of(browser.get(PROFILE))
    assert "You are signed in as Ada Nguyen ." in shown
    assert "E-mail ada@example.org Change e-mail Mobile +1 212-555-0143 Change mobile number" in shown


def test_time_zone_and_language_are_kept(browser, ada):
    answer = browser.post(PROFILE, {"time_zone": "Europe/Madrid", "language": "es"}, follow=True)
    assert kept(ada)[2:] == ("Europe/Madrid", "es")
    assert answer.redirect_chain == [(PROFILE, 302)]
    page = answer.content.decode()
    assert '<option value="Europe/Madrid" selected>' in page
    assert '<option value="es" selected>' in page
    assert answer.headers["Content-Language"] == "es"
    assert "Guardado." in page
    browser.post(PROFILE, {"time_zone": "", "language": ""})
    assert kept(ada)[2:] == ("", "")


def test_language_of_the_profile_wins_over_the_switch_when_it_is_saved(browser):
    browser.cookies["language"] = "en"
    assert browser.get(PROFILE).headers["Content-Language"] == "en"
    browser.post(PROFILE, {"time_zone": "", "language": "es"})
    assert browser.get(PROFILE).headers["Content-Language"] == "es"


@pytest.mark.parametrize(
    "sent", [{"time_zone": "Mars/Base"}, {"language": "xx"}, {"time_zone": "../../etc/passwd"}]
)
def test_what_is_not_on_the_lists_is_refused(browser, ada, sent):
    assert browser.post(PROFILE, sent).status_code == 422
    assert kept(ada)[2:] == ("", "")


def test_form_changes_nothing_it_does_not_show(browser, ada, bo):
    browser.post(
        PROFILE,
        {
            "time_zone": "Europe/Madrid",
            "language": "",
            "email": "x@example.org",
            "phone": "+12125550199",
            "user": "1",
            "pk": bo.pk,
            "customer": bo.pk,
        },
    )
    assert kept(ada) == ("ada@example.org", "+12125550143", "Europe/Madrid", "")
    assert kept(bo) == ("bo@example.org", "+12125550144", "", "")


# ------------------------------------------------------------------------------------------------- contacts


@pytest.mark.parametrize(
    ("page", "typed", "expected"),
    [
        (EMAIL, " New@Example.org", ("new@example.org", "+12125550143")),
        (PHONE, "(212) 555-0177", ("ada@example.org", "+12125550177")),
    ],
)
def test_contact_changes_once_the_code_sent_there_has_come_back(browser, ada, page, typed, expected):
    answer = browser.post(page, {"contact": typed})
    assert answer.url == page + "code/"
    assert kept(ada)[:2] == ("ada@example.org", "+12125550143")
    sent = Message.objects.latest("pk")
    assert (sent.kind, sent.address) == ("contact", expected[page == PHONE])

    answer = browser.post(page + "code/", {"digits": received().digits}, follow=True)

    assert kept(ada)[:2] == expected
    assert "changed. You are signed out on all other devices." in text_of(answer)
    assert who_is(browser) == ada.pk


def test_wrong_digits_change_nothing_and_five_end_it(browser, ada):
    browser.post(EMAIL, {"contact": "new@example.org"})
    digits = received().digits
    answers = [browser.post(EMAIL + "code/", {"digits": wrong(digits)}) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [422, 422, 422, 422, 302]
    assert "These are not the digits we sent." in text_of(answers[0])
    assert browser.post(EMAIL + "code/", {"digits": digits}).url == EMAIL
    assert "This code no longer works." in text_of(browser.get(EMAIL))
    assert kept(ada)[0] == "ada@example.org"


def test_code_for_one_channel_does_not_change_the_other(browser, ada):
    browser.post(EMAIL, {"contact": "new@example.org"})
    assert browser.post(PHONE + "code/", {"digits": received().digits}).url == PHONE
    assert kept(ada)[:2] == ("ada@example.org", "+12125550143")


def test_code_of_one_customer_changes_nothing_of_another(browser, ada, bo):
    """Not even in the same browser, with the cookie still in it."""
    browser.post(EMAIL, {"contact": "new@example.org"})
    digits = received().digits
    other = sign_in(Client(), bo)
    other.cookies["portal_code"] = browser.cookies["portal_code"].value
    assert other.post(EMAIL + "code/", {"digits": digits}).url == EMAIL
    assert (kept(ada)[0], kept(bo)[0]) == ("ada@example.org", "bo@example.org")


def test_sign_in_code_changes_no_contact_and_contact_code_signs_nobody_in(browser, ada):
    ask(browser, "ada@example.org")
    assert browser.post(EMAIL + "code/", {"digits": received().digits}).url == EMAIL
    browser.post(EMAIL, {"contact": "new@example.org"})
    stranger = Client()
    stranger.cookies["portal_code"] = browser.cookies["portal_code"].value
    enter(stranger, received().digits)
    assert who_is(stranger) is None
    assert kept(ada)[0] == "ada@example.org"


@pytest.mark.parametrize(
    ("page", "typed", "why"),
    [
        (EMAIL, "", "Enter the new address."),
        (EMAIL, "new", "This is not an e-mail address."),
        (EMAIL, "ADA@example.org", "This is on your record already."),
        (EMAIL, "212 555 0177", "This is not an e-mail address."),
        (PHONE, "new@example.org", "Enter an e-mail address or a mobile number."),
        (PHONE, "+34 911 23 45 67", "This is a landline, which texts cannot reach."),
        (PHONE, "+1 (212) 555-0143", "This is on your record already."),
        (PHONE, "", "Enter the new number."),
    ],
)
def test_contact_that_cannot_be_is_refused_beside_its_field(browser, page, typed, why):
    answer = browser.post(page, {"contact": typed})
    assert answer.status_code == 422
    assert why in text_of(answer)
    assert not PortalCode.objects.filter(purpose="contact").exists()


def test_change_of_contact_ends_other_sessions_and_codes_to_the_old_address(browser, ada, bo):
    elsewhere, others, asking = sign_in(Client(), ada), sign_in(Client(), bo), Client()
    ask(asking, "ada@example.org")
    to_old = received()
    browser.post(EMAIL, {"contact": "new@example.org"})
    key = browser.session.session_key

    browser.post(EMAIL + "code/", {"digits": received().digits})

    assert not Session.objects.filter(pk=key).exists()
    assert who_is(browser) == ada.pk
    enter(asking, to_old.digits)
    asking.post(to_old.link)
    assert [who_is(one) for one in (elsewhere, asking, others)] == [None, None, bo.pk]
    ask(asking, "ada@example.org")
    assert not PortalCode.objects.latest("pk").is_known


@pytest.mark.parametrize(
    ("page", "new", "agreed", "told"),
    [
        (EMAIL, "new@example.org", False, ("email", "ada@example.org", "Your e-mail address was changed")),
        (PHONE, "2125550177", True, ("phone", "+12125550143", "")),
        (PHONE, "2125550177", False, ("email", "ada@example.org", "Your mobile number was changed")),
    ],
)
def test_old_contact_is_told_of_the_change(browser, ada, page, new, agreed, told):
    if agreed:
        browser.post(TEXTS, {"texts": "on"})
    browser.post(page, {"contact": new})
    browser.post(page + "code/", {"digits": received().digits})
    message = Message.objects.latest("pk")
    letter = messages.read(message)
    assert (message.channel, message.address, letter.subject) == told
    assert "was changed" in letter.text
    assert "all us" in letter.text


def test_first_contact_of_a_kind_is_added_in_the_same_way(client):
    cy = make.customer(email="", phone="+12125550150")
    ask(client, cy.phone)
    enter(client, received().digits)
    browser = client
    assert "Add an e-mail address" in text_of(browser.get(PROFILE))
    browser.post(EMAIL, {"contact": "cy@example.org"})
    sent = Message.objects.count()
    browser.post(EMAIL + "code/", {"digits": received().digits})
    assert kept(cy)[:2] == ("cy@example.org", "+12125550150")
    assert Message.objects.count() == sent


def test_contacts_of_another_kind_do_not_exist(browser):
    for page in ("fax", "user", "EMAIL"):
        for address in (
            f"/portal/account/profile/contact/{page}/",
            f"/portal/account/profile/contact/{page}/code/",
        ):
            assert browser.get(address).status_code == 404
            assert browser.post(address, {"contact": "x@example.org"}).status_code == 404


def test_codes_for_new_contacts_count_towards_the_limits(browser):
    answers = [
        browser.post(EMAIL, {"contact": f"new{n}@example.org"}, REMOTE_ADDR="192.0.2.9") for n in range(21)
    ]
    assert [answer.status_code for answer in answers] == [302] * 20 + [429]
    sent = Message.objects.count()
    for _ in range(6):
        browser.post(EMAIL, {"contact": "newest@example.org"})
    assert Message.objects.count() == sent + 5


# ---------------------------------------------------------------------------------------------------- texts


def test_texts_are_turned_on_and_off_in_the_words_that_were_shown(browser, ada):
    shown = text_of(browser.get(PROFILE))
    on = consent.wording_to_turn_on("SecureCare")
    assert f"Appointment texts Off {on} Turn texts on" in shown

    answer = browser.post(TEXTS, {"texts": "on"}, follow=True, headers={"User-Agent": "Phone"})

    assert "Texts are on." in text_of(answer)
    assert consent.may_text("+12125550143")
    shown = text_of(answer)
    browser.post(TEXTS, {"texts": "off"})
    assert not consent.may_text("+12125550143")
    off, first = ConsentLog.objects.all()
    assert (first.granted, first.source, first.wording, first.ip, first.user_agent) == (
        True,
        Source.PORTAL_PROFILE,
        on,
        "127.0.0.1",
        "Phone",
    )
    ada.refresh_from_db()
    assert (first.customer, first.by, first.address) == (ada, ada.user, "+12125550143")
    assert off.wording in shown
    assert off.wording.startswith("Turning texts off ends all texts to this number, sign-in codes too.")


def test_turning_on_what_is_on_writes_nothing(browser):
    for sent in ("on", "on", "off", "off"):
        browser.post(TEXTS, {"texts": sent})
    assert ConsentLog.objects.count() == 2


@pytest.mark.parametrize("number", ["", "+34911234567", "+18005550143"])
def test_texts_need_a_mobile_number_on_file(browser, ada, number):
    Customer.objects.update(phone=number)
    assert "To get texts, add a mobile number." in text_of(browser.get(PROFILE))
    answer = browser.post(TEXTS, {"texts": "on", "phone": "+12125550199"}, follow=True)
    assert "Add a mobile number first." in text_of(answer)
    assert not ConsentLog.objects.exists()


def test_number_comes_from_the_record_and_not_from_the_form(browser, bo):
    browser.post(TEXTS, {"texts": "on", "phone": bo.phone, "customer": bo.pk, "address": bo.phone})
    assert list(ConsentLog.objects.values_list("address", flat=True)) == ["+12125550143"]


@pytest.mark.parametrize("sent", ["", "yes", "On", "1"])
def test_texts_are_on_or_off_and_nothing_else(browser, sent):
    assert browser.post(TEXTS, {"texts": sent}).status_code == 404
    assert not ConsentLog.objects.exists()


def test_texts_are_no_link(browser):
    assert browser.get(TEXTS, {"texts": "on"}).status_code == 405
    assert not ConsentLog.objects.exists()


def test_who_has_no_email_is_warned_before_turning_texts_off(client):
    cy = make.customer(email="", phone="+12125550150")
    ask(client, cy.phone)
    enter(client, received().digits)
    client.post(TEXTS, {"texts": "on"})
    assert "Add an e-mail address first: without one you could no longer sign in." in text_of(
        client.get(PROFILE)
    )


# ------------------------------------------------------------------------------------------------ others


@pytest.mark.parametrize("page", [PROFILE, EMAIL, PHONE, EMAIL + "code/", PHONE + "code/", TEXTS])
def test_strangers_and_staff_are_sent_to_sign_in(client, page):
    staff = Client()
    staff.force_login(make.staff(at=make.facility()).user, backend="appointments.access.StaffBackend")
    for browser in (client, staff):
        for answer in (browser.get(page), browser.post(page, {"contact": "x@example.org", "texts": "on"})):
            assert answer.url.startswith("/portal/sign-in/?next=")
    assert not PortalCode.objects.exists()


def test_nothing_of_another_customer_stands_on_the_pages(browser, bo):
    make.customer(given_name="Zed", email="zed@example.org", phone="+12125550188")
    for page in (PROFILE, EMAIL, PHONE, "/portal/sign-in/who/"):
        shown = browser.get(page, {"customer": bo.pk, "id": bo.pk}).content.decode()
        for of_others in ("bo@example.org", "555-0144", "zed@example.org", "555-0188", "Zed"):
            assert of_others not in shown


def test_profile_is_light_enough_for_a_first_visit(browser):
    """The list of time zones is the longest thing on it."""
    assert len(browser.get(PROFILE).content) < 45_000
    assert ACCOUNT in browser.get(PROFILE).content.decode()
