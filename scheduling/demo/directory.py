"""The sample organisation as the database knows it now. Who was renamed or left since is no longer found."""

from datetime import date
from functools import cached_property

from django.contrib.auth.models import User

from appointments.models import Case, Customer, Facility, Program, StaffMember
from scheduling.demo import people
from scheduling.demo.days import Visit
from scheduling.demo.programs import Offer


class Directory:
    """Each kind is read once, when first asked for."""

    @cached_property
    def places(self) -> dict[str, Facility]:
        return {facility.name: facility for facility in Facility.objects.all()}

    @cached_property
    def staff(self) -> dict[str, StaffMember]:
        members = StaffMember.objects.filter(user__isnull=False).select_related("user")
        return {_user(member).username: member for member in members}

    @cached_property
    def programs(self) -> dict[tuple[str, str], Program]:
        found = Program.objects.select_related("facility")
        return {(program.facility.name, program.name): program for program in found}

    @cached_property
    def customers(self) -> dict[int, Customer]:
        """By their number among the sample's customers."""
        numbers: dict[tuple[str, date | None], int] = {(c.name, c.born): c.number for c in people.CUSTOMERS}
        known = ((numbers.get((c.full_name, c.date_of_birth)), c) for c in Customer.objects.all())
        return {number: customer for number, customer in known if number is not None}

    @cached_property
    def open_cases(self) -> dict[int, Case]:
        """By customer id."""
        return {case.customer_id: case for case in Case.objects.filter(closed_at__isnull=True)}

    @property
    def manager(self) -> User:
        return self.user(people.MANAGER)

    def user(self, username: str) -> User:
        return _user(self.staff[username])

    def desk(self, visit: Visit) -> User:
        return self.user(people.DESK[visit.offer.facility])

    def program(self, offer: Offer) -> Program:
        return self.programs[offer.facility, offer.name]

    def knows(self, visit: Visit) -> bool:
        """Whether everybody and everything it takes is still found."""
        return (
            {visit.staff, people.DESK[visit.offer.facility]} <= self.staff.keys()
            and visit.customer in self.customers
            and (visit.offer.facility, visit.offer.name) in self.programs
        )


def _user(member: StaffMember) -> User:
    if member.user is None:
        raise ValueError(f"{member} has no sign-in.")
    return member.user
