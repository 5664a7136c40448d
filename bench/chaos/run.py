"""One run: the site is set up, everything happens at once, calm returns, and what came of it is judged."""

import json
import random
import sys
import threading
import time
from collections import Counter
from dataclasses import asdict, dataclass
from datetime import timedelta

from django.core.management import call_command
from django.db import DatabaseError, InterfaceError, connection
from django.utils import timezone

from bench import providers
from bench.chaos import crowd, road, setting, troubles, verdict
from bench.chaos.desk import Desk
from bench.chaos.house import House, hurried
from bench.chaos.setting import Setting
from bench.chaos.troubles import Mischief
from bench.chaos.verdict import Findings
from bench.site import answers, worker_threads
from reminders.models import Message
from securecare import broker
from securecare.management.commands import demo

WORKERS = ["worker1", "worker2"]
BEATS = ["beat1", "beat2"]
CALM_SECONDS = 150
TEND_EVERY = 0.1
# What is due later than this was never meant for this run: the reminders of what was booked in it.
SOON = timedelta(hours=1)
SHARE_OF_REMINDERS = 0.7
MESSAGES_A_DEED = 1.3


@dataclass(frozen=True)
class Plan:
    seconds: float
    messages: int
    seed: int

    @property
    def reminded(self) -> int:
        """Appointments with a reminder by each channel."""
        return round(self.messages * SHARE_OF_REMINDERS / 2)

    @property
    def deeds(self) -> list[float]:
        """When the desk does something, in seconds from the beginning."""
        rng = random.Random(f"deeds {self.seed}")
        count = round(self.messages * (1 - SHARE_OF_REMINDERS) / MESSAGES_A_DEED)
        return sorted(rng.uniform(0, self.seconds) for _ in range(count))


def run(house: House, where: Setting, plan: Plan) -> Findings:
    begun = time.monotonic()
    broker.ensure_queues()
    call_command("migrate", verbosity=0)
    start(house, where)
    people = crowd.gathered(
        random.Random(f"crowd {plan.seed}"),
        reminded=plan.reminded,
        others=len(plan.deeds),
        begins=timezone.now(),
        seconds=plan.seconds,
    )
    desk = Desk(people, random.Random(f"desk {plan.seed}"))
    mischief = Mischief(house, WORKERS, BEATS, where.road["twilio"])
    say(f"Ready after {time.monotonic() - begun:.0f} s. {plan.seconds:.0f} s of chaos …")
    disturb(house, desk, mischief, plan)
    print_counts("What was done at the desk", desk.done)
    print_counts("What was done to the site", mischief.made)
    calmed = time.monotonic()
    settle(house)
    say(f"Calm: settled after {time.monotonic() - calmed:.0f} s.\n")
    print_counts(
        "What providers' answers came to", Counter((house.folder / road.FATES).read_text().splitlines())
    )
    evidence = verdict.gathered(house.folder)
    return verdict.found(evidence, people, ended_at=timezone.now() + SOON, timeout=setting.TIMEOUT)


def start(house: House, where: Setting) -> None:
    config = where.road_config()
    (house.folder / road.CONFIG).write_text(json.dumps(asdict(config)))
    house.add("doubles", providers.command(where.doubles["twilio"], where.doubles["sendgrid"]))
    house.add("road", [sys.executable, "-m", "bench.chaos.road", str(house.folder)])
    house.add("web", demo.web_command(where.web))
    for name in WORKERS:
        command = demo.worker_command("reminders", threads=worker_threads())
        command[command.index("--hostname") + 1] = f"{name}@%h"
        house.add(name, hurried(command))
    for name in BEATS:
        schedule = str(house.folder / f"{name}-schedule")
        house.add(name, hurried(demo.celery_command("beat", "--schedule", schedule)))
    ports = [*where.doubles.values(), *where.road.values(), where.web]
    house.wait_for(lambda: all(map(answers, ports)), "the site to listen")


def disturb(house: House, desk: Desk, mischief: Mischief, plan: Plan) -> None:
    """Troubles come from a thread of their own: some of them take a while."""
    begun = time.monotonic()
    done = threading.Event()
    script = troubles.script(plan.seed, seconds=plan.seconds)
    beside = threading.Thread(target=_make_all, args=(script, mischief, begun, done))
    beside.start()
    try:
        for at in plan.deeds:
            _tend_until(house, begun + at)
            desk.act()
        _tend_until(house, begun + plan.seconds)
    finally:
        done.set()
        beside.join()
        mischief.calm()


def _make_all(
    script: list[troubles.Trouble], mischief: Mischief, begun: float, done: threading.Event
) -> None:
    for trouble in script:
        if done.wait(max(0.0, begun + trouble.at - time.monotonic())):
            break
        mischief.make(trouble)
    connection.close()


def _tend_until(house: House, deadline: float) -> None:
    house.tend()
    while (left := deadline - time.monotonic()) > 0:
        time.sleep(min(left, TEND_EVERY))
        house.tend()


def settle(house: House) -> None:
    """Wait until nothing waits any more that was meant for this run."""
    deadline = time.monotonic() + CALM_SECONDS
    while time.monotonic() < deadline and unsettled() != 0:
        _tend_until(house, time.monotonic() + 1)


def unsettled() -> int | None:
    """None while the database is away."""
    try:
        return Message.objects.filter(state__in=verdict.OPEN, due_at__lte=timezone.now() + SOON).count()
    except (DatabaseError, InterfaceError):
        connection.close()
        return None


def print_counts(title: str, counts: Counter[str]) -> None:
    say(f"\n{title}")
    for what, number in sorted(counts.items()):
        say(f"{number:>7,}  {what}")


def say(text: str) -> None:
    print(text, flush=True)
