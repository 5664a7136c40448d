"""Messages and consents in admin: read by those who may, changed by nobody."""

import base64
import csv
import io
from typing import Any

import pytest
from django.test import Client

from appointments.models import Customer, Facility, StaffMember
from appointments.models.organisation import Role
from reminders import consent
from reminders.consent import Origin
from reminders.models import Channel, ConsentLog, Kind, Message
from tests import factories as make
from tests.administering import list_of, page_of, rows_shown
from tests.appointments.signing_in import give_password
from tests.portal.clinic import Clinic
from tests.reminders import sending

pytestmark = pytest.mark.django_db

HIDDEN = "Not shown: whoever reads a code could sign in with it."


@pytest.fixture
def ada(place: Facility) -> Customer:
    return make.customer(at=place, given_name="Ada", family_name="Nguyen", phone="+12125550143")


def code_for(customer: Customer | None, **given: Any) -> Message:
    return sending.message(kind=Kind.SIGN_IN, text="Your code is 271828", customer=customer, **given)


def seen(client: Client, message: Message) -> str:
    answer = client.get(page_of(message))
    return answer.content.decode() if answer.status_code == 200 else ""


def exported(answer: Any) -> str:
    return b"".join(answer.streaming_content).decode("utf-8-sig")


def superuser(client: Client) -> Client:
    give_password(client, make.user(is_superuser=True))
    return client


def test_page_shows_the_text_and_where_it_goes(admin_client: Client, ada: Customer) -> None:
    page = seen(
        admin_client, sending.message(customer=ada, text="With <b>Dana</b>\nat ten", subject="Booked for you")
    )

    assert "With &lt;b&gt;Dana&lt;/b&gt;\nat ten" in page
    assert "Booked for you" in page
    assert "ada@example.org" in page


def test_list_shows_no_text(admin_client: Client, ada: Customer) -> None:
    sending.message(customer=ada, text="With Dana at ten")

    assert "Dana" not in admin_client.get(list_of(Message)).content.decode()


def test_page_says_when_the_text_cannot_be_opened(admin_client: Client, ada: Customer, settings: Any) -> None:
    message = sending.message(customer=ada)
    settings.NOTE_KEY_RING = "new:" + base64.b64encode(b"n" * 32).decode()

    page = seen(admin_client, message)

    assert f"Cannot be opened: the key ring has no fitting key {message.key_id}." in page
    assert "Wednesday" not in page


def test_administrator_of_all_the_customers_facilities_reads_a_waiting_code(
    admin_client: Client, ada: Customer
) -> None:
    assert "271828" in seen(admin_client, code_for(ada))


def test_administrator_of_some_of_them_does_not(admin_client: Client, ada: Customer) -> None:
    """The code opens what the customer has at the other facility as well."""
    ada.facilities.add(make.facility())

    page = seen(admin_client, code_for(ada))

    assert HIDDEN in page
    assert "271828" not in page


def test_code_for_an_address_of_several_customers_is_for_superusers(
    client: Client, admin_client: Client
) -> None:
    code = code_for(None)
    assert seen(admin_client, code) == ""

    assert "271828" in seen(superuser(Client()), code)


@pytest.mark.parametrize("kind", [Kind.SIGN_IN, Kind.CONTACT])
def test_nobody_reads_a_code_that_no_longer_waits(client: Client, ada: Customer, kind: str) -> None:
    code = sending.message(kind=kind, text="Your code is 271828", customer=ada)
    Message.objects.filter(pk=code.pk).close(reason="Sent otherwise", now=make.NOW)

    page = seen(superuser(client), code)

    assert HIDDEN in page
    assert "271828" not in page


def test_notice_that_was_settled_stays_readable(admin_client: Client, ada: Customer) -> None:
    notice = sending.message(kind=Kind.ALERT, customer=ada, text="With Dana at ten")
    Message.objects.filter(pk=notice.pk).close(reason="The customer moved the appointment.", now=make.NOW)

    page = seen(admin_client, notice)

    assert "With Dana at ten" in page
    assert "The customer moved the appointment." in page


def test_planned_message_is_previewed(admin_client: Client, administrator: StaffMember) -> None:
    here = Clinic.open()
    administrator.facilities.set([here.facility])
    ada = make.customer(at=here.facility)

    page = seen(admin_client, sending.notice(of=here.appointment(ada, 12)))

    assert "As it would read now:" in page
    assert here.program.name in page


def test_what_the_console_kept_of_a_code_is_read_and_what_a_provider_has_is_not(
    admin_client: Client, ada: Customer
) -> None:
    code = code_for(ada)
    done = {"state": "done", "settled_at": make.NOW, "handed_over_at": make.NOW}

    Message.objects.filter(pk=code.pk).update(**done, transport="console")
    assert "271828" in seen(admin_client, code)

    Message.objects.filter(pk=code.pk).update(**done, transport="smtp")
    assert HIDDEN in seen(admin_client, code)


