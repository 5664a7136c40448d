"""Whose user a customer signs in as, and what a customer's session opens elsewhere: nothing."""

from datetime import date
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from django_otp.plugins.otp_totp.models import TOTPDevice

from appointments.models import Customer
from portal import accounts, bookings
from portal.bookings import Person
from portal.times import Search
from reminders.consent import Origin
from securecare import links
from securecare.models import Session
from tests import factories as make
from tests.appointments.signing_in import device, give_password, organisation, reaches_pages
from tests.portal.clinic import Clinic
from tests.portal.signing_in import ACCOUNT, ask, enter, received, sign_in, who_is
from tests.portal.visiting import text_of
from tests.test_conventions import OWN, PORTAL, PUBLIC, addresses
from tests.together import at_once

pytestmark = pytest.mark.django_db
BORN = date(1991, 4, 12)
VICTIM, STRANGER = "+12125550143", "+12125550199"


@pytest.fixture
def ada(db) -> Customer:
    return make.customer(given_name="Ada", family_name="Nguyen", email="ada@example.org")


# ------------------------------------------------------------------------------------------------- the user


def test_first_sign_in_makes_a_user_whose_name_says_nothing_and_who_has_no_password(client, ada):
    sign_in(client, ada)
    user = User.objects.get()
    assert user.customer == ada
    assert user.username.startswith("customer-")
    assert len(user.username) == len("customer-") + 24
    assert "ada" not in user.username.lower()
    assert (user.first_name, user.last_name, user.email) == ("", "", "")
    assert not user.has_usable_password()
    assert (user.is_staff, user.is_superuser) == (False, False)


def test_further_sign_ins_are_of_the_same_user(ada):
    for _ in range(2):
        sign_in(Client(), ada)
    assert User.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_first_sign_ins_at_once_make_one_user(ada):
    users = at_once([lambda: accounts.user_of(Customer.objects.get(pk=ada.pk)).pk] * 4)
    assert len(set(users)) == 1
    assert list(User.objects.values_list("pk", flat=True)) == [users[0]]


def test_deactivated_user_is_out_at_once_and_gets_no_further_code(client, ada):
    sign_in(client, ada)
    User.objects.update(is_active=False)
    assert client.get(ACCOUNT).status_code == 302
    assert "Ada" not in client.get("/portal/account/profile/", follow=True).content.decode()
    before = received().text
    ask(client, ada.email)
    assert received().text == before


def test_customer_taken_off_the_user_is_out_at_once(client, ada):
    sign_in(client, ada)
    Customer.objects.update(user=None)
    assert client.get("/portal/account/profile/").status_code == 302


# -------------------------------------------------------------------------------- staff who are customers too


def test_code_of_a_staff_member_who_is_a_customer_opens_no_staff_page(client, ada):
    """Not even where the organization asks for no second factor, and the link in the record was made by an administrator."""
    organisation(second_factor="optional")
    member = make.staff(at=make.facility(), role="administrator")
    Customer.objects.update(user=member.user)

    sign_in(client, ada)

    assert not reaches_pages(client)
    assert client.get("/admin/").url == "/sign-in/?next=%2Fadmin%2F"
    ada.refresh_from_db()
    assert ada.user != member.user
    assert who_is(client) == ada.pk
    member.refresh_from_db()
    assert member.user.has_usable_password()
    give_password(desk := Client(), member.user)
    assert reaches_pages(desk)


def test_staff_session_is_no_customers_session_even_where_the_record_names_its_user(client, ada):
    member = make.staff(at=make.facility())
    Customer.objects.update(user=member.user)
    give_password(client, member.user)
    for page in (ACCOUNT, "/portal/account/profile/"):
        assert client.get(page).url.startswith("/portal/sign-in/?next=")
        assert "Ada" not in client.get(page, follow=True).content.decode()
    assert reaches_pages(client)


@pytest.mark.parametrize("becomes", ["staff", "superuser"])
def test_customer_session_ends_when_its_user_is_made_staff(client, ada, becomes):
    """The session was begun with an e-mailed code; a password was never asked for."""
    organisation(second_factor="optional")
    sign_in(client, ada)
    user = User.objects.get()
    if becomes == "staff":
        make.staff(user=user, at=make.facility(), role="administrator")
    else:
        User.objects.update(is_superuser=True)
    assert not reaches_pages(client)
    assert client.get("/portal/account/profile/").status_code == 302


def test_staff_member_in_the_same_browser_is_told_and_signed_out_of_staff_pages(client, ada):
    member = make.staff(at=make.facility())
    give_password(client, member.user)
    assert "Signing in here ends that." in text_of(client.get("/portal/sign-in/"))
    staff_session = client.session.session_key
    sign_in(client, ada)
    assert not reaches_pages(client)
    assert not Session.objects.filter(pk=staff_session).exists()


# ---------------------------------------------------------------------------- customers on staff pages


@pytest.mark.parametrize("method", ["get", "post"])
def test_every_staff_address_refuses_a_customer(client, ada, method):
    """Asked of the running site, for every address, as for strangers."""
    sign_in(client, ada)
    let_in = []
    for address, _ in addresses():
        if address in PUBLIC | PORTAL or address.startswith(OWN):
            continue
        answer = getattr(client, method)(address)
        if (answer.status_code, urlsplit(answer.headers.get("Location", "")).path) != (302, "/sign-in/"):
            let_in.append((address, answer.status_code))
    assert let_in == []
    assert who_is(client) == ada.pk


