"""Which address a request has, and which addresses count as one."""

import pytest
from django.test import RequestFactory

from securecare.client import address_of, network_of


@pytest.mark.parametrize(
    ("seen", "address"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8::7", "2001:db8::7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("fe80::1%eth0", "fe80::1"),
        ("unix:", None),
    ],
)
def test_address_is_written_as_the_database_keeps_it(seen, address):
    assert address_of(RequestFactory().get("/", REMOTE_ADDR=seen)) == address


def test_address_behind_a_proxy_is_the_one_the_proxy_saw(settings):
    request = RequestFactory().get("/", headers={"x-forwarded-for": "198.51.100.1, 192.0.2.7"})
    assert address_of(request) == "127.0.0.1"
    settings.BEHIND_PROXY = True
    assert address_of(request) == "192.0.2.7"


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:0:1::7", "2001:db8:0:1::/64"),
        ("2001:db8:0:1:ffff::7", "2001:db8:0:1::/64"),
        ("2001:db8:0:2::7", "2001:db8:0:2::/64"),
        (None, "unknown"),
    ],
)
def test_addresses_of_one_ipv6_line_count_as_one(address, network):
    assert network_of(address) == network
