"""A customer's address for calendars that subscribe: theirs alone, of what the portal shows them, until they end it."""

import re
from datetime import timedelta
from itertools import product
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from appointments.models import Appointment, Customer
from calendarsync import feed_content, feeds
from calendarsync.models import CalendarFeed
from portal import own
from portal.contacts import Contact
from securecare.models import Session
from tests import factories as make
from tests.calendarsync.feeding import events_in
from tests.portal.clinic import DAY, Clinic
from tests.portal.signing_in import received, sign_in
from tests.portal.visiting import link_to, signed_in, text_of

pytestmark = pytest.mark.django_db

PAGE = "/portal/account/calendar/"
ENDED = "Your calendar address has ended. Make a new one for your calendar."


@pytest.fixture
def clinic() -> Clinic:
    return Clinic.open(name="Northside")


@pytest.fixture
def ada(clinic: Clinic) -> Customer:
    return make.customer(at=clinic.facility, email="ada@example.org", phone="+12125550143")


@pytest.fixture
def visit(clinic: Clinic, ada: Customer) -> Appointment:
    return clinic.appointment(ada)


def press(browser: Client, what: str) -> Any:
    return browser.post(PAGE, {"feed": what})


def address_in(answer: Any) -> str:
    """The path of the address that the page shows."""
    return re.findall(r'value="https?://[^/"]+(/calendar/[\w-]{43}\.ics)"', answer.content.decode())[0]


def titles_at(address: str) -> list[str]:
    return [str(event["summary"]) for event in events_in(Client().get(address).content)]


def test_the_account_leads_to_it(ada):
    account = signed_in(ada).get("/portal/account/").content.decode()
    assert f'<a href="{PAGE}">Put your appointments into your calendar</a>' in account


def test_an_address_is_made_and_shown_once(ada, visit):
    browser = signed_in(ada)
    assert "Make my address" in text_of(browser.get(PAGE))
    made = press(browser, "create")
    address = address_in(made)
    assert titles_at(address) == ["Northside appointment"]
    assert f'href="webcal://localhost:8000{address}"' in made.content.decode()
    again = browser.get(PAGE)
    assert address not in again.content.decode()
    assert "You made an address within the last hour. A calendar read it within the last hour." in text_of(
        again
    )
    token = address.split("/")[-1].removesuffix(".ics")
    assert token not in str([*Session.objects.values(), *CalendarFeed.objects.values()])
    assert (made["Cache-Control"], made["X-Robots-Tag"]) == (again["Cache-Control"], "noindex, nofollow")
    assert "no-store" in made["Cache-Control"]


def test_a_new_one_ends_the_old_one_and_ending_it_ends_it(ada, visit):
    browser = signed_in(ada)
    addresses = [address_in(press(browser, "create")) for _ in range(2)]
    assert [Client().get(each).status_code for each in addresses] == [404, 200]
    answer = press(browser, "end")
    assert (answer.status_code, answer["Location"]) == (302, PAGE)
    assert "Your calendar address has ended." in text_of(browser.get(PAGE))
    assert Client().get(addresses[1]).status_code == 404


def test_looking_and_what_the_page_never_sends_change_nothing(ada):
    browser = signed_in(ada)
    browser.get(PAGE)
    assert [press(browser, what).status_code for what in ("", "else")] == [404, 404]
    assert not CalendarFeed.objects.exists()


def test_it_is_not_for_who_came_by_a_link(visit):
    """They may know one appointment; a feed tells of all."""
    holder = Client()
    page = holder.get(f"/portal/a/{link_to(visit)}/")
    assert (page.status_code, "calendar/" in page.content.decode()) == (200, False)
    answer = press(holder, "create")
    assert (answer.status_code, answer["Location"].split("?")[0]) == (302, "/portal/sign-in/")
    assert not CalendarFeed.objects.exists()


def test_it_is_in_spanish_for_who_reads_spanish(ada, visit):
    Customer.objects.update(language="es")
    browser = signed_in(Customer.objects.get())
    page = text_of(browser.get(PAGE))
    assert page.startswith("Sus citas en su calendario")
    made = press(browser, "create")
    shown = Client().get(address_in(made)).content.decode()
    assert "SUMMARY:Cita en Northside\r\n" in shown
    assert f"DESCRIPTION:Con {visit.staff.display_name}\\n¿Preguntas?" in shown
    assert "X-WR-CALNAME:Citas en SecureCare\r\n" in shown


