"""Signing in as a person does it: the pages, the browser's cookies and session, and where one ends up."""

import re
from datetime import date, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from appointments.models import Customer
from portal.models import PortalCode
from portal.way_back import is_within_portal
from reminders.models import Message
from securecare import idle
from securecare.models import Session
from tests import factories as make
from tests.portal.signing_in import ACCOUNT, ASK, CODE, ask, enter, received, sign_in, who_is, wrong
from tests.portal.test_codes import every_text
from tests.portal.visiting import text_of

pytestmark = pytest.mark.django_db
WHO = "/portal/sign-in/who/"
PROFILE = "/portal/account/profile/"


def seen(answer, *typed: str) -> tuple[object, ...]:
    """Everything a stranger can tell two answers apart by, but for what they typed and what is random."""
    page = re.sub(r'(csrfmiddlewaretoken" value=")[^"]*', r"\1", answer.content.decode())
    cookies = {
        name: {key: value for key, value in cookie.items() if key != "expires"} | {"long": len(cookie.value)}
        for name, cookie in answer.cookies.items()
    }
    headers = {key: value for key, value in answer.headers.items() if key != "Expires"}
    for contact in typed:
        page = page.replace(contact, "contact")
    return answer.status_code, page, cookies, headers


# ------------------------------------------------------------------------------- known or not, all is the same


@pytest.mark.parametrize(
    ("known", "unknown"), [("ada@example.org", "eve@example.org"), ("2125550143", "2125550144")]
)
def test_pages_statuses_and_cookies_are_equal_for_known_and_unknown_addresses(known, unknown):
    make.customer(email="ada@example.org", phone="+12125550143")
    stories = [story_of(typed) for typed in (known, unknown)]
    assert stories[0] == stories[1]
    assert [step[0] for step in stories[0]] == [302, 200, 422, 422, 422, 422, 422, 422, 200]
    assert Message.objects.count() == 1


def story_of(typed: str) -> list[tuple[object, ...]]:
    """What is seen by somebody who asks, looks, types five digits, then six wrong ones until nothing more is to be had."""
    client = Client()
    shown = {"2125550143": "+1 212-555-0143", "2125550144": "+1 212-555-0144"}.get(typed, typed)
    answers = [ask(client, typed)]
    # Whatever the digits are, those typed below are wrong.
    PortalCode.objects.update(code_digest=b"others")
    answers += [client.get(CODE), enter(client, "12345")]
    answers += [enter(client, "000000") for _ in range(5)]
    answers += [client.get(CODE)]
    return [seen(answer, shown, f"+1{typed}") for answer in answers]


def test_asking_costs_as_many_queries_for_known_and_unknown_addresses():
    ada = make.customer()
    counts = []
    for typed in (ada.email, "eve@example.org"):
        client = Client()
        with CaptureQueriesContext(connection) as caught:
            ask(client, typed)
            client.get(CODE)
            enter(client, "000000")
        counts.append(
            len([q for q in caught if not q["sql"].startswith(("SAVEPOINT", "RELEASE", "ROLLBACK"))])
        )
    assert counts[0] == counts[1]


def test_too_many_for_one_contact_look_like_any_other():
    ada = make.customer()
    first, sixth = [seen(ask(Client(), ada.email), ada.email) for _ in range(6)][::5]
    assert first == sixth
    assert Message.objects.count() == 5


def test_too_many_from_one_network_address_are_told_so():
    answers = [ask(Client(), f"x{n}@example.org", REMOTE_ADDR="192.0.2.9") for n in range(21)]
    assert [answer.status_code for answer in answers] == [302] * 20 + [429]
    assert "Too many codes were asked for from your network." in text_of(answers[20])
    assert answers[20].headers["Retry-After"] == "3600"
    assert ask(Client(), "x@example.org", REMOTE_ADDR="192.0.2.10").status_code == 302


# ------------------------------------------------------------------------------------------- with the digits


def test_digits_sign_in_and_lead_to_the_account(client):
    ada = make.customer()
    asked = ask(client, ada.email)
    assert (asked.status_code, asked.url) == (302, CODE)
    page = client.get(CODE)
    assert f"If {ada.email} is on file with us, a message with six digits is on its way there." in text_of(
        page
    )
    field = re.search(r'<input [^>]*name="digits"[^>]*>', page.content.decode())[0]
    assert 'autocomplete="one-time-code"' in field
    assert 'inputmode="numeric"' in field

    answer = enter(client, received().digits)

    assert (answer.status_code, answer.url) == (302, ACCOUNT)
    assert who_is(client) == ada.pk


