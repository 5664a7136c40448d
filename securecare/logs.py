"""Log lines without the secrets that stand in addresses of links."""

import logging
import re

# The portal's links, those of messages, and addresses of calendars; a token has 43 characters.
_TOKEN = re.compile(r"(/portal/(?:a|sign-in/link|unsubscribe)/|/[csi]/|/calendar/)[\w-]{16,}")


class WithoutSecrets(logging.Formatter):
    """Masks tokens in whatever is logged, tracebacks included."""

    def format(self, record: logging.LogRecord) -> str:
        return _TOKEN.sub(r"\1…", super().format(record))
