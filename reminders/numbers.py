"""Which numbers can be texted, and what to say about the others."""

import phonenumbers
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext
from phonenumbers import PhoneNumberFormat, PhoneNumberType

# Where fixed and mobile lines share their numbers, as in North America, nothing tells them apart.
_TEXTABLE = frozenset({PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE})


def mobile_number(text: str, region: str | None = None) -> str:
    """A number as people type it, in E.164; "" for nothing. `region` (an ISO 3166 code) is whose number it is if it names no
    country; the site's own unless given.

    Raises ValidationError, in the active language, for what cannot be texted.
    """
    if not text.strip():
        return ""
    try:
        number = phonenumbers.parse(text, region or settings.PHONE_REGION)
    except phonenumbers.NumberParseException as error:
        raise _impossible() from error
    if not phonenumbers.is_valid_number(number):
        raise _impossible()
    kind = phonenumbers.number_type(number)
    if kind == PhoneNumberType.FIXED_LINE:
        raise _landline()
    if kind not in _TEXTABLE or number.extension:
        raise _not_mobile()
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def _impossible() -> ValidationError:
    words = gettext("This phone number does not exist. Check the digits, or leave this empty.")
    return ValidationError(words, code="impossible")


def _landline() -> ValidationError:
    words = gettext(
        "This is a landline, which texts cannot reach. Enter a mobile number, or leave this empty."
    )
    return ValidationError(words, code="landline")


def _not_mobile() -> ValidationError:
    words = gettext("Texts cannot reach this kind of number. Enter a mobile number, or leave this empty.")
    return ValidationError(words, code="not_mobile")
