"""Who may be texted. The log is the only source: the last entry for a number decides, and no entry means no."""

from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import User
from django.db import connection
from django.utils.translation import gettext

from appointments.models import Customer
from reminders.models import Channel, ConsentLog

# Raised whenever the words below change, in any language.
WORDING_VERSION = "2026-11"


@dataclass(frozen=True)
class Origin:
    """Where a consent came from."""

    ip: str | None = None
    user_agent: str = ""


def wording(organisation: str) -> str:
    """What a person agrees to by giving their number, in the active language (CTIA: sender, subject, frequency, cost, STOP, HELP)."""
    return gettext(
        "By entering it you agree to appointment texts from %(organisation)s at this number. About 3 per appointment; "
        "message and data rates may apply. Reply STOP to end, HELP for help."
    ) % {"organisation": organisation}


def wording_to_turn_on(organisation: str) -> str:
    """The same for somebody who turns texts on for the number on their record."""
    return gettext(
        "By turning texts on you agree to appointment texts from %(organisation)s at this number. About 3 per appointment; "
        "message and data rates may apply. Reply STOP to end, HELP for help."
    ) % {"organisation": organisation}


def wording_to_tick(organisation: str) -> str:
    """The same beside a box to tick, where the carrier asks for one."""
    return gettext(
        "I agree to appointment texts from %(organisation)s at this number. About 3 per appointment; "
        "message and data rates may apply. Reply STOP to end, HELP for help."
    ) % {"organisation": organisation}


def may_text(phone: str) -> bool:
    """Whether the last word about this number is yes."""
    return bool(phone) and _last_word(phone) is True


def was_withdrawn(phone: str) -> bool:
    """Whether the last word about this number is no: nothing at all is texted to it then."""
    return _last_word(phone) is False


_LAST_WORD = (
    "SELECT granted FROM reminders_consentlog WHERE channel = %s AND address = %s ORDER BY id DESC LIMIT 1"
)


def _last_word(phone: str) -> bool | None:
    with connection.cursor() as cursor:
        cursor.execute(_LAST_WORD, [Channel.PHONE, phone])
        row = cursor.fetchone()
    return row[0] if row else None


def record(
    *,
    phone: str,
    granted: bool,
    source: str,
    wording: str,
    now: datetime,
    by: User | None = None,
    customer: Customer | None = None,
    origin: Origin = Origin(),
) -> ConsentLog:
    """Add an entry for a number. `by` is the staff member or the signed-in customer; None for a visitor."""
    return ConsentLog.objects.create(
        channel=Channel.PHONE,
        address=phone,
        granted=granted,
        source=source,
        wording=wording,
        wording_version=WORDING_VERSION,
        customer=customer,
        at=now,
        ip=origin.ip,
        user_agent=origin.user_agent[:200],
        by=by,
    )
