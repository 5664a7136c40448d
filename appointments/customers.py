"""Keeping the record of people: one person one record, and their cases opened and closed with who and when."""

import secrets
from dataclasses import dataclass
from datetime import date, datetime

from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models import Exists, OuterRef

from appointments.models import Case, Customer, Facility
from securecare import sessions


class CaseRefused(Exception):
    """The case cannot be opened or closed; the message says why."""


@dataclass(frozen=True)
class Registered:
    """`was_on_record`: the person had a record already, and that one is used as it is."""

    customer: Customer
    was_on_record: bool


def register(
    *,
    given_name: str,
    family_name: str,
    date_of_birth: date,
    facility: Facility,
    email: str = "",
    phone: str = "",
) -> Registered:
    """Put a person on record at a facility. Somebody with the same name and birth date is that person, wherever they are known:
    their record is made known at the facility and nothing on it changes.

    Two desks that register the same person at once make one record.
    """
    with transaction.atomic():
        _hold_identity(f"{given_name} {family_name} {date_of_birth}".lower())
        found = same_person(given_name, family_name, date_of_birth, facility)
        customer = found or Customer.objects.create(
            given_name=given_name,
            family_name=family_name,
            date_of_birth=date_of_birth,
            email=email,
            phone=phone,
        )
        customer.facilities.add(facility)
    return Registered(customer, was_on_record=found is not None)


def same_person(
    given_name: str, family_name: str, date_of_birth: date, facility: Facility
) -> Customer | None:
    """The record with this name and birth date; one known at the facility before others, then the oldest."""
    known = Customer.facilities.through.objects.filter(facility=facility, customer=OuterRef("pk"))
    same = Customer.objects.filter(
        given_name__iexact=given_name, family_name__iexact=family_name, date_of_birth=date_of_birth
    )
    return same.annotate(known_here=Exists(known)).order_by("-known_here", "pk").first()


def register_online(
    *,
    given_name: str,
    family_name: str,
    date_of_birth: date,
    email: str,
    phone: str,
    facility: Facility,
    language: str = "",
) -> Customer:
    """The customer who books online without an account: whoever is on record with this birth date and this e-mail or phone
    number, else a new record in `language`. What is on record stays as it is: nobody has proved the address they typed.

    Needs a transaction; two bookings by one person at once make one record.
    """
    contacts = [contact for contact in (email.lower(), phone) if contact]
    for contact in sorted(contacts):
        _hold_identity(f"{contact} {date_of_birth}")
    found = recognised(
        date_of_birth=date_of_birth,
        email=email,
        phone=phone,
        name=(given_name, family_name),
        facility=facility,
    )
    return found or Customer.objects.create(
        given_name=given_name,
        family_name=family_name,
        date_of_birth=date_of_birth,
        email=email,
        phone=phone,
        language=language,
    )


# Runs for every booking online, and building such a query costs more than it.
_RECOGNISED = """
SELECT customer.*
  FROM appointments_customer customer
 WHERE date_of_birth = %(born)s
   AND ((email <> '' AND lower(email) = lower(%(email)s)) OR (phone <> '' AND phone = %(phone)s))
 ORDER BY lower(given_name) = lower(%(given)s) AND lower(family_name) = lower(%(family)s) DESC,
          EXISTS (SELECT FROM appointments_customer_facilities
                   WHERE customer_id = customer.id AND facility_id = %(facility)s) DESC,
          id
 LIMIT 1
"""


def recognised(
    *, date_of_birth: date, email: str, phone: str, name: tuple[str, str], facility: Facility
) -> Customer | None:
    """Who has this birth date and one of these contacts: the one of that name before others, then one known at the facility,
    then the oldest record."""
    asked = {
        "born": date_of_birth,
        "email": email,
        "phone": phone,
        "given": name[0],
        "family": name[1],
        "facility": facility.pk,
    }
    return next(iter(Customer.objects.raw(_RECOGNISED, asked)), None)


def save_details(customer: Customer, *, fields: list[str]) -> None:
    """Save what staff corrected. Whoever signed in with the contact before may not be the customer: their sessions end."""
    contact = ("email", "phone")
    before = Customer.objects.values_list(*contact).get(pk=customer.pk)
    customer.save(update_fields=fields)
    if customer.user_id and before != tuple(getattr(customer, name) for name in contact):
        sessions.end_all(user_id=customer.user_id)


def languages() -> list[tuple[str, str]]:
    """Those a customer can be written to in, to choose from; nothing chosen is the organization's own."""
    return [("", "Not known"), *settings.LANGUAGES]


def _hold_identity(identity: str) -> None:
    """Until the transaction ends, nobody else registers this person."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [identity])


def open_case(*, customer: Customer, by: User, now: datetime, title: str = "", reference: str = "") -> Case:
    """Open a case. Without a reference one is made. Raises CaseRefused for a reference in use."""
    reference = reference or _new_reference(now)
    case, is_new = Case.objects.get_or_create(
        reference=reference,
        defaults={"customer": customer, "title": title, "opened_at": now, "opened_by": by},
    )
    if not is_new:
        raise CaseRefused(f"There is a case {reference} already. Choose another reference.")
    return case


def close_case(*, case: Case, by: User, now: datetime) -> Case:
    """Close a case. Its appointments stay. Raises CaseRefused if it is closed."""
    closed = Case.objects.filter(pk=case.pk, closed_at__isnull=True).update(closed_at=now, closed_by=by)
    if not closed:
        raise CaseRefused("This case is closed already.")
    case.refresh_from_db()
    return case


def _new_reference(now: datetime) -> str:
    while True:
        reference = f"C-{now:%y}-{secrets.randbelow(1_000_000):06d}"
        if not Case.objects.filter(reference=reference).exists():
            return reference