@pytest.mark.parametrize("form", ["{0} {1}", " {0}{1}\n", "{0}-{1}", "{0}\u00a0{1}", "{0}\u202f{1}"])
def test_digits_may_be_pasted_with_spaces(client, form):
    ada = make.customer()
    ask(client, ada.email)
    digits = received().digits
    enter(client, form.format(digits[:3], digits[3:]))
    assert who_is(client) == ada.pk


@pytest.mark.parametrize("typed", ["", "12345", "1234567", "abcdef", "😀", "1" * 41])
def test_what_is_no_six_digits_costs_no_try(client, typed):
    ada = make.customer()
    ask(client, ada.email)
    answer = enter(client, typed)
    assert answer.status_code == 422
    assert PortalCode.objects.get().wrong_tries == 0
    assert 'aria-invalid="true"' in answer.content.decode()


def test_wrong_digits_are_told_and_five_end_the_code(client):
    ada = make.customer()
    ask(client, ada.email)
    digits = received().digits
    answers = [enter(client, wrong(digits)) for _ in range(5)]
    assert "These are not the digits we sent." in text_of(answers[3])
    assert "This code no longer works. Have a new one sent." in text_of(answers[4])
    assert enter(client, digits).status_code == 422
    assert who_is(client) is None


def test_digits_work_in_the_asking_browser_alone(client):
    ada = make.customer()
    ask(client, ada.email)
    digits, elsewhere = received().digits, Client()
    assert "This code no longer works" in text_of(enter(elsewhere, digits))
    ask(elsewhere, "eve@example.org")
    assert "These are not the digits" in text_of(enter(elsewhere, digits))
    assert who_is(elsewhere) is None
    enter(client, digits)
    assert who_is(client) == ada.pk


def test_cookie_of_the_asking_browser_is_out_of_reach_and_short_lived(client):
    cookie = ask(client, "ada@example.org").cookies["portal_code"]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"], cookie["max-age"]) == (
        True,
        "Lax",
        "/portal/",
        900,
    )
    assert len(cookie.value) == 43
    make.customer(email="ada@example.org")
    ask(client, "ada@example.org")
    assert enter(client, received().digits).cookies["portal_code"].value == ""


def test_code_can_be_sent_again_from_its_page(client):
    ada = make.customer(phone="+12125550143")
    ask(client, "212 555 0143")
    page = client.get(CODE + "?next=/portal/book/1/").content.decode()
    assert '<input type="hidden" name="contact" value="+12125550143">' in page
    assert '<input type="hidden" name="next" value="/portal/book/1/">' in page
    ask(client, "+12125550143")
    enter(client, received().digits)
    assert who_is(client) == ada.pk


def test_code_page_without_a_code_asks_for_an_address(client):
    assert "Send me a code" in text_of(client.get(CODE))


# --------------------------------------------------------------------------------------------- with the link


def test_link_signs_in_in_any_browser_by_its_button(client):
    ada = make.customer()
    ask(Client(), ada.email)
    page = client.get(received().link)
    assert "Sign me in" in text_of(page)
    assert who_is(client) is None
    answer = client.post(received().link)
    assert (answer.status_code, answer.url) == (302, ACCOUNT)
    assert who_is(client) == ada.pk


def test_following_the_link_changes_nothing_however_often(client):
    ada = make.customer()
    ask(Client(), ada.email)
    before = every_text()
    for _ in range(100):
        assert client.get(received().link).status_code == 200
        assert client.head(received().link).status_code == 200
        assert client.options(received().link).status_code == 405
    assert every_text() == before
    client.post(received().link)
    assert who_is(client) == ada.pk


@pytest.mark.parametrize("end", ["unknown", "used", "expired", "of nobody", "of a new contact"])
def test_links_that_do_not_work_look_alike_whatever_the_reason(client, end):
    ada = make.customer()
    ask(Client(), ada.email)
    link = received().link
    if end == "unknown":
        link = f"/portal/sign-in/link/{'x' * 43}/"
    elif end == "used":
        Client().post(link)
    elif end == "expired":
        PortalCode.objects.update(expires_at=timezone.now())
    elif end == "of nobody":
        PortalCode.objects.update(is_known=False)
    else:
        PortalCode.objects.update(purpose="contact", customer=ada)
    for answer in (client.get(link), client.post(link)):
        assert (answer.status_code, text_of(answer)) == (
            200,
            "This link no longer works Links to sign in work once, for 15 minutes. Send me a new one",
        )
    assert who_is(client) is None


