"""A site whose settings of calendars are incomplete, or cannot work, says so when it starts."""

import json
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import SystemCheckError

from calendarsync.checks import check_calendars
from tests.contracts.google_accounts import Accounts

CLIENT = {"GOOGLE_CLIENT_ID": "x.apps.googleusercontent.com", "GOOGLE_CLIENT_SECRET": "s"}
NO_KEY = "Google Calendar: GOOGLE_SERVICE_ACCOUNT_FILE is not the key of a service account, as Google Cloud gives it as JSON."


def found(settings, given: dict[str, object]) -> list[str]:
    for name, value in given.items():
        setattr(settings, name, value)
    return [message.msg for message in check_calendars()]


@pytest.mark.parametrize(
    "given",
    [
        {},
        CLIENT,
        {
            "CALDAV_PRIVATE_HOSTS": [
                "calendar.lan",
                "radicale:5232",
                "127.0.0.1:5232",
                "[::1]:5232",
                "10.0.0.7",
            ]
        },
        {"CALENDAR_REQUESTS_PER_SECOND": 10},
        {"CALENDAR_REQUESTS_PER_SECOND": 0.5},
        {"PROVIDER_TIMEOUT_SECONDS": 10, "OUTBOX_CLAIM_SECONDS": 240},
    ],
)
def test_whole_settings_pass(settings, given):
    assert found(settings, given) == []


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (
            {**CLIENT, "GOOGLE_CLIENT_SECRET": ""},
            "Google Calendar: GOOGLE_CLIENT_ID is set without GOOGLE_CLIENT_SECRET.",
        ),
        (
            {**CLIENT, "GOOGLE_CLIENT_ID": ""},
            "Google Calendar: GOOGLE_CLIENT_SECRET is set without GOOGLE_CLIENT_ID.",
        ),
        (
            {"GOOGLE_SERVICE_ACCOUNT_FILE": "/nowhere/key.json"},
            "Google Calendar: GOOGLE_SERVICE_ACCOUNT_FILE cannot be read: No such file or directory.",
        ),
        (
            {"GOOGLE_API_BASE": "www.googleapis.com"},
            "Google Calendar: GOOGLE_API_BASE is an address such as https://www.googleapis.com.",
        ),
        (
            {"GOOGLE_AUTH_URL": ""},
            "Google Calendar: GOOGLE_AUTH_URL is an address such as https://accounts.google.com/o/oauth2/v2/auth.",
        ),
        (
            {"GOOGLE_TOKEN_URL": "ftp://x"},
            "Google Calendar: GOOGLE_TOKEN_URL is an address such as https://oauth2.googleapis.com/token.",
        ),
        (
            {"GOOGLE_REVOKE_URL": "http://["},
            "Google Calendar: GOOGLE_REVOKE_URL is an address such as https://oauth2.googleapis.com/revoke.",
        ),
        *[
            (
                {"CALDAV_PRIVATE_HOSTS": ["calendar.lan", entry]},
                f"CALDAV_PRIVATE_HOSTS: {entry!r} is not written as host or host:port, such as calendar.lan:5232.",
            )
            for entry in (
                "",
                "https://calendar.lan",
                "calendar.lan/dav",
                "calendar.lan:",
                "calendar.lan:99999",
                "calendar.lan:0",
                "10.0.0.0/8",
                "[fe80]",
                "::1",
                "*.lan",
                "a b",
            )
        ],
        *[
            (
                {"CALENDAR_REQUESTS_PER_SECOND": rate},
                "CALENDAR_REQUESTS_PER_SECOND is more than 0, and at most 10.",
            )
            for rate in (0, -1, 10.1, float("nan"), float("inf"))
        ],
        (
            {"PROVIDER_TIMEOUT_SECONDS": 10, "OUTBOX_CLAIM_SECONDS": 239},
            "An entry of a slow calendar may take longer than OUTBOX_CLAIM_SECONDS, and be begun again and again.",
        ),
    ],
)
def test_what_is_missing_or_cannot_work_is_named(settings, given, problem):
    assert found(settings, given) == [problem]


def test_the_key_of_a_service_account_passes(settings, tmp_path: Path):
    path = tmp_path / "key.json"
    path.write_text(json.dumps(Accounts().key_file()))
    assert found(settings, {"GOOGLE_SERVICE_ACCOUNT_FILE": str(path)}) == []


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not json",
        b"\xff\xfe",
        b"[]",
        b"null",
        b'{"type": "authorized_user"}',
        b'{"type": "service_account"}',
        b'{"type": "service_account", "client_email": "x", "token_uri": "x", "private_key": "secret-of-the-key"}',
        b'{"type": "service_account", "client_email": "x", "token_uri": "x", "private_key": 1}',
    ],
)
def test_a_file_that_is_no_such_key_is_named_without_its_content(settings, tmp_path: Path, content: bytes):
    path = tmp_path / "key.json"
    path.write_bytes(content)
    assert found(settings, {"GOOGLE_SERVICE_ACCOUNT_FILE": str(path)}) == [NO_KEY]


def test_a_folder_is_no_key(settings, tmp_path: Path):
    [problem] = found(settings, {"GOOGLE_SERVICE_ACCOUNT_FILE": str(tmp_path)})
    assert problem == "Google Calendar: GOOGLE_SERVICE_ACCOUNT_FILE cannot be read: Is a directory."


def test_the_site_does_not_start_with_them(settings):
    settings.GOOGLE_CLIENT_ID = "x"
    with pytest.raises(SystemCheckError, match="GOOGLE_CLIENT_SECRET"):
        call_command("check")


def test_a_short_claim_is_a_warning(settings):
    settings.OUTBOX_CLAIM_SECONDS = 100
    [warning] = check_calendars()
    assert (warning.is_serious(), warning.id) == (False, "calendarsync.W001")
