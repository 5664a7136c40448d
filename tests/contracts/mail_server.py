"""A real SMTP server that keeps what it takes, and refuses what it is told to."""

import asyncio
import email
import email.policy
import socket
import threading
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword


class MailServer:
    """`replies` are given in place of the usual ones, by command: MAIL, RCPT, DATA. `is_silent`: taken, without a word."""

    user, password = "mailer", "secret of the mailer"

    def __init__(self, port: int = 0) -> None:
        self._lock = threading.Lock()
        self.reset()
        port = port or _free_port()
        self.url = f"smtp://127.0.0.1:{port}"
        self.url_with_password = f"smtp://{self.user}:secret%20of%20the%20mailer@127.0.0.1:{port}"
        self._controller = Controller(
            self, hostname="127.0.0.1", port=port, authenticator=self._check, auth_require_tls=False
        )
        self._controller.start()

    def stop(self) -> None:
        self._controller.stop()

    def reset(self) -> None:
        with self._lock:
            self._taken: list[tuple[str, list[str], EmailMessage]] = []
        self.replies: dict[str, str] = {}
        self.is_silent = self.hangs_up = False

    @property
    def envelopes(self) -> list[tuple[str, list[str], EmailMessage]]:
        """Sender, recipients and content of what was taken, in order."""
        with self._lock:
            return list(self._taken)

    @property
    def messages(self) -> list[EmailMessage]:
        return [message for _, _, message in self.envelopes]

    def _check(self, _server: Any, _session: Any, _envelope: Any, _mechanism: str, given: Any) -> AuthResult:
        is_right = isinstance(given, LoginPassword) and (given.login, given.password) == (
            self.user.encode(),
            self.password.encode(),
        )
        return AuthResult(success=is_right, handled=False)

    async def handle_MAIL(
        self, _server: SMTP, _session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        if reply := self.replies.get("MAIL"):
            return reply
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(
        self, _server: SMTP, _session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        if reply := self.replies.get("RCPT"):
            return reply
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, _session: Any, envelope: Any) -> str:
        if reply := self.replies.get("DATA"):
            return reply
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        with self._lock:
            self._taken.append((envelope.mail_from, list(envelope.rcpt_tos), message))
        if self.hangs_up:
            server.transport.abort()
        if self.is_silent:
            await asyncio.sleep(1)
        return "250 OK"


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]