def test_link_pages_are_kept_by_no_cache_and_no_search_engine(client):
    make.customer(email="ada@example.org")
    ask(Client(), "ada@example.org")
    for address in (received().link, ASK, CODE):
        headers = client.get(address).headers
        assert "no-store" in headers["Cache-Control"]
        assert headers["X-Robots-Tag"] == "noindex, nofollow"
        assert headers["Referrer-Policy"] == "same-origin"


def test_used_link_and_digits_are_nowhere_in_the_database_or_the_log(client, caplog):
    ada = make.customer()
    for use in ("link", "digits"):
        ask(client, ada.email)
        letter = received()
        if use == "link":
            client.post(letter.link)
        else:
            enter(client, letter.digits)
        client.get(letter.link)
        client.post(letter.link)
        assert who_is(client) == ada.pk
        assert letter.token not in every_text()
        assert letter.token not in caplog.text
        assert f" {letter.digits}" not in every_text() + caplog.text
        client.post("/portal/sign-out/")


# ---------------------------------------------------------------------------------------------- where it leads

OUTSIDE = [
    "https://evil.example/portal/",
    "//evil.example/portal/",
    "///evil.example",
    "/\\evil.example",
    "javascript:alert(1)",
    "/portal/../schedule/",
    "/portal/%2e%2e/schedule/",
    "/portal/..%2fschedule/",
    "/portal/\\../schedule/",
    "/portal//../../admin/",
    "/schedule/",
    "/portalx/",
    "/portal",
    "portal/account/",
    "http:///evil.example",
    "/portal/sign-in/?next=/portal/",
    "/portal/./sign-in/",
    "/portal/" + "a" * 500,
    " https://evil.example",
    "\t//evil.example",
]


@pytest.mark.parametrize("elsewhere", OUTSIDE)
def test_sign_in_never_leads_out_of_the_portal(client, elsewhere):
    assert not is_within_portal(elsewhere)
    ada = make.customer()
    client.post(ASK, {"contact": ada.email, "next": elsewhere})
    assert "evil" not in received().text
    assert enter(client, received().digits, next=elsewhere).url == ACCOUNT
    assert client.get(ASK, {"next": elsewhere}).url == ACCOUNT
    client.post("/portal/sign-out/")
    ask(client, ada.email)
    assert client.post(received().link, {"next": elsewhere}).url == ACCOUNT


@pytest.mark.parametrize(
    "page", ["/portal/", "/portal/book/1/?day=2026-11-25&staff=", "/portal/account/profile/"]
)
@pytest.mark.parametrize("by", ["digits", "link"])
def test_sign_in_leads_back_to_the_page_of_the_portal_that_was_asked_for(client, page, by):
    ada = make.customer()
    asked = client.post(ASK, {"contact": ada.email, "next": page})
    shown = client.get(asked.url if by == "digits" else received().link).content.decode()
    assert f'name="next" value="{page.replace("&", "&amp;")}"' in shown
    sent = {"next": page}
    answer = (
        enter(client, received().digits, **sent) if by == "digits" else client.post(received().link, sent)
    )
    assert answer.url == page


def test_own_page_sends_to_sign_in_and_back(client):
    answer = client.get("/portal/account/profile/?x=1")
    assert answer.url == "/portal/sign-in/?next=%2Fportal%2Faccount%2Fprofile%2F%3Fx%3D1"
    assert 'name="next" value="/portal/account/profile/?x=1"' in client.get(answer.url).content.decode()


# ------------------------------------------------------------------------------------------------ the session


def test_session_gets_a_new_key_and_keeps_nothing_of_the_one_before(client):
    session = client.session
    session["planted"] = "by somebody else"
    session.save()
    planted = session.session_key

    sign_in(client, make.customer())

    assert client.session.session_key != planted
    assert "planted" not in client.session
    assert not Session.objects.filter(pk=planted).exists()


def test_signing_in_again_as_the_same_customer_changes_the_key_too(client):
    ada = make.customer()
    sign_in(client, ada)
    before = client.session.session_key
    sign_in(client, ada)
    assert client.session.session_key != before
    assert not Session.objects.filter(pk=before).exists()


