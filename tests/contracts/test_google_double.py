"""The double refuses what Google documents to refuse: else tests against it would prove nothing."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
import requests

from tests.contracts.google_accounts import CONSENT, REVOKE, SCOPE, TOKEN
from tests.contracts.google_double import GoogleDouble

EMAIL = "dana@northside.example.org"
ID = "1dl8uviv5p5nt6ij3gnnl7id20"
START, END = {"dateTime": "2026-11-24T19:00:00Z"}, {"dateTime": "2026-11-24T19:30:00Z"}


class Client:
    """Somebody at the double's door, without Google's client: it would refuse some of this by itself."""

    def __init__(self, double: GoogleDouble) -> None:
        self.double = double
        self.session = requests.Session()
        self.token = self.permitted(double.account(EMAIL))

    def permitted(self, refresh_token: str) -> str:
        answer = self.form(TOKEN, grant_type="refresh_token", refresh_token=refresh_token)
        return str(answer.json()["access_token"])

    def form(self, path: str, **fields: str) -> requests.Response:
        accounts = self.double.accounts
        client = {"client_id": accounts.client_id, "client_secret": accounts.client_secret}
        return self.session.post(self.double.base + path, data={**client, **fields}, timeout=5)

    def ask(self, method: str, path: str = "", calendar: str = "primary", **given: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.token}", **given.pop("headers", {})}
        url = f"{self.double.base}/calendar/v3/calendars/{quote(calendar, safe='')}/events{path}"
        return self.session.request(method, url, headers=headers, timeout=5, **given)

    def insert(self, **fields: Any) -> requests.Response:
        given = {"id": ID, "start": START, "end": END, **fields}
        body = {name: value for name, value in given.items() if value is not None}
        return self.ask("POST", json=body)


@pytest.fixture
def client(google_calendar_double: GoogleDouble) -> Iterator[Client]:
    made = Client(google_calendar_double)
    yield made
    made.session.close()


def reason(answer: requests.Response) -> tuple[int, str]:
    error = answer.json()["error"]
    assert error["code"] == answer.status_code
    return answer.status_code, error["errors"][0]["reason"]


# ------------------------------------------------------------------------------------------------- requests


@pytest.mark.parametrize(
    "fields",
    [
        {"sumary": "A. N."},
        {"summary": 7},
        {"summary": None, "attendees": {"email": "a@example.org"}},
        {"start": None},
        {"end": None},
        {"start": {"dateTime": "tomorrow"}},
        {"start": {"dateTime": "2026-11-24T19:00:00"}},
        {"start": {"dateTime": "2026-11-24T19:00:00Z", "date": "2026-11-24"}},
        {"start": {"date": "2026-11-24"}},
        {"start": {"date": "24 November"}, "end": {"date": "2026-11-25"}},
        {"id": "0b6a8f7e-5f2e-4b7e-9a53-1c2f7a9e4d10"},
        {"id": "UPPER1"},
        {"id": "wxyz1"},
        {"id": "abc"},
        {"iCalUID": "1@example.org"},
        {"sequence": "1"},
        {"sequence": 2**31},
        {"status": "busy"},
        {"visibility": "secret"},
        {"transparency": "glass"},
        {"source": {"url": "ftp://example.org"}},
        {"extendedProperties": {"private": {"n": 1}}},
        {"extendedProperties": {"private": {"n" * 45: "x"}}},
        {"extendedProperties": {"private": {"n": "x" * 1025}}},
        {"extendedProperties": {"secret": {}}},
        {"recurrence": "RRULE:FREQ=DAILY"},
        {"reminders": {"useDefault": "no"}},
    ],
    ids=str,
)
def test_refuses_what_the_document_does_not_allow(client: Client, fields: dict[str, Any]):
    assert reason(client.insert(**fields)) == (400, "invalid")
    assert client.double.messages == []


def test_an_end_before_the_start_is_refused(client: Client):
    assert reason(client.insert(start=END, end=START)) == (400, "timeRangeEmpty")


@pytest.mark.parametrize(
    "params",
    [
        {"maxresults": "1"},
        {"maxResults": "0"},
        {"maxResults": "many"},
        {"showDeleted": "yes"},
        {"timeMin": "2026-11-24T19:00:00"},
        {"timeMin": "today"},
        {"alt": "xml"},
        {"pageToken": "x"},
        {"maxResults": ["1", "2"]},
        {"privateExtendedProperty": ["a=1", "b=2"]},
        {"syncToken": "x"},
    ],
    ids=str,
)
def test_refuses_parameters_that_the_document_does_not_allow(client: Client, params: dict[str, Any]):
    assert reason(client.ask("GET", params=params)) == (400, "invalid")


def test_refuses_a_body_where_none_belongs_and_one_that_cannot_be_read(client: Client):
    client.insert()
    assert reason(client.ask("DELETE", f"/{ID}", json={"id": ID})) == (400, "invalid")
    assert reason(client.ask("POST", data="{")) == (400, "invalid")
    assert reason(client.ask("POST", params={"sendUpdates": "some"}, json={})) == (400, "invalid")


def test_a_null_takes_away_in_a_patch_alone(client: Client):
    client.insert(location="Here", extendedProperties={"private": {"a": "1", "b": "2"}})
    patch = {"location": None, "extendedProperties": {"private": {"a": None}}}
    changed = client.ask("PATCH", f"/{ID}", json=patch).json()
    assert ("location" in changed, changed["extendedProperties"]) == (False, {"private": {"b": "2"}})
    put = {"start": START, "end": END, "location": None}
    assert reason(client.ask("PUT", f"/{ID}", json=put)) == (400, "invalid")


# --------------------------------------------------------------------------------------------------- events


def test_answers_as_google_writes_it_down(client: Client):
    """In the calendar's zone, and without what is empty or goes without saying."""
    event = client.insert(location="", recurrence=[], transparency="opaque", visibility="private").json()
    assert event["start"] == {"dateTime": "2026-11-24T14:00:00-05:00", "timeZone": "America/New_York"}
    assert not {"location", "recurrence", "transparency"} & set(event)
    assert (event["status"], event["visibility"], event["organizer"]["email"]) == (
        "confirmed",
        "private",
        EMAIL,
    )


