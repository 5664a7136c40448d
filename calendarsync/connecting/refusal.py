"""Why a calendar cannot be connected, in words for its owner."""

from collections.abc import Iterator
from contextlib import contextmanager

from calendarsync.providers.base import CalendarError

TAKEN = (
    "{calendar} is connected already, by {other}. Choose another calendar, "
    "or ask them or a manager to disconnect it first."
)
NONE_TO_WRITE = "There is no calendar at this address that you may write to. Make one there, then come back."
NOT_LISTED = "This calendar is not in the list any more. Choose one that is."
READ_ONLY = "You may only read {calendar}, not write to it. Choose another calendar."
ADDRESS_TOO_LONG = "The address of this calendar is too long to keep. Choose another calendar."
GIVEN_UP = "This is not being set up any more. Start again."
OTHER_CALENDAR = (
    "This opens another calendar, {found}. To go on with {calendar}, sign in to the account that it belongs to; "
    "to change to the other, connect it as a new one."
)
NOT_CONNECTED = "This calendar is not connected any more. Connect it again."
STOPPED = "This calendar has stopped. Test it, or connect it again: what waits is then caught up."
UNREADABLE = "Its password or permission cannot be read any more. Start again."


class CannotConnect(Exception):
    """Nothing was changed. The text says why, and what to do."""


@contextmanager
def asking() -> Iterator[None]:
    """What a provider says is said on."""
    try:
        yield
    except CalendarError as error:
        raise CannotConnect(str(error)) from error
