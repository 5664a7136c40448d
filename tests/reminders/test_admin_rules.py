"""Rules, reports and texts in admin: read by those who may, changed by nobody."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from appointments.models import Customer, Facility
from reminders import rulebook, rules
from reminders.models import (
    Channel,
    ChannelStop,
    ContactProblem,
    DeliveryReport,
    InboundText,
    ReminderRule,
    ReminderWording,
)
from tests import factories as make
from tests.administering import list_of, page_of, rows_shown
from tests.reminders import sending

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada(place: Facility) -> Customer:
    return make.customer(at=place, phone="+12125550143", email="Ada@example.org")


@pytest.fixture
def elsewhere() -> Customer:
    return make.customer(at=make.facility(), phone="+12125550199", email="ben@example.org")


def text_from(customer: Customer, **given: Any) -> InboundText:
    fields = {
        "provider_id": f"SM{customer.pk}",
        "address": customer.phone,
        "received_at": make.NOW,
        "meaning": "other",
        "ciphertext": b"sealed words",
        "salt": b"s" * 32,
        "key_id": "k1",
    }
    return InboundText.objects.create(**{**fields, **given})


def problem_of(customer: Customer, channel: str = "email") -> ContactProblem:
    address = customer.email.lower() if channel == "email" else customer.phone
    return ContactProblem.objects.create(
        channel=channel, address=address, reason="No such mailbox", since=make.NOW
    )


def report_of(customer: Customer) -> DeliveryReport:
    message = sending.message(customer=customer)
    return DeliveryReport.objects.create(
        message=message,
        transport="sendgrid",
        event_id=f"event {customer.pk}",
        status="bounce",
        at=make.NOW,
        received_at=make.NOW,
    )


def test_rules_of_own_facilities_are_listed_and_lead_to_the_staff_page(
    admin_client: Client, place: Facility
) -> None:
    own, _ = rules.of(make.program(at=place)), rules.of(make.program(at=make.facility()))
    answer = admin_client.get(list_of(ReminderRule))
    assert {rule.pk for rule in rows_shown(answer)} == {rule.pk for rule in own}
    page = reverse("reminder-rule", args=[own[0].program_id, own[0].pk])
    assert f'href="{page}"' in answer.content.decode()


def test_rule_shows_its_words_and_who_changed_it(admin_client: Client, place: Facility) -> None:
    rule = rules.of(make.program(at=place))[0]
    ReminderWording.objects.create(rule=rule, language="en", text="Come <b>early</b>")
    rulebook.switch(rule=rule, is_on=False, by=make.user(username="dana"), now=make.NOW)
    page = admin_client.get(page_of(rule)).content.decode()
    assert "Come &lt;b&gt;early&lt;/b&gt;" in page
    history = admin_client.get(page_of(rule, "history")).content.decode()
    assert "dana" in history
    assert "Switched off." in history


@pytest.mark.parametrize("row_of", [text_from, problem_of, report_of], ids=["texts", "problems", "reports"])
def test_only_rows_of_own_facilities_are_seen(
    admin_client: Client, ada: Customer, elsewhere: Customer, row_of: Any
) -> None:
    own, other = row_of(ada), row_of(elsewhere)
    assert [row.pk for row in rows_shown(admin_client.get(list_of(type(own))))] == [own.pk]
    assert admin_client.get(page_of(own)).status_code == 200
    assert admin_client.get(page_of(other)).status_code == 302


def test_words_of_texts_are_not_shown(admin_client: Client, ada: Customer) -> None:
    page = admin_client.get(page_of(text_from(ada))).content.decode()
    assert "+12125550143" in page
    assert [word in page.lower() for word in ("sealed words", "ciphertext", "salt", "key id")] == [False] * 4


def test_nothing_is_added_changed_or_deleted_here(
    admin_client: Client, place: Facility, ada: Customer
) -> None:
    stop = ChannelStop.objects.create(
        channel=Channel.PHONE, reason="Suspended", since=make.NOW, next_try_at=make.NOW
    )
    rows = [rules.of(make.program(at=place))[0], text_from(ada), problem_of(ada), report_of(ada), stop]
    found = {
        (type(row).__name__, page): admin_client.post(page_of(row, page), {"post": "yes"}).status_code
        for row in rows
        for page in ("change", "delete")
    }
    adds = {
        admin_client.get(reverse(f"admin:reminders_{type(row)._meta.model_name}_add")).status_code
        for row in rows
    }
    assert (set(found.values()), adds) == ({403}, {403})


@pytest.mark.parametrize("count", [1, 30])
def test_list_of_rules_takes_a_fixed_number_of_queries(
    admin_client: Client, place: Facility, count: int, django_assert_num_queries: Any
) -> None:
    for _ in range(count):
        ReminderRule.objects.create(program=make.program(at=place), channel="email", hours_before=3)
    admin_client.get(list_of(ReminderRule))
    with django_assert_num_queries(8):
        assert len(rows_shown(admin_client.get(list_of(ReminderRule)))) == count
