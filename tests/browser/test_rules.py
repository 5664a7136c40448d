"""A program's reminders in real Chromium: the preview follows the keyboard, and works without JavaScript."""

import re
from urllib.parse import urljoin

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from django.urls import reverse
from playwright.sync_api import expect

from appointments.models import Channel
from reminders import rules
from tests.scheduling.desk import Desk

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
TEXT = "{organisation}: {day}, {time}. {link}"


@pytest.fixture
def desk():
    return Desk.open(name="Northside")


@pytest.fixture
def signed_in(desk, page, live_server):
    """A browser in which a manager of the facility is signed in."""
    session = desk.signed_in("manager").cookies[settings.SESSION_COOKIE_NAME].value
    cookie = {"name": settings.SESSION_COOKIE_NAME, "value": session, "url": live_server.url}
    page.context.add_cookies([cookie])
    page.goto(urljoin(live_server.url, reverse("reminder-rules")))
    return page


def rule_of(desk, channel=Channel.PHONE):
    return next(rule for rule in rules.of(desk.program) if (rule.days_before, rule.channel) == (2, channel))


def test_preview_follows_what_is_typed_and_save_keeps_it(signed_in, desk):
    page = signed_in
    page.get_by_role("link", name=str(desk.program)).click()
    page.get_by_role("link", name="Text message 2 days before at 10:00 AM", exact=True).click()
    preview = page.locator("#rule-preview")
    expect(preview.get_by_text("the usual words")).to_have_count(2)
    words = page.get_by_label("Text in English")
    words.press_sequentially(TEXT + " {tme}")
    expect(preview).to_contain_text("Did you mean {time}?")
    words.fill(TEXT)
    expect(preview.locator(".letter").first).to_contain_text(
        re.compile(r"SecureCare: \w+, \w+ \d+, 10:45 AM")
    )
    expect(preview).to_contain_text("sent as 1 text")
    expect(words).to_be_focused()
    words.press("Tab")
    page.get_by_role("button", name="Save", exact=True).last.click()
    expect(page.locator("#messages")).to_contain_text("Saved: Text message 2 days before at 10:00 AM.")
    assert rule_of(desk).wordings.get().text == TEXT


def test_preview_and_saving_work_without_javascript(browser, signed_in, desk):
    context = browser.new_context(java_script_enabled=False, storage_state=signed_in.context.storage_state())
    page = context.new_page()
    page.goto(urljoin(signed_in.url, reverse("reminder-rule", args=[desk.program.pk, rule_of(desk).pk])))
    page.get_by_label("Text in English").fill(TEXT)
    page.get_by_role("button", name="Preview").click()
    expect(page.locator("#rule-preview")).to_contain_text("your own words")
    assert rule_of(desk).wordings.count() == 0
    page.get_by_role("button", name="Save", exact=True).last.click()
    assert rule_of(desk).wordings.get().text == TEXT
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_fit_a_phone_and_have_no_barriers(open_page, signed_in, desk, scheme):
    page = open_page(
        viewport={"width": 360, "height": 740},
        color_scheme=scheme,
        storage_state=signed_in.context.storage_state(),
    )
    for path in (
        reverse("reminder-rules"),
        reverse("reminder-program", args=[desk.program.pk]),
        reverse("reminder-rule", args=[desk.program.pk, rule_of(desk).pk]),
        reverse("reminder-rule", args=[desk.program.pk, rule_of(desk, Channel.EMAIL).pk]),
    ):
        page.goto(urljoin(signed_in.url, path))
        overflow = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        found = Axe().run(page).response["violations"]
        problems = [(one["id"], [node["html"][:120] for node in one["nodes"]]) for one in found]
        assert (path, overflow, problems) == (path, 0, [])
