"""The calendar server of the sample organisation: Radicale, on this machine only, with an account for each who takes appointments."""

import json
import sys

from django.conf import settings

HOST = "127.0.0.1"
PASSWORD = "sample-calendar"  # noqa: S105  # printed for whoever tries the sample organisation
ACCOUNTS = ("dana", "marcus", "priya", "jonah", "lena", "tomas", "ruth", "samuel", "mei", "andre")
# What each account has, by its address below the account's own.
APPOINTMENTS = "appointments"
COLLECTIONS = {APPOINTMENTS: "Appointments", "personal": "Personal"}

_CONFIG = """\
[server]
hosts = {host}:{port}
[auth]
type = htpasswd
htpasswd_filename = {home}/users
htpasswd_encryption = plain
delay = 0
[rights]
type = owner_only
[storage]
filesystem_folder = {home}/collections
predefined_collections = {collections}
[web]
type = none
[logging]
level = warning
"""


def address(port: int) -> str:
    return f"http://localhost:{port}/"


def calendar_of(account: str, *, server: str) -> str:
    return f"{server}{account}/{APPOINTMENTS}/"


def hosts(port: int) -> list[str]:
    """Under which calendars may be connected there, though it has no public address."""
    return [f"localhost:{port}", f"{HOST}:{port}"]


def command(port: int) -> list[str]:
    """Starts it; its files are written first."""
    home = settings.DATA_DIR / "calendar-server"
    home.mkdir(mode=0o700, exist_ok=True)
    given = {path: {"tag": "VCALENDAR", "D:displayname": name} for path, name in COLLECTIONS.items()}
    config = _CONFIG.format(host=HOST, port=port, home=home, collections=json.dumps(given))
    (home / "users").write_text("".join(f"{account}:{PASSWORD}\n" for account in ACCOUNTS))
    (home / "config").write_text(config)
    return [sys.executable, "-m", "radicale", "--config", str(home / "config")]
