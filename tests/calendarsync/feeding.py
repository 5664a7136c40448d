"""What the tests of feeds share: a feed's file as a calendar reads it."""

from datetime import UTC, datetime
from typing import Any

from icalendar import Calendar

from appointments.models import Appointment, Customer, StaffMember
from calendarsync import feed_content, feeds
from tests import factories as make
from tests.portal.clinic import Clinic

AT = datetime(2026, 11, 24, 19, 0, tzinfo=UTC)


def visit(clinic: Clinic, **given: Any) -> Appointment:
    place = {"program": clinic.program, "staff": clinic.staff, "starts_at": AT}
    return make.appointment(**{**place, "overrides": {"outside_hours", "cool_down"}, **given})


def of_staff(staff: StaffMember, **given: Any) -> str:
    """The token of a staff member's feed."""
    return feeds.create(staff=staff, by=staff.user, now=make.NOW, **given)


def of_customer(customer: Customer, **given: Any) -> str:
    return feeds.create(customer=customer, by=None, now=make.NOW, **given)


def body_of(token: str, *, now: datetime = make.NOW) -> bytes:
    return content_of(token, now=now).body


def content_of(token: str, *, now: datetime = make.NOW) -> feed_content.Content:
    """The file and its ETag, which is the one that is known without the file."""
    feed = feeds.find(token)
    assert feed is not None
    content = feed_content.content(feed, now=now)
    assert content.etag == feed_content.etag(feed, now=now)
    return content


def events_in(body: bytes) -> list[dict[str, Any]]:
    """Every event as a real parser reads it."""
    return [
        {name.lower(): getattr(value, "dt", value) for name, value in event.items()}
        for event in Calendar.from_ical(body).walk("VEVENT")
    ]


def titles_in(token: str, *, now: datetime = make.NOW) -> list[str]:
    return [str(event["summary"]) for event in events_in(body_of(token, now=now))]
