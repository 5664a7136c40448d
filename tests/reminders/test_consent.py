"""The log of consent: its last entry decides, it keeps what was shown, and nobody rewrites it."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import translation

from reminders import consent
from reminders.consent import Origin
from reminders.models import Channel, ConsentLog
from scheduling import booking
from tests import factories as make
from tests.reminders import sending

pytestmark = pytest.mark.django_db

NUMBER = "+12125550143"
ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("log", "may"),
    [
        ([], False),
        ([True], True),
        ([False], False),
        ([True, False], False),
        ([True, False, True], True),
        ([True, True], True),
    ],
)
def test_last_entry_decides(log: list[bool], may: bool) -> None:
    for granted in log:
        sending.agreed(phone=NUMBER, granted=granted)

    assert consent.may_text(NUMBER) is may
    assert consent.was_withdrawn(NUMBER) is (bool(log) and not log[-1])


def test_last_entry_is_the_last_written_whatever_its_clock_says() -> None:
    sending.agreed(phone=NUMBER, granted=True, now=make.NOW)
    sending.agreed(phone=NUMBER, granted=False, now=make.NOW - timedelta(minutes=1))

    assert not consent.may_text(NUMBER)


def test_entry_is_about_its_own_number() -> None:
    sending.agreed(phone=NUMBER)

    assert not consent.may_text("+12125550199")
    assert not consent.may_text("")


def test_number_shared_by_two_customers_has_one_answer() -> None:
    mother, child = make.customer(phone=NUMBER), make.customer(phone=NUMBER)
    sending.agreed(customer=mother)
    sending.agreed(customer=child, granted=False)

    assert not consent.may_text(mother.phone)


def test_entry_about_an_email_says_nothing_about_texts() -> None:
    ConsentLog.objects.create(
        channel=Channel.EMAIL,
        address=NUMBER,
        granted=True,
        source="portal_profile",
        wording="Yes",
        at=make.NOW,
    )

    assert not consent.may_text(NUMBER)


def test_entry_keeps_who_where_when_and_in_which_words() -> None:
    customer, user = make.customer(phone=NUMBER), make.user()

    consent.record(
        phone=NUMBER,
        granted=True,
        source=ConsentLog.Source.PORTAL_PROFILE,
        wording="Do you agree?",
        now=make.NOW,
        by=user,
        customer=customer,
        origin=Origin("203.0.113.7", "Firefox " * 100),
    )

    row = ConsentLog.objects.get()
    assert (row.channel, row.address, row.granted, row.source) == ("phone", NUMBER, True, "portal_profile")
    assert (row.wording, row.wording_version) == ("Do you agree?", consent.WORDING_VERSION)
    assert (row.customer, row.by, row.at, row.ip) == (customer, user, make.NOW, "203.0.113.7")
    assert row.user_agent == ("Firefox " * 100)[:200]


@pytest.mark.parametrize("shown", [consent.wording, consent.wording_to_turn_on])
def test_wording_names_sender_subject_frequency_cost_and_the_ways_out(shown: Callable[[str], str]) -> None:
    with translation.override("en"):
        words = shown("Harbor Health")

    for part in ("texts from Harbor Health", "appointment", "About 3", "rates may apply", "STOP", "HELP"):
        assert part in words


def test_wording_is_kept_in_the_language_it_was_shown_in() -> None:
    kept = []
    for language in ("en", "es"):
        with translation.override(language):
            kept.append(sending.agreed(phone=NUMBER, wording=consent.wording("Harbor Health")).wording)

    with translation.override("en"):
        assert list(ConsentLog.objects.order_by("id").values_list("wording", flat=True)) == kept
    english, spanish = kept
    assert english.startswith("By entering it you agree")
    assert spanish != english
    assert "Harbor Health" in spanish
    assert "STOP" in spanish


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE reminders_consentlog SET granted = true",
        "UPDATE reminders_consentlog SET wording = ''",
        "DELETE FROM reminders_consentlog",
    ],
)
def test_database_refuses_to_rewrite_the_log(change: str) -> None:
    sending.agreed(phone=NUMBER, granted=False)

    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(change)

    assert not consent.may_text(NUMBER)


def test_number_that_staff_enter_is_no_consent() -> None:
    appointment = make.appointment(customer=make.customer(phone=NUMBER))
    booking.reschedule(
        appointment=appointment,
        starts_at=appointment.starts_at + timedelta(hours=1),
        by=appointment.staff.user,
        now=make.NOW,
    )

    assert not ConsentLog.objects.exists()
    assert not consent.may_text(NUMBER)


def test_one_module_writes_the_log_besides_the_sample() -> None:
    apps = {
        path.name for path in ROOT.iterdir() if (path / "apps.py").exists() or (path / "models.py").exists()
    }
    assert {"portal", "reminders", "appointments"} <= apps
    writers = {
        str(path.relative_to(ROOT))
        for app in apps
        for path in (ROOT / app).rglob("*.py")
        if "ConsentLog.objects.create(" in path.read_text() or "ConsentLog.objects.bulk" in path.read_text()
    }

    assert writers == {"reminders/consent.py", "scheduling/demo/messages.py"}
