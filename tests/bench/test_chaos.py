"""The chaos does what its script says, and its verdict finds what went wrong."""

import io
import json
import random
import threading
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from http.server import ThreadingHTTPServer
from typing import Any

import pytest
import requests
from django.utils import timezone

from appointments.models import Appointment
from bench.chaos import crowd, road, setting, verdict
from bench.chaos.calendars.troubles import CalendarMischief
from bench.chaos.crowd import Crowd
from bench.chaos.desk import VERBS, Desk
from bench.chaos.findings import Findings
from bench.chaos.reports import SENDGRID, TWILIO, Taken
from bench.chaos.troubles import MessageMischief, Mischief, SiteMischief
from bench.chaos.verdict import Evidence
from reminders.models import ConsentLog, Message
from tests.contracts.twilio_double import TwilioDouble

LATER = timedelta(hours=1)


@pytest.mark.parametrize("mischief", [SiteMischief, MessageMischief, CalendarMischief])
def test_script_depends_on_the_seed_alone_and_has_every_trouble(mischief: type[Mischief]) -> None:
    made = mischief.script(7, seconds=60)
    assert made == mischief.script(7, seconds=60) != mischief.script(8, seconds=60)
    assert {trouble.what for trouble in made} == set(mischief.ways)
    assert [trouble.at for trouble in made] == sorted(trouble.at for trouble in made)


@pytest.fixture
def people(db: None) -> Crowd:
    return crowd.gathered(random.Random(1), reminded=3, others=6, begins=timezone.now(), seconds=60)


def test_desk_uses_every_verb_and_the_record_says_so(people: Crowd) -> None:
    desk = Desk(people, random.Random(3))
    for _ in range(40):
        desk.act()

    assert set(VERBS) <= set(desk.done)
    events = Appointment.objects.filter(program=people.desk.program).values_list("events__kind", flat=True)
    assert {"booked", "reassigned", "cancelled"} <= set(events)


# ------------------------------------------------------------------------------------------------ verdict


def sent(people: Crowd) -> Evidence:
    """Everything that should have been sent was, once."""
    waiting = Message.objects.filter(state="pending", appointment__in=people.reminded)
    waiting.update(state="done", settled_at=timezone.now())
    rows = list(Message.objects.order_by("pk"))
    return Evidence(rows, [taken(row) for row in rows if row.state == "done"], {})


def taken(row: Message, *, at: float | None = None, **given: Any) -> Taken:
    fields = {
        "provider": TWILIO if row.channel == "phone" else SENDGRID,
        "id": f"id{row.pk}",
        "reference": str(row.reference),
        "to": row.address,
        "at": time.time() if at is None else at,
        "fate": road.AS_USUAL,
    }
    return Taken(**{**fields, **given})


def judged(evidence: Evidence, people: Crowd) -> Findings:
    return verdict.found(evidence, people, ended_at=timezone.now() + LATER, timeout=setting.TIMEOUT)


def wrong(evidence: Evidence, people: Crowd) -> list[str]:
    return sorted(judged(evidence, people).wrong)


def test_verdict_is_clean_when_everything_was_sent_once(people: Crowd) -> None:
    findings = judged(sent(people), people)
    assert (findings.is_clean, dict(findings.wrong)) == (True, {})


def test_verdict_finds_what_was_lost(people: Crowd) -> None:
    evidence = sent(people)
    del evidence.taken[0]
    assert wrong(evidence, people) == [
        "lost: done by our record, and the provider has nothing",
        "no reminder by email",
    ]


@pytest.mark.parametrize(("state", "found"), [("pending", "never settled"), ("given_up", "given up")])
def test_verdict_finds_what_was_not_settled(people: Crowd, state: str, found: str) -> None:
    evidence = sent(people)
    evidence.rows[0].state = state
    assert wrong(evidence, people) == [found]


def test_verdict_finds_what_was_closed_or_went_elsewhere_or_is_nobodys(people: Crowd) -> None:
    evidence = sent(people)
    closed, misled = [row for row in evidence.rows if row.channel == "email"][:2]
    closed.state = "closed"
    at = next(at for at, each in enumerate(evidence.taken) if each.to == misled.address)
    evidence.taken[at] = taken(misled, to="elsewhere@example.org")
    evidence.taken.append(taken(closed, reference="nobody's"))
    assert wrong(evidence, people) == [
        "closed, though the provider has it",
        "sent to another address than the record says",
        "sent, and no message of ours",
    ]


