"""The admin site as an administrator meets it: every page of every model with data, and every search."""

from collections.abc import Callable
from datetime import date, timedelta
from html import unescape
from typing import Any
from unicodedata import normalize

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from appointments import branding, private_notes
from appointments.models import (
    Appointment,
    AppointmentEvent,
    Case,
    Customer,
    Facility,
    Organisation,
    PrivateNote,
    PrivateNoteRead,
    Program,
    StaffMember,
)
from appointments.models.organisation import Role
from reminders import inbound
from reminders.models import (
    ChannelStop,
    ConsentLog,
    ContactProblem,
    DeliveryReport,
    InboundText,
    Message,
    ReminderRule,
)
from scheduling.models import Closure, ExtraShift, Shift, TimeOff
from tests import factories
from tests.administering import list_of, page_of, rows_shown, words
from tests.appointments.signing_in import give_password
from tests.reminders import sending

pytestmark = pytest.mark.django_db


def booked(place: Facility, number: int = 0) -> Appointment:
    """An appointment with everything around it, whose note has been read."""
    staff = factories.staff(at=place, display_name=f"Dana Reyes {number}")
    factories.week(staff=staff, at=place)
    reader = factories.staff(at=place, role=Role.PROVIDER)
    made = factories.appointment(
        staff=staff,
        program=factories.program(at=place, staff=staff),
        customer=factories.customer(at=place, family_name=f"Zephyr{number}"),
        by=reader.user,
        private_note="Sealed words",
    )
    private_notes.read(appointment=made, by=reader.user, now=factories.NOW)
    return made


def message(place: Facility, number: int = 0) -> Message:
    """The one message about an appointment: what else was planned with it is gone."""
    made = booked(place, number)
    kept = sending.notice(of=made)
    Message.objects.filter(appointment=made).exclude(pk=kept.pk).delete()
    return kept


def report(place: Facility, number: int = 0) -> DeliveryReport:
    return DeliveryReport.objects.create(
        message=message(place, number),
        transport="twilio",
        event_id=f"event {number}",
        status="undelivered",
        code="zephyr",
        at=factories.NOW,
        received_at=factories.NOW,
    )


def problem(place: Facility, number: int = 0) -> ContactProblem:
    customer = factories.customer(at=place, email=f"zephyr{number}@example.org")
    return ContactProblem.objects.create(
        channel="email", address=customer.email, reason="No such mailbox", since=factories.NOW
    )


def inbound_text(place: Facility, number: int = 0) -> InboundText:
    customer = factories.customer(at=place, phone=f"zephyr{number}")
    inbound.receive(inbound.Received(f"SM{number}", customer.phone, "Late, sorry"), now=factories.NOW)
    return InboundText.objects.get(address=customer.phone)


ROWS: dict[type, Callable[[Facility, int], Any]] = {
    Appointment: booked,
    AppointmentEvent: lambda place, n: booked(place, n).events.get(),
    PrivateNoteRead: lambda place, n: booked(place, n).private_note_reads.get(),
    Case: lambda place, n: factories.case(
        of=factories.customer(at=place), by=factories.user(), title="Zephyr"
    ),
    ConsentLog: lambda place, n: sending.agreed(
        customer=factories.customer(at=place, family_name=f"Zephyr{n}")
    ),
    ContactProblem: problem,
    DeliveryReport: report,
    InboundText: inbound_text,
    Closure: lambda place, n: factories.closure(at=factories.facility(name=f"Zephyr {n}")),
    Customer: lambda place, n: factories.customer(at=place, family_name=f"Zephyr{n}"),
    ExtraShift: lambda place, n: factories.extra_shift(staff=zephyr(place, n), at=place),
    Facility: lambda place, n: factories.facility(name=f"Zephyr {n}"),
    Message: message,
    Program: lambda place, n: factories.program(
        at=place, staff=factories.staff(at=place), name=f"Zephyr {n}"
    ),
    ReminderRule: lambda place, n: ReminderRule.objects.create(
        program=factories.program(at=place, name=f"Zephyr {n}"), channel="email", hours_before=3
    ),
    Shift: lambda place, n: factories.shift(staff=zephyr(place, n), at=place),
    StaffMember: lambda place, n: zephyr(place, n),
    TimeOff: lambda place, n: factories.time_off(staff=zephyr(place, n)),
    User: lambda place, n: factories.user(username=f"zephyr{n}"),
}
READ_ONLY = (
    AppointmentEvent,
    PrivateNoteRead,
    Appointment,
    ConsentLog,
    ContactProblem,
    DeliveryReport,
    InboundText,
    Message,
    ReminderRule,
)


def zephyr(place: Facility, number: int) -> StaffMember:
    return factories.staff(at=place, display_name=f"Zephyr {number}")


