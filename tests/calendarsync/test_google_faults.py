"""What each of Google's refusals, silences and puzzles stands for; and that none of them makes a second event."""

import contextlib
import gzip
import json
import socket
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from calendarsync.providers import google_access
from calendarsync.providers.base import CalendarError, Fault, Known
from calendarsync.providers.google_access import LARGEST_ANSWER, Http, explained
from tests.calendarsync.google_desk import Desk, entry, refused, the_listed
from tests.contracts.doubles import ANY

PAGE = "<html><body><h1>Sign in to the hotel's network</h1></body></html>"


@pytest.fixture
def desk(google_desk: Desk) -> Desk:
    return google_desk


def failed(attempt: Any) -> CalendarError:
    with pytest.raises(CalendarError) as caught:
        attempt()
    return caught.value


# ------------------------------------------------------------------------------------------------ refusals


@pytest.mark.parametrize(
    ("status", "reason", "fault", "text"),
    [
        (400, "invalid", Fault.ENTRY, "Google does not accept this entry: No."),
        (400, "timeRangeEmpty", Fault.ENTRY, "Google does not accept this entry: No."),
        (401, "authError", Fault.CALENDAR, google_access.REVOKED),
        (403, "rateLimitExceeded", Fault.CROWDED, google_access.CROWDED),
        (403, "userRateLimitExceeded", Fault.CROWDED, google_access.CROWDED),
        (403, "quotaExceeded", Fault.CROWDED, google_access.CROWDED),
        (403, "forbidden", Fault.CALENDAR, google_access.FORBIDDEN),
        (403, "insufficientPermissions", Fault.CALENDAR, google_access.TOO_LITTLE),
        (403, "requiredAccessLevel", Fault.CALENDAR, google_access.READ_ONLY),
        (403, "accessNotConfigured", Fault.AWAY, google_access.SITE),
        (403, "forbiddenForNonOrganizer", Fault.ENTRY, "Google does not accept this entry: No."),
        (404, "notFound", Fault.CALENDAR, google_access.NO_CALENDAR),
        (408, "timeout", Fault.PASSING, google_access.NO_ANSWER),
        (429, "rateLimitExceeded", Fault.CROWDED, google_access.CROWDED),
        (500, "backendError", Fault.PASSING, google_access.TROUBLED),
        (503, "backendError", Fault.PASSING, google_access.TROUBLED),
        (500, "unheardOf", Fault.PASSING, google_access.TROUBLED),
    ],
)
def test_each_refusal_has_its_fault(desk: Desk, status: int, reason: str, fault: Fault, text: str):
    desk.double.trouble(**refused(status, reason))
    error = failed(lambda: desk.open().put(entry(), None))
    assert (error.fault, str(error), error.code) == (fault, text, f"{status} {reason}")
    assert (error.permanent, desk.asked) == (fault in (Fault.ENTRY, Fault.CALENDAR), [])
    desk.double.calm()
    assert desk.open().put(entry(), None).was_there is False


@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 409, 410, 412, 502])
@pytest.mark.parametrize("body", [PAGE, "{", "", "[1, 2]", '{"error": "no"}'], ids=range(5))
def test_what_is_not_googles_answer_says_nothing_about_the_calendar(desk: Desk, status: int, body: str):
    """A page of a gateway, or a cut-off answer: neither is a calendar gone nor an event there."""
    desk.double.trouble(status=status, body=body, method=ANY, path="/calendar/", times=None)
    wanted = entry()
    for attempt in (
        lambda: desk.open().put(wanted, None),
        lambda: desk.open().put(wanted, Known("x", '"1"')),
        lambda: desk.open().remove(wanted.appointment, Known("x")),
        lambda: the_listed(desk.open()),
        lambda: list(desk.open().fetch(["x"])),
        lambda: desk.open().check(),
    ):
        assert failed(attempt).fault is Fault.PASSING


def test_a_page_in_answer_to_a_removal_removes_nothing(desk: Desk):
    wanted = entry()
    written = desk.open().put(wanted, None)
    desk.double.trouble(status=200, body=PAGE, method="DELETE")
    known = Known(written.external_id, written.etag)
    assert failed(lambda: desk.open().remove(wanted.appointment, known)).fault is Fault.PASSING
    assert desk.open().remove(wanted.appointment, known) is True


@pytest.mark.parametrize("body", [{}, {"id": 1, "etag": "x"}, {"id": "x"}], ids=json.dumps)
def test_an_event_of_another_shape_is_not_understood(desk: Desk, body: dict[str, Any]):
    desk.double.trouble(status=200, body=body, method=ANY, path="/calendar/", times=None)
    for attempt in (
        lambda: desk.open().put(entry(), None),
        lambda: desk.open().put(entry(), Known("x")),
        lambda: list(desk.open().fetch(["x"])),
        lambda: desk.open().check(),
    ):
        assert str(failed(attempt)) == google_access.NOT_UNDERSTOOD


