"""What becomes of an entry at Google, whatever happens on the way. What holds for every provider is in `test_contract.py`."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from calendarsync.providers import google, google_access
from calendarsync.providers.base import CalendarError, Fault, Found, Known
from tests.calendarsync.google_desk import START, URL, Desk, entry, refused, the_listed


@pytest.fixture
def desk(google_desk: Desk) -> Desk:
    return google_desk


# ------------------------------------------------------------------------------------------------- entries


def test_an_entry_stands_there_as_given_and_says_no_more(desk: Desk):
    wanted = entry()
    written = desk.open().put(wanted, None)
    sent = desk.double.messages[0]["body"]
    assert sent == {
        "id": google.event_id_of(wanted.appointment),
        "summary": "A. N.",
        "location": "Northside, 12 Main St",
        "description": f"Bring the form.\n\n{URL}",
        "source": {"title": "SecureCare", "url": URL},
        "start": {"dateTime": "2026-11-24T19:00:00Z"},
        "end": {"dateTime": "2026-11-24T19:30:00Z"},
        "status": "confirmed",
        "visibility": "private",
        "transparency": "opaque",
        "recurrence": [],
        "extendedProperties": {
            "private": {
                "securecareAppointment": str(wanted.appointment),
                "securecareCalendar": str(desk.reference),
            }
        },
    }
    assert (written.external_id, written.etag, written.was_there) == (sent["id"], desk.event["etag"], False)


def test_nobody_is_told_and_nothing_sent_in_batches(desk: Desk):
    wanted, calendar = entry(), desk.open()
    written = calendar.put(wanted, None)
    written = calendar.put(wanted, Known(written.external_id, written.etag))
    desk.double.delete(desk.email, written.external_id)
    written = calendar.put(wanted, Known(written.external_id, written.etag))
    calendar.remove(wanted.appointment, Known(written.external_id, written.etag))
    assert desk.asked == ["insert", "patch", "update", "delete"]
    written = [call for call in desk.double.calls if call.name not in ("get", "list")]
    assert {call.query["sendUpdates"] for call in written} == {"none"}


def test_ids_are_made_of_googles_alphabet():
    assert google.event_id_of(UUID(int=0)) == "0" * 26
    assert google.event_id_of(UUID(int=2**128 - 1)) == "v" * 25 + "s"


def test_what_the_owner_added_stays(desk: Desk):
    wanted, calendar = entry(), desk.open()
    written = calendar.put(wanted, None)
    reminders = {"useDefault": False, "overrides": [{"method": "popup", "minutes": 5}]}
    desk.double.edit(
        desk.email, written.external_id, reminders=reminders, colorId="7", summary="Mine", location="Here"
    )
    again = calendar.put(wanted, Known(written.external_id, written.etag))
    event = desk.event
    assert (event["reminders"], event["colorId"]) == (reminders, "7")
    assert (event["summary"], event["location"]) == ("A. N.", "Northside, 12 Main St")
    assert (again.was_there, again.etag) == (True, event["etag"])


@pytest.mark.parametrize(
    "changes",
    [
        {"start": {"date": "2026-12-01"}, "end": {"date": "2026-12-02"}},
        {"recurrence": ["RRULE:FREQ=DAILY;COUNT=3"]},
        {"visibility": "public"},
        {"transparency": "transparent"},
        {"status": "tentative"},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_what_none_of_ours_says_is_seen_and_put_right(desk: Desk, changes: dict[str, Any]):
    wanted, calendar = entry(), desk.open()
    written = calendar.put(wanted, None)
    desk.double.edit(desk.email, written.external_id, **changes)
    assert the_listed(calendar)[0].digest != wanted.digest
    written = calendar.put(wanted, Known(written.external_id, written.etag))
    assert the_listed(calendar) == [
        Found(written.external_id, written.etag, wanted.appointment, wanted.digest)
    ]


def test_one_to_be_reassigned_is_tentative(desk: Desk):
    wanted, calendar = entry(is_tentative=True), desk.open()
    calendar.put(wanted, None)
    assert (desk.event["status"], the_listed(calendar)[0].digest) == ("tentative", wanted.digest)


def test_location_and_description_can_be_taken_away(desk: Desk):
    wanted, calendar = entry(), desk.open()
    written = calendar.put(wanted, None)
    bare = replace(wanted, location="", description="")
    calendar.put(bare, Known(written.external_id, written.etag))
    assert not {"location", "description"} & set(desk.event)
    assert the_listed(calendar)[0].digest == bare.digest


def test_the_address_is_read_where_the_source_is_hidden(desk: Desk):
    """Whoever did not make an event is not shown its source."""
    wanted, calendar = entry(), desk.open()
    event_id = calendar.put(wanted, None).external_id
    del desk.kept.events[event_id]["source"]
    assert the_listed(calendar)[0].digest == wanted.digest


# --------------------------------------------------------------------------------- what stands there already


def test_an_insert_that_meets_our_own_becomes_a_patch(desk: Desk):
    wanted, calendar = entry(), desk.open()
    calendar.put(wanted, None)
    again = calendar.put(replace(wanted, title="B. O."), None)
    assert (again.was_there, desk.event["summary"], desk.asked) == (True, "B. O.", ["insert", "patch"])


def test_an_insert_that_meets_a_deleted_one_brings_it_back(desk: Desk):
    wanted, calendar = entry(), desk.open()
    calendar.put(replace(wanted, title="B. O."), None)
    desk.double.delete(desk.email, google.event_id_of(wanted.appointment))
    again = calendar.put(wanted, None)
    assert (again.was_there, desk.event["summary"], desk.asked) == (False, "A. N.", ["insert", "update"])
    assert the_listed(calendar)[0].digest == wanted.digest


@pytest.mark.parametrize(
    "marks", [{}, {"securecareAppointment": str(UUID(int=7))}], ids=["none", "another's"]
)
def test_an_event_without_our_mark_is_left_alone(desk: Desk, marks: dict[str, str]):
    wanted, calendar = entry(), desk.open()
    event_id = google.event_id_of(wanted.appointment)
    before = desk.double.add(desk.email, event_id, extendedProperties={"private": marks} if marks else {})
    for known in (None, Known(event_id, '"1"'), Known(event_id)):
        with pytest.raises(CalendarError) as caught:
            calendar.put(wanted, known)
        assert (caught.value.fault, caught.value.code) == (Fault.ENTRY, "foreign")
        assert calendar.remove(wanted.appointment, known) is False
    assert (desk.event, desk.asked) == (before, [])
    assert list(calendar.fetch([event_id])) == (
        [Found(event_id, before["etag"], UUID(int=7), b"")] if marks else []
    )


@pytest.mark.parametrize("is_forgotten", [False, True])
def test_a_known_one_that_was_deleted_comes_back(desk: Desk, is_forgotten: bool):
    wanted, calendar = entry(), desk.open()
    written = calendar.put(wanted, None)
    desk.double.delete(desk.email, written.external_id)
    if is_forgotten:
        desk.double.purge(desk.email, written.external_id)
    again = calendar.put(wanted, Known(written.external_id, written.etag))
    assert (again.was_there, again.etag) == (False, desk.event["etag"])


def test_changed_meanwhile_is_looked_at_and_written_again(desk: Desk):
    wanted, calendar = entry(), desk.open()
    written = calendar.put(wanted, None)
    desk.double.edit(desk.email, written.external_id, summary="Mine")
    turns = desk.turns
    again = calendar.put(wanted, Known(written.external_id, written.etag))
    # A patch that is refused, a look, a patch.
    assert (again.was_there, desk.event["summary"], desk.turns - turns) == (True, "A. N.", 3)


@pytest.mark.parametrize("verb", ["put", "remove"])
def test_one_that_keeps_changing_is_tried_again_later(desk: Desk, verb: str):
    wanted, calendar = entry(), desk.open()
    written = calendar.put(wanted, None)
    known = Known(written.external_id, written.etag)
    desk.double.trouble(
        **{**refused(412, "conditionNotMet"), "method": "PATCH" if verb == "put" else "DELETE"}
    )
    turns = desk.turns
    with pytest.raises(CalendarError) as caught:
        calendar.put(wanted, known) if verb == "put" else calendar.remove(wanted.appointment, known)
    assert (caught.value.fault, str(caught.value)) == (Fault.PASSING, google.RESTLESS)
    # Once by what we know, three times by what stands there.
    assert desk.turns - turns == 7


# ------------------------------------------------------------------------------------------------- removing


@pytest.mark.parametrize("etag", ["now", "", '"before"'])
def test_removes_ours_whatever_we_remember_of_it(desk: Desk, etag: str):
    wanted, calendar = entry(), desk.open()
    written = calendar.put(wanted, None)
    known = Known(written.external_id, written.etag if etag == "now" else etag)
    assert calendar.remove(wanted.appointment, known) is True
    assert desk.kept.standing() == []
    assert calendar.remove(wanted.appointment, known) is False
    assert calendar.remove(wanted.appointment, None) is False


def test_what_is_gone_needs_no_removing(desk: Desk):
    wanted, calendar = entry(), desk.open()
    written = calendar.put(wanted, None)
    desk.double.purge(desk.email, written.external_id)
    assert calendar.remove(wanted.appointment, Known(written.external_id, written.etag)) is False


def test_a_calendar_that_is_gone_is_not_taken_for_an_event_that_is(desk: Desk):
    wanted, calendar = entry(), desk.open()
    written = calendar.put(wanted, None)
    known = Known(written.external_id, written.etag)
    desk.double.remove_calendar(desk.email)
    for attempt in (
        lambda: calendar.put(wanted, None),
        lambda: calendar.put(wanted, known),
        lambda: calendar.remove(wanted.appointment, None),
        lambda: calendar.remove(wanted.appointment, known),
        lambda: the_listed(calendar),
        calendar.check,
    ):
        with pytest.raises(CalendarError) as caught:
            attempt()
        assert (caught.value.fault, str(caught.value)) == (Fault.CALENDAR, google_access.NO_CALENDAR)


def test_a_stray_is_removed_unless_somebody_changed_it(desk: Desk):
    calendar = desk.open()
    calendar.put(entry(), None)
    [found] = the_listed(calendar)
    desk.double.edit(desk.email, found.external_id, summary="Mine")
    assert calendar.remove_stray(found) is False
    assert desk.event["summary"] == "Mine"
    [found] = the_listed(calendar)
    assert calendar.remove_stray(found) is True
    assert calendar.remove_stray(found) is False


# -------------------------------------------------------------------------------------------------- listing


def test_lists_ours_page_by_page(desk: Desk):
    calendar = desk.open()
    wanted = entry()
    written = calendar.put(wanted, None)
    for number in range(google.PAGE * 2):
        desk.double.add(desk.email, f"theirs{number:04d}")
    last = entry()
    calendar.put(last, None)
    desk.double.delete(desk.email, calendar.put(entry(), None).external_id)
    turns = desk.turns
    found = the_listed(calendar, **{written.external_id: written.etag})
    assert [(each.appointment, each.digest) for each in found] == [
        (wanted.appointment, None),
        (last.appointment, last.digest),
    ]
    assert desk.turns - turns == 3


def test_lists_what_touches_the_period_and_carries_this_calendars_mark(desk: Desk):
    calendar = desk.open()
    inside = calendar.put(entry(), None).external_id
    for minutes in (-30, 30):
        moment = START + timedelta(minutes=minutes)
        calendar.put(entry(starts_at=moment, ends_at=moment + timedelta(minutes=30)), None)
    Desk(desk.double, desk.email, secrets=desk.secrets).open().put(entry(), None)
    found = calendar.listed(START, START + timedelta(minutes=30), {})
    assert [each.external_id for each in found] == [inside]


def test_pages_that_do_not_end_are_an_error(desk: Desk):
    page = {"kind": "calendar#events", "items": [], "nextPageToken": "x"}
    desk.double.trouble(status=200, body=page, method="GET", times=None)
    with pytest.raises(CalendarError) as caught:
        the_listed(desk.open())
    assert (caught.value.fault, desk.turns) == (Fault.PASSING, google.MOST_PAGES)


def test_fetches_ours_wherever_they_are(desk: Desk):
    calendar = desk.open()
    far = entry(starts_at=START + timedelta(days=900), ends_at=START + timedelta(days=900, minutes=30))
    written = calendar.put(far, None)
    gone = calendar.put(entry(), None).external_id
    desk.double.delete(desk.email, gone)
    found = list(calendar.fetch([written.external_id, gone, google.event_id_of(uuid4())]))
    assert found == [Found(written.external_id, written.etag, far.appointment, far.digest)]


# ------------------------------------------------------------------------------------------------- checking


def test_checking_names_the_calendar_and_reads_no_event(desk: Desk):
    desk.double.add(desk.email, "theirs0001", summary="Oncologist")
    checked = desk.open().check()
    assert (checked.name, checked.key) == (desk.email, desk.email)
    assert [call.query["fields"] for call in desk.double.calls] == ["summary,accessRole"]


def test_another_calendar_is_known_by_its_id(desk: Desk):
    desk.double.add_calendar(
        "Group@Group.calendar.google.com", "Intake", **{desk.email.partition("@")[0]: "writer"}
    )
    desk.calendar_id = "Group@Group.calendar.google.com"
    checked = desk.open().check()
    assert (checked.name, checked.key) == ("Intake", "group@group.calendar.google.com")
    desk.open().put(entry(), None)
    assert desk.event["organizer"]["displayName"] == "Intake"


@pytest.mark.parametrize("role", ["reader", "freeBusyReader", "writerWithoutPrivateAccess"])
def test_a_calendar_that_may_not_be_written_to_is_refused(desk: Desk, role: str):
    desk.kept.roles[desk.email] = role
    with pytest.raises(CalendarError) as caught:
        desk.open().check()
    assert (caught.value.fault, str(caught.value)) == (Fault.CALENDAR, google_access.READ_ONLY)
    if role == "reader":
        with pytest.raises(CalendarError) as caught:
            desk.open().put(entry(), None)
        assert (caught.value.fault, str(caught.value)) == (Fault.CALENDAR, google_access.READ_ONLY)
