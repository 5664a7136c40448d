"""What may go wrong with calendars: with who keeps them equal, on the road to their servers, and with a server itself."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from bench.chaos.calendars import road
from bench.chaos.calendars.road import CALDAV, GOOGLE
from bench.chaos.troubles import SWEEPS, WEATHER, Mischief, tell
from calendarsync import tasks
from calendarsync.models import CalendarConnection

SERVER = "calendar-server"
REDELIVERED = 50
ABSENCE_SECONDS = (1.0, 6.0)
# Shares of requests, of fates on the road to one provider.
WEATHERS: list[dict[str, float]] = [
    {"silence": 0.3, "answer late": 0.2},
    {"too many": 0.5},
    {"crowded": 0.5},
    {"broken": 0.4, "broken after": 0.2},
    {"down": 0.7},
    {"answer lost": 0.4},
    {"hung up": 0.4},
    {"garbled": 0.3, "answer cut off": 0.2},
    {"another page": 0.5},
    {"slow": 1.0},
    dict.fromkeys(road.FATES, 0.04),
    {},
]


@dataclass
class CalendarMischief(Mischief):
    workers: Sequence[str] = ()
    control_port: int = 0

    name = "calendars"
    every_seconds = (0.8, 3.2)

    def calm(self) -> None:
        tell(self.control_port, road.WEATHER, {GOOGLE: {}, CALDAV: {}})

    def _kill_worker(self, rng: random.Random) -> None:
        self.kill_one_of(self.workers, rng)

    def _kill_server(self, rng: random.Random) -> None:
        self.kill_one_of([SERVER], rng)

    def _close_road(self, rng: random.Random) -> None:
        """Connections are refused."""
        provider = rng.choice([GOOGLE, CALDAV])
        tell(self.control_port, road.ABSENCE, {provider: rng.uniform(*ABSENCE_SECONDS)})

    def _redeliver(self, rng: random.Random) -> None:
        """As a queue may do; and more than one worker at a time is told of the same calendar."""
        for connection_id in rng.choices(_connections(), k=REDELIVERED):
            tasks.drain.apply_async(args=[connection_id], retry=False)

    def _sweep(self, _rng: random.Random) -> None:
        for _ in range(SWEEPS):
            tasks.sweep.apply_async(retry=False)

    def _compare(self, rng: random.Random) -> None:
        """In the middle of changes."""
        chosen = rng.choices(_connections(), k=4)
        CalendarConnection.objects.filter(pk__in=chosen).update(reconciled_at=None)
        for connection_id in chosen:
            tasks.reconcile.apply_async(args=[connection_id], retry=False)

    def _change_weather(self, rng: random.Random) -> None:
        """Of one provider: a CalDAV server has no quota that is told by a 403."""
        provider = rng.choice([GOOGLE, CALDAV])
        weathers = [each for each in WEATHERS if provider == GOOGLE or "crowded" not in each]
        if provider == CALDAV:
            weathers.append({fate: 0.04 for fate in road.FATES if fate != "crowded"})
        tell(self.control_port, road.WEATHER, {provider: rng.choice(weathers)})

    shares = {
        "kill a calendar worker": 24,
        "kill the calendar server": 6,
        "close the road": 6,
        "redeliver calendars": 8,
        "sweep calendars at once": 6,
        "compare calendars": 6,
    }
    ways = {
        "kill a calendar worker": _kill_worker,
        "kill the calendar server": _kill_server,
        "close the road": _close_road,
        "redeliver calendars": _redeliver,
        "sweep calendars at once": _sweep,
        "compare calendars": _compare,
        WEATHER: _change_weather,
    }


def _connections() -> list[int]:
    return list(CalendarConnection.objects.order_by("pk").values_list("pk", flat=True))
