"""A mail server that takes everything and keeps the recipients: `python -m bench.mailbox PORT FOLDER`, until it is ended."""

import signal
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller

HOST = "127.0.0.1"
RECIPIENTS = "recipients.txt"
FIRST = "first.eml"


class Mailbox:
    """Each recipient is written down before the sender is told that the mail was taken."""

    def __init__(self, folder: Path) -> None:
        self.recipients = (folder / RECIPIENTS).open("a", buffering=1)
        self.first = folder / FIRST

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        if not self.first.exists():
            self.first.write_bytes(envelope.content)
        self.recipients.writelines(f"{recipient}\n" for recipient in envelope.rcpt_tos)
        return "250 Taken"


def taken(folder: Path) -> Counter[str]:
    """How many mails each address was sent."""
    return Counter((folder / RECIPIENTS).read_text().split())


def main(port: str, folder: str) -> None:
    Controller(Mailbox(Path(folder)), hostname=HOST, port=int(port)).start()
    signal.sigwait({signal.SIGTERM, signal.SIGINT})


if __name__ == "__main__":
    main(*sys.argv[1:])