def test_it_shows_the_staff_member_while_it_is_sure_who(ada, visit):
    address = address_in(press(signed_in(ada), "create"))
    assert visit.staff.display_name in Client().get(address).content.decode()
    Appointment.objects.update(status=Appointment.Status.PENDING_REASSIGNMENT)
    assert visit.staff.display_name not in Client().get(address).content.decode()


# -------------------------------------------------------------------------------------- what it may show


GIVEN = list(
    product(("", "ada@example.org", "Else@example.org"), ("", "+12125550143", "+12125550999"), (False, True))
)
PROVED = [
    [],
    [Contact("email", "ada@example.org")],
    [Contact("email", "else@example.org")],
    [Contact("phone", "+12125550143")],
    [Contact("phone", "+12125550999"), Contact("email", "ada@example.org")],
]


def test_it_shows_what_the_portal_would_show_whatever_contacts_were_given(clinic, ada):
    """A visitor who knows somebody's birth date and address may put a record of them here, and would see what they book."""
    visits = [
        make.appointment(
            starts_at=clinic.at(10, day=DAY + timedelta(days=number)),
            staff=clinic.staff,
            program=clinic.program,
            customer=ada,
        )
        for number in range(len(GIVEN))
    ]
    for visit, (email, phone, no_texts) in zip(visits, GIVEN, strict=True):
        fields = {"contact_email": email, "contact_phone": phone, "no_texts": no_texts}
        Appointment.objects.filter(pk=visit.pk).update(**fields)
    sizes = []
    for proved in PROVED:
        allowed = {
            str(each.reference) for each in visits if own.of_customer(ada, each.reference, proved=proved)
        }
        assert shown_to(ada, proved) == allowed
        sizes.append(len(allowed))
    assert sizes == [1, 12, 12, 6, 14]


def shown_to(customer: Customer, proved: list[Contact]) -> set[str]:
    token = feeds.create(
        customer=customer,
        emails=[contact.address for contact in proved if contact.is_email],
        numbers=[contact.address for contact in proved if not contact.is_email],
        by=None,
        now=timezone.now(),
    )
    body = feed_content.content(feeds.find(token), now=timezone.now()).body
    return {str(event["uid"]).split("@")[0] for event in events_in(body)}


def test_it_shows_what_the_session_that_made_it_had_proved(clinic, ada):
    visit = clinic.appointment(ada)
    Appointment.objects.filter(pk=visit.pk).update(contact_email="ada@example.org", no_texts=True)
    proved, unproved = sign_in(Client(), ada), signed_in(Customer.objects.get(pk=ada.pk))
    assert titles_at(address_in(press(unproved, "create"))) == []
    assert titles_at(address_in(press(proved, "create"))) == ["Northside appointment"]


# ----------------------------------------------------------------------------------------- when it ends


def test_it_ends_with_all_sessions(ada, visit):
    browser = sign_in(Client(), ada)
    address = address_in(press(browser, "create"))
    answer = browser.post("/portal/account/sign-out-everywhere/", follow=True)
    assert ENDED in text_of(answer)
    assert Client().get(address).status_code == 404


def test_it_ends_when_a_contact_changes(ada, visit):
    """Whoever had the old address may have made it."""
    browser = sign_in(Client(), ada)
    address = address_in(press(browser, "create"))
    change_email(browser, "new@example.org")
    assert ENDED in text_of(browser.get("/portal/account/profile/"))
    assert Client().get(address).status_code == 404


def test_nothing_is_said_of_an_address_to_who_has_none(ada):
    browser = sign_in(Client(), ada)
    change_email(browser, "new@example.org")
    assert "calendar" not in text_of(browser.get("/portal/account/profile/"))
    answer = browser.post("/portal/account/sign-out-everywhere/", follow=True)
    assert "calendar" not in text_of(answer)


def change_email(browser: Client, new: str) -> None:
    browser.post("/portal/account/profile/contact/email/", {"contact": new})
    browser.post("/portal/account/profile/contact/email/code/", {"digits": received().digits})
    assert Customer.objects.filter(email=new).exists()
