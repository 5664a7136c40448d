from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import RequestFactory

from signatures import evidence
from signatures.evidence import Caller
from signatures.models import EventKind, SignatureEvent, SignatureRequest
from tests.factories import NOW
from tests.signatures import papers
from tests.together import at_once

pytestmark = pytest.mark.django_db


def long_chain() -> SignatureRequest:
    request = papers.request()
    for n in range(4):
        evidence.record(
            request, kind=EventKind.REMINDED, now=NOW + timedelta(hours=n), address=f"{n}@example.org"
        )
    return request


def test_events_are_numbered_and_follow_from_each_other():
    events = evidence.of(long_chain())
    assert [event.number for event in events] == [1, 2, 3, 4, 5]
    assert bytes(events[0].previous) == evidence.START
    assert [bytes(each.previous) for each in events[1:]] == [bytes(each.digest) for each in events[:-1]]
    assert evidence.breaks(events) == []


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ("detail = '{}'", ["Event 3 of the evidence was changed."]),
        ("at = at + interval '1 second'", ["Event 3 of the evidence was changed."]),
        ("ip = '198.51.100.1'", ["Event 3 of the evidence was changed."]),
        ("user_agent = 'x'", ["Event 3 of the evidence was changed."]),
        ("kind = 'opened'", ["Event 3 of the evidence was changed."]),
        (
            "digest = sha256('x')",
            [
                "Event 3 of the evidence was changed.",
                "Event 4 of the evidence does not follow from the one before it.",
            ],
        ),
    ],
)
def test_a_changed_event_is_named(change, found):
    request = long_chain()
    papers.tamper(
        f"UPDATE signatures_signatureevent SET {change} WHERE request_id = %s AND number = 3", request.pk
    )
    assert evidence.breaks(evidence.of(request)) == found


def test_an_event_that_was_taken_out_is_named():
    request = long_chain()
    papers.tamper("DELETE FROM signatures_signatureevent WHERE request_id = %s AND number = 2", request.pk)
    assert evidence.breaks(evidence.of(request))[0] == "Event 2 of the evidence is missing."


def test_an_event_that_was_made_anew_with_its_digest_breaks_the_next():
    request = long_chain()
    event = evidence.of(request)[2]
    event.user_agent = "Another"
    papers.tamper(
        "UPDATE signatures_signatureevent SET user_agent = 'Another', digest = %s WHERE id = %s",
        evidence.digest(event),
        event.pk,
    )
    assert evidence.breaks(evidence.of(request)) == [
        "Event 4 of the evidence does not follow from the one before it."
    ]


@pytest.mark.parametrize(
    "act", ["UPDATE signatures_signatureevent SET ip = NULL", "DELETE FROM signatures_signatureevent"]
)
def test_the_database_refuses_to_change_or_delete_an_event(act):
    long_chain()
    with pytest.raises(Exception, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(act)


def test_no_number_is_given_twice():
    request = long_chain()
    event = evidence.of(request)[0]
    event.pk = None
    with pytest.raises(IntegrityError, match="signatureevent_numbered"), transaction.atomic():
        event.save(force_insert=True)


@pytest.mark.django_db(transaction=True)
def test_events_at_the_same_moment_make_one_chain():
    request = papers.request()
    jobs = [lambda: evidence.record(request, kind=EventKind.REMINDED, now=NOW)] * 6
    at_once(jobs)
    assert SignatureEvent.objects.count() == 7
    assert evidence.breaks(evidence.of(request)) == []


def test_who_calls_is_told_by_address_and_program_without_control_characters():
    http = RequestFactory().get("/", REMOTE_ADDR="203.0.113.7", HTTP_USER_AGENT="Phone\x00 1" + "x" * 400)
    caller = Caller.of(http)
    assert caller.ip == "203.0.113.7"
    assert caller.user_agent.startswith("Phone 1x")
    assert len(caller.user_agent) == evidence.USER_AGENT_LIMIT
