"""What stands in a feed. Nothing does but the columns read here and the words of the feed itself.

The database adds up a hash of these columns over all appointments, and the ETag is made of that sum and of the words: it is
known without writing the file, and there is no change of the file without a change of it. In particular it changes with names,
addresses, settings and the days that pass, as far as these show.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any, NamedTuple

from django.conf import settings
from django.db import connection, models
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext

from appointments import calendar_file
from appointments.models import Appointment, Customer, Facility, StaffMember
from calendarsync import entries, feed_file
from calendarsync.entries import Entry
from calendarsync.feed_file import Event
from calendarsync.feeds import OpenFeed
from calendarsync.models import TitleStyle

DAYS_BACK, DAYS_AHEAD = timedelta(days=30), timedelta(days=400)
# Raised with every change of how files are written, so that calendars fetch theirs anew.
FORMAT = 1

_NAMED = {TitleStyle.INITIALS, TitleStyle.FULL_NAME}


# Of each model what a feed may show of it, in the order of the model's fields; empty where this feed does not.
_VISIT = ["reference", "starts_at", "ends_at", "status", "public_note", "revision", "placed_at"]
_FACILITY = ("name", "address", "phone")
_STAFF = ("display_name",)
_CUSTOMER = ("given_name", "family_name")
_SET_FACILITY = Appointment.facility.field.set_cached_value
_SET_STAFF = Appointment.staff.field.set_cached_value
_SET_CUSTOMER = Appointment.customer.field.set_cached_value
_COLUMNS = """
       visit.reference, visit.starts_at, visit.ends_at,
       CASE visit.status WHEN 'pending_reassignment' THEN visit.status ELSE 'scheduled' END,
       CASE WHEN %(notes)s THEN visit.public_note ELSE '' END, visit.revision, visit.placed_at,
       facility.name, facility.address, CASE WHEN %(own)s THEN facility.phone ELSE '' END,
       CASE WHEN %(own)s THEN staff.display_name ELSE '' END,
       CASE WHEN %(named)s THEN customer.given_name ELSE '' END,
       CASE WHEN %(named)s THEN customer.family_name ELSE '' END"""
# Thousands of numbers are read in no time; instants are not.
_IN_SECONDS = re.sub(r"visit\.(\w+_at)", r"floor(extract(epoch FROM visit.\1))::bigint", _COLUMNS)
_LIVE = """
  FROM appointments_appointment visit
  JOIN appointments_facility facility ON facility.id = visit.facility_id
  JOIN appointments_staffmember staff ON staff.id = visit.staff_id
  JOIN appointments_customer customer ON customer.id = visit.customer_id
 WHERE visit.status <> 'cancelled' AND visit.starts_at >= %(first)s AND visit.starts_at < %(last)s"""
_OF_STAFF = f"{_LIVE} AND visit.staff_id = %(staff)s"
# As on the portal: not what a visitor booked who gave contacts that the feed's maker had not proved (portal.own).
_OF_CUSTOMER = f"""{_LIVE} AND visit.customer_id = %(customer)s
   AND (visit.contact_email = '' AND visit.contact_phone = '' AND NOT visit.no_texts
        OR cardinality(%(emails)s::text[]) > 0
           AND (visit.contact_email = '' OR lower(visit.contact_email) = ANY(%(emails)s::text[]))
        OR cardinality(%(numbers)s::text[]) > 0 AND NOT visit.no_texts
           AND (visit.contact_phone = '' OR visit.contact_phone = ANY(%(numbers)s::text[])))"""
_SUM = f"sum(hash_record_extended(ROW({_COLUMNS}), 0))"


@dataclass(frozen=True)
class Content:
    """The file, and its ETag as it stands in the header."""

    body: bytes
    etag: str


class Words(NamedTuple):
    """What a file says besides what stands in rows."""

    calendar: str
    title: str
    staff: str
    phone: str

    @classmethod
    def of(cls, feed: OpenFeed) -> "Words":
        """In the language of the feed's reader. Staff's pages and calendars are in English."""
        if feed.customer is None:
            return cls(f"{feed.organisation}: {feed.owner}", "", "", "")
        with translation.override(feed.language):
            return cls(
                calendar=gettext("%(organization)s appointments") % {"organization": feed.organisation},
                title=gettext("%(facility)s appointment"),
                staff=gettext("With %(staff)s"),
                phone=gettext("Questions? Call %(phone)s."),
            )


def etag(feed: OpenFeed, *, now: datetime) -> str:
    """Of the file as it would be now, in one statement."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*), {_SUM} {_source(feed)}", _given(feed, now))
        return _etag(feed, Words.of(feed), *cursor.fetchone())


