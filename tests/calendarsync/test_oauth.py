"""Google's permission: asked for once, for events alone, and given by whoever comes back as they were sent."""

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest
import requests

from calendarsync import oauth
from calendarsync.oauth import NotGranted
from tests.calendarsync.google_desk import Desk
from tests.contracts.google_accounts import SCOPE
from tests.contracts.google_double import GoogleDouble


@dataclass
class Person:
    """Dana before her browser. `session` is hers at this site."""

    double: GoogleDouble
    email: str
    session: dict[str, Any] = field(default_factory=dict)

    def go(self) -> dict[str, str]:
        """To Google's page and, with what that sends, back."""
        answer = requests.get(oauth.begin(self.session), allow_redirects=False, timeout=5)
        assert answer.status_code == 302, answer.text
        back = urlsplit(answer.headers["Location"])
        assert (
            f"{back.scheme}://{back.netloc}{back.path}" == "http://localhost:8000/calendars/google/callback/"
        )
        brought = {name: values[0] for name, values in parse_qs(back.query).items()}
        return {name: brought.get(name, "") for name in ("state", "code", "error")}

    def finish(self, **brought: str) -> dict[str, Any]:
        return oauth.finish(self.session, **brought)

    def refusal(self, **brought: str) -> str:
        with pytest.raises(NotGranted) as caught:
            self.finish(**brought)
        return str(caught.value)


@pytest.fixture
def dana(google_calendar_double: GoogleDouble, settings: Any) -> Person:
    settings.PUBLIC_BASE_URL = "http://localhost:8000"
    email = f"dana-{uuid4().hex[:8]}@northside.example.org"
    google_calendar_double.account(email)
    google_calendar_double.accounts.person = email
    return Person(google_calendar_double, email)


def test_asks_for_events_alone_and_for_a_lasting_permission(dana: Person):
    address = urlsplit(oauth.begin(dana.session))
    asked = {name: values[0] for name, values in parse_qs(address.query).items()}
    kept = dana.session[oauth.KEY]
    assert len(asked.pop("code_challenge")) == 43
    assert asked == {
        "client_id": dana.double.accounts.client_id,
        "redirect_uri": "http://localhost:8000/calendars/google/callback/",
        "response_type": "code",
        "scope": SCOPE,
        "access_type": "offline",
        "prompt": "consent",
        "state": kept["state"],
        "code_challenge_method": "S256",
    }
    assert kept["verifier"] not in address.query
    assert min(len(kept["state"]), len(kept["verifier"])) >= 30


def test_who_agrees_can_be_written_for(dana: Person):
    secrets = dana.finish(**dana.go())
    assert (secrets["kind"], secrets["scopes"]) == ("oauth", [SCOPE])
    desk = Desk(dana.double, dana.email, secrets=secrets)
    assert desk.open().check().name == dana.email
    desk.leave()
    assert dana.session == {}


def test_a_return_is_good_once(dana: Person):
    brought = dana.go()
    dana.finish(**brought)
    assert dana.refusal(**brought) == oauth.STALE


def test_a_return_that_failed_is_not_good_again(dana: Person):
    brought = dana.go()
    assert dana.refusal(**{**brought, "state": "x"}) == oauth.STALE
    assert dana.refusal(**brought) == oauth.STALE


@pytest.mark.parametrize("state", ["", "x", "état"])
def test_whoever_was_not_sent_is_not_let_in(dana: Person, state: str):
    """As if a page of somebody else's had Dana's browser bring their permission."""
    brought = {**dana.go(), "state": state}
    assert dana.refusal(**brought) == oauth.STALE
    assert dana.double.accounts.refreshed == 0


def test_only_the_last_of_two_returns_counts(dana: Person):
    first = dana.go()
    dana.go()
    assert dana.refusal(**first) == oauth.STALE


def test_a_code_is_worth_nothing_in_another_session(dana: Person):
    brought = dana.go()
    other = Person(dana.double, dana.email)
    oauth.begin(other.session)
    stolen = {**brought, "state": other.session[oauth.KEY]["state"]}
    assert other.refusal(**stolen) == oauth.NOT_ACCEPTED.format(error="invalid_grant")


def test_who_refuses_is_told_so(dana: Person):
    dana.double.accounts.consent = "refuse"
    assert dana.refusal(**dana.go()) == oauth.REFUSED


@pytest.mark.parametrize("consent", ["untick", "less"])
def test_who_unticks_the_box_is_told_which(dana: Person, consent: str):
    dana.double.accounts.consent = consent
    assert dana.refusal(**dana.go()) == oauth.UNTICKED
    assert dana.double.accounts.revoked == []


def test_a_permission_for_an_hour_is_not_enough(dana: Person):
    dana.double.accounts.gives_refresh_token = False
    assert dana.refusal(**dana.go()) == oauth.NOT_FOR_LONG


@pytest.mark.parametrize(
    ("brought", "text"),
    [
        ({"error": "admin_policy_enforced"}, oauth.NOT_ACCEPTED.format(error="admin_policy_enforced")),
        ({"error": "<script>" + "x" * 90}, oauth.NOT_ACCEPTED.format(error="<script>" + "x" * 32)),
        ({"code": ""}, oauth.REFUSED),
        ({"code": "4/made-up"}, oauth.NOT_ACCEPTED.format(error="invalid_grant")),
    ],
)
def test_other_returns(dana: Person, brought: dict[str, str], text: str):
    assert dana.refusal(**{**dana.go(), **brought}) == text


@pytest.mark.parametrize(
    "trouble",
    [
        {"drop": True},
        {"status": 503, "body": "<html>"},
        {"status": 200, "body": "<html>"},
        {"status": 200, "body": "[]"},
        {"status": 200, "body": "{}"},
        {"delay": 0.15},
    ],
    ids=str,
)
def test_a_silent_or_garbled_google(dana: Person, settings: Any, trouble: dict[str, Any]):
    settings.PROVIDER_TIMEOUT_SECONDS = 0.1
    brought = dana.go()
    dana.double.trouble(**trouble, path="/token")
    text = dana.refusal(**brought)
    assert text in (oauth.NO_ANSWER, oauth.NOT_ACCEPTED.format(error="missing_token"))


def test_giving_back(dana: Person):
    secrets = dana.finish(**dana.go())
    oauth.revoke(secrets)
    assert dana.double.accounts.revoked == [dana.email]
    # What is over already, what never was, and an address that nobody answers at: all the same to who disconnects.
    oauth.revoke(secrets)
    oauth.revoke({"kind": "delegated", "subject": dana.email})
    dana.double.trouble(drop=True, times=None)
    oauth.revoke({"kind": "oauth", "refresh_token": "x"})


def test_secrets_stay_out_of_logs_and_texts(dana: Person, caplog: pytest.LogCaptureFixture):
    brought = dana.go()
    dana.double.trouble(status=400, body={"error": "invalid_grant"}, path="/token")
    text = dana.refusal(**brought)
    secrets = dana.finish(**dana.go())
    oauth.revoke(secrets)
    told = text + caplog.text
    assert [
        each for each in (brought["code"], brought["state"], secrets["refresh_token"]) if each in told
    ] == []
