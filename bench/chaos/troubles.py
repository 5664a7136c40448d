"""What may go wrong, and a script of when it does, drawn from the seed before anything runs."""

import json
import random
import signal
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, ClassVar

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

WEATHER_SECONDS = (3, 7)
AWAY_SECONDS = 3.0
HANGS_SECONDS = 3.0
STOPS_WITHIN = 10
REDELIVERED = 100
SWEEPS = 5
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
Way = Callable[[Any, random.Random], None]


@dataclass(frozen=True)
class Trouble:
    at: float
    what: str
    seed: int


@dataclass
class Mischief:
    """Makes the troubles in a house. Subclasses know `ways` to, by name and share; one of them every so many seconds. What is
    killed is started again by whoever tends the house."""

    house: House
    made: Counter[str] = field(default_factory=Counter)

    name: ClassVar[str]
    every_seconds: ClassVar[tuple[float, float]]
    shares: ClassVar[Mapping[str, int]]
    ways: ClassVar[Mapping[str, Way]]

    @classmethod
    def script(cls, seed: int, *, seconds: float) -> list[Trouble]:
        """Every kind once if there is time, and more of them by their shares; the weather changes all the while."""
        rng = random.Random(f"{cls.name} {seed}")
        times = list(_times(rng, cls.every_seconds, seconds))
        more = rng.choices(
            list(cls.shares), list(cls.shares.values()), k=max(0, len(times) - len(cls.shares))
        )
        kinds = [*cls.shares, *more]
        rng.shuffle(kinds)
        made = [Trouble(at, what, rng.getrandbits(32)) for at, what in zip(times, kinds, strict=False)]
        if WEATHER in cls.ways:
            changes = _times(rng, WEATHER_SECONDS, seconds)
            made += [Trouble(at, WEATHER, rng.getrandbits(32)) for at in changes]
        return sorted(made, key=lambda trouble: trouble.at)

    def make(self, trouble: Trouble) -> None:
        self.made[trouble.what] += 1
        with suppress(*AWAY, psutil.Error):
            self.ways[trouble.what](self, random.Random(trouble.seed))

    def calm(self) -> None:
        """The weather is fine from here on."""

    def kill_one_of(self, names: Sequence[str], rng: random.Random) -> None:
        self.house.kill(rng.choice(names), away_seconds=rng.uniform(0, AWAY_SECONDS))


def _times(rng: random.Random, apart: tuple[float, float], seconds: float) -> Iterator[float]:
    at = rng.uniform(*apart)
    while at < seconds:
        yield at
        at += rng.uniform(*apart)


def tell(port: int, path: str, what: object) -> None:
    """A road, what comes."""
    request = urllib.request.Request(f"http://{HOST}:{port}{path}", json.dumps(what).encode(), method="PUT")
    urllib.request.urlopen(request, timeout=10).close()


@dataclass
class SiteMischief(Mischief):
    """To what everything needs."""

    beats: Sequence[str] = ()

    name = "site"
    every_seconds = (1.6, 6.4)

    def _kill_beat(self, rng: random.Random) -> None:
        self.kill_one_of(self.beats, rng)

    def _kill_web(self, rng: random.Random) -> None:
        self.kill_one_of(["web"], rng)

    def _flush_redis(self, _rng: random.Random) -> None:
        with broker.redis_client() as redis:
            redis.flushall()

    def _kill_redis(self, _rng: random.Random) -> None:
        """It comes back empty, as soon as somebody needs it."""
        if server := self.house.server(Redis):
            server.kill()

    def _hang_redis(self, _rng: random.Random) -> None:
        if server := self.house.server(Redis):
            server.suspend()
            time.sleep(HANGS_SECONDS)
            server.resume()

    def _restart_postgres(self, _rng: random.Random) -> None:
        """A fast shutdown; whoever connects next has it started. One that does not end, such as in the middle of recovering, is
        killed."""
        if server := self.house.server(PostgreSQL):
            server.send_signal(signal.SIGINT)
            try:
                server.wait(STOPS_WITHIN)
            except psutil.TimeoutExpired:
                server.kill()

    def _kill_backend(self, rng: random.Random) -> None:
        """All other connections are lost with it: PostgreSQL recovers from its log."""
        if server := self.house.server(PostgreSQL):
            backends = [each for each in server.children() if "securecare" in " ".join(each.cmdline())]
            rng.choice(backends or server.children()).kill()

    shares = {
        "kill a beat": 10,
        "kill the web": 5,
        "flush Redis": 8,
        "kill Redis": 5,
        "hang Redis": 4,
        "restart PostgreSQL": 4,
        "kill a PostgreSQL backend": 4,
    }
    ways = {
        "kill a beat": _kill_beat,
        "kill the web": _kill_web,
        "flush Redis": _flush_redis,
        "kill Redis": _kill_redis,
        "hang Redis": _hang_redis,
        "restart PostgreSQL": _restart_postgres,
        "kill a PostgreSQL backend": _kill_backend,
    }


@dataclass
class MessageMischief(Mischief):
    """To who sends messages, and on the road to who takes them."""

    workers: Sequence[str] = ()
    road_port: int = 0

    name = "messages"
    every_seconds = (1.6, 6.4)

    def calm(self) -> None:
        tell(self.road_port, road.WEATHER, road.FINE)

    def _kill_worker(self, rng: random.Random) -> None:
        self.kill_one_of(self.workers, rng)

    def _redeliver(self, rng: random.Random) -> None:
        """Settled, waiting and claimed ones, as a queue may do."""
        ids = list(Message.objects.values_list("pk", flat=True))
        for row_id in rng.choices(ids, k=REDELIVERED):
            tasks.deliver.apply_async(args=[row_id], retry=False)

    def _sweep(self, _rng: random.Random) -> None:
        for _ in range(SWEEPS):
            tasks.sweep.apply_async(retry=False)

    def _change_weather(self, rng: random.Random) -> None:
        tell(self.road_port, road.WEATHER, rng.choice(WEATHERS))

    shares = {"kill a worker": 24, "redeliver tasks": 12, "sweep at once": 6}
    ways = {
        "kill a worker": _kill_worker,
        "redeliver tasks": _redeliver,
        "sweep at once": _sweep,
        WEATHER: _change_weather,
    }