def content(feed: OpenFeed, *, now: datetime) -> Content:
    """Rows and their sum are of one moment: they come from one statement."""
    order = "ORDER BY visit.starts_at, visit.id"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {_SUM} OVER (), {_IN_SECONDS} {_source(feed)} {order}", _given(feed, now))
        rows = cursor.fetchall()
    words = Words.of(feed)
    body = feed_file.written(_events(feed, words, rows), name=words.calendar)
    return Content(body, _etag(feed, words, len(rows), rows[0][0] if rows else None))


def _source(feed: OpenFeed) -> str:
    return _OF_STAFF if feed.customer is None else _OF_CUSTOMER


def _given(feed: OpenFeed, now: datetime) -> dict[str, Any]:
    """The days that are shown begin and end at midnight UTC, so that time alone changes a file once a day at most."""
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return {
        "first": today - DAYS_BACK,
        "last": today + DAYS_AHEAD + timedelta(days=1),
        "staff": feed.staff,
        "customer": feed.customer,
        "emails": list(feed.emails),
        "numbers": list(feed.numbers),
        "named": feed.customer is None and feed.title_style in _NAMED,
        "notes": feed.customer is None and feed.shows_notes,
        "own": feed.customer is not None,
    }


def _etag(feed: OpenFeed, words: Words, count: int, total: Decimal | None) -> str:
    made_of = (FORMAT, settings.PUBLIC_BASE_URL, *words, feed.title_style, count, str(total))
    return f'"{hashlib.sha256(json.dumps(made_of).encode()).hexdigest()[:32]}"'


def _events(feed: OpenFeed, words: Words, rows: list[tuple[Any, ...]]) -> Iterator[Event]:
    loaded = cache(_loaded)
    for _, *columns in rows:
        visit = _visit(columns, loaded)
        if feed.customer is None:
            entry = entries.shown(visit, title_style=feed.title_style, shows_notes=feed.shows_notes)
            yield Event(str(visit.reference), visit.placed_at, entry)
        else:
            yield Event(calendar_file.uid(visit), visit.placed_at, _told(visit, words))


def _visit(columns: list[Any], loaded: Callable[..., models.Model]) -> Appointment:
    """With these columns and no others: what else might be asked of it would have to be read first, and is not there."""
    reference, *instants, status, note, revision, placed, name, address, phone, whom, given, family = columns
    starts, ends, placed = (datetime.fromtimestamp(seconds, UTC) for seconds in (*instants, placed))
    visit = Appointment.from_db(
        connection.alias, _VISIT, [reference, starts, ends, status, note, revision, placed]
    )
    _SET_FACILITY(visit, loaded(Facility, _FACILITY, name, address, phone))
    _SET_STAFF(visit, loaded(StaffMember, _STAFF, whom))
    _SET_CUSTOMER(visit, loaded(Customer, _CUSTOMER, given, family))
    return visit


def _loaded(kind: type[models.Model], fields: tuple[str, ...], *values: str) -> models.Model:
    return kind.from_db(connection.alias, fields, values)


def _told(visit: Appointment, words: Words) -> Entry:
    """As a customer's calendar shows it: that hours no longer fit is for staff to see to, but until they have, it promises nobody."""
    url = settings.PUBLIC_BASE_URL + reverse("portal-appointment", args=[visit.reference])
    is_stranded = visit.status == Appointment.Status.PENDING_REASSIGNMENT
    with_whom = "" if is_stranded else words.staff % {"staff": visit.staff.display_name}
    call = words.phone % {"phone": visit.facility.phone} if visit.facility.phone else ""
    said = "\n".join(filter(None, [with_whom, call]))
    return Entry(
        appointment=visit.reference,
        title=words.title % {"facility": visit.facility.name},
        location=calendar_file.location(visit),
        description="\n\n".join(filter(None, [said, url])),
        url=url,
        starts_at=visit.starts_at,
        ends_at=visit.ends_at,
        is_tentative=False,
        sequence=calendar_file.sequence(visit),
    )
