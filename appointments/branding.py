"""The organisation's own words, which every page shows: its name and what it calls the people it serves.

Kept in memory for a minute, so that pages do not read them again and again; a change shows elsewhere within that minute.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.core.cache import cache
from django.http import HttpRequest
from django.utils.functional import lazy
from django.utils.text import capfirst

from appointments.models import Organisation

KEY = "branding"
SECONDS_KEPT = 60


@dataclass(frozen=True)
class Brand:
    name: str
    customer: str
    customers: str
    privacy_url: str
    embedders: tuple[str, ...]


def brand() -> Brand:
    found: Brand | None = cache.get(KEY)
    if found is None:
        found = _read()
        cache.set(KEY, found, SECONDS_KEPT)
    return found


def _said(text: str) -> str:
    words = brand()
    return text.format(
        customer=words.customer,
        customers=words.customers,
        Customer=capfirst(words.customer),
        Customers=capfirst(words.customers),
    )


# Text of forms with {customer}, {customers}, {Customer} or {Customers} in it, put in words whenever it is shown.
said: Callable[[str], Any] = lazy(_said, str)


def forget() -> None:
    """Read them again: they have changed."""
    cache.delete(KEY)


def context(request: HttpRequest) -> dict[str, Brand]:
    """Context processor: `brand` in every template."""
    return {"brand": brand()}


def _read() -> Brand:
    current = Organisation.current()
    return Brand(
        current.name,
        current.customer_word,
        current.customers_word,
        current.privacy_url,
        tuple(current.allowed_to_embed),
    )
