"""What staff keep cannot reach the portal: it stands nowhere on its pages, and templates are given nothing it could come from."""

import re
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from django import forms
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.core.cache import cache
from django.template import engines
from django.test import Client, RequestFactory, override_settings
from django.urls import get_resolver, reverse
from django.utils import timezone
from django.utils.module_loading import import_string

from appointments import branding
from appointments.models import Appointment, AppointmentLink, Customer, Program
from portal import urls
from portal.models import OnlineBooking
from portal.showing import ShownAppointment
from reminders import consent, letters, messages, unsubscribing
from reminders import links as reminder_links
from reminders.models import Message
from scheduling import booking
from securecare import limits, links
from signatures import links as document_links
from signatures.models import SignatureLink, SignatureRequest
from tests import factories as make
from tests.portal.booking_online import MOBILE, Visitor
from tests.portal.clinic import DAY, Clinic
from tests.portal.contexts import models_in, watched
from tests.portal.signing_in import received, sign_in
from tests.portal.visiting import field, link_to
from tests.signatures import papers

TEMPLATES = Path(settings.BASE_DIR) / "templates" / "portal"

# What only staff may know; none of it occurs in a text of ours.
PRIVATE_NOTE = "Zxq private worries"
CANCEL_REASON = "Zxq staff cancelled it"
OTHERS = {
    "private note": PRIVATE_NOTE,
    "reason": CANCEL_REASON,
    "case": "ZXQ-CASE-1",
    "case title": "Zxq custody dispute",
    "user name": "zxq.dana.login",
    "user's name": "Zxqdana",
    "staff e-mail": "zxq.dana@staff.example.net",
    "absence": "Zxq surgery",
    "closure": "Zxq burst pipe",
    "another's name": "Zxqbenedikt",
    "another's note": "Zxq back entrance",
    "another's e-mail": "zxq.ben@example.net",
    "inactive program": "Zxq retired program",
    "program for staff alone": "Zxq internal review",
    "override": "outside_hours",
    "another override": "cool_down",
    "status": "pending_reassignment",
}


@dataclass
class World:
    clinic: Clinic
    ada: Customer
    ahead: Appointment
    done: list[Appointment]

    @property
    def open_time(self) -> str:
        return self.clinic.at(15).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.fixture
def world(db) -> World:
    clinic = Clinic.open(
        name="Northside", address="120 Mill Street", phone="(212) 555-0100", program={"cool_down_days": 2}
    )
    brand = branding.Brand("SecureCare", "customer", "customers", "", ("https://www.example.org",))
    cache.set(branding.KEY, brand, None)
    user = clinic.staff.user
    user.username, user.first_name, user.email = (
        OTHERS[key] for key in ("user name", "user's name", "staff e-mail")
    )
    user.save()
    make.time_off(staff=clinic.staff, first_day=DAY + timedelta(days=3), reason=OTHERS["absence"])
    make.closure(at=clinic.facility, date=DAY + timedelta(days=4), reason=OTHERS["closure"])
    make.program(
        at=clinic.facility, name=OTHERS["inactive program"], allows_public_booking=True, is_active=False
    )
    make.program(at=clinic.facility, staff=clinic.staff, name=OTHERS["program for staff alone"])
    ada = make.customer(at=clinic.facility, email="ada@example.org", phone="+12125550143")
    return World(clinic, ada, *appointments(clinic, ada))


