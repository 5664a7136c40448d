"""Private addresses at which calendars that only subscribe read somebody's appointments.

Whoever holds an address reads; so only its digest is kept, it is shown once, and its owner ends it at any time.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.urls import reverse

from appointments.models import Customer, Organisation, StaffMember
from calendarsync.models import CalendarFeed, TitleStyle
from securecare import links

NOTED_EVERY = timedelta(hours=1)

# Of who has left, or may no longer sign in, there is no feed.
_FIND = """
SELECT feed.id, feed.staff_id, feed.customer_id, feed.title_style, feed.emails, feed.numbers, feed.last_read_at,
       staff.display_name, customer.language, organisation.name, organisation.calendars_show_public_notes
  FROM calendarsync_calendarfeed feed
  LEFT JOIN appointments_staffmember staff ON staff.id = feed.staff_id
  LEFT JOIN appointments_customer customer ON customer.id = feed.customer_id
  LEFT JOIN auth_user login ON login.id = coalesce(staff.user_id, customer.user_id)
  LEFT JOIN appointments_staffmember colleague ON colleague.user_id = customer.user_id
  LEFT JOIN appointments_organisation organisation ON organisation.id = 1
 WHERE feed.digest = %s AND feed.revoked_at IS NULL
   AND CASE WHEN feed.staff_id IS NOT NULL THEN staff.is_active AND login.is_active
            ELSE login.id IS NULL OR login.is_active OR login.is_superuser OR colleague.id IS NOT NULL END
"""


@dataclass(frozen=True)
class OpenFeed:
    """What an address that works is for: the appointments of `staff`, whose name is `owner`, or of `customer`, by id."""

    pk: int
    staff: int | None
    customer: int | None
    title_style: str
    emails: tuple[str, ...]
    numbers: tuple[str, ...]
    last_read_at: datetime | None
    owner: str
    language: str
    organisation: str
    shows_notes: bool


@dataclass(frozen=True)
class Use:
    """How long there has been an address, and when it was read last. What is `lately` was within the hour: reading is noted no
    finer."""

    made_at: datetime
    read_at: datetime | None
    made_lately: bool
    read_lately: bool

    @classmethod
    def of(cls, feed: CalendarFeed | None, *, now: datetime) -> "Use | None":
        if feed is None:
            return None
        before, made_at, read_at = now - NOTED_EVERY, feed.created_at, feed.last_read_at
        return cls(made_at, read_at, made_at > before, read_at is not None and read_at > before)


def create(
    *,
    staff: StaffMember | None = None,
    customer: Customer | None = None,
    title_style: str = TitleStyle.INITIALS,
    emails: Iterable[str] = (),
    numbers: Iterable[str] = (),
    by: User | None,
    now: datetime,
) -> str:
    """A new address's token, which nobody can find out later; the one before it ends. `emails` and `numbers` are those that a
    customer has proved: see `CalendarFeed`."""
    token = links.new_token()
    with transaction.atomic():
        _hold(staff, customer)
        _end(staff, customer, now)
        CalendarFeed.objects.create(
            digest=links.digest(token),
            staff=staff,
            customer=customer,
            title_style=title_style,
            emails=sorted({email.lower() for email in emails}),
            numbers=sorted(set(numbers)),
            created_at=now,
            created_by=by,
        )
    return token


def revoke(*, staff: StaffMember | None = None, customer: Customer | None = None, now: datetime) -> bool:
    """End the address that works. False if there is none."""
    return bool(_end(staff, customer, now))


def change_titles(*, staff: StaffMember, title_style: str) -> bool:
    """The address stays the same. False if there is none."""
    return bool(_live(staff, None).update(title_style=title_style))


def of_staff(staff: StaffMember) -> CalendarFeed | None:
    return _live(staff, None).first()


def of_customer(customer: Customer) -> CalendarFeed | None:
    return _live(None, customer).first()


def address(token: str) -> str:
    return settings.PUBLIC_BASE_URL + reverse("calendar-feed-file", args=[token])


def subscribing_address(token: str) -> str:
    """The same, as programs on phones and computers know that it is to be subscribed to."""
    return "webcal:" + address(token).partition(":")[2]


def find(token: str) -> OpenFeed | None:
    """None for what was never an address, has ended, or belongs to somebody who has left: nobody can tell which."""
    with connection.cursor() as cursor:
        cursor.execute(_FIND, [links.digest(token)])
        row = cursor.fetchone()
    if row is None:
        return None
    pk, staff, customer, style, emails, numbers, read_at, owner, language, organisation, shows_notes = row
    return OpenFeed(
        pk,
        staff,
        customer,
        style,
        tuple(emails),
        tuple(numbers),
        read_at,
        owner or "",
        language or settings.LANGUAGE_CODE,
        organisation or Organisation().name,
        bool(shows_notes),
    )


def note_read(feed: OpenFeed, *, now: datetime) -> None:
    """That a calendar still reads it, to the hour."""
    before = now - NOTED_EVERY
    if feed.last_read_at is None or feed.last_read_at < before:
        is_old = Q(last_read_at=None) | Q(last_read_at__lt=before)
        CalendarFeed.objects.filter(is_old, pk=feed.pk).update(last_read_at=now)


def _live(staff: StaffMember | None, customer: Customer | None) -> QuerySet[CalendarFeed]:
    if (staff is None) == (customer is None):
        raise ValueError("A feed is of one staff member or of one customer.")
    return CalendarFeed.objects.filter(staff=staff, customer=customer, revoked_at=None)


def _end(staff: StaffMember | None, customer: Customer | None, now: datetime) -> int:
    return _live(staff, customer).update(revoked_at=now)


def _hold(staff: StaffMember | None, customer: Customer | None) -> None:
    """Two that create at once do so one after the other, and the later one's address works."""
    if staff is not None:
        StaffMember.objects.select_for_update(no_key=True).get(pk=staff.pk)
    elif customer is not None:
        Customer.objects.select_for_update(no_key=True).get(pk=customer.pk)