@pytest.mark.parametrize("items", [None, {}, [1], [{}], [{"id": "x"}]], ids=json.dumps)
def test_a_page_of_another_shape_is_not_taken_for_an_empty_one(desk: Desk, items: Any):
    page = {"items": []} if items is None else {"kind": "calendar#events", "items": items}
    desk.double.trouble(status=200, body=page, method="GET", path="/calendar/")
    assert str(failed(lambda: the_listed(desk.open()))) == google_access.NOT_UNDERSTOOD


def test_waits_as_long_as_google_asks_for(desk: Desk):
    desk.double.trouble(**refused(429, "rateLimitExceeded"), headers={"Retry-After": "120"})
    assert failed(lambda: desk.open().put(entry(), None)).retry_after == timedelta(seconds=120)


NEW_YEAR, LATER = "Fri, 01 Jan 2010 00:00:00 GMT", "Fri, 01 Jan 2010 00:01:30 GMT"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "999999999999999999999"}, 3600),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "soon"}, None),
        ({}, None),
        # By the clock of who said it, whatever ours says.
        ({"retry-after": LATER, "date": NEW_YEAR}, 90),
        ({"retry-after": NEW_YEAR, "date": LATER}, 0),
        ({"retry-after": LATER}, 0),
        ({"retry-after": LATER, "date": "today"}, 0),
    ],
)
def test_a_wait_is_read_in_each_of_its_spellings(headers: dict[str, str], seconds: int | None):
    assert google_access.retry_after(headers) == (None if seconds is None else timedelta(seconds=seconds))


def test_a_crowd_without_words_is_one(desk: Desk):
    """Google's front doors answer 429 with a page."""
    desk.double.trouble(status=429, body=PAGE, headers={"Retry-After": "7"})
    error = failed(lambda: desk.open().put(entry(), None))
    assert (error.fault, error.retry_after) == (Fault.CROWDED, timedelta(seconds=7))


def test_goes_nowhere_else_than_to_google(desk: Desk):
    elsewhere = {"Location": f"{desk.double.base}/elsewhere"}
    for status in (301, 302, 303, 307, 308):
        desk.double.trouble(status=status, headers=elsewhere, method="GET")
        assert failed(desk.open().check).fault is Fault.PASSING
    assert desk.turns == 5


# ------------------------------------------------------------------------------------------------ no answer


def test_nobody_there(desk: Desk, settings: Any):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        settings.GOOGLE_API_BASE = f"http://127.0.0.1:{free.getsockname()[1]}"
        error = failed(lambda: desk.open().put(entry(), None))
        assert (error.fault, str(error)) == (Fault.AWAY, google_access.NOT_REACHED)
        settings.GOOGLE_TOKEN_URL = f"{settings.GOOGLE_API_BASE}/token"
        assert failed(lambda: desk.open().put(entry(), None)).fault is Fault.AWAY


@pytest.mark.parametrize("path", ["/calendar/", "/token"])
def test_a_silent_google_is_not_waited_for(desk: Desk, settings: Any, path: str):
    settings.PROVIDER_TIMEOUT_SECONDS = 0.05
    desk.double.trouble(delay=0.15, method=ANY, path=path)
    started = time.monotonic()
    error = failed(lambda: desk.open().check())
    assert (error.fault, str(error)) == (Fault.PASSING, google_access.NO_ANSWER)
    assert time.monotonic() - started < 0.14


@pytest.mark.parametrize("lost", [1, 2])
def test_a_lost_answer_never_makes_a_second_event(desk: Desk, lost: int):
    """The client sends a request again by itself whose connection closed, once."""
    wanted, calendar = entry(), desk.open()
    desk.double.trouble(drop=True, after=True, times=lost, path="/calendar/")
    with contextlib.suppress(CalendarError):
        calendar.put(wanted, None)
    assert len(desk.kept.standing()) == 1
    again = desk.open().put(wanted, None)
    assert (again.external_id, again.was_there) == (desk.event["id"], True)