def test_public_staff_addresses_give_a_customer_nothing_of_staff(client, ada):
    sign_in(client, ada)
    assert client.get("/admin/login/").status_code == 403
    for method in (client.get, client.post):
        assert method("/account/second-factor/").url.startswith("/sign-in/?next=")
    assert not TOTPDevice.objects.exists()
    assert client.get("/sign-in/code/").url == "/sign-in/?why=waited"
    assert set(client.get("/account/activity/").json()) == {"seconds_left"}


def test_parts_and_polls_of_staff_pages_are_refused_as_to_strangers(client, ada):
    sign_in(client, ada)
    part = client.get("/schedule/", headers={"HX-Request": "true", "HX-Target": "day-grid"})
    assert part.headers["HX-Redirect"].startswith("/sign-in/")
    assert part.content == b""
    assert client.get("/schedule/", headers={"X-Passive": "1"}).status_code == 401


def test_staff_sign_in_faces_a_customer_without_sending_them_in_circles(client, ada):
    sign_in(client, ada)
    answer = client.get("/schedule/", follow=True)
    assert [url for url, _ in answer.redirect_chain] == ["/sign-in/?next=%2Fschedule%2F"]
    page = answer.content.decode()
    assert answer.status_code == 200
    assert 'name="password"' in page
    assert 'class="bar"' not in page
    assert 'id="idle"' not in page


def test_staff_member_signs_in_where_a_customer_was(client, ada):
    sign_in(client, ada)
    customers = client.session.session_key
    member = make.staff(at=make.facility())
    give_password(client, member.user, next_url="/schedule/")
    assert reaches_pages(client)
    assert not Session.objects.filter(pk=customers).exists()
    assert "portal_proof" not in client.session
    assert client.get("/portal/account/").url.startswith("/portal/sign-in/")


def test_staff_member_with_a_second_factor_still_owes_it_where_a_customer_was(client, ada):
    sign_in(client, ada)
    member = make.staff(at=make.facility())
    device(member.user)
    assert give_password(client, member.user).url == "/sign-in/code/"
    assert not reaches_pages(client)
    assert client.get("/portal/account/").status_code == 302


def test_customer_has_no_password_to_sign_in_with(client, ada):
    sign_in(Client(), ada)
    user = User.objects.get()
    for password in ("", "!", user.password, make.PASSWORD):
        assert give_password(client, user, password=password).status_code == 422
    user.set_password(make.PASSWORD)
    user.save()
    assert give_password(client, user).status_code == 422
    assert not reaches_pages(client)


def test_missing_page_shows_a_customer_no_staff_bar(client, ada):
    sign_in(client, ada)
    answer = client.get("/no-such-page/")
    assert answer.status_code == 404
    assert 'class="bar"' not in answer.content.decode()


def test_signed_in_customer_costs_two_queries_before_the_page(client, ada, django_assert_num_queries):
    sign_in(client, ada)
    with django_assert_num_queries(2):
        client.get("/portal/account/profile/contact/email/")


def test_code_entered_by_somebody_signed_in_replaces_who_they_were(client, ada):
    bo = make.customer()
    sign_in(client, bo)
    ask(client, ada.email)
    enter(client, received().digits)
    assert who_is(client) == ada.pk


# ------------------------------------------------------------ records that somebody else put there


def book(clinic, hour, **typed):
    """As a visitor books: with what they type."""
    person = Person(**{"given_name": "Ada", "family_name": "Nguyen", "date_of_birth": BORN, **typed})
    made = bookings.book_online(
        submission=links.new_token(),
        search=Search(clinic.program),
        starts_at=clinic.at(hour),
        person=person,
        origin=Origin(),
        now=timezone.now(),
    )
    return made.appointment


@pytest.mark.parametrize(
    ("stranger", "victim"),
    [
        ({"email": "stranger@example.org", "phone": VICTIM}, {"email": "ada@example.org", "phone": VICTIM}),
        ({"email": "ada@example.org", "phone": STRANGER}, {"email": "ada@example.org", "phone": ""}),
        ({"email": "ada@example.org", "phone": STRANGER}, {"email": "ada@example.org", "phone": VICTIM}),
    ],
)
def test_who_booked_first_with_anothers_birth_date_sees_none_of_what_they_book(client, db, stranger, victim):
    clinic = Clinic.open()
    own, theirs = book(clinic, 9, **stranger), book(clinic, 11, **victim)
    assert own.customer == theirs.customer
    contact = stranger["email"] if "stranger" in stranger["email"] else stranger["phone"]
    ask(client, contact)
    enter(client, received().digits)

    assert client.get(f"{ACCOUNT}appointments/{own.reference}/").status_code == 200
    assert client.get(f"{ACCOUNT}appointments/{theirs.reference}/").status_code == 404
    page = client.get(ACCOUNT).content.decode()
    assert (str(own.reference) in page, str(theirs.reference) in page) == (True, False)
    assert STRANGER not in (theirs.phone, theirs.email)


def test_contact_proved_since_shows_what_was_booked_with_it(client, db):
    clinic = Clinic.open()
    book(clinic, 9, email="ada@example.org", phone=VICTIM)
    later = book(clinic, 11, email="ada.new@example.org", phone=VICTIM)
    ask(client, "ada@example.org")
    enter(client, received().digits)
    assert client.get(f"{ACCOUNT}appointments/{later.reference}/").status_code == 404

    client.post(f"{ACCOUNT}profile/contact/email/", {"contact": "ada.new@example.org"})
    client.post(f"{ACCOUNT}profile/contact/email/code/", {"digits": received().digits})
    assert client.get(f"{ACCOUNT}appointments/{later.reference}/").status_code == 200