def test_an_id_is_used_once_even_if_it_was_deleted(client: Client):
    client.insert()
    assert reason(client.insert()) == (409, "duplicate")
    assert client.ask("DELETE", f"/{ID}").status_code == 204
    assert reason(client.insert()) == (409, "duplicate")
    assert reason(client.ask("DELETE", f"/{ID}")) == (410, "deleted")
    assert client.ask("GET", f"/{ID}").json()["status"] == "cancelled"
    restored = client.ask("PUT", f"/{ID}", json={"start": START, "end": END, "status": "confirmed"})
    assert (restored.status_code, client.ask("GET").json()["items"]) == (200, [restored.json()])


@pytest.mark.parametrize("method", ["PATCH", "PUT", "DELETE"])
def test_an_etag_that_is_over_is_refused(client: Client, method: str):
    first = client.insert().json()
    body = {} if method == "DELETE" else {"json": {"start": START, "end": END, "summary": "A"}}
    second = client.ask("PATCH", f"/{ID}", json={"summary": "B"}).json()
    assert first["etag"] != second["etag"]
    stale = client.ask(method, f"/{ID}", headers={"If-Match": first["etag"]}, **body)
    assert reason(stale) == (412, "conditionNotMet")
    assert client.ask("GET", f"/{ID}").json() == second
    assert client.ask(method, f"/{ID}", headers={"If-Match": second["etag"]}, **body).ok


def test_a_sequence_does_not_go_back(client: Client):
    client.insert(sequence=4)
    moved = client.ask("PATCH", f"/{ID}", json={"start": {"dateTime": "2026-11-24T18:00:00Z"}}).json()
    assert moved["sequence"] == 5
    assert reason(client.ask("PATCH", f"/{ID}", json={"sequence": 3})) == (400, "invalid")


def test_an_update_replaces_and_a_patch_merges(client: Client):
    client.insert(summary="A", location="Here")
    assert client.ask("PATCH", f"/{ID}", json={"summary": "B"}).json()["location"] == "Here"
    assert "location" not in client.ask("PUT", f"/{ID}", json={"start": START, "end": END}).json()


def test_lists_in_pages_some_of_which_are_short(client: Client):
    for number in range(6):
        marks = {"private": {"mark": "ours"}} if number in (0, 5) else {"private": {"mark": "theirs"}}
        client.insert(id=f"event{number}", extendedProperties=marks)
    asked = {"maxResults": "2", "privateExtendedProperty": "mark=ours"}
    pages, token = [], None
    while token is not None or not pages:
        page = client.ask("GET", params={**asked, **({"pageToken": token} if token else {})}).json()
        pages.append([event["id"] for event in page["items"]])
        token = page.get("nextPageToken")
        assert ("nextSyncToken" in page) is (token is None)
    assert pages == [["event0"], [], ["event5"]]


def test_a_page_token_belongs_to_its_question(client: Client):
    for number in range(3):
        client.insert(id=f"event{number}")
    token = client.ask("GET", params={"maxResults": "2"}).json()["nextPageToken"]
    other = {"maxResults": "2", "pageToken": token, "showDeleted": "true"}
    assert reason(client.ask("GET", params=other)) == (400, "invalid")


@pytest.mark.parametrize(
    ("since", "until", "is_in"),
    [
        ("19:00", "19:30", True),
        ("19:30", "20:00", False),
        ("18:00", "19:00", False),
        ("19:10", "19:20", True),
    ],
)
def test_lists_what_touches_a_period(client: Client, since: str, until: str, is_in: bool):
    client.insert()
    params = {"timeMin": f"2026-11-24T{since}:00Z", "timeMax": f"2026-11-24T{until}:00Z"}
    assert len(client.ask("GET", params=params).json()["items"]) == is_in


def test_deleted_ones_are_listed_if_asked_for(client: Client):
    client.insert()
    client.ask("DELETE", f"/{ID}")
    assert client.ask("GET").json()["items"] == []
    assert len(client.ask("GET", params={"showDeleted": "true"}).json()["items"]) == 1


