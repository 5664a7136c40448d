"""Chromium for the tests that need a browser. Without one they are skipped, and say so."""

import os
import shutil
from collections.abc import Callable, Iterator

import pytest
from django.conf import settings
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright
from pytest_django.live_server_helper import LiveServer

from appointments.models import StaffMember
from portal import holds
from tests.scheduling.desk import signed_in

# As long as for an action: what must show sooner says so where it is asked for.
expect.set_options(timeout=10_000)

NAMES = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        pytest.skip("There is no Chromium on this machine: install it, or name it in CHROMIUM.")
    # Playwright runs an event loop in this thread, and Django refuses its database beside one.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Browser, live_server: LiveServer) -> Iterator[Callable[..., Page]]:
    """Opens pages, each in a browser context of its own, far from every facility's time zone."""
    contexts = []
    problems: list[str] = []

    def watch(page: Page) -> None:
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda message: problems.extend(_problem(message)))

    def open_one(**options: object) -> Page:
        given = {
            "timezone_id": "Pacific/Auckland",
            "locale": "en-US",
            "viewport": {"width": 1280, "height": 900},
            # A navigation that overtakes a page's transition breaks it off, which the page reports as an error.
            "reduced_motion": "reduce",
        }
        context = browser.new_context(base_url=live_server.url, **{**given, **options})  # type: ignore[arg-type]
        context.set_default_timeout(10_000)
        contexts.append(context)
        page = context.new_page()
        watch(page)
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert problems == []


def _problem(message: ConsoleMessage) -> list[str]:
    """What the console says of the content security policy; refused and broken off requests are no problem."""
    return [message.text] if "Content Security Policy" in message.text else []


@pytest.fixture
def page(open_page: Callable[..., Page]) -> Page:
    return open_page()


@pytest.fixture
def sign_in(page: Page, live_server: LiveServer) -> Callable[..., None]:
    """Signs a staff member in, in the test's page or in another one."""

    def as_staff(staff: StaffMember, *, on: Page = page) -> None:
        session = signed_in(staff).cookies[settings.SESSION_COOKIE_NAME].value
        on.context.add_cookies(
            [{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": live_server.url}]
        )

    return as_staff


@pytest.fixture(autouse=True)
def _nothing_held() -> None:
    """By an earlier run: holds outlive the tests that made them, and a new database numbers its rows from one again."""
    holds.forget()
