"""What people type about themselves, and what is said about it."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.forms import DetailsForm, plain_line
from tests.portal.booking_online import ADA

TODAY = date(2026, 11, 23)


def form(**typed):
    return DetailsForm(ADA | typed, today=TODAY)


def errors(**typed):
    return {name: [str(error) for error in found] for name, found in form(**typed).errors.items()}


def born(month, day, year):
    return {"birth_month": month, "birth_day": day, "birth_year": year}


def person(**typed):
    filled = form(**typed)
    assert filled.is_valid(), filled.errors
    return filled.person()


# --------------------------------------------------------------------------------------------------------- names


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("Ada", "Ada"),
        ("  Ada \t Maria\r\n", "Ada Maria"),
        ("Ada\nBcc: everyone@example.org", "Ada Bcc: everyone@example.org"),
        ("A\x00d\x07a", "A d a"),
        ("Zoe\u0308", "Zoë"),
        ("👩\u200d⚕\ufe0f", "👩\u200d⚕\ufe0f"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("\u202eadA", "adA"),
        ("\u2067Ada\u2069", "Ada"),
        ("A" * 80, "A" * 80),
        ("😀" * 80, "😀" * 80),
    ],
)
def test_names_are_kept_as_people_write_them_on_one_line(typed, read):
    assert person(given_name=typed).given_name == read
    assert person(family_name=typed).family_name == read


@pytest.mark.parametrize("typed", ["", " ", "\x00\n\t", "\u200b\u200d", "\u202e", "\u00a0\u3000"])
def test_a_name_of_nothing_to_see_is_none(typed):
    assert errors(given_name=typed) == {"given_name": ["Enter the first name."]}
    assert errors(family_name=typed) == {"family_name": ["Enter the last name."]}


def test_overlong_names_are_refused_with_the_limit():
    words = ["This is too long: it has room for 80 letters."]
    assert errors(given_name="A" * 81, family_name="😀" * 5000) == {"given_name": words, "family_name": words}


@given(st.text(max_size=40))
def test_a_line_is_one_line_and_stays_what_it_is(text):
    line = plain_line(text)
    assert plain_line(line) == line
    assert not any(letter in line for letter in "\r\n\t\x00\x1b\u202e\u2028")
    assert line == line.strip()


# -------------------------------------------------------------------------------------------------------- e-mail


@pytest.mark.parametrize("typed", ["ada@example.org", " Ada@Example.ORG ", "\tADA@EXAMPLE.ORG\n"])
def test_email_is_kept_in_lower_case(typed):
    assert person(email=typed).email == "ada@example.org"


@pytest.mark.parametrize(
    "typed", ["ada", "ada@", "@example.org", "a b@c.org", "ada@example", "ada@example.org\nBcc: x@y.org"]
)
def test_what_is_no_email_is_told(typed):
    assert errors(email=typed) == {
        "email": ["This is not an e-mail address. Enter one such as ada@example.org."]
    }


def test_overlong_email_is_refused_with_the_limit():
    address = "a" * 243 + "@example.org"
    assert errors(email=address) == {
        "email": ["This is too long: an e-mail address has at most 254 letters."]
    }


def test_email_that_is_too_long_once_in_lower_case_is_told():
    address = f"a@{'İ' * 30}.{'b' * 60}.{'c' * 60}.{'d' * 60}.example.org"
    assert len(address) <= 254 < len(address.lower())
    assert errors(email=address) == {
        "email": ["This is not an e-mail address. Enter one such as ada@example.org."]
    }


def test_a_null_in_an_email_is_told():
    assert list(errors(email="a\x00da@example.org")) == ["email"]


# -------------------------------------------------------------------------------------------------- date of birth


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        (("4", "12", "1991"), date(1991, 4, 12)),
        (("04", " 12 ", "1991"), date(1991, 4, 12)),
        (("2", "29", "2024"), date(2024, 2, 29)),
        (("٤", "١٢", "١٩٩١"), date(1991, 4, 12)),
        (("11", "23", "2026"), TODAY),
        (("1", "1", "1900"), date(1900, 1, 1)),
    ],
)
def test_dates_of_birth_are_read(typed, read):
    assert person(**born(*typed)).date_of_birth == read


FIGURES = {
    "birth_month": "Enter the month as a number from 1 to 12.",
    "birth_day": "Enter the day as a number from 1 to 31.",
    "birth_year": "Enter the year of birth with four digits.",
}


@pytest.mark.parametrize(
    ("typed", "name", "words"),
    [
        (("", "", ""), "birth_month", "Enter the date of birth."),
        (("", "12", "1991"), "birth_month", FIGURES["birth_month"]),
        (("13", "12", "1991"), "birth_month", FIGURES["birth_month"]),
        (("April", "12", "1991"), "birth_month", FIGURES["birth_month"]),
        (("4", "0", "1991"), "birth_day", FIGURES["birth_day"]),
        (("4", "-1", "1991"), "birth_day", FIGURES["birth_day"]),
        (("4", "²", "1991"), "birth_day", FIGURES["birth_day"]),
        (("4", "9" * 5000, "1991"), "birth_day", FIGURES["birth_day"]),
        (("4", "12", "91"), "birth_year", FIGURES["birth_year"]),
        (("4", "12", ""), "birth_year", FIGURES["birth_year"]),
        (("4", "12", "19911"), "birth_year", FIGURES["birth_year"]),
        (("2", "29", "2023"), "birth_day", "That month has no such day. Check the date of birth."),
        (("4", "31", "1991"), "birth_day", "That month has no such day. Check the date of birth."),
        (("11", "24", "2026"), "birth_year", "The date of birth is in the future. Check it."),
        (("1", "1", "9999"), "birth_year", "The date of birth is in the future. Check it."),
        (("12", "31", "1899"), "birth_year", "Enter a year of birth from 1900 on."),
    ],
)
def test_dates_that_cannot_be_are_told_at_the_figure_that_is_wrong(typed, name, words):
    assert errors(**born(*typed)) == {name: [words]}


# ------------------------------------------------------------------------------------------------------- numbers


@pytest.mark.parametrize(
    ("typed", "read"), [("", ""), ("(212) 555-0143", "+12125550143"), ("+44 7911 123456", "+447911123456")]
)
def test_numbers_are_kept_with_their_country(typed, read):
    found = person(phone=typed)
    assert (found.phone, bool(found.consent)) == (read, bool(read))


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("+44 20 7946 0018", "landline"),
        ("1 800 555 0199", "cannot reach this kind"),
        ("212 555", "does not exist"),
    ],
)
def test_numbers_that_no_text_reaches_are_told(typed, said):
    found = errors(phone=typed)
    assert list(found) == ["phone"]
    assert said in found["phone"][0]