def test_every_registered_model_of_ours_is_tested_here() -> None:
    ours = {
        model
        for model in admin.site._registry
        if model._meta.app_label in ("appointments", "scheduling", "reminders", "auth")
    }

    assert ours == {*ROWS, Organisation, ChannelStop}
    assert PrivateNote not in ours


@pytest.mark.parametrize("model", ROWS, ids=lambda model: model.__name__)
def test_list_page_and_search_find_the_row(admin_client: Client, place: Facility, model: type) -> None:
    row = ROWS[model](place, 1)

    everything = admin_client.get(list_of(model))
    found = admin_client.get(list_of(model), {"q": "zephyr"})
    nothing = admin_client.get(list_of(model), {"q": "Xylophone"})

    assert row in rows_shown(everything)
    assert rows_shown(found) == [row]
    assert rows_shown(nothing) == []


@pytest.mark.parametrize("model", ROWS, ids=lambda model: model.__name__)
def test_change_page_shows_the_row(admin_client: Client, place: Facility, model: type) -> None:
    row = ROWS[model](place, 1)

    answer = admin_client.get(page_of(row))

    assert answer.status_code == 200
    assert answer.context["original"] == row
    assert ("_save" in answer.content.decode()) is (model not in READ_ONLY)


@pytest.mark.parametrize("model", ROWS, ids=lambda model: model.__name__)
def test_add_page_opens_where_rows_may_be_added(admin_client: Client, model: type) -> None:
    answer = admin_client.get(list_of(model) + "add/")

    assert answer.status_code == (403 if model in READ_ONLY else 200)


@pytest.mark.parametrize("model", READ_ONLY, ids=lambda model: model.__name__)
def test_record_cannot_be_changed_or_deleted(admin_client: Client, place: Facility, model: type) -> None:
    row = ROWS[model](place, 1)

    assert admin_client.post(page_of(row), {"status": "cancelled"}).status_code == 403
    assert admin_client.post(page_of(row, "delete"), {"post": "yes"}).status_code == 403
    row.refresh_from_db()


QUERIES = {
    Appointment: 7,
    AppointmentEvent: 6,
    PrivateNoteRead: 6,
    Case: 7,
    Closure: 7,
    ConsentLog: 6,
    ContactProblem: 6,
    DeliveryReport: 7,
    InboundText: 6,
    Customer: 8,
    ExtraShift: 7,
    Facility: 7,
    Message: 6,
    Program: 7,
    ReminderRule: 8,
    Shift: 7,
    StaffMember: 7,
    TimeOff: 6,
    User: 6,
}


@pytest.mark.parametrize("rows", [1, 30])
@pytest.mark.parametrize("model", ROWS, ids=lambda model: model.__name__)
def test_list_page_costs_the_same_for_one_row_and_thirty(
    admin_client: Client, place: Facility, model: type, rows: int, django_assert_num_queries: Any
) -> None:
    for number in range(rows):
        ROWS[model](place, number)
    admin_client.get(reverse("admin:index"))

    with django_assert_num_queries(QUERIES[model]):
        admin_client.get(list_of(model))


@pytest.mark.parametrize(
    "text", ["Mara Quill", "quill mar", "1987-03-09", "03/09/1987", "555-0177", "mara@example.net"]
)
def test_customer_is_found_by_name_phone_mail_and_birth_date(
    admin_client: Client, place: Facility, text: str
) -> None:
    factories.customer(at=place)
    mara = factories.customer(
        at=place,
        given_name="Mara",
        family_name="Quill",
        date_of_birth=date(1987, 3, 9),
        phone="+13125550177",
        email="mara@example.net",
    )

    assert rows_shown(admin_client.get(list_of(Customer), {"q": text})) == [mara]


def test_appointment_is_found_by_reference(admin_client: Client, place: Facility) -> None:
    wanted, _ = booked(place, 1), booked(place, 2)

    assert rows_shown(admin_client.get(list_of(Appointment), {"q": str(wanted.reference)})) == [wanted]


@pytest.mark.parametrize("model", [Customer, Appointment, User], ids=lambda model: model.__name__)
def test_nonsense_in_a_search_breaks_nothing(admin_client: Client, model: type) -> None:
    statuses = [admin_client.get(list_of(model), {"q": q}).status_code for q in ("\0", "%", "9" * 400, "'")]

    assert statuses == [200, 200, 200, 200]


