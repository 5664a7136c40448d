"""What the selects of staff forms offer: never more than the user's own facilities hold."""

from collections.abc import Iterable
from typing import Any

from django.db.models import Q, QuerySet

from appointments.access import Access
from appointments.models import Case, Customer, CustomerQuerySet, Program, StaffMember

Choices = list[tuple[Any, Any]]


def programs(access: Access) -> QuerySet[Program]:
    seen = Program.objects.filter(facility__in=access.facility_ids, is_active=True)
    return seen.select_related("facility").order_by("facility__name", "name")


def programs_of(access: Access, staff: StaffMember | None) -> list[Program]:
    """The programs a staff member serves at the facilities the user sees; all of those facilities' without one."""
    seen = programs(access)
    if staff is None:
        return list(seen)
    theirs = Q(pk__in=staff.programs.values("pk")) | Q(lead_staff=staff)
    return list(seen.filter(theirs, facility__in=staff.facilities.values("pk")))


def staff_members(access: Access) -> QuerySet[StaffMember]:
    """Who takes appointments at the facilities the user sees."""
    there = StaffMember.facilities.through.objects.filter(facility__in=access.facility_ids)
    bookable = StaffMember.objects.filter(is_active=True, takes_appointments=True)
    return bookable.filter(pk__in=there.values("staffmember_id"))


def customers(access: Access) -> CustomerQuerySet:
    return Customer.objects.known_at(access.facility_ids)


def open_cases(customer: Customer | None) -> QuerySet[Case]:
    return Case.objects.filter(customer=customer, closed_at__isnull=True) if customer else Case.objects.none()


def program_choices(found: Iterable[Program], access: Access) -> Choices:
    """By facility, where the user sees several."""
    groups: dict[str, list[tuple[int, str]]] = {}
    for program in found:
        groups.setdefault(program.facility.name, []).append((program.pk, program.name))
    several = len(access.facilities) > 1
    listed: Choices = list(groups.items()) if several else [c for group in groups.values() for c in group]
    return [("", "Choose a program"), *listed]


def staff_choices(
    found: Iterable[StaffMember], serving: Iterable[StaffMember], program: Program | None
) -> Choices:
    """Those who serve the program first, the others apart."""
    if program is None:
        return [("", "Choose a staff member"), *((member.pk, member.display_name) for member in found)]
    able = {member.pk for member in serving}
    if all(member.pk in able for member in found):
        return staff_choices(found, (), None)
    first = [(member.pk, member.display_name) for member in found if member.pk in able]
    rest = [(member.pk, member.display_name) for member in found if member.pk not in able]
    listed: Choices = [(f"Serve {program.name}", first)] if first else []
    if rest:
        listed.append((f"Do not serve {program.name}", rest))
    return [("", "Choose a staff member"), *listed]
