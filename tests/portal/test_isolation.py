"""Two customers of one facility and one program: whatever is asked for in the name of one of them, of nobody or of staff,
nothing of the other appears and nothing of theirs changes. Every address of the portal is walked."""

import re
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import product
from typing import Any
from urllib.parse import unquote_plus, urlencode

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, reverse
from django.utils import timezone

from appointments.models import Appointment, AppointmentEvent, AppointmentLink, Customer, PrivateNote
from calendarsync import feeds
from calendarsync.models import CalendarFeed
from portal import urls
from portal.models import OnlineBooking, PortalCode
from reminders import consent
from reminders.models import ConsentLog
from scheduling import booking
from scheduling.booking import Contact
from securecare import limits, links
from securecare import urls as site
from securecare.models import Session
from tests import factories as make
from tests.portal.clinic import DAY, Clinic
from tests.portal.signing_in import sign_in
from tests.portal.visiting import link_to, signed_in, text_of

# Every address of the portal by name. A new one belongs here, and what its parameters name into `keys` below.
OWN = {
    "portal-account",
    "portal-appointment",
    "portal-cancel",
    "portal-contact",
    "portal-contact-code",
    "portal-feed",
    "portal-ics",
    "portal-move",
    "portal-profile",
    "portal-sign-out-everywhere",
    "portal-texts",
}
SECRET = {
    "confirm",
    "portal-booked",
    "portal-code",
    "portal-confirm",
    "portal-details",
    "portal-link",
    "portal-link-cancel",
    "portal-link-ics",
    "portal-link-move",
    "portal-sign-in",
    "portal-sign-in-link",
    "portal-sign-out",
    "portal-unsubscribe",
    "portal-who",
}
OPEN = {
    "portal-embed-facility",
    "portal-embed-times",
    "portal-facility",
    "portal-home",
    "portal-language",
    "portal-programs",
    "portal-times",
}


@dataclass
class Person:
    """A customer with an appointment of every sort, each with what only they may read."""

    customer: Customer
    visits: list[Appointment]
    tokens: dict[str, str] = field(default_factory=dict)

    @property
    def instants(self) -> list[str]:
        return [visit.starts_at.strftime("%Y-%m-%dT%H:%M:%SZ") for visit in self.visits]


@dataclass
class World:
    clinic: Clinic
    ada: Person
    ben: Person


@pytest.fixture
def world(db) -> World:
    clinic = Clinic.open(name="Northside", program={"public_note": "Bring your card."})
    clinic.staff.display_name = "Dana Reyes"
    clinic.staff.save()
    ada = person(
        clinic, "Ada", "Nguyen", hours=(9, 10, 11), email="ada@same.example.org", phone="+12125550101"
    )
    ben = person(
        clinic,
        "Benedikt",
        "Zweifel",
        hours=(13, 15, 16),
        email="benedikt@same.example.org",
        phone="+12125550188",
        date_of_birth=date(1971, 3, 29),
    )
    return World(clinic, ada, ben)


def person(clinic: Clinic, given: str, family: str, *, hours: tuple[int, int, int], **fields: Any) -> Person:
    """Ahead, past and cancelled; the first one booked online under another name, with a private note of staff's."""
    customer = make.customer(at=clinic.facility, given_name=given, family_name=family, **fields)
    place = {"staff": clinic.staff, "program": clinic.program, "customer": customer}
    case = make.case(of=customer, by=clinic.staff.user, reference=f"CASE-{family}")
    ahead = make.appointment(
        starts_at=clinic.at(hours[0], 15),
        public_note=f"{family}: side door.",
        private_note=f"{family}: worries.",
        contact=Contact(f"{given}-Alias {family}", contact_phone=fields["phone"].replace("555", "556")),
        case=case,
        **place,
    )
    past = make.appointment(
        starts_at=clinic.at(hours[1], 15, day=DAY - timedelta(days=9)),
        public_note=f"{family}: back then.",
        **place,
    )
    gone = make.appointment(
        starts_at=clinic.at(hours[2], 15, day=DAY + timedelta(days=1)),
        public_note=f"{family}: never mind.",
        **place,
    )
    booking.cancel(appointment=gone, reason=f"{family} called", by=clinic.staff.user, now=make.NOW)
    now = timezone.now()
    OnlineBooking.objects.create(appointment=ahead, submission=links.digest(family), at=now)
    consent.record(
        phone=customer.phone, granted=True, source="portal_booking", wording="Yes", now=now, customer=customer
    )
    signed_in(customer)
    tokens = dead_and_alive(ahead) | {"feed": feeds.create(customer=customer, by=None, now=now)}
    return Person(customer, [ahead, past, gone], tokens)