def test_administrator_sees_customers_of_their_own_facilities_only(
    admin_client: Client, place: Facility
) -> None:
    elsewhere = factories.facility(name="Westgate")
    ours, theirs = booked(place, 1), booked(elsewhere, 2)
    pairs = [
        (Appointment, ours, theirs),
        (Customer, ours.customer, theirs.customer),
        (AppointmentEvent, ours.events.get(), theirs.events.get()),
        (PrivateNoteRead, ours.private_note_reads.get(), theirs.private_note_reads.get()),
        (ConsentLog, sending.agreed(customer=ours.customer), sending.agreed(customer=theirs.customer)),
    ]

    for model, mine, foreign in pairs:
        assert rows_shown(admin_client.get(list_of(model))) == [mine]
        assert admin_client.get(page_of(foreign)).status_code == 302
    search = {"app_label": "appointments", "model_name": "case", "field_name": "customer", "term": "zephyr"}
    offered = admin_client.get(reverse("admin:autocomplete"), search).json()["results"]
    assert [found["id"] for found in offered] == [str(ours.customer.pk)]


def test_administrator_sees_messages_and_reports_of_their_own_facilities_only(
    admin_client: Client, place: Facility
) -> None:
    elsewhere = factories.facility()
    ours, theirs = report(place, 1), report(elsewhere, 2)
    pairs = [
        (ours, theirs),
        (ours.message, theirs.message),
        (problem(place, 1), problem(elsewhere, 2)),
        (inbound_text(place, 1), inbound_text(elsewhere, 2)),
    ]

    for mine, foreign in pairs:
        assert rows_shown(admin_client.get(list_of(type(mine)))) == [mine]
        assert admin_client.get(page_of(foreign)).status_code == 302


def test_stopped_channel_is_everyones_to_see_and_nobodys_to_change(admin_client: Client) -> None:
    stop = ChannelStop.objects.create(
        channel="phone", reason="Suspended", since=factories.NOW, next_try_at=factories.NOW
    )

    assert rows_shown(admin_client.get(list_of(ChannelStop))) == [stop]
    assert admin_client.post(page_of(stop, "delete"), {"post": "yes"}).status_code == 403


def test_superuser_sees_customers_of_every_facility(client: Client, place: Facility) -> None:
    give_password(client, factories.user(is_superuser=True))
    ours, theirs = booked(place, 1), booked(factories.facility(), 2)

    assert rows_shown(client.get(list_of(Customer))) == [ours.customer, theirs.customer]


def test_organisation_list_leads_to_its_one_row(admin_client: Client) -> None:
    answer = admin_client.get(list_of(Organisation), follow=True)
    sent = {"name": "Harbor Care", "second_factor": "everyone", "idle_minutes": "15"}
    sent |= {"customer_word": "client", "customers_word": "clients"}
    admin_client.post(page_of(Organisation.current()), sent)

    assert answer.context["original"] == Organisation.current()
    assert admin_client.get(list_of(Organisation) + "add/").status_code == 403
    assert (Organisation.current().name, Organisation.current().idle_minutes) == ("Harbor Care", 15)


def test_organisation_page_names_the_portal_and_refuses_what_is_no_site(admin_client: Client) -> None:
    page = page_of(Organisation.current())
    sent = {"name": "Harbor Care", "second_factor": "everyone", "idle_minutes": "15"}
    sent |= {"customer_word": "client", "customers_word": "clients", "privacy_url": "harbor.example/privacy"}

    shown = admin_client.get(page).content.decode()
    refused = admin_client.post(page, sent | {"embedding_origins": "https://harbor.example/page"})
    admin_client.post(
        page, sent | {"embedding_origins": "https://harbor.example\nhttps://www.harbor.example"}
    )

    assert 'href="http://localhost:8000/portal/"' in shown
    assert list(refused.context["adminform"].form.errors) == ["embedding_origins"]
    assert Organisation.current().privacy_url == "https://harbor.example/privacy"
    assert Organisation.current().allowed_to_embed == ["https://harbor.example", "https://www.harbor.example"]


@pytest.mark.parametrize("kind", ["program", "facility"])
def test_page_of_what_customers_may_book_has_links_to_copy(
    admin_client: Client, place: Facility, kind: str
) -> None:
    program = factories.program(at=place, name="Talk & “tea”", allows_public_booking=True)
    row = {"program": program, "facility": place}[kind]
    address = {"program": f"book/{program.pk}/", "facility": f"facilities/{place.pk}/"}[kind]

    without_sites = unescape(admin_client.get(page_of(row)).content.decode())
    Organisation.objects.update(embedding_origins="https://harbor.example")
    branding.forget()
    with_sites = admin_client.get(page_of(row)).content.decode()

    assert f'href="http://localhost:8000/portal/{address}"' in without_sites
    assert "/portal/embed/" not in without_sites
    assert "first list your site under" in without_sites
    assert f'<iframe src="http://localhost:8000/portal/embed/{address}"' in unescape(with_sites)
    assert "<iframe" not in with_sites


