import logging

import pytest
from django.conf import settings

from securecare import links
from securecare.logs import WithoutSecrets


def test_every_line_is_written_by_the_formatter_that_masks():
    lines = settings.LOGGING["formatters"]
    assert {handler["formatter"] for handler in settings.LOGGING["handlers"].values()} == {"line"}
    assert lines["line"]["()"] == f"{WithoutSecrets.__module__}.{WithoutSecrets.__name__}"


@pytest.mark.parametrize(
    "before",
    [
        "/portal/a/",
        "/portal/sign-in/link/",
        "/portal/unsubscribe/",
        "/c/",
        "/s/",
        "/i/",
        "/calendar/",
        "https://care.example/portal/a/",
    ],
)
def test_tokens_in_addresses_are_masked_wherever_they_stand(before):
    token = links.new_token()
    try:
        raise ValueError(f"{before}{token}/move/")
    except ValueError as error:
        trace = (type(error), error, error.__traceback__)
    record = logging.LogRecord("django", 30, "", 0, "Not Found: %s", (f"{before}{token}/",), trace)
    line = WithoutSecrets("{message}", style="{").format(record)
    assert token not in line
    assert f"Not Found: {before}…/" in line
    assert f"{before}…/move/" in line


def test_other_addresses_stay_as_they_are():
    for address in ("/portal/account/appointments/0b6a8f7e-5f2e-4b7e-9a53-1c2f7a9e4d10/", "/portal/book/1/"):
        record = logging.LogRecord("django", 30, "", 0, "Not Found: %s", (address,), None)
        assert WithoutSecrets("{message}", style="{").format(record) == f"Not Found: {address}"
