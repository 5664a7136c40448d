"""CalDAV servers as they are: what some rename, keep back, call differently, or refuse."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from calendarsync import providers
from calendarsync.models import CalendarConnection
from calendarsync.providers.base import CalendarError, Fault
from calendarsync.providers.caldav import CalDav
from tests import factories as make
from tests.calendarsync.contract import DAY, HOUR, NOW, WINDOW, Looking, entry, known, shown
from tests.calendarsync.harness import CaldavHarness
from tests.contracts.doubles import ANY, Answer, Asked
from tests.contracts.radicale import RadicaleRoad

pytestmark = pytest.mark.django_db

Pass = Callable[[Asked], Answer]
CONFLICT = '<?xml version="1.0"?><D:error xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav">{}</D:error>'


@pytest.fixture
def connection(caldav_harness: CaldavHarness) -> CalendarConnection:
    return caldav_harness.connection(make.staff(at=make.facility()))


@pytest.fixture
def calendar(connection: CalendarConnection) -> Iterator[Any]:
    opened = providers.open_calendar(connection)
    yield opened
    opened.close()


@pytest.fixture
def there(caldav_harness: CaldavHarness, connection: CalendarConnection) -> Looking:
    return Looking(caldav_harness, connection)


def test_an_entry_that_was_moved_to_another_name_is_changed_there(
    calendar: CalDav, radicale: RadicaleRoad, there: Looking
):
    """Some clients copy an event and delete the first one."""
    given = entry()
    written = calendar.put(given, None)
    moved = written.external_id.replace(str(given.appointment), "COPY-1")
    content = radicale.read(written.external_id)
    radicale.delete(written.external_id)
    radicale.write(moved, content)
    done = calendar.put(replace(given, title="B. O."), known(written))
    assert (done.external_id, done.was_there) == (moved, True)
    assert there.one().title == "B. O."
    assert calendar.remove(given.appointment, known(written)) is True
    assert there.all() == []


def test_a_uid_of_others_under_another_name_is_left_alone(
    calendar: CalDav, radicale: RadicaleRoad, there: Looking, connection: Any
):
    """The server refuses a second event with that UID, and the first one is not ours."""
    given = entry()
    written = calendar.put(given, None)
    content = radicale.read(written.external_id).replace("X-SECURECARE-", "X-THEIRS-")
    radicale.delete(written.external_id)
    radicale.write(f"{connection.calendar}theirs.ics", content)
    before = there.all()
    with pytest.raises(CalendarError) as refused:
        calendar.put(given, None)
    assert refused.value.fault is Fault.ENTRY
    assert calendar.remove(given.appointment, None) is False
    assert there.all() == before


@pytest.mark.parametrize("status", [400, 403, 409, 412])
def test_servers_say_in_many_ways_that_a_uid_is_taken(
    calendar: CalDav, radicale: RadicaleRoad, there: Looking, connection: Any, status: int
):
    given = entry()
    content = radicale.read(calendar.put(given, None).external_id)
    radicale.delete(calendar.put(given, None).external_id)
    radicale.write(f"{connection.calendar}moved.ics", content)
    why = CONFLICT.format("<C:no-uid-conflict/>")
    radicale.trouble(method="PUT", status=status, body=why, headers={"Content-Type": "application/xml"})
    done = calendar.put(replace(given, title="B. O."), None)
    assert done.external_id.endswith("/moved.ics")
    assert there.one().title == "B. O."


@pytest.mark.parametrize(
    ("status", "condition", "fault"),
    [
        (400, "", Fault.ENTRY),
        (403, "<C:valid-calendar-data/>", Fault.ENTRY),
        (403, "", Fault.CALENDAR),
        (409, "", Fault.ENTRY),
        (413, "", Fault.ENTRY),
        (415, "", Fault.ENTRY),
        (423, "", Fault.PASSING),
        (507, "", Fault.CALENDAR),
    ],
)
def test_a_refused_entry_is_its_own_fault_unless_it_is_the_calendars(
    calendar: CalDav, radicale: RadicaleRoad, status: int, condition: str, fault: Fault
):
    body = CONFLICT.format(condition) if condition else ""
    radicale.trouble(method="PUT", status=status, body=body, headers={"Content-Type": "application/xml"})
    with pytest.raises(CalendarError) as refused:
        calendar.put(entry(), None)
    assert (refused.value.fault, str(status) in refused.value.code) == (fault, True)
    assert ("valid-calendar-data" in str(refused.value)) == bool(condition)


def without_etags(*verbs: str) -> Callable[[Asked, Pass], Answer]:
    def twist(asked: Asked, on: Pass) -> Answer:
        answer = on(asked)
        if asked.method not in verbs:
            return answer
        body = re.sub(r"<getetag>.*?</getetag>", "", answer.body)
        return Answer(answer.status, body, {k: v for k, v in answer.headers.items() if k != "ETag"})

    return twist


@pytest.mark.parametrize(
    "verbs",
    [("PUT",), ("PUT", "GET"), ("PUT", "GET", "PROPFIND", "REPORT")],
    ids=["after writing", "nor after reading", "nowhere"],
)
def test_a_server_that_keeps_etags_back_is_asked_for_them(
    calendar: CalDav, radicale: RadicaleRoad, there: Looking, verbs: tuple[str, ...]
):
    radicale.twist = without_etags(*verbs)
    given = entry()
    first = calendar.put(given, None)
    after = replace(given, title="B. O.")
    done = calendar.put(after, known(first))
    ((etag, _),) = radicale.resources(calendar._path).values()
    assert done.etag == ("" if "PROPFIND" in verbs else etag)
    assert shown(there.one()) == shown(after)
    assert [found.digest for found in calendar.listed(*WINDOW, {})] == [after.digest]
    assert calendar.remove(given.appointment, known(done)) is True
    assert there.all() == []


def weak(asked: Asked, on: Pass) -> Answer:
    """Every etag is weak, and none is taken as a condition."""
    if asked.headers.get("If-Match", "").startswith("W/"):
        return Answer(412)
    answer = on(asked)
    body = answer.body.replace("<getetag>", "<getetag>W/")
    headers = {**answer.headers}
    if "ETag" in headers:
        headers["ETag"] = "W/" + headers["ETag"]
    return Answer(answer.status, body, headers)


def test_weak_etags_are_no_conditions(calendar: CalDav, radicale: RadicaleRoad, there: Looking):
    radicale.twist = weak
    given = entry()
    first = calendar.put(given, None)
    assert first.etag.startswith('W/"')
    after = replace(given, title="B. O.")
    done = calendar.put(after, known(first))
    assert done.etag not in ("", first.etag)
    assert shown(there.one()) == shown(after)
    (found,) = calendar.listed(*WINDOW, {})
    assert calendar.remove_stray(found) is True
    assert there.all() == []


def renaming(to: Callable[[str], str]) -> Callable[[Asked, Pass], Answer]:
    """Whatever name a new resource is given, the server gives it another."""

    def twist(asked: Asked, on: Pass) -> Answer:
        if asked.method == "PUT" and "If-None-Match" in asked.headers:
            asked = replace(asked, target=re.sub(r"[^/]+\.ics$", to(asked.path) + ".ics", asked.target))
        return without_etags("PUT")(asked, on)

    return twist


@pytest.mark.parametrize("name", ["event 1 ä", "11111111-2222-4333-8444-555555555555"])
def test_a_server_that_gives_entries_other_names_has_them_found(
    calendar: CalDav, radicale: RadicaleRoad, there: Looking, name: str
):
    radicale.twist = renaming(lambda _path: name.replace(" ", "%20").replace("ä", "%C3%A4"))
    given = entry()
    first = calendar.put(given, None)
    assert there.one().external_id == first.external_id
    again = calendar.put(given, None)
    assert again.external_id == first.external_id
    after = replace(given, title="B. O.")
    done = calendar.put(after, known(first))
    assert (there.one().external_id, there.one().title) == (done.external_id, "B. O.")
    for etags in ({done.external_id: done.etag} if done.etag else {}, {}):
        (found,) = calendar.listed(*WINDOW, etags)
        assert (found.external_id, found.appointment) == (done.external_id, given.appointment)
    assert calendar.remove(given.appointment, known(done)) is True
    assert there.all() == []


def test_a_server_may_say_what_it_called_an_entry(calendar: CalDav, radicale: RadicaleRoad, there: Looking):
    """Beside an etag that is good."""

    def twist(asked: Asked, on: Pass) -> Answer:
        if asked.method != "PUT":
            return on(asked)
        target = re.sub(r"[^/]+\.ics$", "named.ics", asked.target)
        answer = on(replace(asked, target=target))
        return Answer(answer.status, "", {**answer.headers, "Location": target})

    radicale.twist = twist
    written = calendar.put(entry(), None)
    assert there.one().external_id == written.external_id
    assert written.external_id.endswith("/named.ics")


def test_what_somebody_changed_while_we_asked_for_its_etag_is_not_taken_for_ours(
    calendar: CalDav, caldav_harness: CaldavHarness, radicale: RadicaleRoad, connection: CalendarConnection
):
    def twist(asked: Asked, on: Pass) -> Answer:
        answer = without_etags("PUT")(asked, on)
        if asked.method == "PUT":
            caldav_harness.edit(connection, asked.path, starts_at=NOW + DAY, ends_at=NOW + DAY + HOUR)
        return answer

    radicale.twist = twist
    assert calendar.put(entry(), None).etag == ""


def test_a_longer_uid_is_another(
    calendar: CalDav, caldav_harness: CaldavHarness, there: Looking, connection: Any
):
    given = entry()
    written = calendar.put(given, None)
    caldav_harness.delete(connection, written.external_id)
    caldav_harness.add_foreign(connection, f"{given.appointment}-copy", "Theirs")
    assert calendar.put(given, known(written)).was_there is False
    assert sorted(event.title for event in there.all()) == ["A. N.", "Theirs"]


def test_events_of_others_are_not_read(
    calendar: CalDav, caldav_harness: CaldavHarness, radicale: Any, connection: Any
):
    caldav_harness.add_foreign(connection, "lunch", "With somebody")
    caldav_harness.add_foreign(connection, "Dinner", "With somebody else")
    calendar.put(entry(), None)
    said: list[str] = []

    def overheard(asked: Asked, on: Pass) -> Answer:
        answer = on(asked)
        said.append(answer.body)
        return answer

    radicale.twist = overheard
    assert len(list(calendar.listed(*WINDOW, {}))) == 1
    assert [body for body in said if "With somebody" in body] == []


def test_a_server_that_cannot_search_by_our_mark_is_searched_by_name(
    calendar: CalDav, caldav_harness: CaldavHarness, radicale: Any, connection: Any
):
    def unable(asked: Asked, on: Pass) -> Answer:
        if asked.method == "REPORT" and b"X-SECURECARE-CALENDAR" in asked.body:
            return Answer(403, CONFLICT.format("<C:supported-filter/>"), {"Content-Type": "application/xml"})
        return on(asked)

    radicale.twist = unable
    caldav_harness.add_foreign(connection, "lunch", "With somebody")
    given = entry()
    calendar.put(given, None)
    assert [found.appointment for found in calendar.listed(*WINDOW, {})] == [given.appointment]


@pytest.mark.parametrize("is_said_inside", [True, False])
def test_a_server_that_lists_few_at_a_time_is_asked_for_less(
    calendar: CalDav, radicale: Any, is_said_inside: bool
):
    """RFC 5323, 2.1.1, and as some do: 507 beside what there was room for."""

    def few(asked: Asked, on: Pass) -> Answer:
        answer = on(asked)
        if b"calendar-query" not in asked.body or answer.body.count("<response>") <= 2:
            return answer
        if is_said_inside:
            status = "<response><href>/</href><status>HTTP/1.1 507 Insufficient Storage</status></response>"
            return Answer(
                207, answer.body.replace("</multistatus>", f"{status}</multistatus>"), answer.headers
            )
        why = CONFLICT.format("<D:number-of-matches-within-limits/>")
        return Answer(403, why, {"Content-Type": "application/xml"})

    radicale.twist = few
    ours = [entry(starts_at=NOW + n * DAY, ends_at=NOW + n * DAY + HOUR) for n in range(7)]
    for each in ours:
        calendar.put(each, None)
    found = [each.appointment for each in calendar.listed(*WINDOW, {})]
    assert sorted(found) == sorted(each.appointment for each in ours)


def test_thousands_of_entries_are_listed_by_their_etags(calendar: CalDav, radicale: Any):
    """One short line each, and none of them is read again."""
    paths = [f"{calendar._path}{uuid4()}.ics" for _ in range(3_000)]

    def many(asked: Asked, on: Pass) -> Answer:
        lines = (
            f"<response><href>{path}</href><propstat><prop><getetag>&quot;1&quot;</getetag></prop>"
            "<status>HTTP/1.1 200 OK</status></propstat></response>"
            for path in paths
        )
        return Answer(
            207, f'<multistatus xmlns="DAV:">{"".join(lines)}</multistatus>', {"Content-Type": "text/xml"}
        )

    radicale.twist = many
    found = list(calendar.listed(NOW, NOW + 90 * DAY, dict.fromkeys(paths, '"1"')))
    assert [each.external_id for each in found] == paths
    assert {each.digest for each in found} == {None}
    assert radicale.asked == 3


@pytest.mark.parametrize(
    ("asked_for", "date", "expected"),
    [
        ("120", "", timedelta(seconds=120)),
        ("Mon, 23 Nov 2015 10:05:00 GMT", "Mon, 23 Nov 2015 10:00:00 GMT", timedelta(minutes=5)),
        ("Thu, 23 Nov 2045 10:05:00 GMT", "Thu, 23 Nov 2045 10:00:00 GMT", timedelta(minutes=5)),
        ("Mon, 23 Nov 2015 10:00:00 GMT", "Mon, 23 Nov 2015 10:05:00 GMT", timedelta(0)),
        ("Thu, 23 Nov 2045 10:05:00 GMT", "", timedelta(hours=1)),
        ("99999999999999999999", "", timedelta(hours=1)),
        ("soon", "", None),
        ("-5", "", None),
    ],
)
def test_the_wait_that_is_asked_for_goes_by_the_servers_own_clock(
    calendar: CalDav, radicale: RadicaleRoad, asked_for: str, date: str, expected: timedelta | None
):
    """Which may be years off."""
    headers = {"Retry-After": asked_for, **({"Date": date} if date else {})}
    radicale.trouble(method=ANY, status=429, headers=headers)
    with pytest.raises(CalendarError) as crowded:
        calendar.check()
    assert (crowded.value.fault, crowded.value.retry_after) == (Fault.CROWDED, expected)


def test_a_server_that_sends_elsewhere_stops_the_calendar(calendar: CalDav, radicale: RadicaleRoad):
    for target in ("http://169.254.169.254/latest/", "https://calendar.example.org/", "https://localhost/"):
        radicale.trouble(method=ANY, status=302, headers={"Location": target})
        with pytest.raises(CalendarError) as refused:
            calendar.put(entry(), None)
        assert refused.value.fault is Fault.CALENDAR


def test_an_enormous_answer_passes_for_no_answer(calendar: CalDav, radicale: RadicaleRoad):
    radicale.trouble(method=ANY, status=207, body="<" + "x" * 10_000_001)
    with pytest.raises(CalendarError) as refused:
        list(calendar.listed(*WINDOW, {}))
    assert refused.value.fault is Fault.PASSING


@pytest.mark.parametrize(
    "body",
    [
        '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]><multistatus xmlns="DAV:">&b;',
        "<multistatus xmlns='DAV:'><response><href>http://[::1</href></response></multistatus>",
        "<x/>",
        "<multistatus xmlns='DAV:'>",
        "\x00",
    ],
)
def test_xml_that_is_none_of_ours_passes_for_no_answer(calendar: CalDav, radicale: RadicaleRoad, body: str):
    radicale.trouble(method=ANY, status=207, body=body, headers={"Content-Type": "text/xml"})
    with pytest.raises(CalendarError) as refused:
        list(calendar.listed(*WINDOW, {}))
    assert refused.value.fault is Fault.PASSING


def test_a_server_that_is_down_is_away(connection: CalendarConnection, settings: Any):
    settings.CALDAV_PRIVATE_HOSTS = ["127.0.0.1:9"]
    connection.calendar = "http://127.0.0.1:9/dana/work/"
    with pytest.raises(CalendarError) as away:
        providers.open_calendar(connection).put(entry(), None)
    assert away.value.fault is Fault.AWAY


def test_a_word_of_html_after_writing_is_no_login_page(
    calendar: CalDav, radicale: RadicaleRoad, there: Looking
):
    """Apache answers a PUT with a few words in HTML."""
    page = "<html><body>Resource has been created.</body></html>"
    radicale.trouble(method="PUT", status=201, body=page, after=True)
    given = entry()
    calendar.put(given, None)
    assert shown(there.one()) == shown(given)
