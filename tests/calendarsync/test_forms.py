"""What the forms for connecting calendars take, and what they show."""

import pytest
from django.core.cache import cache
from django.http import QueryDict

from appointments import branding
from calendarsync.forms import CalendarForm, DelegatedForm, ServerForm, TitlesForm
from calendarsync.models import TitleStyle
from calendarsync.providers.base import Choice
from tests import factories as make


def server(text: str) -> ServerForm:
    data = QueryDict(mutable=True)
    data.update({"server": text, "username": "dana", "password": "secret"})
    return ServerForm(data)


@pytest.mark.parametrize(
    ("entered", "taken"),
    [
        ("caldav.icloud.com", "https://caldav.icloud.com"),
        (" https://cloud.example.org/remote.php/dav/ ", "https://cloud.example.org/remote.php/dav/"),
        ("http://calendar.lan:5232", "http://calendar.lan:5232"),
        ("calendar.lan:5232/dana/", "https://calendar.lan:5232/dana/"),
        (
            "https://caldav.fastmail.com/dav/calendars/user/dana@fastmail.com/x/",
            "https://caldav.fastmail.com/dav/calendars/user/dana@fastmail.com/x/",
        ),
        ("https://kalender.müller.example/", "https://kalender.müller.example/"),
        ("https://[2001:db8::1]:8443/dav", "https://[2001:db8::1]:8443/dav"),
    ],
)
def test_an_address_is_taken_as_people_write_it(entered, taken):
    form = server(entered)
    assert (form.is_valid(), form.cleaned_data.get("server")) == (True, taken)


@pytest.mark.parametrize(
    "entered",
    [
        "ftp://calendar.example.org/",
        "webcal://calendar.example.org/",
        "https://",
        "https:///dav",
        "https://calendar.example.org:99999/",
        "https://calendar.example.org:0/",
        "https://cal endar.example.org/",
        "https://[calendar.example.org",
        "javascript:alert(1)",
        "https:/dana:secret@calendar.example.org/",
    ],
)
def test_what_is_no_address_is_refused(entered):
    form = server(entered)
    assert form.errors == {
        "server": ["This is not the address of a calendar server. It looks like https://caldav.example.org."]
    }


@pytest.mark.parametrize(
    ("entered", "shown"),
    [
        ("https://dana:secret@calendar.example.org/dav?x=1", "https://calendar.example.org/dav?x=1"),
        ("dana@calendar.example.org", "https://calendar.example.org"),
        ("https://a@b:secret@calendar.example.org", "https://calendar.example.org"),
    ],
)
def test_credentials_in_an_address_are_refused_and_taken_out_of_what_is_shown(entered, shown):
    form = server(entered)
    assert form.errors == {
        "server": [
            "Leave the user name and the password out of the address: they have fields of their own below."
        ]
    }
    assert form["server"].value() == shown


def test_a_password_is_never_shown_again():
    form = server("nonsense://")
    assert not form.is_valid()
    assert "secret" not in str(form)


def test_title_styles_are_told_in_the_organizations_word():
    cache.set(branding.KEY, branding.Brand("Northside", "patient", "patients", "", ()), None)
    page = str(TitlesForm())
    assert [said in page for said in ("The patient’s initials", "The patient’s full name", "customer")] == [
        True,
        True,
        False,
    ]


def test_every_title_style_can_be_chosen():
    assert [TitlesForm({"title_style": style}).is_valid() for style in TitleStyle.values] == [True] * 4


def test_a_calendar_that_may_only_be_read_is_named_and_not_offered():
    offered = [Choice("https://a/1/", "Mine"), Choice("https://a/2/", "Holidays", may_write=False)]
    form = CalendarForm(offered=offered)
    assert [choice.data["value"] for choice in form["calendar"]] == ["https://a/1/"]
    assert [choice.name for choice in form.read_only] == ["Holidays"]


@pytest.mark.django_db
def test_colleagues_are_those_at_ones_facilities_who_have_not_left():
    here = make.facility()
    dana, _gone = make.staff(at=here), make.staff(at=here, is_active=False)
    both = make.staff(at=[here, make.facility()])
    make.staff(at=make.facility())
    form = DelegatedForm(facilities=[here.pk])
    assert list(form.fields["staff"].queryset) == [dana, both]
