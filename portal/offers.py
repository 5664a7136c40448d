"""What customers may book, and where: each facility with its public programs, and the search among them."""

import unicodedata
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter

from django.db import connection
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import Http404

from appointments.models import Facility, Program, StaffMember
from portal.showing import ShownFacility, ShownProgram

SEARCH_LIMIT = 100


@dataclass(frozen=True)
class Offer:
    """`is_served`: somebody takes its appointments, so that there can be times; else the facility knows."""

    program: ShownProgram
    is_served: bool

    @property
    def text(self) -> str:
        """What a search looks through."""
        program = self.program
        return folded(
            f"{program.name} {program.description} {program.facility.name} {program.facility.address}"
        )


@dataclass(frozen=True)
class Place:
    facility: ShownFacility
    offers: tuple[Offer, ...]


def public_programs() -> QuerySet[Program]:
    """Those that customers book themselves, with their facility."""
    public = Program.objects.filter(allows_public_booking=True, is_active=True, facility__is_active=True)
    return public.select_related("facility")


_PROGRAM = [field.attname for field in Program._meta.concrete_fields]
_FACILITY = [field.attname for field in Facility._meta.concrete_fields]


def public_program(pk: int) -> Program:
    """One of them. Every page of a booking begins with it, and building the query costs more than it. Raises Http404."""
    columns = ", ".join([f"p.{name}" for name in _PROGRAM] + [f"f.{name}" for name in _FACILITY])
    join = "appointments_program p JOIN appointments_facility f ON f.id = p.facility_id"
    public = "p.allows_public_booking AND p.is_active AND f.is_active"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {columns} FROM {join} WHERE p.id = %s AND {public}", [pk])  # noqa: S608 - our own names
        row = cursor.fetchone()
    if row is None:
        raise Http404
    program = Program.from_db(connection.alias, _PROGRAM, row[: len(_PROGRAM)])
    program.facility = Facility.from_db(connection.alias, _FACILITY, row[len(_PROGRAM) :])
    return program


def places(*, text: str = "", facility: int | None = None) -> list[Place]:
    """Facilities by name, each with its public programs by name; one query. With `text`, those that have every word of it."""
    found = public_programs().annotate(is_served=Exists(_serving())).order_by("facility__name", "name")
    if facility is not None:
        found = found.filter(facility=facility)
    offers = [Offer(ShownProgram.of(program), program.is_served) for program in found]
    wanted = folded(text).split()
    matching = [offer for offer in offers if all(word in offer.text for word in wanted)]
    return [
        Place(where, tuple(there)) for where, there in groupby(matching, key=attrgetter("program.facility"))
    ]


def reachable_by_phone() -> list[ShownFacility]:
    """Whom to call where nothing can be booked online."""
    return [ShownFacility.of(found) for found in Facility.objects.filter(is_active=True).exclude(phone="")]


def folded(text: str) -> str:
    """Without case and accents: “Jardín” is found by “JARDIN”."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in plain if not unicodedata.combining(letter))


def _serving() -> QuerySet[StaffMember]:
    """As `scheduling.availability.serving` finds them, for every program at once."""
    works_for = Q(programs=OuterRef("pk")) | Q(programs_led=OuterRef("pk"))
    return StaffMember.objects.filter(
        works_for, is_active=True, takes_appointments=True, facilities=OuterRef("facility")
    )
