"""Who works at the sample organisation, and whom it serves."""

import unicodedata
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from random import Random

from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User

from appointments.models import Case, Customer, Facility, Organisation, StaffMember
from appointments.models.organisation import Role

ORGANISATION = "Bridgewater Community Services"
PASSWORD = "quiet-morning-desk"  # noqa: S105 - printed for whoever tries the sample organisation

NORTHSIDE, HARBOR_HOUSE, WESTGATE = "Northside", "Harbor House", "Westgate"
# Name, zone, address, phone, area codes of the customers who live nearby.
FACILITIES = (
    (NORTHSIDE, "America/New_York", "212 Linden Street, Albany, NY", "(518) 555-0100", (518, 838)),
    (HARBOR_HOUSE, "America/Chicago", "48 Harbor Road, Milwaukee, WI", "(414) 555-0100", (414, 262)),
    (WESTGATE, "America/Los_Angeles", "9 Westgate Plaza, Oakland, CA", "(510) 555-0100", (510, 341)),
)


@dataclass(frozen=True)
class Colleague:
    username: str
    name: str
    role: str
    facilities: tuple[str, ...]

    @property
    def takes_appointments(self) -> bool:
        return self.role == Role.PROVIDER


ALL = (NORTHSIDE, HARBOR_HOUSE, WESTGATE)
STAFF = (
    Colleague("amy", "Amy Lindqvist", Role.FRONT_DESK, (NORTHSIDE, HARBOR_HOUSE)),
    Colleague("naomi", "Naomi Clarke", Role.MANAGER, ALL),
    Colleague("owen", "Owen Gallagher", Role.BILLING, ALL),
    Colleague("ines", "Ines Castellano", Role.ADMINISTRATOR, ALL),
    Colleague("dana", "Dana Reyes", Role.PROVIDER, (NORTHSIDE,)),
    Colleague("marcus", "Marcus Bell", Role.PROVIDER, (NORTHSIDE,)),
    Colleague("priya", "Priya Nair", Role.PROVIDER, (NORTHSIDE,)),
    Colleague("jonah", "Jonah Fields", Role.PROVIDER, (NORTHSIDE,)),
    Colleague("lena", "Lena Sørensen", Role.PROVIDER, (NORTHSIDE, HARBOR_HOUSE)),
    Colleague("tomas", "Tomás Ortega", Role.PROVIDER, (HARBOR_HOUSE,)),
    Colleague("ruth", "Ruth Adeyemi", Role.PROVIDER, (HARBOR_HOUSE,)),
    Colleague("samuel", "Samuel Okoro", Role.PROVIDER, (HARBOR_HOUSE,)),
    Colleague("mei", "Mei Tanaka", Role.PROVIDER, (WESTGATE,)),
    Colleague("andre", "Andre Whitaker", Role.PROVIDER, (WESTGATE,)),
)
MANAGER, ADMINISTRATOR = "naomi", "ines"
DESK = {NORTHSIDE: "amy", HARBOR_HOUSE: "amy", WESTGATE: MANAGER}

_AT_NORTHSIDE = """
Ada Nguyen, Carlos Mena, Ivy Thompson, Omar Farouk, Grace Kim, Walter Hughes, Nia Brooks, Sam Whitfield, Elena Petrova,
Luis Ramos, Hana Sato, Peter Osei, Mary Doyle, Amir Haddad, June Park, Rosa Lind, Victor Chu, Bea Ortiz, Desmond Achebe,
Katarzyna Wójcik, Theo Marchetti, Aaliyah Freeman, Gunnar Hálfdanarson, Leticia Barros, Joseph Kowalczyk, Fatima Zahra Idrissi,
Henry Blackwood, Sunita Rao, Malik Jefferson, Oksana Shevchenko, Patrick O’Rourke, Yuki Hayashi, Delphine Moreau, Isaac Mensah,
Carmen Villalobos, Arthur Pemberton, Zainab Yusuf, Noah Feldman, Thuy Tran, Miriam Goldberg, Emeka Nwosu, Bridget Callahan,
Rafael Quintero, Ingrid Haugen, Tyrone Watkins, Leila Hosseini, Dominic Russo, Chloe Beaumont, Samir Patel, Edith Larkin,
Kofi Boateng, Anneliese Vogt, Jerome Baptiste, Wanda Novak, Hassan Abdi, Pearl Jennings
"""
_AT_HARBOR_HOUSE = """
Stefan Dimitrov, Alma Gutierrez, Curtis Langley, Nomvula Dlamini, Ray Kaminski, Sofia Lindgren, Darnell Pryor, Mai Vang,
Teodoro Cruz, Agnes Whitehorse, Bilal Qureshi, Frances Tully, Ismael Duarte, Joanne Petersen, Kwame Asante, Lorraine Fisher,
Mateo Salinas, Nadia Benali, Otis Greenwood, Paula Schreiber, Quentin Bates, Rukmini Iyer, Silas Thornton, Tamika Rollins,
Ulrich Baumann, Vera Sokolova, Winston Clarke-Hall, Xiomara Reyes, Yusuf Demir, Zelda Markham, Burak Aydın, Celeste Fontaine
"""
_AT_WESTGATE = """
Alejandra Fuentes, Benny Kealoha, Clara Hoffmann, David Yazzie, Esperanza Luna, Frank Delgado, Gloria Castaneda, Hiroshi Mori,
Imani Wallace, Jasper Lindholm, Kim Anh Pham, Leonard Voss, Maribel Soto, Nathan Greer, Olivia Tuiasosopo, Pedro Aguilar,
Ramona Beck, Sanjay Kulkarni, Tess Gallardo, Uma Krishnan, Vince Moretti, Wendy Cho, Abel Tesfaye-Kidane, Yolanda Pruitt,
Zachary Stone, Lupe Cervantes, Ming Zhao, Dolores Whitman, Ezra Cohen, Ngozi Eze, Brandon Sukkar, Mele Fonua
"""