def test_session_ends_with_the_browser_and_after_half_an_hour_of_nothing(client):
    ada = make.customer()
    sign_in(client, ada)
    assert client.cookies["sessionid"]["max-age"] == ""
    assert idle.idle_seconds(client.session) == 1800
    rest(client, timedelta(minutes=32))
    answer = client.get(PROFILE)
    assert answer.url == "/portal/sign-in/?next=%2Fportal%2Faccount%2Fprofile%2F&why=idle"
    assert "You were signed out because nothing happened for a while." in text_of(client.get(answer.url))
    assert not Session.objects.exists()


def test_who_ticks_it_stays_signed_in_for_thirty_days_and_no_longer(client):
    ada = make.customer()
    sign_in(client, ada, stay="on")
    thirty_days = 30 * 86_400
    assert thirty_days - 60 < client.cookies["sessionid"]["max-age"] <= thirty_days
    rest(client, timedelta(days=29))
    assert who_is(client) == ada.pk
    begun = PortalCode.objects.get().used_at
    assert Session.objects.get().expire_date == begun + timedelta(days=30)


def test_stay_signed_in_is_unticked_and_offered_for_the_link_as_well(client):
    ada = make.customer()
    ask(client, ada.email)
    for page in (client.get(CODE), client.get(received().link)):
        box = re.search(r'<input type="checkbox"[^>]*>', page.content.decode())[0]
        assert 'name="stay"' in box
        assert "checked" not in box
    client.post(received().link, {"stay": "on"})
    assert idle.idle_seconds(client.session) == 30 * 86_400


def rest(client: Client, time: timedelta) -> None:
    session = client.session
    idle.record(session, at=idle.last_activity(session) - time)
    session.save()


# ----------------------------------------------------------------------------- several people, one address


@pytest.fixture
def family(db) -> list[Customer]:
    """A parent with two children, and somebody else."""
    shared = {"email": "parent@example.org", "phone": "", "family_name": "Nguyen"}
    people = [make.customer(given_name=name, **shared) for name in ("Ada", "Bo", "Cy")]
    return [*people, make.customer(given_name="Zed")]


def proved(client: Client) -> Client:
    ask(client, "parent@example.org")
    assert enter(client, received().digits).url == WHO
    return client


def test_who_shares_an_address_chooses_whom_they_are_here_for(client, family):
    page = proved(client).get(WHO)
    assert re.findall(r'name="customer" value="(\d+)">([\w ]+)', page.content.decode()) == [
        (str(one.pk), one.full_name) for one in family[:3]
    ]
    assert who_is(client) is None
    assert client.post(WHO, {"customer": family[1].pk}).url == ACCOUNT
    assert who_is(client) == family[1].pk


def test_message_to_a_shared_address_is_nobodys_in_particular(client, family):
    proved(client)
    assert Message.objects.get().customer is None


@pytest.mark.parametrize("chosen", ["zed", "", "0", "-1", "x", "9" * 30, "\x00"])
def test_nobody_else_can_be_chosen(client, family, chosen):
    proved(client)
    answer = client.post(WHO, {"customer": family[3].pk if chosen == "zed" else chosen})
    assert answer.status_code == 422
    assert "Zed" not in answer.content.decode()
    assert who_is(client) is None


def test_equal_names_are_told_apart_by_the_year_of_birth(client):
    for born in (date(1961, 4, 12), date(1991, 4, 12), None):
        make.customer(given_name="Ada", family_name="Nguyen", email="parent@example.org", date_of_birth=born)
    shown = text_of(proved(client).get(WHO))
    assert "Ada Nguyen (born 1961) Ada Nguyen (born 1991) Ada Nguyen" in shown


def test_one_may_switch_while_the_session_lasts_and_only_among_those_of_the_address(client, family):
    ada, bo, _, zed = family
    proved(client).post(WHO, {"customer": ada.pk})
    first = client.session.session_key
    assert "Switch to someone else" in text_of(client.get(PROFILE))

    assert client.post(WHO, {"customer": zed.pk}).status_code == 422
    assert who_is(client) == ada.pk
    client.post(WHO, {"customer": bo.pk})

    assert who_is(client) == bo.pk
    assert client.session.session_key != first
    assert not Session.objects.filter(pk=first).exists()
    client.post(WHO, {"customer": ada.pk})
    assert who_is(client) == ada.pk


def test_who_left_the_address_cannot_be_switched_to(client, family):
    ada, bo, *_ = family
    proved(client).post(WHO, {"customer": ada.pk})
    Customer.objects.filter(pk=bo.pk).update(email="bo@example.org")
    assert client.post(WHO, {"customer": bo.pk}).status_code == 422
    assert who_is(client) == ada.pk


