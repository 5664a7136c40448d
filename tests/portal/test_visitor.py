"""The visitor's random name and their browser's zone: both come from outside."""

from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import AnonymousUser
from django.http import HttpResponse
from django.test import RequestFactory

from portal import visitor
from tests import factories as make

PARIS = ZoneInfo("Europe/Paris")


def request(user=None, **cookies):
    made = RequestFactory().get("/portal/")
    made.COOKIES = cookies
    made.user = user or AnonymousUser()
    return made


def test_a_visitor_is_known_again_by_a_cookie_that_scripts_cannot_read():
    response, name = HttpResponse(), visitor.new_visitor()
    visitor.remember(response, name)
    cookie = response.cookies["visitor"]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Lax", "/portal/")
    assert visitor.visitor_of(request(visitor=cookie.value)) == name
    assert visitor.new_visitor() != name


@pytest.mark.parametrize("name", ["", "x", "a" * 44, "é" * 43, "a" * 42 + "\n", "../" + "a" * 40])
def test_a_name_that_we_did_not_make_is_no_name(name):
    assert visitor.visitor_of(request(visitor=name)) == ""


@pytest.mark.parametrize(
    "zone",
    ["", "Mars/Olympus", "../../etc/passwd", "/etc/passwd", "America", "a" * 500, "\0", "Europe/Paris\n"],
)
def test_a_zone_that_is_none_is_unknown(zone):
    assert visitor.zone_of_visitor(request(zone=zone)) is None


def test_a_browsers_zone_is_known():
    assert visitor.zone_of_visitor(request(zone="Europe/Paris")) == PARIS


@pytest.mark.django_db
def test_a_signed_in_customers_profile_goes_before_the_browser():
    customer = make.customer(user=make.user(), time_zone="Europe/Paris")
    assert visitor.zone_of_visitor(request(customer.user, zone="Asia/Tokyo")) == PARIS
    customer.time_zone = ""
    customer.save()
    customer.refresh_from_db()
    assert visitor.zone_of_visitor(request(customer.user, zone="Asia/Tokyo")) == ZoneInfo("Asia/Tokyo")