def appointments(clinic: Clinic, ada: Customer) -> tuple[Appointment, list[Appointment]]:
    """One ahead, outside hours and within the cool-down because staff said so; one cancelled by staff, one waiting for
    another staff member, one past; and another customer's at the same time."""
    case = make.case(of=ada, by=clinic.staff.user, reference=OTHERS["case"], title=OTHERS["case title"])
    kept = {"private_note": PRIVATE_NOTE, "case": case}
    both = {"outside_hours", "cool_down"}
    ahead = clinic.appointment(ada, 18, **kept, overrides=both)
    gone = clinic.appointment(ada, 12, **kept, overrides=both)
    booking.cancel(appointment=gone, reason=CANCEL_REASON, by=clinic.staff.user, now=make.NOW)
    waiting = make.appointment(
        starts_at=clinic.at(9, day=DAY + timedelta(days=9)),
        staff=clinic.staff,
        program=clinic.program,
        customer=ada,
        **kept,
    )
    Appointment.objects.filter(pk=waiting.pk).update(status=Appointment.Status.PENDING_REASSIGNMENT)
    past = make.appointment(
        starts_at=clinic.at(9, day=DAY - timedelta(days=12)),
        staff=clinic.staff,
        program=clinic.program,
        customer=ada,
        **kept,
    )
    ben = make.customer(
        at=clinic.facility, given_name=OTHERS["another's name"], email=OTHERS["another's e-mail"]
    )
    clinic.appointment(
        ben, 18, staff=clinic.colleague(), public_note=OTHERS["another's note"], overrides={"outside_hours"}
    )
    OnlineBooking.objects.create(appointment=ahead, submission=links.digest("form"), at=timezone.now())
    consent.record(phone=ada.phone, granted=True, source="portal_booking", wording="Yes", now=timezone.now())
    return ahead, [gone, waiting, past]


# ---------------------------------------------------------------------------------------------- every page


