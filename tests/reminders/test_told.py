"""Whatever staff and customers do with an appointment, in whatever order: what each channel's reader was told last is so, nothing
is told twice in a row, and each notice starts from what its reader knows."""

import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from appointments.models import Appointment
from reminders import delivery, notices, suppression
from reminders.models import NOTICES, Channel, Message
from reminders.notices import CALLED_OFF, NOTHING, State
from scheduling import booking
from scheduling.booking import BookingRefused, ChangeRefused
from tests import factories as make
from tests.portal.clinic import Clinic
from tests.reminders.post import Post, busy
from tests.reminders.sending import agreed

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)
PAUSES = [
    timedelta(seconds=1),
    MINUTE / 2,
    MINUTE,
    3 * MINUTE / 2,
    4 * MINUTE,
    15 * MINUTE,
    60 * MINUTE,
    360 * MINUTE,
]
# From 9:00 on, and such that reminders fall due within the three minutes that staff have to take something back.
BEGINNINGS = [0, 58, 117, 600]
PLACES = [minutes * MINUTE for minutes in (180, 195, 240, 1500, 2940, 3060)]
# Stories in which somebody was told too much or too little once.
SEEDS = [5, 17, 28, 33, 46, 57, 66, 85, 99, 104, 129, 143]
MOVES = ["move", "move", "back", "reassign", "cancel", "undo"]


@dataclass
class Story:
    """One appointment, what is done with it, and what was told of it by each channel."""

    clinic: Clinic
    appointment: Appointment
    places: list[tuple[Any, datetime]]
    dice: random.Random
    now: datetime
    told: dict[str, list[State]] = field(default_factory=lambda: {each: [] for each in Channel.values})
    log: list[str] = field(default_factory=list)

    @classmethod
    def begin(cls, seed: int) -> "Story":
        dice = random.Random(seed)
        clinic = Clinic.open(program={"max_advance_days": 400})
        customer = make.customer(at=clinic.facility)
        agreed(customer=customer)
        members = [clinic.staff, clinic.colleague()]
        places = [(dice.choice(members), make.NOW + dice.choice(PLACES)) for _ in range(3)]
        now = make.NOW + dice.choice(BEGINNINGS) * MINUTE
        booked = make.appointment(
            customer=customer, program=clinic.program, staff=places[0][0], starts_at=places[0][1], now=now
        )
        return cls(clinic, booked, places, dice, now)

    @property
    def present(self) -> Appointment:
        return Appointment.objects.select_related("facility").get(pk=self.appointment.pk)

    @property
    def state(self) -> State:
        return CALLED_OFF if self.present.is_cancelled else notices._state_of(self.present)

    def change(self) -> None:
        """Something that somebody tries; what the rules refuse did not happen."""
        what, (staff, starts_at) = self.dice.choice(MOVES), self.dice.choice(self.places)
        user = self.clinic.staff.user
        common: dict[str, Any] = {"appointment": self.appointment, "now": self.now}
        by = self.dice.choice([None, user])
        try:
            if what == "cancel":
                booking.cancel(reason="", by=by, **common)
            elif what == "undo":
                booking.mark(status="scheduled", by=user, **common)
            elif what == "reassign":
                booking.reassign(staff=staff, by=by, **common)
            else:
                staff, starts_at = self.places[0] if what == "back" else (staff, starts_at)
                booking.reschedule(starts_at=starts_at, staff=staff, by=by, **common)
        except (BookingRefused, ChangeRefused):
            return
        self.log.append(f"{self.now} {what} by {by or 'the customer'}: {self.state}")

    def wait(self, pause: timedelta) -> None:
        """Whatever falls due meanwhile is sent, some of it at the second attempt."""
        until = self.now + pause
        while due := Message.objects.filter(state="pending", due_at__lte=until).order_by("due_at").first():
            self.now = max(self.now, due.due_at)
            is_refused = self.dice.random() < 0.1
            post = Post(*([busy()] if is_refused else []))
            delivery.deliver(due.pk, now=self.now, transport_of=lambda channel, post=post: post)
            if post.taken and not is_refused:
                self._hear(Message.objects.get(pk=due.pk))
        self.now = until

    def _hear(self, message: Message) -> None:
        earlier, state = self.told[message.channel], self.state
        self.log.append(f"{self.now} {message.channel} {message.kind}: {state}")
        assert not suppression.is_past(self.present, self.now), str(self)
        if message.kind in NOTICES:
            assert message.before == (earlier[-1] if earlier else NOTHING), str(self)
            assert state != message.before, str(self)
        earlier.append(state)

    def known(self, channel: str) -> State:
        return self.told[channel][-1] if self.told[channel] else NOTHING

    def is_waiting(self, channel: str) -> bool:
        """For the morning, or for another attempt."""
        return Message.objects.filter(channel=channel, kind__in=NOTICES, state="pending").exists()

    def __str__(self) -> str:
        return "\n".join(self.log)


@pytest.mark.parametrize("seed", SEEDS)
def test_each_reader_was_told_last_what_is_so(seed: int, settings: Any) -> None:
    settings.TEXTS_PER_NUMBER_A_DAY = settings.TEXTS_PER_NUMBER_A_WEEK = 100
    story = Story.begin(seed)
    for _ in range(story.dice.randrange(2, 7)):
        story.change()
        story.wait(story.dice.choice(PAUSES))
    story.wait(4 * MINUTE)
    if suppression.is_past(story.present, story.now):
        return
    for channel in Channel.values:
        if not story.is_waiting(channel):
            told, is_so = story.known(channel), story.state
            assert told == is_so or (told, is_so) == (NOTHING, CALLED_OFF), str(story)
