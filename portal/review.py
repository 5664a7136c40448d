"""What a visitor agrees to by pressing “Book”: exactly what the page showed, bound so that nothing else can be booked by it."""

import hmac
import json
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from appointments.models import Customer
from portal.bookings import Person
from portal.contacts import shown_number
from portal.showing import ShownProgram
from portal.times import Search
from reminders.consent import WORDING_VERSION
from securecare import links

LASTS = timedelta(hours=1)
PURPOSE = "review of a booking"


@dataclass(frozen=True)
class Review:
    """All that the page shows and more is bound: whoever adds to it binds it. `staff` is empty for anyone, `customer` is the id of
    who is signed in."""

    program: ShownProgram
    starts_at: datetime
    minutes: int
    staff_id: str
    staff: str
    customer: int | None
    name: str
    given_name: str
    date_of_birth: date | None
    email: str
    phone: str
    consent: str
    consent_version: str

    @property
    def number(self) -> str:
        """As people read it."""
        return shown_number(self.phone)


@dataclass(frozen=True)
class Seal:
    """`submission` is the secret of this one showing, `issued` its time in seconds since 1970."""

    submission: str
    issued: int
    mac: str

    @classmethod
    def read(cls, sent: Any) -> "Seal":
        issued = sent.get("issued", "")
        seconds = int(issued) if issued.isdecimal() and len(issued) < 12 else 0
        return cls(sent.get("submission", ""), seconds, sent.get("mac", ""))

    @classmethod
    def on(cls, review: Review, *, now: datetime) -> "Seal":
        submission, issued = links.new_token(), int(now.timestamp())
        return cls(submission, issued, _mac(review, submission, issued))

    def binds(self, review: Review) -> bool:
        """Whether this is what was shown, to the letter."""
        return hmac.compare_digest(self.mac.encode(), _mac(review, self.submission, self.issued).encode())

    def is_fresh(self, now: datetime) -> bool:
        return 0 <= now.timestamp() - self.issued < LASTS.total_seconds() + 1


def of(search: Search, starts_at: datetime, person: Person | None) -> Review:
    """What booking would book. Without a person, for the signed-in customer of the search, as on record."""
    who = _as_typed(person) if person else _on_record(search.customer)
    # Nothing of the description is shown here.
    program = replace(ShownProgram.of(search.program), description="")
    return Review(
        program=program,
        starts_at=starts_at,
        minutes=search.minutes,
        staff_id=str(search.staff.pk) if search.staff else "",
        staff=search.staff.display_name if search.staff else "",
        customer=None if person or search.customer is None else search.customer.pk,
        consent_version=WORDING_VERSION,
        **who,
    )


def _as_typed(person: Person) -> dict[str, Any]:
    return {
        "name": person.name,
        "given_name": person.given_name,
        "date_of_birth": person.date_of_birth,
        "email": person.email,
        "phone": person.phone,
        "consent": person.consent,
    }


def _on_record(customer: Customer | None) -> dict[str, Any]:
    if customer is None:
        raise ValueError("Nobody is signed in, and nobody was named.")
    return {
        "name": customer.full_name,
        "given_name": customer.given_name,
        "date_of_birth": customer.date_of_birth,
        "email": customer.email,
        "phone": customer.phone,
        "consent": "",
    }


def _mac(review: Review, submission: str, issued: int) -> str:
    shown = json.dumps([asdict(review), submission, issued], default=str, sort_keys=True)
    return links.keyed_digest(shown, purpose=PURPOSE).hex()