def dead_and_alive(visit: Appointment) -> dict[str, str]:
    tokens = {"alive": link_to(visit), "revoked": link_to(visit)}
    tokens["confirm"] = link_to(visit, AppointmentLink.Purpose.CONFIRM)
    revoked = AppointmentLink.objects.filter(digest=links.digest(tokens["revoked"]))
    revoked.update(revoked_at=timezone.now())
    return tokens


# ---------------------------------------------------------------------------------------------- what is Ben's


def secrets_of(who: Person) -> set[str]:
    """Whatever would tell of this person, as it stands in a page."""
    customer, visits = who.customer, who.visits
    number = customer.phone
    shown = {number, number[1:], f"({number[2:5]}) {number[5:8]}-{number[8:]}", f"{number[5:8]}-{number[8:]}"}
    born = customer.date_of_birth
    assert born is not None
    notes = {visit.public_note for visit in visits}
    return {
        customer.given_name,
        customer.family_name,
        customer.email,
        visits[0].contact_phone,
        born.isoformat(),
        f"{born:%B} {born.day}",
        *shown,
        *notes,
        *(str(visit.reference) for visit in visits),
        *who.instants,
        *who.tokens.values(),
    }


def leaks(answer: Any, who: Person, sent: str) -> set[str]:
    """What the answer tells of them that the request did not say itself."""
    told = unquote_plus(answer.content.decode() + "\n" + str(answer.headers) + "\n" + answer.cookies.output())
    return {secret for secret in secrets_of(who) if secret in told and secret not in unquote_plus(sent)}


def every_row() -> dict[str, Any]:
    """Every row that is Ben's."""
    customer = Customer.objects.get(family_name="Zweifel")
    theirs = {"appointment__customer": customer}
    rows = {
        "customer": Customer.objects.filter(pk=customer.pk),
        "facilities": Customer.facilities.through.objects.filter(customer=customer),
        "appointments": Appointment.objects.filter(customer=customer).order_by("pk"),
        "events": AppointmentEvent.objects.filter(**theirs).order_by("pk"),
        "links": AppointmentLink.objects.filter(**theirs).order_by("pk"),
        "notes": PrivateNote.objects.filter(**theirs),
        "bookings": OnlineBooking.objects.filter(**theirs),
        "consents": ConsentLog.objects.filter(address=customer.phone).order_by("pk"),
        "feeds": CalendarFeed.objects.filter(customer=customer).order_by("pk"),
        "codes": PortalCode.objects.filter(customer=customer),
        "sessions": Session.objects.filter(user_id=customer.user_id).order_by("pk"),
    }
    found = {name: list(query.values()) for name, query in rows.items()}
    found["user"] = list(User.objects.filter(pk=customer.user_id).values())
    return found


# -------------------------------------------------------------------------------------------- what is asked for


def keys(world: World) -> dict[str, list[Any]]:
    """What to put in the place of an address's parameter: Ben's, and Ada's own with Ben's in the fields."""
    ben, ada = world.ben, world.ada
    dead = [ben.tokens["revoked"], ben.tokens["confirm"]]
    ids = [str(ben.visits[0].reference), links.digest(ben.tokens["alive"]).hex()]
    return {
        "reference": [visit.reference for visit in (*ben.visits, ada.visits[0])],
        "token": [*dead, *ids, ada.tokens["alive"]],
        "program": [world.clinic.program.pk],
        "pk": [world.clinic.facility.pk],
        "channel": ["email", "phone"],
    }


# What is the portal's though it stands beside its address.
PATTERNS = [*urls.urlpatterns, *(each for each in site.urlpatterns if getattr(each, "name", "") == "confirm")]


def addresses(world: World) -> Iterator[str]:
    for pattern in PATTERNS:
        values = keys(world)
        if pattern.name == "confirm":  # the link to confirm is what opens this one
            values["token"] = [world.ben.tokens["alive"], *values["token"][2:-1], world.ada.tokens["confirm"]]
        for chosen in product(*(values[name] for name in pattern.pattern.converters)):
            yield reverse(str(pattern.name), args=chosen)


