"""The part of a run in which calendars of staff follow their appointments."""

import json
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict

from django.utils import timezone

from bench import providers
from bench.chaos.calendars import owners, road, verdict
from bench.chaos.calendars.changes import Changes
from bench.chaos.calendars.outsiders import Outsiders
from bench.chaos.calendars.road import CALDAV, GOOGLE
from bench.chaos.calendars.setting import CalendarSetting
from bench.chaos.calendars.troubles import SERVER, CalendarMischief
from bench.chaos.findings import Findings
from bench.chaos.house import House, python
from bench.chaos.part import Plan, worker_command
from bench.chaos.say import counts
from bench.outside import Caldav
from calendarsync import reconciling
from calendarsync.models import CalendarSync, Reconciliation
from tests.contracts.radicale import CONFIGURATION

WORKERS = ["calendars1", "calendars2"]
# Of each so many deeds one is an outsider's.
OUTSIDERS_SHARE = 12


class Calendars:
    """`settle` waits until nothing waits any more."""

    def __init__(
        self, house: House, where: CalendarSetting, plan: Plan, *, settle: Callable[[], None]
    ) -> None:
        self.house, self.where, self.plan, self.settle = house, where, plan, settle
        self.mischief = CalendarMischief(house, workers=WORKERS, control_port=where.control)
        self._turns = random.Random(f"turns {plan.seed}")

    def start(self) -> Sequence[int]:
        house, where = self.house, self.where
        (house.folder / road.CONFIG).write_text(json.dumps(asdict(where.road_config())))
        house.add("google", providers.google_command(where.servers[GOOGLE]))
        house.add(SERVER, self._server_command())
        house.add("calendar-road", python("-m", "bench.chaos.calendars.road", str(house.folder)))
        for name in WORKERS:
            house.add(name, worker_command("calendarsync", name))
        return [*where.servers.values(), *where.road.values(), where.control]

    def _server_command(self) -> list[str]:
        home = self.house.folder / SERVER
        home.mkdir(mode=0o700)
        Caldav(self.where.servers[CALDAV], owners.passwords(), home / "users").write_users()
        config = CONFIGURATION.format(port=self.where.servers[CALDAV], folder=home)
        (home / "config").write_text(config)
        return python("-m", "radicale", "--config", str(home / "config"))

    def gather(self) -> None:
        self.owners = owners.gathered(self.where, users=self.house.folder / SERVER / "users")
        seed = self.plan.seed
        self.changes = Changes(self.owners, random.Random(f"changes {seed}"))
        self.outsiders = Outsiders(self.owners, random.Random(f"outsiders {seed}"))

    def times(self) -> list[float]:
        return self.plan.times("changes", self.plan.changes * OUTSIDERS_SHARE // (OUTSIDERS_SHARE - 1))

    def act(self) -> None:
        if self._turns.randrange(OUTSIDERS_SHARE):
            self.changes.act()
        else:
            self.outsiders.act()

    def unsettled(self) -> int:
        self.outsiders.connect_all_again()
        return len(self.outsiders.locked_out) + CalendarSync.objects.filter(state__in=verdict.OPEN).count()

    def tell(self) -> None:
        counts("What was done to appointments", self.changes.done)
        counts("What owners did in their calendars", self.outsiders.done)
        fates = Counter(f"{each[1]}: {each[4]}" for each in verdict.requests(self.house.folder))
        counts("What the answers of calendars' servers came to", fates)

    def judge(self) -> Findings:
        """By what stands there, before and after each calendar is compared as a whole."""
        settled = verdict.seen(self.owners)
        comparisons = [self._compared(each.pk) for each in self.owners.connections]
        self.settle()
        rows = list(CalendarSync.objects.order_by("pk"))
        evidence = verdict.Evidence(settled, verdict.seen(self.owners), comparisons, rows)
        return verdict.found(evidence, self.owners, self.outsiders, self.house.folder)

    def _compared(self, connection_id: int) -> Reconciliation | None:
        return reconciling.reconcile(connection_id, clock=timezone.now)
