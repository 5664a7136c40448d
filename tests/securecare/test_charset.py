"""Forms in charsets that no page asks for."""

import pytest
from django.test import Client
from django.test.client import BOUNDARY, encode_multipart

pytestmark = pytest.mark.django_db
# One half of a letter, which the database cannot keep; and codecs that refuse to read any form.
ODD = [
    ("utf-7", "+2AA-@example.org"),
    ("unicode_escape", "\\ud800"),
    ("zlib_codec", "x"),
    ("idna", "x"),
    ("undefined", "x"),
]


def send(address: str, fields: dict[str, str], charset: str) -> int:
    body = encode_multipart(BOUNDARY, fields)
    content_type = f"multipart/form-data; boundary={BOUNDARY}; charset={charset}"
    return Client().generic("POST", address, body, content_type=content_type).status_code


@pytest.mark.parametrize(("charset", "text"), ODD)
@pytest.mark.parametrize(("address", "name"), [("/portal/sign-in/", "contact"), ("/sign-in/", "username")])
def test_form_in_an_odd_charset_is_refused(address, name, charset, text):
    assert send(address, {name: text}, charset) == 415


@pytest.mark.parametrize("charset", ["utf-8", "UTF-8", "utf8"])
def test_form_in_utf8_is_read(charset):
    assert send("/portal/sign-in/", {"contact": "ada@example.org"}, charset) == 302
