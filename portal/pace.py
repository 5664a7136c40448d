"""How often one may book online: by network address, and by the e-mail address and number that are typed."""

from datetime import timedelta

from django.conf import settings
from limits import parse

from portal.bookings import Person
from securecare import limits, links
from securecare.client import network_of


def wait_before_booking(*, ip: str | None, person: Person | None) -> timedelta | None:
    """Count one more booking. None if it may go ahead, else how long to wait at most.

    Who is signed in has proved an address and books as often as their network may. Contacts are counted by their digests.
    """
    counted = [("bookings from an address", network_of(ip), settings.BOOKINGS_PER_ADDRESS)]
    for contact in filter(None, (person.email, person.phone) if person else ()):
        who = links.keyed_digest(contact, purpose="bookings by a contact").hex()
        counted.append(("bookings by a contact", who, settings.BOOKINGS_PER_CONTACT))
    for what, who, rate in counted:
        if not limits.allowed(what, who, rate):
            return timedelta(seconds=parse(rate).get_expiry())
    return None
