"""Passwords sent as servers ask for them."""

import hashlib
import re
from typing import Any

import pytest

from calendarsync.providers import caldav
from calendarsync.providers.base import CalendarError, Fault
from calendarsync.providers.login import Login
from tests.contracts.doubles import Answer, Asked
from tests.contracts.radicale import USERS, RadicaleRoad

URL = "https://calendar.example.org/dir/index.html"
# RFC 7616, 3.9.1.
CHALLENGE = (
    'realm="http-auth@example.org", qop="auth, auth-int", algorithm={algorithm}, '
    'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
)


def test_names_and_passwords_of_any_letters_are_sent_as_utf_8():
    header = Login("lee@example.org", "pässword: of lee").header("GET", URL)
    assert header == "Basic bGVlQGV4YW1wbGUub3JnOnDDpHNzd29yZDogb2YgbGVl"


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_digests_are_those_of_the_standards_example(algorithm: str, response: str):
    login = Login("Mufasa", "Circle of Life")
    assert login.learn("Digest " + CHALLENGE.format(algorithm=algorithm))
    header = login.digest("GET", URL, "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ")
    assert f'response="{response}"' in header
    assert 'uri="/dir/index.html"' in header
    assert "nc=00000001" in header
    assert "nc=00000002" in login.digest("GET", URL, "another")


@pytest.mark.parametrize(
    "challenge",
    [
        "",
        'Basic realm="x"',
        'Basic realm="x", Digest realm="x", nonce="n"',
        'Digest realm="x", nonce="n", Basic realm="x"',
        'Digest realm="x", nonce="n", algorithm=SHA-512-256',
        'Digest realm="x"',
        'Negotiate, Bearer realm="digest nonce"',
    ],
)
def test_a_password_that_was_refused_is_not_sent_again_in_another_way(challenge: str):
    assert not Login("dana", "secret").learn(challenge)


def test_a_digest_that_was_refused_is_sent_again_only_for_a_fresh_nonce():
    login = Login("dana", "secret")
    assert login.learn('Digest realm="x", nonce="1"')
    assert not login.learn('Digest realm="x", nonce="2"')
    assert login.learn('Digest realm="x", nonce="2", stale=TRUE')


def test_a_name_cannot_end_its_quotation():
    login = Login('da"na\\', "secret")
    login.learn('Digest realm="x", nonce="1"')
    assert r'username="da\"na\\"' in login.header("GET", URL)


def digest_only(asked: Asked, on: Any) -> Answer:
    """A server that takes nothing but digests, without `qop` as of old (RFC 2069)."""
    given = dict(re.findall(r'(\w+)="([^"]*)"', asked.headers.get("Authorization", "")))
    password = USERS.get(given.get("username", ""), "")
    who = hashlib.md5(f"{given.get('username')}:Old:{password}".encode()).hexdigest()
    what = hashlib.md5(f"{asked.method}:{asked.target}".encode()).hexdigest()
    if given.get("response") != hashlib.md5(f"{who}:the nonce:{what}".encode()).hexdigest():
        return Answer(401, "", {"WWW-Authenticate": 'Digest realm="Old", nonce="the nonce"'})
    basic = Login("dana", USERS["dana"]).header("GET", "")
    return on(Asked(asked.method, asked.target, {**asked.headers, "Authorization": basic}, asked.body))  # type: ignore[arg-type]


def test_a_server_that_takes_only_digests_is_given_them(radicale: RadicaleRoad):
    work = radicale.calendar()
    radicale.twist = digest_only
    (found,) = caldav.choices(server=radicale.base, username="dana", password=USERS["dana"])
    assert found.address == work
    with pytest.raises(CalendarError) as refused:
        caldav.choices(server=radicale.base, username="dana", password="wrong")
    assert (refused.value.fault, refused.value.code) == (Fault.CALENDAR, "401")
