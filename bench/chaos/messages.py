"""The part of a run in which customers are sent messages."""

import json
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta

from django.utils import timezone

from bench import providers
from bench.chaos import crowd, road, setting, verdict
from bench.chaos.desk import Desk
from bench.chaos.findings import Findings
from bench.chaos.house import House, python
from bench.chaos.part import Plan, worker_command
from bench.chaos.say import counts
from bench.chaos.setting import Setting
from bench.chaos.troubles import MessageMischief
from reminders.models import Message

WORKERS = ["worker1", "worker2"]
# What is due later than this was never meant for this run: the reminders of what was booked in it.
SOON = timedelta(hours=1)
SHARE_OF_REMINDERS = 0.7
MESSAGES_A_DEED = 1.3


class Messages:
    def __init__(self, house: House, where: Setting, plan: Plan) -> None:
        self.house, self.where, self.plan = house, where, plan
        self.mischief = MessageMischief(house, workers=WORKERS, road_port=where.road["twilio"])
        deeds = round(plan.messages * (1 - SHARE_OF_REMINDERS) / MESSAGES_A_DEED)
        self._times = plan.times("deeds", deeds)

    def start(self) -> Sequence[int]:
        house, where = self.house, self.where
        (house.folder / road.CONFIG).write_text(json.dumps(asdict(where.road_config())))
        house.add("doubles", providers.command(where.doubles["twilio"], where.doubles["sendgrid"]))
        house.add("road", python("-m", "bench.chaos.road", str(house.folder)))
        for name in WORKERS:
            house.add(name, worker_command("reminders", name))
        return [*where.doubles.values(), *where.road.values()]

    def gather(self) -> None:
        """Appointments with a reminder by each channel, and others to come."""
        self.people = crowd.gathered(
            random.Random(f"crowd {self.plan.seed}"),
            reminded=round(self.plan.messages * SHARE_OF_REMINDERS / 2),
            others=len(self._times),
            begins=timezone.now(),
            seconds=self.plan.seconds,
        )
        self.desk = Desk(self.people, random.Random(f"desk {self.plan.seed}"))

    def times(self) -> list[float]:
        return self._times

    def act(self) -> None:
        self.desk.act()

    def unsettled(self) -> int:
        return Message.objects.filter(state__in=verdict.OPEN, due_at__lte=timezone.now() + SOON).count()

    def tell(self) -> None:
        counts("What was done at the desk", self.desk.done)
        fates = (self.house.folder / road.FATES).read_text().splitlines()
        counts("What providers' answers came to", Counter(fates))

    def judge(self) -> Findings:
        evidence = verdict.gathered(self.house.folder)
        ended_at = timezone.now() + SOON
        return verdict.found(evidence, self.people, ended_at=ended_at, timeout=setting.TIMEOUT)