def test_switching_does_not_prolong_the_thirty_days(client, family):
    ask(client, "parent@example.org")
    enter(client, received().digits, stay="on")
    begun = timezone.now() - timedelta(days=10)
    client.post(WHO, {"customer": family[0].pk})
    PortalCode.objects.update(used_at=begun)
    client.post(WHO, {"customer": family[1].pk})
    assert Session.objects.get().expire_date == begun + timedelta(days=30)


def test_whom_is_to_be_chosen_within_a_quarter_of_an_hour(client, family):
    proved(client)
    PortalCode.objects.update(used_at=timezone.now() - timedelta(minutes=15))
    assert client.post(WHO, {"customer": family[0].pk}).url == ASK
    assert who_is(client) is None


def test_choosing_needs_a_proof(client, family):
    assert client.get(WHO).url == ASK
    assert client.post(WHO, {"customer": family[0].pk}).url == ASK
    sign_in(client, family[3])
    assert client.post(WHO, {"customer": family[0].pk}).status_code == 422
    assert who_is(client) == family[3].pk
    assert "Switch to someone else" not in text_of(client.get(PROFILE))


def test_way_back_survives_the_choice(client, family):
    ask(client, "parent@example.org")
    enter(client, received().digits, next="/portal/book/1/", stay="on")
    assert client.post(WHO, {"customer": family[0].pk}).url == "/portal/book/1/"
    assert idle.idle_seconds(client.session) == 30 * 86_400


def test_address_that_is_on_no_record_any_more_signs_nobody_in(client):
    ada = make.customer()
    ask(client, ada.email)
    Customer.objects.update(email="new@example.org")
    enter(client, received().digits)
    assert "is on nobody’s record now" in text_of(client.get(WHO))
    assert who_is(client) is None


# -------------------------------------------------------------------------------------------------------- out


def test_sign_out_ends_the_session_and_is_no_link(client):
    sign_in(client, make.customer())
    key = client.session.session_key
    assert client.get("/portal/sign-out/").status_code == 405
    assert Session.objects.filter(pk=key).exists()
    answer = client.post("/portal/sign-out/", follow=True)
    assert "You are signed out." in text_of(answer)
    assert not Session.objects.filter(pk=key).exists()
    assert who_is(client) is None


@pytest.mark.parametrize("way_out", ["/portal/sign-out/", "/portal/account/sign-out-everywhere/"])
def test_signing_out_goes_on_in_the_language_of_the_profile(client, way_out):
    sign_in(client, make.customer(language="es"))
    answer = client.post(way_out, follow=True)
    assert answer.headers["Content-Language"] == "es"


def test_sign_out_everywhere_ends_every_other_session_at_once_and_nobody_elses(family):
    ada, bo, _, zed = family
    phone, desk, library = Client(), Client(), Client()
    for client in (phone, desk):
        proved(client).post(WHO, {"customer": ada.pk})
    sign_in(library, zed)

    answer = phone.post("/portal/account/sign-out-everywhere/", follow=True)

    assert "You are signed out on every device." in text_of(answer)
    assert (who_is(phone), who_is(desk), who_is(library)) == (None, None, zed.pk)


def test_sign_out_everywhere_ends_the_way_back_by_switching_and_codes_on_their_way(family):
    """A session that just now is a child's must not become the parent's again; nor must a message already sent open one."""
    ada, bo, *_ = family
    here, elsewhere, asking, choosing = Client(), Client(), Client(), Client()
    for client in (here, elsewhere):
        proved(client).post(WHO, {"customer": ada.pk})
    elsewhere.post(WHO, {"customer": bo.pk})
    proved(choosing)
    ask(asking, ada.email)

    here.post("/portal/account/sign-out-everywhere/")

    assert who_is(elsewhere) == bo.pk
    assert elsewhere.post(WHO, {"customer": ada.pk}).url == ASK
    assert choosing.post(WHO, {"customer": ada.pk}).url == ASK
    enter(asking, received().digits)
    asking.post(received().link)
    assert [who_is(client) for client in (elsewhere, asking, choosing)] == [bo.pk, None, None]


def test_forms_need_the_csrf_token():
    ada = make.customer()
    client = Client(enforce_csrf_checks=True)
    ask(Client(), ada.email)
    for address in (
        ASK,
        CODE,
        received().link,
        WHO,
        "/portal/sign-out/",
        "/portal/account/sign-out-everywhere/",
    ):
        assert client.post(address, {"contact": ada.email}).status_code == 403
    assert PortalCode.objects.count() == 1
    assert PortalCode.objects.get().used_at is None
