"""Where everything listens during the chaos, and the settings that lead the site there. Nothing here needs Django."""

import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from bench.chaos.house import HOST
from bench.chaos.road import Config
from tests.contracts.sendgrid_double import SendGridDouble
from tests.contracts.signing import new_sendgrid_key
from tests.contracts.twilio_double import TwilioDouble

TIMEOUT = 2.0
CLAIM_SECONDS = 8
EVENT_MINUTES = 0.35
PROVIDERS = ("twilio", "sendgrid")
NO_LIMIT = "100000"


@dataclass(frozen=True)
class Setting:
    web: int
    doubles: dict[str, int]
    road: dict[str, int]
    private_key: str
    public_key: str
    seed: int

    @classmethod
    def found(cls, seed: int) -> Self:
        private, public = new_sendgrid_key()
        pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        ports = free_ports(5)
        doubles, road = (
            dict(zip(PROVIDERS, ports, strict=False)),
            dict(zip(PROVIDERS, ports[2:], strict=False)),
        )
        return cls(ports[4], doubles, road, pem, public, seed)

    @property
    def site(self) -> str:
        return f"http://{HOST}:{self.web}"

    def road_config(self) -> Config:
        return Config(
            ports=self.road,
            doubles=self.doubles,
            web=self.site,
            twilio_token=TwilioDouble.token,
            sendgrid_key=self.private_key,
            timeout=TIMEOUT,
            seed=self.seed,
        )

    def environment(self, folder: Path) -> Mapping[str, str]:
        """Short waits, and no limit that a busy minute would reach."""
        return {
            "DATA_DIR": str(folder),
            "DATABASE_URL": "",
            "REDIS_URL": "",
            "PUBLIC_BASE_URL": self.site,
            "ALLOWED_HOSTS": HOST,
            "EMAIL_FROM": "Northside <appointments@northside.example.org>",
            "SMTP_URL": "",
            "TWILIO_ACCOUNT_SID": TwilioDouble.account,
            "TWILIO_AUTH_TOKENS": TwilioDouble.token,
            "TWILIO_MESSAGING_SERVICE_SID": TwilioDouble.service,
            "TWILIO_API_BASE": f"http://{HOST}:{self.road['twilio']}",
            "SENDGRID_API_KEY": SendGridDouble.key,
            "SENDGRID_API_BASE": f"http://{HOST}:{self.road['sendgrid']}",
            "SENDGRID_WEBHOOK_KEYS": self.public_key,
            "SENDGRID_EVENT_MINUTES": str(EVENT_MINUTES),
            "PROVIDER_TIMEOUT_SECONDS": str(TIMEOUT),
            "OUTBOX_CLAIM_SECONDS": str(CLAIM_SECONDS),
            "TEXTS_PER_NUMBER_A_DAY": NO_LIMIT,
            "TEXTS_PER_NUMBER_A_WEEK": NO_LIMIT,
        }


def free_ports(count: int) -> list[int]:
    """All held until the last is found, so that they differ."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind((HOST, 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()