def fields(world: World) -> list[dict[str, str]]:
    """Names that pages of the portal read or might, filled with what is Ben's."""
    ben, visit = world.ben, world.ben.visits[0]
    reference = str(visit.reference)
    named = {
        **dict.fromkeys(("reference", "appointment", "visit", "uuid", "taker_reference"), reference),
        **dict.fromkeys(("id", "pk", "appointment_id"), str(visit.pk)),
        **dict.fromkeys(("customer", "customer_id", "person", "who", "as"), str(ben.customer.pk)),
        **dict.fromkeys(("user", "user_id"), str(ben.customer.user_id)),
        **dict.fromkeys(("token", "link", "submission", "booked"), ben.tokens["alive"]),
        **dict.fromkeys(("contact", "email"), ben.customer.email),
        **dict.fromkeys(("phone", "mobile", "number"), ben.customer.phone),
        "next": reverse("portal-appointment", args=[reference]),
        "staff": str(world.clinic.staff.pk),
        "taker": str(world.clinic.staff.pk),
        "version": str(visit.version),
        "revision": str(visit.revision),
        "channel": "phone",
        "texts": "off",
        "feed": "create",
        "reason": "Not mine",
        "time_zone": "America/Denver",
        "language": "en",
        "past": "1",
    }
    open_time = world.clinic.at(16).astimezone().strftime("%Y-%m-%dT%H:%M:%SZ")
    return [named | {"at": world.ben.instants[0]}, named | {"to": open_time, "at": open_time}, {}]


def browsers(world: World) -> dict[str, Client]:
    staff = Client()
    staff.force_login(world.clinic.staff.user, backend="appointments.access.StaffBackend")
    return {"Ada": sign_in(Client(), world.ada.customer), "nobody": Client(), "staff": staff}


def ask(browser: Client, method: str, address: str, given: dict[str, str], **headers: str) -> Any:
    """One request by a browser as it is, undone afterwards: what it signs out or cancels is there for the next one."""
    limits.forget()
    cookies = deepcopy(browser.cookies)
    query = f"{address}?{urlencode(given)}" if given else address
    with transaction.atomic():
        if method == "POST":
            answer = browser.post(query, given, headers=headers)
            answer.left_behind = every_row()
        else:
            answer = browser.generic(method, query, headers=headers)
        transaction.set_rollback(method == "POST")
    browser.cookies = cookies
    return answer


HTMX = {"HX-Request": "true", "HX-Target": "main", "HX-Current-URL": "http://testserver/portal/account/"}


# ------------------------------------------------------------------------------------------------------- tests


def test_every_address_of_the_portal_is_walked(world):
    names = {str(pattern.name) for pattern in PATTERNS}
    assert names == OWN | SECRET | OPEN
    assert all(isinstance(pattern, URLPattern) for pattern in PATTERNS)
    parameters = {name for pattern in PATTERNS for name in pattern.pattern.converters}
    assert parameters == set(keys(world))


@pytest.mark.parametrize("who", ["Ada", "nobody", "staff"])
def test_nothing_of_another_appears_and_nothing_of_theirs_changes(world, who):
    browser, before = browsers(world)[who], every_row()
    filled = fields(world) if who == "Ada" else fields(world)[:1]
    wrong = []
    for address, given, method in product(addresses(world), filled, ("GET", "POST")):
        answer = ask(browser, method, address, given)
        told = leaks(answer, world.ben, f"{address} {urlencode(given)}")
        changed = method == "POST" and answer.left_behind != before
        if told or changed or answer.status_code >= 500:
            wrong.append((method, address, sorted(given)[:3], answer.status_code, told))
    assert wrong == []
    assert every_row() == before  # and all those GETs together changed nothing


def test_nothing_of_another_stands_in_headers(world):
    browser = browsers(world)["Ada"]
    for address in addresses(world):
        assert leaks(ask(browser, "HEAD", address, {}), world.ben, address) == set()


def test_the_headers_of_htmx_change_nothing(world):
    browser, given = browsers(world)["Ada"], fields(world)[0]
    for address, method in product(addresses(world), ("GET", "POST")):
        plain, asked = (ask(browser, method, address, given, **headers) for headers in ({}, HTMX))
        assert seen(plain) == seen(asked)
        assert leaks(asked, world.ben, f"{address} {urlencode(given)}") == set()