def test_gives_the_fields_that_are_asked_for(client: Client):
    event = client.insert().json()
    found = client.ask("GET", params={"fields": "summary,items(id,start(dateTime))"}).json()
    expected = {"id": ID, "start": {"dateTime": event["start"]["dateTime"]}}
    assert found == {"summary": EMAIL, "items": [expected]}


# -------------------------------------------------------------------------------------------------- callers


@pytest.mark.parametrize("header", ["", "Bearer made-up", "Basic eDp5"])
def test_strangers_are_refused(client: Client, header: str):
    assert reason(client.ask("GET", headers={"Authorization": header})) == (401, "authError")


def test_tokens_end_and_are_taken_back(client: Client):
    client.double.accounts.expire()
    assert reason(client.ask("GET")) == (401, "authError")
    token = client.double.account(EMAIL)
    client.token = client.permitted(token)
    assert client.ask("GET").ok
    client.double.accounts.revoke(EMAIL)
    assert reason(client.ask("GET")) == (401, "authError")
    answer = client.form(TOKEN, grant_type="refresh_token", refresh_token=token)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


def test_who_may_see_a_calendar_and_who_may_write(client: Client):
    client.double.account("kim@northside.example.org")
    client.double.add_calendar("team@group.example.org", "Team", dana="reader")
    client.double.add_calendar("board@group.example.org", "Board", kim="owner")
    assert client.ask("GET", calendar="team@group.example.org").json()["accessRole"] == "reader"
    body = {"start": START, "end": END}
    assert reason(client.ask("POST", calendar="team@group.example.org", json=body)) == (
        403,
        "requiredAccessLevel",
    )
    for unseen in ("board@group.example.org", "kim@northside.example.org", "nowhere"):
        assert reason(client.ask("GET", calendar=unseen)) == (404, "notFound")


def test_a_permission_for_something_else_opens_no_calendar(client: Client):
    [access] = client.double.accounts._access.values()
    access.scopes = {"openid"}
    assert reason(client.ask("GET")) == (403, "insufficientPermissions")


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"client_secret": "x"}, "invalid_client"),
        ({"client_id": "x"}, "invalid_client"),
        ({"refresh_token": "x"}, "invalid_grant"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": "authorization_code", "code": "x"}, "invalid_grant"),
        (
            {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": "a.b.c"},
            "invalid_grant",
        ),
    ],
    ids=str,
)
def test_tokens_are_not_given_to_everybody(client: Client, changed: dict[str, str], error: str):
    given = {"grant_type": "refresh_token", "refresh_token": client.double.account(EMAIL), **changed}
    answer = client.form(TOKEN, **given)
    assert (answer.json()["error"], "access_token" in answer.text) == (error, False)


@pytest.mark.parametrize(
    "changed",
    [
        {"client_id": "x"},
        {"redirect_uri": "https://evil.example.org/"},
        {"response_type": "token"},
        {"scope": ""},
        {"code_challenge_method": "plain"},
        {"code_challenge": ""},
    ],
    ids=str,
)
def test_the_page_that_asks_sends_nobody_to_strangers(client: Client, changed: dict[str, str]):
    asked = {
        "client_id": client.double.accounts.client_id,
        "redirect_uri": "http://localhost/back",
        "response_type": "code",
        "scope": SCOPE,
        "state": "s",
        "code_challenge": "c",
        "code_challenge_method": "S256",
    }
    address = client.double.base + CONSENT
    good = client.session.get(address, params=asked, allow_redirects=False, timeout=5)
    assert good.headers["Location"].startswith("http://localhost/back?")
    bad = client.session.get(address, params={**asked, **changed}, allow_redirects=False, timeout=5)
    assert (bad.status_code, "Location" in bad.headers) == (400, False)


def test_a_permission_can_be_given_back(client: Client):
    token = client.double.account(EMAIL)
    assert client.form(REVOKE, token=token).ok
    assert client.form(REVOKE, token=token).json()["error"] == "invalid_token"


# ---------------------------------------------------------------------------------------------- the outside


def test_counts_the_most_requests_in_any_one_second(client: Client):
    for _ in range(3):
        client.ask("GET")
    client.double._times[EMAIL][0] -= 1.5
    assert client.double.peaks() == {EMAIL: 2}


def test_is_made_ready_and_looked_at_from_outside(client: Client):
    base = client.double.base
    made = requests.post(f"{base}/_double/accounts", json={"emails": ["kim@example.org"]}, timeout=5)
    client.token = client.permitted(made.json()["permissions"]["kim@example.org"])
    event = client.insert().json()
    told = requests.get(f"{base}/_double/calendars", timeout=5).json()
    assert told == {
        "calendars": {EMAIL: [], "kim@example.org": [event]},
        "peaks": {"kim@example.org": 1},
    }


def test_light_checks_no_more_than_who_is_asking():
    double = GoogleDouble(light=True)
    try:
        client = Client(double)
        assert client.insert(sumary="A. N.").status_code == 200
        assert reason(client.ask("GET", headers={"Authorization": ""})) == (401, "authError")
        client.session.close()
    finally:
        double.stop()