class Walk:
    """A customer's way over the whole portal, everything seen kept."""

    def __init__(self, world: World) -> None:
        self.world, self.texts = world, {}
        self.client = sign_in(Client(), world.ada)

    def get(self, address: str, **query: str) -> Any:
        return self.keep(f"GET {address} {query}", self.client.get(address, query))

    def post(self, address: str, **form: str) -> Any:
        return self.keep(f"POST {address} {form}", self.client.post(address, form))

    def keep(self, what: str, answer: Any, *, at_least: int = 200) -> Any:
        limits.forget()
        assert at_least <= answer.status_code < at_least + 300, what
        self.texts[what] = f"{answer.content.decode()}\n{answer.headers}\n{answer.cookies.output()}"
        return answer

    def everywhere(self) -> dict[str, str]:
        self.look_at_every_address()
        self.lose_the_way()
        self.book()
        self.confirm()
        self.read_the_messages()
        self.move_and_cancel()
        self.miss_the_notice()
        self.sign()
        self.subscribe()
        self.change_the_profile()
        self.sign_in_again()
        self.end_emails()
        self.read_the_messages()
        return self.texts

    def miss_the_notice(self) -> None:
        Program.objects.update(min_notice_hours=10_000)
        for visit in self.world.done:
            self.get(reverse("portal-appointment", args=[visit.reference]))
            self.get(reverse("portal-link", args=[link_to(visit)]))
        self.get(reverse("portal-account"))

    def look_at_every_address(self) -> None:
        """Each one, for every appointment that its address can name."""
        world = self.world
        mine = [world.ahead, *world.done]
        named = {
            "reference": [visit.reference for visit in mine],
            "token": [link_to(visit) for visit in mine],
            "program": list(Program.objects.values_list("pk", flat=True)),
            "pk": [world.clinic.facility.pk],
            "channel": ["email", "phone"],
        }
        for pattern in urls.urlpatterns:
            for key in [named[name] for name in pattern.pattern.converters][:1] or [[None]]:
                for value in key:
                    self.get(reverse(str(pattern.name), args=[value] if value else []))

    def lose_the_way(self) -> None:
        self.get(reverse("portal-link", args=["unknown"]))
        self.get(reverse("portal-sign-in-link", args=["unknown"]))
        self.get(reverse("portal-home"), q="nothing like it")
        self.keep(
            "failed",
            get_resolver().resolve_error_handler(500)(RequestFactory().get("/portal/")),
            at_least=500,
        )
        self.keep("too old", Client(enforce_csrf_checks=True).post(reverse("portal-language")))
        self.post(reverse("portal-contact", args=["email"]), contact="not an address")
        self.post(reverse("portal-contact", args=["phone"]), contact="12")

    def book(self) -> None:
        """As somebody who knows Ada's e-mail address and birth date, and as herself: refused, looked at, booked."""
        clinic, free = self.world.clinic, DAY + timedelta(days=20)
        for number, client in enumerate((Client(), self.client)):
            visitor = Visitor(clinic, client)
            day = free + timedelta(days=5 * number)
            pages = [
                visitor.open(clinic.at(10, day=day)),
                visitor.fill_in(clinic.at(10, day=day), email="x", birth_year="2999", phone="12"),
                visitor.fill_in(clinic.at(3, day=day)),
                visitor.fill_in(self.world.ahead.starts_at),
                visitor.book(self.world.ahead.starts_at + timedelta(hours=-2)),
                review := visitor.fill_in(clinic.at(10, day=day), phone=MOBILE),
                visitor.press(review, mac="forged"),
                done := visitor.press(review),
                visitor.press(review),
                client.get(done["Location"]),
            ]
            for step, page in enumerate(pages):
                self.keep(f"booking {number} {step}", page)

    def move_and_cancel(self) -> None:
        """By both doors: refused, looked at, changed meanwhile, done."""
        ahead, at = self.world.ahead, self.world.open_time
        token = link_to(ahead)
        doors = [
            (
                reverse("portal-move", args=[ahead.reference]),
                reverse("portal-cancel", args=[ahead.reference]),
            ),
            (reverse("portal-link-move", args=[token]), reverse("portal-link-cancel", args=[token])),
        ]
        for move, cancel in doors:
            self.post(move, at="x")
            self.post(move, at=ahead.starts_at.strftime("%Y-%m-%dT%H:%M:%SZ"))
            self.post(move, at="2020-01-01T10:00:00Z")
            self.post(move, at=at, staff="")
            review = self.get(move, to=at, staff="")
            form = {name: field(review, name) for name in ("at", "staff", "taker", "version")}
            self.post(move, **form | {"version": "99"})
            self.post(cancel, version="99", reason="Not now")
            self.post(cancel, version=form["version"], reason="x" * 300)
        self.post(doors[0][0], **form)
        self.read_the_messages()
        version = field(self.get(doors[1][1]), "version")
        self.post(doors[1][1], version=version, reason="I am ill")
        self.get(reverse("portal-appointment", args=[ahead.reference]))
        self.get(reverse("portal-account"))

    def confirm(self) -> None:
        """Too early, cancelled and past; within the window: asked, moved meanwhile, confirmed; too many."""
        clinic = self.world.clinic
        soon = make.appointment(
            starts_at=clinic.at(9, day=DAY - timedelta(days=5)),
            staff=clinic.colleague(),
            program=clinic.program,
            customer=self.world.ada,
            private_note=PRIVATE_NOTE,
            overrides={"outside_hours", "cool_down"},
        )
        for visit in (self.world.ahead, *self.world.done, soon):
            link = reverse("confirm", args=[link_to(visit, AppointmentLink.Purpose.CONFIRM)])
            self.get(link)
            self.post(link, revision="9")
            self.post(link, revision="0")
            self.get(link)
        with override_settings(CONFIRMATIONS_PER_ADDRESS="1/hour"):
            self.client.post(link)
            self.keep("too many confirmations", self.client.post(link))

    def sign(self) -> None:
        """Documents by their link: every step, what goes wrong on the way, and every end."""
        asked = papers.request(
            appointment=self.world.ahead,
            body="[[text*: Contact]] [[tick*: Read]] [[long: More]]",
            asks_birth_date=True,
        )
        for channel in ("email", "kiosk"):
            token = self.link_to_sign(asked, channel=channel)
            home = reverse("sign", args=[token])
            page = reverse("sign-document", args=[token, asked.reference])
            self.get(home)
            self.post(home)
            self.get(page)
            if channel == "email":
                self.give_birth_date(page, asked.customer.date_of_birth)
            self.agree(page)
            self.keep("incomplete", self.client.post(page, {"step": "sign", "name": ""}), at_least=400)
            self.post(reverse("sign-save", args=[token, asked.reference]), f1="Grace", name="Ada")
            self.get(reverse("sign-decline", args=[token, asked.reference]))
        self.post(page, step="sign", how="type", name="Ada Nguyen", f1="Grace", f2="yes")
        self.get(page)
        self.get(home)
        SignatureLink.objects.update(revoked_at=timezone.now())
        self.keep("ended", self.client.get(home), at_least=400)
        self.lock_out()

    def give_birth_date(self, page: str, born: date) -> None:
        self.keep("wrong birth date", self.client.post(page, {"year": "1"}), at_least=400)
        self.post(page, year=str(born.year), month=str(born.month), day=str(born.day))

    def agree(self, page: str) -> None:
        shown = self.client.get(page).context.get("disclosure")
        if shown:
            self.get(page)
            self.keep("not agreed", self.client.post(page, {"disclosure": shown}), at_least=400)
            self.post(page, disclosure=str(shown), agree="yes")

    def link_to_sign(self, asked: SignatureRequest, *, channel: str) -> str:
        return document_links.make(
            signers=[papers.next_signer(asked)],
            channel=channel,
            now=timezone.now(),
            address="ada@example.org",
        )

    def lock_out(self) -> None:
        asked = papers.request(appointment=self.world.ahead, asks_birth_date=True)
        token = self.link_to_sign(asked, channel="phone")
        page = reverse("sign-document", args=[token, asked.reference])
        self.post(reverse("sign", args=[token]))
        with override_settings(BIRTH_DATES_PER_ADDRESS="1/hour"):
            self.client.post(page, {"year": "1"})
            self.keep("locked", self.client.post(page, {"year": "1"}), at_least=400)

    def subscribe(self) -> None:
        """An address is made, read, made anew and ended."""
        page = reverse("portal-feed")
        for asked in ("create", "create", "end"):
            answer = self.post(page, feed=asked)
            for address in re.findall(r'value="https?://[^/"]+(/calendar/[^"]+)"', answer.content.decode()):
                self.keep(f"calendar {asked}", Client().get(address))
            self.get(page)
        assert "BEGIN:VEVENT" in self.texts["calendar create"]

    def change_the_profile(self) -> None:
        profile = reverse("portal-profile")
        self.post(profile, time_zone="Nowhere/Land", language="xx")
        self.post(profile, time_zone="America/Denver", language="en")
        for turned in ("off", "on"):
            self.post(reverse("portal-texts"), texts=turned)
            self.get(profile)
        self.post(reverse("portal-contact", args=["email"]), contact="ada.new@example.org")
        self.get(reverse("portal-contact-code", args=["email"]))
        self.post(reverse("portal-contact-code", args=["email"]), digits="000000")
        self.post(reverse("portal-contact-code", args=["email"]), digits=received().digits)
        self.get(profile)

    def sign_in_again(self) -> None:
        """With a link, as one of two who share an address; and once too often."""
        make.customer(email="ada.new@example.org", given_name="Bo")
        self.post(reverse("portal-sign-out"))
        self.get(reverse("portal-sign-in"))
        self.post(reverse("portal-sign-in"), contact="")
        self.post(reverse("portal-sign-in"), contact="ada.new@example.org")
        self.post(reverse("portal-code"), digits="000000")
        self.get(received().link)
        self.post(received().link)
        self.get(reverse("portal-who"))
        self.post(reverse("portal-who"), customer=str(self.world.ada.pk))
        self.get(reverse("portal-account"))
        self.post(reverse("portal-sign-out-everywhere"))
        for number in range(22):
            answer = self.client.post(reverse("portal-sign-in"), {"contact": f"x{number}@example.org"})
        self.keep("too many codes", answer)

    def end_emails(self) -> None:
        about = Message.objects.filter(channel="email", appointment=self.world.ahead).first()
        assert about is not None
        link = reverse("portal-unsubscribe", args=[unsubscribing.token_of(about.reference)])
        self.get(link)
        self.post(link)
        self.get(link)

    def read_the_messages(self) -> None:
        """All but those to the other customer. What is about an appointment is worded when it is sent, as all of them are now."""
        for message in Message.objects.exclude(customer__email=OTHERS["another's e-mail"]):
            letter = messages.read(message) or letters.compose(
                message, links=reminder_links.sample(), now=timezone.now()
            )
            said = (letter.subject, letter.text, letter.html, letter.invitation)
            self.texts[f"{message.channel} {message.kind} {message.pk}"] = "\n".join(said)
        now = timezone.now()
        Message.objects.filter(state="pending").update(state="done", settled_at=now, handed_over_at=now)


