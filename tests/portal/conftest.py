import pytest

from portal import holds


@pytest.fixture(autouse=True)
def _nothing_held() -> None:
    """By an earlier run: holds outlive the tests that made them, and a new database numbers its rows from one again."""
    holds.forget()
