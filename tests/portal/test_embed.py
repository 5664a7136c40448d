"""Pages for inside other sites: off by default, framed by those on the list alone, with nothing but links."""

import pytest
from django.core.cache import cache
from django.test import Client

from appointments import branding
from appointments.models import Organisation
from tests import factories as make
from tests.portal.clinic import DAY, Clinic

pytestmark = pytest.mark.django_db
SITES = "https://www.example.org\nhttps://help.example.org:8443"


@pytest.fixture
def clinic():
    return Clinic.open(name="Northside", program={"name": "Counseling"})


@pytest.fixture
def _listed():
    cache.delete(branding.KEY)
    Organisation.current()
    Organisation.objects.update(embedding_origins=SITES)


def addresses(clinic):
    return [f"/portal/embed/facilities/{clinic.facility.pk}/", f"/portal/embed/book/{clinic.program.pk}/"]


def test_without_a_list_there_are_no_such_pages(clinic):
    for address in addresses(clinic):
        response = Client().get(address)
        assert response.status_code == 404
        assert response.headers["X-Frame-Options"] == "DENY"
        assert "frame-ancestors 'none'" in response.headers["Content-Security-Policy"]


@pytest.mark.usefixtures("_listed")
def test_sites_on_the_list_alone_may_frame_them(clinic):
    for address in addresses(clinic):
        response = Client().get(address)
        assert response.status_code == 200
        assert "X-Frame-Options" not in response.headers
        policy = response.headers["Content-Security-Policy"]
        assert "frame-ancestors https://www.example.org https://help.example.org:8443;" in f"{policy};"
        assert "default-src 'none'" in policy
        assert "script-src 'self'" in policy


@pytest.mark.usefixtures("_listed")
def test_every_other_page_stays_out_of_frames(clinic):
    for address in (
        "/portal/",
        f"/portal/book/{clinic.program.pk}/",
        f"/portal/facilities/{clinic.facility.pk}/",
    ):
        response = Client().get(address)
        assert response.headers["X-Frame-Options"] == "DENY"
        assert "frame-ancestors 'none'" in response.headers["Content-Security-Policy"]


@pytest.mark.usefixtures("_listed")
def test_their_links_open_the_portal_with_the_time_chosen(clinic):
    facility, times = addresses(clinic)
    assert (
        f'href="/portal/book/{clinic.program.pk}/" target="_blank" rel="noopener"'
        in Client().get(facility).content.decode()
    )
    source = Client().get(times, {"day": DAY.isoformat()}).content.decode()
    ten = f"{clinic.at(10):%Y-%m-%dT%H:%M:%SZ}"
    link = f"/portal/book/{clinic.program.pk}/?day={DAY}&amp;at={ten}"
    assert f'href="{link}" target="_blank" rel="noopener"><b>10:00 AM</b>' in source
    opened = Client().get(link.replace("&amp;", "&")).content.decode()
    assert f'value="{clinic.at(10):%Y-%m-%dT%H:%M:%SZ}" required checked' in opened


@pytest.mark.usefixtures("_listed")
def test_they_set_no_cookies_and_have_no_forms(clinic):
    for address in addresses(clinic):
        response = Client().get(address)
        assert response.cookies == {}
        assert "<form" not in response.content.decode()
        assert Client().post(address).status_code == 405


@pytest.mark.usefixtures("_listed")
def test_a_frame_shows_nothing_of_a_signed_in_customer(clinic):
    clinic.program.cool_down_days = 30
    clinic.program.save()
    customer = make.customer(at=clinic.facility, user=make.user(), time_zone="Asia/Tokyo")
    clinic.appointment(customer, 10)
    browser = Client()
    browser.force_login(customer.user, "portal.accounts.PatronBackend")
    for address in addresses(clinic):
        asked = {"day": DAY.isoformat()}
        assert browser.get(address, asked).content == Client().get(address, asked).content


@pytest.mark.usefixtures("_listed")
def test_what_is_not_public_has_no_such_page_either(clinic):
    clinic.program.allows_public_booking = False
    clinic.program.save()
    for address in addresses(clinic):
        response = Client().get(address)
        assert response.status_code == 404
        assert response.headers["X-Frame-Options"] == "DENY"
        assert "Counseling" not in response.content.decode()