@pytest.mark.parametrize("kind", ["program", "facility"])
def test_page_of_what_customers_may_not_book_has_no_links(
    admin_client: Client, place: Facility, kind: str
) -> None:
    program = factories.program(at=place)
    row = {"program": program, "facility": place}[kind]

    shown = admin_client.get(page_of(row)).content.decode()

    assert "http://localhost:8000/portal/" not in shown
    assert "links to copy appear here" in shown


def test_link_code_holds_a_name_that_breaks_out_of_nothing(admin_client: Client, place: Facility) -> None:
    program = factories.program(at=place, name='"><script>x', allows_public_booking=True)
    Organisation.objects.update_or_create(pk=1, defaults={"embedding_origins": "https://harbor.example"})
    branding.forget()

    shown = admin_client.get(page_of(program)).content.decode()

    assert "<script>x" not in shown
    assert "<script>x" not in unescape(shown).partition("<iframe")[2].partition("</iframe>")[0]


def test_customers_language_is_chosen_from_those_of_the_portal(admin_client: Client, place: Facility) -> None:
    customer = factories.customer(at=place)
    page = page_of(customer)

    offered = admin_client.get(page).context["adminform"].form.fields["language"].choices
    form = admin_client.get(page).context["adminform"].form
    sent = {name: form[name].value() or "" for name in form.fields}
    management = {"cases-TOTAL_FORMS": "0", "cases-INITIAL_FORMS": "0"}
    saved = admin_client.post(page, sent | management | {"language": "es"})
    refused = admin_client.post(page, sent | management | {"language": "xx"})

    customer.refresh_from_db()
    assert list(offered) == [("", "Not known"), ("en", "English"), ("es", "Español")]
    assert (saved.status_code, customer.language) == (302, "es")
    assert list(refused.context["adminform"].form.errors) == ["language"]


def test_case_is_opened_with_who_and_when(
    admin_client: Client, administrator: StaffMember, place: Facility
) -> None:
    customer = factories.customer(at=place)

    admin_client.post(list_of(Case) + "add/", {"customer": customer.pk, "reference": "", "title": "Housing"})

    case = Case.objects.get()
    assert (case.customer, case.title, case.opened_by) == (customer, "Housing", administrator.user)
    assert case.reference.startswith("C-")


def test_case_reference_in_use_is_refused_beside_the_field(admin_client: Client, place: Facility) -> None:
    case = factories.case(of=factories.customer(at=place), by=factories.user())

    sent = {"customer": case.customer.pk, "reference": case.reference, "title": "Again"}
    answer = admin_client.post(list_of(Case) + "add/", sent)

    assert answer.context["adminform"].form.errors == {
        "reference": ["Case with this Reference already exists."]
    }


def test_closing_cases_closes_the_open_ones_and_says_so(
    admin_client: Client, administrator: StaffMember, place: Facility
) -> None:
    opened_at = factories.NOW - timedelta(days=30)
    case = factories.case(of=factories.customer(at=place), by=factories.user(), opened_at=opened_at)
    sent = {"action": "close", "_selected_action": [case.pk]}

    said = [words(admin_client.post(list_of(Case), sent, follow=True)) for _ in range(2)]

    case.refresh_from_db()
    assert case.closed_by == administrator.user
    assert said == [
        f"{case.reference} is closed.",
        f"{case.reference}: This case is closed already.",
    ]


def test_facility_zone_is_picked_by_country(admin_client: Client) -> None:
    answer = admin_client.get(list_of(Facility) + "add/")

    groups = answer.context["adminform"].form.fields["time_zone"].widget.choices
    names = [name for name, _ in groups[1:]]
    assert names[0] == "United States"
    assert names[1:-1] == sorted(names[1:-1], key=without_accents)
    assert ("America/Indiana/Knox", "Knox, Indiana") in dict(groups[1:])["United States"]
    assert '<optgroup label="Kenya">' in answer.content.decode()


def without_accents(name: str) -> bytes:
    return normalize("NFKD", name).encode("ascii", "ignore")


def test_zone_chosen_before_stays_choosable(admin_client: Client, place: Facility) -> None:
    Facility.objects.filter(pk=place.pk).update(time_zone="Asia/Katmandu")
    place.refresh_from_db()

    sent = {"name": place.name, "time_zone": "Asia/Katmandu", "address": "1 Main St", "is_active": "on"}
    answer = admin_client.post(page_of(place), sent)

    place.refresh_from_db()
    assert (answer.status_code, place.address, place.time_zone) == (302, "1 Main St", "Asia/Katmandu")


@pytest.mark.parametrize("zone", ["Mars/Olympus", "../../etc/passwd", ""])
def test_zone_that_does_not_exist_is_refused(admin_client: Client, place: Facility, zone: str) -> None:
    sent = {"name": place.name, "time_zone": zone, "is_active": "on"}

    answer = admin_client.post(page_of(place), sent)

    assert list(answer.context["adminform"].form.errors) == ["time_zone"]