def test_what_staff_keep_stands_on_no_page_and_in_no_message_and_no_model_reaches_a_template(world):
    with watched() as rendered:
        texts = Walk(world).everywhere()
    found = [
        (where, what) for where, text in texts.items() for what, secret in OTHERS.items() if secret in text
    ]
    assert found == []
    assert rendered.models == set()
    # All of it was looked at: every template, every kind of message.
    assert {f"portal/{path.name}" for path in TEMPLATES.glob("*.html")} - rendered.templates == set()
    kinds = {tuple(where.split()[:2]) for where in texts if where.split()[0] in ("email", "phone")}
    assert {
        ("email", "booked"),
        ("email", "moved"),
        ("email", "cancelled"),
        ("phone", "moved"),
        ("email", "sign_in"),
    } <= kinds


def test_the_walk_would_find_it(world):
    """What Ada may read is found on her pages by the same walk."""
    Appointment.objects.filter(pk=world.ahead.pk).update(public_note=PRIVATE_NOTE)
    walk = Walk(world)
    walk.look_at_every_address()
    where = {what.split(" {")[0] for what, text in walk.texts.items() if PRIVATE_NOTE in text}
    reference, account = world.ahead.reference, reverse("portal-account")
    assert {f"GET {account}", f"GET {reverse('portal-appointment', args=[reference])}"} <= where