@pytest.mark.parametrize(
    "trouble", [{"drop": True}, {"status": 503, "body": PAGE}, {"status": 200, "body": PAGE}]
)
@pytest.mark.parametrize("method", ["POST", "PATCH", "PUT", "DELETE", "GET"])
def test_done_though_nobody_heard_of_it(desk: Desk, trouble: dict[str, Any], method: str):
    """Whatever the verb, asking again finds it done."""
    wanted, calendar = entry(), desk.open()
    known = None
    if method != "POST":
        written = calendar.put(entry(appointment=wanted.appointment, title="Old"), None)
        known = Known(written.external_id, written.etag)
    if method in ("PUT", "GET"):
        desk.double.delete(desk.email, written.external_id)
    desk.double.trouble(**trouble, after=True, method=method, path="/calendar/", times=2)
    for _ in range(3):
        with contextlib.suppress(CalendarError):
            if method == "DELETE":
                calendar.remove(wanted.appointment, known)
            else:
                calendar.put(wanted, known)
    desk.double.calm()
    if method == "DELETE":
        assert calendar.remove(wanted.appointment, known) is False
        assert desk.kept.standing() == []
    else:
        calendar.put(wanted, None)
        assert desk.event["summary"] == "A. N."


@pytest.fixture
def slow_server() -> Iterator[Any]:
    """Sends what it is given, byte after byte if there are pauses between."""
    listening = socket.create_server(("127.0.0.1", 0))
    told: dict[str, Any] = {"url": f"http://127.0.0.1:{listening.getsockname()[1]}/", "pause": 0.0}

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                with listening.accept()[0] as caller:
                    caller.recv(65_536)
                    caller.sendall(told["head"])
                    for byte in told["body"]:
                        time.sleep(told["pause"])
                        caller.sendall(bytes([byte]))

    threading.Thread(target=serve, daemon=True).start()
    yield told
    listening.close()


def test_an_answer_that_trickles_has_an_end(slow_server: dict[str, Any], settings: Any):
    settings.PROVIDER_TIMEOUT_SECONDS = 0.1
    slow_server |= {
        "head": b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n",
        "body": b"x" * 50,
        "pause": 0.01,
    }
    started = time.monotonic()
    with pytest.raises(CalendarError) as caught, explained():
        Http().request(slow_server["url"])
    assert caught.value.code == "TimeoutError"
    assert time.monotonic() - started < 0.4


def test_an_answer_that_unpacks_without_end_is_not_unpacked(slow_server: dict[str, Any]):
    packed = gzip.compress(b"0" * (LARGEST_ANSWER + 1))
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed)
    slow_server |= {"head": head + packed, "body": b""}
    with pytest.raises(CalendarError) as caught, explained():
        Http().request(slow_server["url"])
    assert (caught.value.fault, caught.value.code) == (Fault.PASSING, "DecodeLimitError")


def test_an_enormous_answer_is_not_read_to_its_end(desk: Desk):
    calendar = desk.open()
    desk.double.trouble(status=200, body="x" * (LARGEST_ANSWER + 1), method="GET")
    error = failed(calendar.check)
    assert (error.fault, error.code) == (Fault.PASSING, "HTTPException")
    assert calendar.check().name == desk.email


# ------------------------------------------------------------------------------------------------ its turn


def test_every_request_waits_for_its_turn_even_one_sent_again(desk: Desk):
    calendar, wanted = desk.open(), entry()
    desk.double.trouble(drop=True, path="/calendar/")
    calendar.put(wanted, None)
    calendar.put(wanted, None)
    the_listed(calendar)
    assert desk.turns == desk.double.peaks()[desk.email] + 1 == 6


def test_whoever_has_lost_the_turn_sends_nothing(desk: Desk):
    class Lost(Exception):
        pass

    def lose() -> None:
        raise Lost

    calendar = desk.open(pace=lose)
    with pytest.raises(Lost):
        calendar.put(entry(), None)
    assert desk.double.peaks() == {}


# ---------------------------------------------------------------------------------------------- permission


def test_a_token_is_renewed_once_for_all_threads(desk: Desk):
    def at_once() -> None:
        calendars = [desk.open() for _ in range(6)]
        threads = [threading.Thread(target=calendar.check) for calendar in calendars]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    at_once()
    assert desk.double.accounts.refreshed == 1
    at_once()
    assert desk.double.accounts.refreshed == 1
    desk.double.accounts.expire()
    at_once()
    assert desk.double.accounts.refreshed == 2


def test_a_token_that_is_over_by_the_clock_is_not_sent(desk: Desk):
    desk.double.accounts.lifetime = 100
    desk.open().check()
    desk.double.accounts.lifetime = 3599
    desk.open().check()
    desk.open().check()
    assert (desk.double.accounts.refreshed, desk.turns) == (2, 3)


def test_a_token_that_is_refused_is_renewed_once(desk: Desk):
    desk.double.trouble(**refused(401, "authError"))
    assert failed(desk.open().check).fault is Fault.CALENDAR
    assert (desk.double.accounts.refreshed, desk.turns) == (2, 2)