_WRITTEN_TO_IN_SPANISH = {
    "Alejandra Fuentes",
    "Carlos Mena",
    "Carmen Villalobos",
    "Esperanza Luna",
    "Luis Ramos",
    "Lupe Cervantes",
    "Teodoro Cruz",
}


@dataclass(frozen=True)
class Served:
    """A customer before the database knows them."""

    number: int
    name: str
    home: str

    @property
    def email(self) -> str:
        if self.number % 15 == 8:
            return ""
        folded = unicodedata.normalize("NFKD", self.name.replace("ı", "i"))
        plain = "".join(c for c in folded.lower() if c.isascii() and (c.isalpha() or c in " -"))
        return f"{plain.replace(' ', '.')}@example.{'com' if self.number % 3 else 'org'}"

    @property
    def phone(self) -> str:
        """In the range that is reserved for invented people."""
        if self.number % 20 == 13:
            return ""
        areas = next(codes for name, *_, codes in FACILITIES if name == self.home)
        return f"+1{areas[self.number % 2]}55501{self.number % 100:02d}"

    @property
    def language(self) -> str:
        return "es" if self.name in _WRITTEN_TO_IN_SPANISH else ""

    @property
    def born(self) -> date:
        dice = Random(f"born {self.number}")  # noqa: S311 - sample data
        return date(1936, 1, 1) + timedelta(days=int(dice.triangular(0, 27_000, 19_000)))

    @property
    def facilities(self) -> tuple[str, ...]:
        """Where they are known: some of Northside's customers go to Harbor House too."""
        both = self.home == NORTHSIDE and self.number % 9 == 4
        return (NORTHSIDE, HARBOR_HOUSE) if both else (self.home,)


def _named(text: str) -> list[str]:
    return [" ".join(name.split()) for name in text.split(",")]


CUSTOMERS = tuple(
    Served(number, name, home)
    for number, (name, home) in enumerate(
        [(name, NORTHSIDE) for name in _named(_AT_NORTHSIDE)]
        + [(name, HARBOR_HOUSE) for name in _named(_AT_HARBOR_HOUSE)]
        + [(name, WESTGATE) for name in _named(_AT_WESTGATE)]
    )
)

CASE_TITLES = (
    "Housing application",
    "Return to school",
    "Job search",
    "Benefits renewal",
    "Family support plan",
    "Resettlement",
    "Recovery plan",
    "Tenancy at risk",
    "Caregiver support",
    "Citizenship class",
)
CASES = 60


def create_organisation() -> None:
    organisation = Organisation.current()
    organisation.name = ORGANISATION
    organisation.save()
    for name, zone, address, phone, _ in FACILITIES:
        Facility.objects.create(name=name, time_zone=zone, address=address, phone=phone)


def create_staff(places: dict[str, Facility]) -> None:
    """Everyone with a sign-in. One password, hashed once: a slow hash for each would take half of the loading time."""
    hashed = make_password(PASSWORD)
    for colleague in STAFF:
        given, _, family = colleague.name.partition(" ")
        user = User.objects.create(
            username=colleague.username,
            password=hashed,
            first_name=given,
            last_name=family,
            email=f"{colleague.username}@example.org",
            is_staff=colleague.role == Role.ADMINISTRATOR,
        )
        member = StaffMember.objects.create(
            user=user,
            display_name=colleague.name,
            role=colleague.role,
            takes_appointments=colleague.takes_appointments,
        )
        member.facilities.set([places[name] for name in colleague.facilities])


def create_customers(places: dict[str, Facility]) -> list[Customer]:
    made = Customer.objects.bulk_create([_customer(served, places) for served in CUSTOMERS])
    known = Customer.facilities.through
    known.objects.bulk_create(
        known(customer_id=customer.pk, facility_id=places[name].pk)
        for customer, served in zip(made, CUSTOMERS, strict=True)
        for name in served.facilities
    )
    return made


def _customer(served: Served, places: dict[str, Facility]) -> Customer:
    given, _, family = served.name.rpartition(" ")
    return Customer(
        given_name=given,
        family_name=family,
        date_of_birth=served.born,
        email=served.email,
        phone=served.phone,
        time_zone=places[served.home].time_zone,
        language=served.language,
    )


def create_cases(customers: list[Customer], *, by: User, now: datetime) -> None:
    """A case for every other customer; a few are closed."""
    Case.objects.bulk_create(
        _case(number, customer, by, now) for number, customer in enumerate(customers[::2][:CASES])
    )


def _case(number: int, customer: Customer, by: User, now: datetime) -> Case:
    dice = Random(f"case {number}")  # noqa: S311 - sample data
    opened = now - timedelta(days=dice.randint(40, 400), minutes=dice.randint(0, 480))
    closed = now - timedelta(days=dice.randint(12, 35)) if number % 7 == 6 else None
    return Case(
        customer=customer,
        reference=f"C-{opened.year}-{1041 + 7 * number}",
        title=CASE_TITLES[dice.randrange(len(CASE_TITLES))],
        opened_at=opened,
        opened_by=by,
        closed_at=closed,
        closed_by=by if closed else None,
    )
