import pytest
from django.core.exceptions import ValidationError
from django.utils import translation

from reminders.numbers import mobile_number


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ("", ""),
        ("   ", ""),
        ("212 555 0143", "+12125550143"),
        ("(212) 555-0143", "+12125550143"),
        ("+1.212.555.0143", "+12125550143"),
        ("２１２ 555 0143", "+12125550143"),
        ("+34 612 345 678", "+34612345678"),
        ("+49 151 23456789", "+4915123456789"),
    ],
)
def test_number_that_can_be_texted_is_normalised(typed: str, number: str) -> None:
    assert mobile_number(typed) == number


def test_number_without_a_country_is_of_the_region() -> None:
    assert mobile_number("0151 23456789", region="DE") == "+4915123456789"


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("+49 30 901820", "landline"),
        ("+44 20 7946 0958", "landline"),
        ("800 555 0199", "not_mobile"),
        ("1-800-FLOWERS", "not_mobile"),
        ("900 555 0100", "not_mobile"),
        ("+1 500 234 5678", "not_mobile"),
        ("212 555 0143 x5", "not_mobile"),
        ("123", "impossible"),
        ("555 0143", "impossible"),
        ("000 000 0000", "impossible"),
        ("212 555 01433", "impossible"),
        ("ada@example.org", "impossible"),
        ("🌱", "impossible"),
        ("1" * 500, "impossible"),
    ],
)
def test_number_that_cannot_be_texted_is_told(typed: str, code: str) -> None:
    with pytest.raises(ValidationError) as refused:
        mobile_number(typed)

    assert refused.value.code == code


def test_refusal_says_what_to_do() -> None:
    with translation.override("en"), pytest.raises(ValidationError) as refused:
        mobile_number("+49 30 901820")

    assert refused.value.messages == [
        "This is a landline, which texts cannot reach. Enter a mobile number, or leave this empty."
    ]