def test_verdict_excuses_a_second_email_only_while_no_event_had_come(people: Crowd) -> None:
    evidence = sent(people)
    row = next(row for row in evidence.rows if row.channel == "email")
    evidence.taken.append(taken(row, id="again"))
    assert judged(evidence, people).excused.total() == 1

    evidence.reported[f"id{row.pk}"] = time.time() - 1
    evidence.taken[-1] = taken(row, id="again", at=time.time() + 1)
    assert wrong(evidence, people) == ["sent twice"]


def test_verdict_excuses_no_second_text(people: Crowd) -> None:
    evidence = sent(people)
    text = next(row for row in evidence.rows if row.channel == "phone" and row.state == "done")
    evidence.taken.append(taken(text, id="again"))
    assert wrong(evidence, people) == ["sent twice"]


def test_verdict_finds_texts_after_consent_was_withdrawn(people: Crowd) -> None:
    evidence = sent(people)
    text = next(each for each in evidence.taken if each.provider == TWILIO)
    entry = ConsentLog.objects.get(address=text.to)
    assert wrong(evidence, people) == []

    withdrawn_at = datetime.fromtimestamp(text.at, tz=entry.at.tzinfo) - timedelta(
        seconds=setting.TIMEOUT + 1
    )
    ConsentLog.objects.create(
        channel="phone", address=text.to, granted=False, source="text_stop", wording="STOP", at=withdrawn_at
    )
    assert wrong(evidence, people) == ["texted without consent"]


def test_verdict_finds_a_customer_who_was_not_told_of_the_last_change(people: Crowd) -> None:
    desk = Desk(people, random.Random(3))
    VERBS["book"](desk, None, timezone.now())
    assert wrong(sent(people), people) == ["never settled", "the last notice is not what is so"]


# --------------------------------------------------------------------------------------------------- road


@pytest.fixture
def travelled(tmp_path: Any) -> Iterator[tuple[str, TwilioDouble, road.Road]]:
    double = TwilioDouble(light=True)
    where = setting.Setting.found(1)
    ports = {"twilio": int(double.base.rpartition(":")[2])}
    config = road.Config(**{**vars(where.road_config()), "doubles": ports, "timeout": 0.05})
    reporter = road.reports.Reporter(config, tmp_path)
    way = road.Road(config, io.StringIO(), io.StringIO(), reporter, random.Random(1))
    handler = type("twilio", (road.Traveller,), {"provider": "twilio", "road": way})
    server = ThreadingHTTPServer((road.HOST, 0), handler)
    threading.Thread(target=server.serve_forever, args=[0.02], daemon=True).start()
    yield f"http://{road.HOST}:{server.server_port}", double, way
    server.shutdown()
    server.server_close()
    double.stop()


def text_to(base: str) -> requests.Response:
    form = {"To": "+12122000001", "From": "+12125550100", "Body": "Hello"}
    address = f"{base}/2010-04-01/Accounts/{TwilioDouble.account}/Messages.json"
    return requests.post(address, form, auth=(TwilioDouble.account, TwilioDouble.token), timeout=5)


@pytest.mark.parametrize("fate", [*road.UNSEEN, *road.SEEN, road.AS_USUAL])
def test_road_tells_what_the_weather_says_and_writes_down_what_was_taken(travelled: Any, fate: str) -> None:
    base, double, way = travelled
    way.weather = {fate: 1.0}
    status = {**road.UNSEEN, **road.SEEN}.get(fate, 201)
    if status is None:
        with pytest.raises(requests.ConnectionError):
            text_to(base)
    else:
        assert text_to(base).status_code == status

    written = [json.loads(line) for line in way.taken.getvalue().splitlines()]
    assert [each["id"] for each in written] == [each["sid"] for each in double.messages]
    assert len(written) == (fate not in road.UNSEEN)
    assert way.fates.getvalue() == f"{fate}\n"
