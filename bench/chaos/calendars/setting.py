"""Where the servers of calendars listen during the chaos, and the settings that lead the site there. Nothing here needs Django."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from bench import environments
from bench.chaos.calendars.road import CALDAV, GOOGLE, Config
from bench.chaos.house import HOST
from bench.chaos.setting import TIMEOUT, free_ports

PROVIDERS = (GOOGLE, CALDAV)


@dataclass(frozen=True)
class CalendarSetting:
    servers: dict[str, int]
    road: dict[str, int]
    control: int
    seed: int

    @classmethod
    def found(cls, seed: int) -> Self:
        ports = free_ports(5)
        return cls(
            dict(zip(PROVIDERS, ports, strict=False)),
            dict(zip(PROVIDERS, ports[2:], strict=False)),
            ports[4],
            seed,
        )

    def road_config(self) -> Config:
        return Config(
            ports=self.road, servers=self.servers, control=self.control, timeout=TIMEOUT, seed=self.seed
        )

    def caldav_address(self, path: str) -> str:
        """As the site knows it: over the road."""
        return f"http://{HOST}:{self.road[CALDAV]}/{path}/"

    def environment(self) -> Mapping[str, str]:
        return {
            **environments.google(f"http://{HOST}:{self.road[GOOGLE]}"),
            "CALDAV_PRIVATE_HOSTS": f"{HOST}:{self.road[CALDAV]}",
        }