# ------------------------------------------------------------------------------------- the search itself finds


class Choice(forms.Form):
    customer = forms.ModelChoiceField(queryset=Customer.objects.all())


@dataclass(frozen=True)
class Holder:
    inside: Any

    @property
    def appointment(self) -> Any:
        return self.inside[0]


def test_the_search_finds_models_wherever_they_hide(world):
    visit = world.ahead
    lines = {
        "plain": visit,
        "in a list": [{"deep": (visit,)}],
        "query": Appointment.objects.all(),
        "manager": Appointment.objects,
        "in a dataclass": Holder([visit]),
        "in a form": Choice(),
        "behind a method": visit.get_absolute_url,
        "behind a closure": lambda: visit,
    }
    assert [name for name, value in lines.items() if not list(models_in(value, name))] == []
    fine = [ShownAppointment.of(visit, now=timezone.now()), forms.Form(), "text", [1], Holder(["x"])]
    assert [value for value in fine if list(models_in(value, "x"))] == []


def test_a_model_given_to_a_template_is_seen(rf: RequestFactory, world):
    """The whole way: a page that is handed an appointment would fail the test above."""
    template = engines["django"].from_string("{{ given.customer }}")
    request = rf.get("/portal/")
    request.user = AnonymousUser()
    with watched() as rendered:
        template.render({"given": world.ahead}, request)
    assert [path for _, path in rendered.models] == ["given: Appointment"]


# --------------------------------------------------------------------------------------------------- sources

ALLOWED = {"brand", "portal", "messages", "csrf_token"}
# Of the request, templates may ask where they are.
ALLOWED_OF_REQUEST = {"get_full_path", "method"}


def names_of_processors(rf: RequestFactory) -> set[str]:
    request = rf.get("/portal/")
    request.user = AnonymousUser()
    request._messages = []
    processors = settings.TEMPLATES[0]["OPTIONS"]["context_processors"]
    return {name for path in processors for name in import_string(path)(request)}


def names_in(source: str) -> set[str]:
    """Every first name of a lookup in a template, and what is asked of `request`."""
    code = ""
    for part in re.findall(r"{[{%](.*?)[}%]}", source, re.DOTALL):
        code += " " + re.sub(r"\"[^\"]*\"|'[^']*'", " ", part)
    return set(re.findall(r"(?<![\w.])[A-Za-z_]\w*(?:\.\w+)?", code))


def test_portal_templates_ask_nothing_of_who_is_signed_in_or_of_staff_s_pages(rf):
    kept_away = names_of_processors(rf) - ALLOWED
    assert {"user", "perms", "request", "navigation"} <= kept_away
    used = {
        (path.name, name)
        for path in TEMPLATES.glob("*.html")
        for name in names_in(path.read_text())
        if name.partition(".")[0] in kept_away
    }
    assert {name for _, name in used} <= {f"request.{name}" for name in ALLOWED_OF_REQUEST}


def test_the_search_of_sources_finds_names():
    source = '{% if user.is_staff %}{{ request.user }}{{ x.user|default:perms }}{% with a="user" %}'
    assert {"user.is_staff", "request.user", "perms"} <= names_in(source)
    assert "user" not in names_in('{{ x.user }}{% translate "user" %}')
