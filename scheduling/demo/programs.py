"""What the sample organisation offers, and what people write on such appointments."""

from dataclasses import dataclass, field

from appointments.models import Facility, Program, StaffMember
from scheduling.demo.people import HARBOR_HOUSE, NORTHSIDE, WESTGATE


@dataclass(frozen=True)
class Offer:
    """A program: `lengths` are the usual minutes, `weight` how often it is booked, the first of `staff` leads it."""

    name: str
    facility: str
    staff: tuple[str, ...]
    lengths: tuple[int, ...]
    weight: int
    description: str
    notes: tuple[str, ...]
    rules: dict[str, int] = field(default_factory=dict)
    is_public: bool = False

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
        "First meeting: needs, goals and consent to services.",
        (
            "Bring a photo ID and proof of address.",
            "Referred by the school counselor; her mother comes along.",
            "Prefers Spanish. Interpreter is booked.",
            "Arrives by bus, may be ten minutes late.",
            "Second try after a missed intake in October.",
        ),
        {"cool_down_days": 30, "buffer_minutes": 15},
    ),
    Offer(
        "Case review",
        NORTHSIDE,
        ("priya", "dana", "lena", "jonah"),
        (30, 45, 15),
        6,
        "Progress against the plan, and the next steps.",
        (
            "Bring the letter from the benefits office.",
            "Review the goals set in September.",
            "By phone: call the mobile number.",
            "Sister joins for the last ten minutes.",
            "Ask about the bus pass renewal.",
            "Needs the form for the landlord signed.",
        ),
        {"cool_down_days": 7},
    ),
    Offer(
        "Tutoring",
        NORTHSIDE,
        ("marcus", "jonah", "dana", "lena"),
        (45, 60, 30),
        8,
        "Reading, math and GED preparation, one to one.",
        (
            "Fractions again, then the practice test.",
            "Please bring the workbook.",
            "GED math on December 12: last stretch.",
            "Reading aloud, chapter 4.",
            "Needs a quiet room.",
            "Laptop from the cart, please.",
        ),
        {"min_notice_hours": 12, "max_advance_days": 60},
        is_public=True,
    ),
    Offer(
        "Group prep",
        NORTHSIDE,
        ("jonah", "priya", "marcus"),
        (30, 45),
        4,
        "Getting ready for a group: what to expect, ground rules, questions.",
        (
            "Starts with the Tuesday group next month.",
            "Room B, the ramp entrance is open.",
            "Wants to know who else will be there.",
            "Childcare is arranged until noon.",
        ),
    ),
    Offer(
        "Housing",
        HARBOR_HOUSE,
        ("tomas", "ruth", "lena"),
        (45, 30, 60),
        8,
        "Applications, vouchers, landlords and moving in.",
        (
            "Voucher expires at the end of the month.",
            "Bring the last two pay stubs.",
            "Landlord will call at half past.",
            "Viewing on Maple Street went well; wants to apply.",
            "Has the denial letter, wants to appeal.",
            "Key handover to be settled.",
        ),
        {"min_notice_hours": 24, "max_advance_days": 45},
        is_public=True,
    ),
    Offer(
        "Recovery check-in",
        HARBOR_HOUSE,
        ("samuel", "ruth"),
        (30, 15),
        5,
        "A short talk, day or night, with someone who knows the road.",
        (
            "Call, do not text.",
            "Comes straight from work.",
            "Ninety days on Friday.",
            "Prefers the small room upstairs.",
        ),
        {"cool_down_days": 1},
    ),
    Offer(
        "Counseling",
        WESTGATE,
        ("mei", "andre"),
        (60, 45),
        6,
        "One to one with a counselor.",
        (
            "Video call; link was sent by the counselor.",
            "Please keep the side door open.",
            "Moved from Thursday because of her new shift.",
            "Brings her son, needs the play corner.",
        ),
        {"min_notice_hours": 24, "max_advance_days": 60},
        is_public=True,
    ),
    Offer(
        "Food pantry visit",
        WESTGATE,
        ("andre", "mei"),
        (15, 30),
        5,
        "A week of groceries, chosen on site.",
        (
            "Family of five, no nuts.",
            "Needs a cart to the car.",
            "Halal, please.",
            "Picks up for his neighbor too.",
            "Diapers, size 4.",
        ),
        {"cool_down_days": 7, "min_notice_hours": 2, "max_advance_days": 30},
        is_public=True,
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
            default_minutes=offer.lengths[0],
            allows_public_booking=offer.is_public,
            **offer.rules,
        )
        program.staff.set([staff[username] for username in offer.staff])