def test_a_permission_that_was_taken_back(desk: Desk):
    calendar = desk.open()
    calendar.check()
    desk.double.accounts.revoke(desk.email)
    for attempt in (calendar.check, desk.open().check):
        error = failed(attempt)
        assert (error.fault, str(error)) == (Fault.CALENDAR, google_access.REVOKED)


@pytest.mark.parametrize(
    ("status", "error", "fault", "text"),
    [
        (400, "invalid_grant", Fault.CALENDAR, google_access.REVOKED),
        (400, "invalid_scope", Fault.CALENDAR, google_access.REVOKED),
        (401, "unauthorized_client", Fault.CALENDAR, google_access.REVOKED),
        (401, "invalid_client", Fault.AWAY, google_access.SITE),
        (401, "deleted_client", Fault.AWAY, google_access.SITE),
        (400, "internal_failure", Fault.PASSING, google_access.TROUBLED),
        (403, "rate_limit_exceeded", Fault.CROWDED, google_access.CROWDED),
        (429, "", Fault.CROWDED, google_access.CROWDED),
        (500, "", Fault.PASSING, google_access.TROUBLED),
        (503, "invalid_grant", Fault.PASSING, google_access.TROUBLED),
    ],
)
def test_each_refusal_of_a_token_has_its_fault(desk: Desk, status: int, error: str, fault: Fault, text: str):
    body = {"error": error} if error else PAGE
    desk.double.trouble(status=status, body=body, path="/token", times=None)
    started = time.monotonic()
    found = failed(desk.open().check)
    assert (found.fault, str(found)) == (fault, text)
    # google-auth would sleep for seconds and ask again.
    assert time.monotonic() - started < 0.9
    assert desk.double.asked == 1


@pytest.mark.parametrize(
    "body",
    [PAGE, "{", "[]", '"x"', "{}", '{"access_token": "x", "expires_in": "soon"}'],
)
def test_a_token_that_cannot_be_read(desk: Desk, body: str):
    desk.double.trouble(status=200, body=body, path="/token")
    error = failed(desk.open().check)
    assert (error.fault, str(error)) == (Fault.PASSING, google_access.NOT_UNDERSTOOD)
    assert desk.open().check().name == desk.email


def test_a_site_without_its_own_name_at_google_waits_for_its_administrator(desk: Desk, settings: Any):
    settings.GOOGLE_CLIENT_ID = ""
    error = failed(desk.open().check)
    assert (error.fault, str(error)) == (Fault.AWAY, google_access.SITE)


# ---------------------------------------------------------------------------------------------- delegation


def delegated(desk: Desk, **given: str) -> Any:
    desk.secrets = {"kind": "delegated", "subject": desk.email, **given}
    return desk.open()


def test_a_service_account_writes_for_somebody(desk: Desk):
    calendar = delegated(desk)
    desk.kept.summary = "Dana Reyes"
    checked = calendar.check()
    assert (checked.name, checked.key) == ("Dana Reyes", desk.email)
    calendar.put(entry(), None)
    assert desk.event["creator"]["email"] == desk.email


def test_a_service_account_that_may_not(desk: Desk):
    desk.double.accounts.may_delegate = False
    error = failed(delegated(desk).check)
    text = google_access.NO_DELEGATION.format(subject=desk.email)
    assert (error.fault, str(error)) == (Fault.CALENDAR, text)


def test_a_service_account_for_nobody(desk: Desk):
    nobody = f"not-{desk.email}"
    error = failed(delegated(desk, subject=nobody).check)
    assert (error.fault, str(error)) == (Fault.CALENDAR, google_access.NOBODY.format(subject=nobody))


@pytest.mark.parametrize("hours", [-1, 2])
def test_clocks_that_differ_are_nobodys_permission(desk: Desk, hours: int):
    desk.double.accounts.ahead = hours * 3600
    error = failed(delegated(desk).check)
    assert (error.fault, str(error)) == (Fault.AWAY, google_access.CLOCKS)


@pytest.mark.parametrize("content", [None, "", "[]", "{}", '{"type": "service_account"}'])
def test_a_key_file_that_cannot_be_used(desk: Desk, settings: Any, tmp_path: Any, content: str | None):
    path = tmp_path / "key.json"
    if content is not None:
        path.write_text(content)
    settings.GOOGLE_SERVICE_ACCOUNT_FILE = str(path)
    error = failed(delegated(desk).check)
    assert (error.fault, str(error)) == (Fault.AWAY, google_access.SITE)
