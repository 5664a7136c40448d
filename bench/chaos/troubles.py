"""What may go wrong, and a script of when it does, drawn from the seed before anything runs."""

import json
import random
import signal
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

import psutil
from django.db import DatabaseError, InterfaceError
from kombu.exceptions import KombuError
from redis.exceptions import RedisError

from bench.chaos import road
from bench.chaos.house import HOST, House
from reminders import tasks
from reminders.models import Message
from securecare import broker
from securecare.embedded.servers import PostgreSQL, Redis

EVERY_SECONDS = (0.8, 3.2)
WEATHER_SECONDS = (3, 7)
AWAY_SECONDS = 3.0
HANGS_SECONDS = 3.0
REDELIVERED = 100
SWEEPS = 5
SHARES = {
    "kill a worker": 24,
    "kill a beat": 10,
    "kill the web": 5,
    "flush Redis": 8,
    "kill Redis": 5,
    "hang Redis": 4,
    "restart PostgreSQL": 4,
    "kill a PostgreSQL backend": 4,
    "redeliver tasks": 12,
    "sweep at once": 6,
}
WEATHER = "change the weather"
# Shares of requests: of fates on the road to the providers.
WEATHERS: list[dict[str, float]] = [
    {"silence": 0.3, "answer late": 0.2},
    {"throttled": 0.6},
    {"broken": 0.4, "broken after": 0.2},
    {"down": 0.7},
    {"answer lost": 0.4},
    {"hung up": 0.4},
    {"garbled": 0.2, "answer lost": 0.1},
    dict.fromkeys((*road.UNSEEN, *road.SEEN), 0.05),
    road.FINE,
]
AWAY = (DatabaseError, InterfaceError, RedisError, KombuError, OSError)


@dataclass(frozen=True)
class Trouble:
    at: float
    what: str
    seed: int


def script(seed: int, *, seconds: float) -> list[Trouble]:
    """Every kind once if there is time, and more of them by their shares; the weather changes all the while."""
    rng = random.Random(f"troubles {seed}")
    times = list(_times(rng, EVERY_SECONDS, seconds))
    more = rng.choices(list(SHARES), list(SHARES.values()), k=max(0, len(times) - len(SHARES)))
    kinds = [*SHARES, *more]
    rng.shuffle(kinds)
    made = [Trouble(at, what, rng.getrandbits(32)) for at, what in zip(times, kinds, strict=False)]
    weather = [Trouble(at, WEATHER, rng.getrandbits(32)) for at in _times(rng, WEATHER_SECONDS, seconds)]
    return sorted([*made, *weather], key=lambda trouble: trouble.at)


def _times(rng: random.Random, apart: tuple[float, float], seconds: float) -> Iterator[float]:
    at = rng.uniform(*apart)
    while at < seconds:
        yield at
        at += rng.uniform(*apart)


@dataclass
class Mischief:
    """Makes the troubles in a house."""

    house: House
    workers: list[str]
    beats: list[str]
    road_port: int
    made: Counter[str] = field(default_factory=Counter)

    def make(self, trouble: Trouble) -> None:
        self.made[trouble.what] += 1
        with suppress(*AWAY, psutil.Error):
            WAYS[trouble.what](self, random.Random(trouble.seed))

    def calm(self) -> None:
        """The weather is fine; what was killed is started again by whoever tends the house."""
        self._set_weather(road.FINE)

    def _kill_worker(self, rng: random.Random) -> None:
        self.house.kill(rng.choice(self.workers), away_seconds=rng.uniform(0, AWAY_SECONDS))

    def _kill_beat(self, rng: random.Random) -> None:
        self.house.kill(rng.choice(self.beats), away_seconds=rng.uniform(0, AWAY_SECONDS))

    def _kill_web(self, rng: random.Random) -> None:
        self.house.kill("web", away_seconds=rng.uniform(0, AWAY_SECONDS))

    def _flush_redis(self, _rng: random.Random) -> None:
        with broker.redis_client() as redis:
            redis.flushall()

    def _kill_redis(self, rng: random.Random) -> None:
        """It comes back empty, as soon as somebody needs it."""
        if server := self.house.server(Redis):
            server.kill()

    def _hang_redis(self, _rng: random.Random) -> None:
        if server := self.house.server(Redis):
            server.suspend()
            time.sleep(HANGS_SECONDS)
            server.resume()

    def _restart_postgres(self, _rng: random.Random) -> None:
        """A fast shutdown; whoever connects next has it started."""
        if server := self.house.server(PostgreSQL):
            server.send_signal(signal.SIGINT)
            with suppress(psutil.TimeoutExpired):
                server.wait(10)

    def _kill_backend(self, rng: random.Random) -> None:
        """All other connections are lost with it: PostgreSQL recovers from its log."""
        if server := self.house.server(PostgreSQL):
            backends = [each for each in server.children() if "securecare" in " ".join(each.cmdline())]
            rng.choice(backends or server.children()).kill()

    def _redeliver(self, rng: random.Random) -> None:
        """Settled, waiting and claimed ones, as a queue may do."""
        ids = list(Message.objects.values_list("pk", flat=True))
        for row_id in rng.choices(ids, k=REDELIVERED):
            tasks.deliver.apply_async(args=[row_id], retry=False)

    def _sweep(self, _rng: random.Random) -> None:
        for _ in range(SWEEPS):
            tasks.sweep.apply_async(retry=False)

    def _change_weather(self, rng: random.Random) -> None:
        self._set_weather(rng.choice(WEATHERS))

    def _set_weather(self, weather: dict[str, float]) -> None:
        address = f"http://{HOST}:{self.road_port}{road.WEATHER}"
        request = urllib.request.Request(address, json.dumps(weather).encode(), method="PUT")
        urllib.request.urlopen(request, timeout=10).close()


WAYS = {
    "kill a worker": Mischief._kill_worker,
    "kill a beat": Mischief._kill_beat,
    "kill the web": Mischief._kill_web,
    "flush Redis": Mischief._flush_redis,
    "kill Redis": Mischief._kill_redis,
    "hang Redis": Mischief._hang_redis,
    "restart PostgreSQL": Mischief._restart_postgres,
    "kill a PostgreSQL backend": Mischief._kill_backend,
    "redeliver tasks": Mischief._redeliver,
    "sweep at once": Mischief._sweep,
    WEATHER: Mischief._change_weather,
}
