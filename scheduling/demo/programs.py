"""What the sample organisation offers, and what staff write to customers on such appointments."""

from dataclasses import dataclass, field

from appointments.models import Facility, Program, StaffMember
from scheduling.demo.people import HARBOR_HOUSE, NORTHSIDE, WESTGATE


@dataclass(frozen=True)
class Offer:
    """A program: `lengths` are the usual minutes, `weight` how often it is booked, the first of `staff` leads it.

    `bring` is what everybody who booked it is told; `notes` are of single appointments, to the customer.
    """

    name: str
    facility: str
    staff: tuple[str, ...]
    lengths: tuple[int, ...]
    weight: int
    description: str
    notes: tuple[str, ...]
    rules: dict[str, int] = field(default_factory=dict)
    is_public: bool = False
    bring: str = ""

    @property
    def cool_down_days(self) -> int:
        return self.rules.get("cool_down_days", 0)


OFFERS = (
    Offer(
        "Intake",
        NORTHSIDE,
        ("dana", "marcus", "priya", "lena"),
        (60, 45),
        3,
        "A first meeting: what you need, what you want to reach, and how we can help.",
        (
            "Bring a photo ID and proof of address.",
            "Your mother is welcome to come along.",
            "An interpreter for Spanish is booked.",
            "If the bus is late, we wait ten minutes.",
            "Good that we try again. Call us if something comes up.",
        ),
        {"cool_down_days": 30, "buffer_minutes": 15},
    ),
    Offer(
        "Case review",
        NORTHSIDE,
        ("priya", "dana", "lena", "jonah"),
        (30, 45, 15),
        6,
        "What has worked since the last time, and the next steps.",
        (
            "Bring the letter from the benefits office.",
            "We look at the goals from September.",
            "By phone: we call your mobile number.",
            "Your sister can join for the last ten minutes.",
            "We renew the bus pass together.",
            "Bring the landlord’s form, we sign it here.",
        ),
        {"cool_down_days": 7},
    ),
    Offer(
        "Tutoring",
        NORTHSIDE,
        ("marcus", "jonah", "dana", "lena"),
        (45, 60, 30),
        8,
        "Reading, math and getting ready for the GED, one to one, at your own pace. For adults and for students from eighth grade on. Free of charge.",
        (
            "Fractions again, then the practice test.",
            "Please bring the workbook.",
            "GED math on December 12: last stretch.",
            "Reading aloud, chapter 4.",
            "The quiet room is reserved for us.",
            "A laptop will be ready for you.",
        ),
        {"min_notice_hours": 12, "max_advance_days": 60},
        is_public=True,
        bring="Bring what you are working on: a book, a worksheet or a practice test. Paper, pens and laptops are here. "
        "The entrance is on the parking lot side.",
    ),
    Offer(
        "Group prep",
        NORTHSIDE,
        ("jonah", "priya", "marcus"),
        (30, 45),
        4,
        "Before you join a group: what to expect, the ground rules, your questions.",
        (
            "The Tuesday group starts next month.",
            "Room B; the ramp entrance is open.",
            "You will meet two others who start with you.",
            "Childcare is arranged until noon.",
        ),
    ),
    Offer(
        "Housing",
        HARBOR_HOUSE,
        ("tomas", "ruth", "lena"),
        (45, 30, 60),
        8,
        "Help with applications, vouchers, letters from a landlord, and moving in. Come early: the sooner we talk, the more we can do.",
        (
            "Bring the voucher: it ends with the month.",
            "Bring the last two pay stubs.",
            "The landlord will call us at half past.",
            "We fill in the application for Maple Street.",
            "Bring the denial letter, we write the appeal.",
            "We settle when you get the keys.",
        ),
        {"min_notice_hours": 24, "max_advance_days": 45},
        is_public=True,
        bring="Bring a photo ID, your last two pay stubs or benefit letters, and every letter from your landlord. "
        "If something is missing, come all the same.",
    ),
    Offer(
        "Recovery check-in",
        HARBOR_HOUSE,
        ("samuel", "ruth"),
        (30, 15),
        5,
        "A short talk, day or night, with someone who knows the road.",
        (
            "We call you, and do not text.",
            "Come straight from work, there is coffee.",
            "Ninety days on Friday!",
            "The small room upstairs is ours.",
        ),
        {"cool_down_days": 1},
    ),
    Offer(
        "Counseling",
        WESTGATE,
        ("mei", "andre"),
        (60, 45),
        6,
        "An hour alone with a counselor, about whatever weighs on you. What you say stays in the room.",
        (
            "By video: your counselor sends you the link.",
            "The side door is open for you.",
            "Moved from Thursday because of your new shift.",
            "The play corner is ready for your son.",
        ),
        {"min_notice_hours": 24, "max_advance_days": 60},
        is_public=True,
        bring="Nothing to bring. Come five minutes early and take a seat in the waiting room on the second floor; "
        "there is an elevator.",
    ),
    Offer(
        "Food pantry visit",
        WESTGATE,
        ("andre", "mei"),
        (15, 30),
        5,
        "A week of groceries, fresh and dry, that you choose yourself. Once a week for each household; no proof of income needed.",
        (
            "For five people, without nuts.",
            "We bring the cart to your car.",
            "Halal is set aside for you.",
            "You can pick up for your neighbor too.",
            "Diapers in size 4 are here.",
        ),
        {"cool_down_days": 7, "min_notice_hours": 2, "max_advance_days": 30},
        is_public=True,
        bring="Bring bags or a cart, and a cooler if you have one. Tell us at the door about allergies.",
    ),
)

PRIVATE_NOTES = (
    "Worried about her brother moving back in. Follow up before the holidays.",
    "Mentioned missed rent for the second month. Check with Housing, not in front of the children.",
    "Was short of breath on the stairs and did not want to talk about it.",
    "Asked not to be called at work. The supervisor does not know.",
    "Much better than last time. Keep the pace.",
)

CANCEL_REASONS = (
    "Feeling unwell",
    "New shift at work",
    "No ride today",
    "Child is sick",
    "Will call to rebook",
    "Out of town",
    "Called ahead: bus strike",
)


def create_programs(places: dict[str, Facility], staff: dict[str, StaffMember]) -> None:
    for offer in OFFERS:
        program = Program.objects.create(
            facility=places[offer.facility],
            lead_staff=staff[offer.staff[0]],
            name=offer.name,
            description=offer.description,
            public_note=offer.bring,
            default_minutes=offer.lengths[0],
            allows_public_booking=offer.is_public,
            **offer.rules,
        )
        program.staff.set([staff[username] for username in offer.staff])