def test_customer_shared_with_another_facility_has_the_notices_of_ours_only(
    admin_client: Client, administrator: StaffMember, ada: Customer
) -> None:
    here, there = Clinic.open(), Clinic.open()
    administrator.facilities.set([here.facility])
    ours = sending.notice(of=here.appointment(ada, 12))
    theirs = sending.notice(of=there.appointment(ada, 14))

    shown = rows_shown(admin_client.get(list_of(Message)))
    assert ours in shown
    assert {message.appointment for message in shown} == {ours.appointment}
    assert seen(admin_client, theirs) == ""


@pytest.mark.parametrize("role", [Role.MANAGER, Role.PROVIDER, Role.FRONT_DESK, Role.BILLING])
def test_others_on_staff_read_neither(client: Client, place: Facility, ada: Customer, role: str) -> None:
    give_password(client, make.staff(at=place, role=role).user)
    rows = (sending.message(customer=ada), sending.agreed(customer=ada))

    assert [client.get(page_of(row), follow=True).status_code for row in rows] == [403, 403]


@pytest.mark.parametrize("typed", ["(212) 555-0143", "+12125550143", "5550143", "Nguyen"])
def test_consents_are_found_by_number_and_name(
    admin_client: Client, place: Facility, ada: Customer, typed: str
) -> None:
    wanted = sending.agreed(customer=ada)
    sending.agreed(customer=make.customer(at=place, family_name="Ito", phone="+12125550199"))

    assert rows_shown(admin_client.get(list_of(ConsentLog), {"q": typed})) == [wanted]


def test_consent_of_nobody_on_record_is_seen_by_whose_customer_has_the_number(
    admin_client: Client, ada: Customer
) -> None:
    about_ada = sending.agreed(phone=ada.phone)
    sending.agreed(phone="+12125550199")

    assert rows_shown(admin_client.get(list_of(ConsentLog))) == [about_ada]


def test_unsubscribed_address_of_nobody_is_seen_by_whose_customer_has_it(
    admin_client: Client, place: Facility
) -> None:
    def unsubscribe(address: str) -> ConsentLog:
        return consent.record_email(
            address=address,
            granted=False,
            source=ConsentLog.Source.UNSUBSCRIBE,
            wording="Unsubscribe",
            now=make.NOW,
        )

    make.customer(at=place, email="Ada@Example.org")
    about_ada = unsubscribe("ada@example.org")
    unsubscribe("ito@example.org")

    assert rows_shown(admin_client.get(list_of(ConsentLog))) == [about_ada]


def test_consent_of_another_facilitys_customer_stays_theirs_though_the_number_is_shared(
    admin_client: Client, ada: Customer
) -> None:
    sending.agreed(customer=make.customer(at=make.facility(), phone=ada.phone))

    assert rows_shown(admin_client.get(list_of(ConsentLog))) == []


def test_consent_page_shows_wording_and_origin(
    admin_client: Client, administrator: StaffMember, ada: Customer
) -> None:
    row = sending.agreed(
        customer=ada,
        wording="Do you agree?",
        origin=Origin("203.0.113.7", "Firefox 128"),
        by=administrator.user,
    )

    page = admin_client.get(page_of(row)).content.decode()

    for part in ("Do you agree?", "2026-11", "203.0.113.7", "Firefox 128", administrator.user.username):
        assert part in page


def test_export_holds_the_chosen_entries_and_no_formula(
    admin_client: Client, place: Facility, ada: Customer
) -> None:
    chosen = sending.agreed(customer=ada, wording="=1+1", origin=Origin("203.0.113.7", "@SUM(A1)"))
    sending.agreed(customer=make.customer(at=place))

    answer = admin_client.post(list_of(ConsentLog), {"action": "export", "_selected_action": [chosen.pk]})

    headings, *rows = csv.reader(io.StringIO(exported(answer)))
    assert rows == [
        [
            "2026-11-23T14:00:00+00:00",
            "'+12125550143",
            "Text message",
            "yes",
            "'=1+1",
            "2026-11",
            "Booked on the portal",
            "Ada Nguyen",
            "",
            "203.0.113.7",
            "'@SUM(A1)",
        ]
    ]
    assert len(headings) == len(rows[0])


def test_export_holds_nothing_of_other_facilities(admin_client: Client) -> None:
    theirs = sending.agreed(customer=make.customer(at=make.facility()))

    answer = admin_client.post(list_of(ConsentLog), {"action": "export", "_selected_action": [theirs.pk]})

    assert list(csv.reader(io.StringIO(exported(answer))))[1:] == []


@pytest.mark.parametrize("channel", Channel.values)
def test_opening_a_message_changes_nothing(admin_client: Client, ada: Customer, channel: str) -> None:
    message = sending.message(customer=ada, channel=channel)
    before = Message.objects.values().get()

    seen(admin_client, message)

    assert Message.objects.values().get() == before