def seen(answer: Any) -> tuple[Any, ...]:
    """Without what differs each time: tokens and the moment of a calendar file."""
    page = re.sub(r'value="[^"]{40,}"|/calendar/[\w-]{43}|DTSTAMP:\w+', "", answer.content.decode())
    return answer.status_code, answer.headers.get("Location"), page


@pytest.mark.parametrize("who", ["nobody", "staff"])
def test_own_pages_are_closed_to_visitors_and_to_staff(world, who):
    browser = browsers(world)[who]
    for pattern in urls.urlpatterns:
        if pattern.name in OWN:
            values = keys(world)
            args = [values[name][-1] for name in pattern.pattern.converters]
            for method in ("GET", "POST"):
                answer = ask(browser, method, reverse(pattern.name, args=args), {})
                assert (answer.status_code, answer["Location"].split("?")[0]) == (
                    302,
                    reverse("portal-sign-in"),
                )


def test_the_walk_would_see_it(world):
    """Ben himself reads all of this: the same eyes find it on his pages."""
    ben = world.ben
    own = sign_in(Client(), ben.customer)
    found = leaks(ask(own, "GET", "/portal/account/", {}), ben, "")
    found |= leaks(ask(own, "GET", reverse("portal-profile"), {}), ben, "")
    found |= leaks(
        ask(own, "GET", reverse("portal-appointment", args=[ben.visits[0].reference]), {}), ben, ""
    )
    missing = {
        *(visit.public_note for visit in ben.visits),
        ben.customer.email,
        ben.customer.family_name,
    } - found
    assert missing == set()
    assert {str(visit.reference) for visit in ben.visits} <= found
    cancelled = ask(own, "POST", reverse("portal-cancel", args=[ben.visits[0].reference]), {"version": "0"})
    assert cancelled.left_behind != every_row()


def test_a_link_opens_its_appointment_alone(world):
    """Whoever holds it sees that one, and no more of the person than the name it was booked under."""
    ben = world.ben
    allowed = {
        ben.visits[0].public_note,
        ben.instants[0],
        ben.tokens["alive"],
        ben.customer.family_name,
        ben.customer.given_name,
    }
    for name in ("portal-link", "portal-link-move", "portal-link-cancel"):
        for browser in (Client(), signed_in(world.ada.customer)):
            answer = browser.get(reverse(name, args=[ben.tokens["alive"]]))
            assert answer.status_code == 200
            assert leaks(answer, ben, "") <= allowed
    assert "Benedikt-Alias Zweifel" in text_of(
        Client().get(reverse("portal-link", args=[ben.tokens["alive"]]))
    )


def test_a_link_to_confirm_tells_of_the_appointment_alone_and_not_even_the_name(world):
    ben = world.ben
    for browser in (Client(), signed_in(world.ada.customer)):
        answer = browser.get(reverse("confirm", args=[ben.tokens["confirm"]]))
        assert answer.status_code == 200
        assert leaks(answer, ben, ben.tokens["confirm"]) == set()


def test_a_link_of_one_does_not_open_the_account_of_another(world):
    """A signed-in customer who opens somebody else's link stays who they are."""
    browser = signed_in(world.ada.customer)
    browser.get(reverse("portal-link", args=[world.ben.tokens["alive"]]))
    assert leaks(browser.get("/portal/account/"), world.ben, "") == set()


def test_an_address_for_calendars_tells_of_its_owner_alone(world):
    """Whoever asks for it; and no more of the owner than when, where and with whom."""
    ben = world.ben
    address = reverse("calendar-feed-file", args=[ben.tokens["feed"]])
    for browser in browsers(world).values():
        answer = browser.get(address)
        assert leaks(answer, world.ada, "") == set()
        assert leaks(answer, ben, "") == {str(visit.reference) for visit in ben.visits[1:2]}


def test_nobody_ends_the_address_of_another(world):
    for (who, browser), asked in product(browsers(world).items(), ("create", "end")):
        answer = ask(
            browser, "POST", reverse("portal-feed"), {"feed": asked, "customer": str(world.ben.customer.pk)}
        )
        assert answer.left_behind["feeds"] == every_row()["feeds"], who
