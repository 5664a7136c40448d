"""The warning before the idle sign-out, in a real browser."""

from typing import Any

import pytest

from appointments.models import StaffMember
from securecare import idle
from securecare.models import Session
from securecare.sessions import SessionStore
from tests import factories

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def staff(page: Any, live_server: Any) -> StaffMember:
    """Signed in by the page's own form."""
    member = factories.staff(at=factories.facility())
    page.goto(f"{live_server.url}/account/")
    page.get_by_label("User name").fill(member.user.username)
    page.get_by_label("Password").fill(factories.PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/account/")
    return member


def limit(staff: StaffMember, *, seconds: int) -> None:
    """An idle time shorter than any organisation may choose."""
    session = SessionStore(session_key=Session.objects.get(user_id=staff.user_id).session_key)
    session[idle.IDLE_SECONDS] = seconds
    session.save()


def test_warning_takes_the_focus_and_staying_is_one_key(
    page: Any, live_server: Any, staff: StaffMember
) -> None:
    limit(staff, seconds=62)
    page.goto(f"{live_server.url}/account/password/")

    warning = page.get_by_role("alertdialog", name="Are you still there?")
    warning.wait_for()
    focused = page.evaluate("document.activeElement.textContent")
    page.keyboard.press("Enter")
    warning.wait_for(state="hidden")

    assert focused == "Stay signed in"
    assert page.url == f"{live_server.url}/account/password/"
    page.reload()
    assert page.get_by_role("heading", name="Change password").is_visible()


def test_idle_page_leaves_and_sign_in_leads_back(page: Any, live_server: Any, staff: StaffMember) -> None:
    limit(staff, seconds=3)
    page.goto(f"{live_server.url}/account/password/?from=here")

    page.wait_for_url("**/sign-in/**")
    reason = page.locator(".notice").inner_text()
    ended = not Session.objects.filter(user_id=staff.user_id).exists()
    page.get_by_label("User name").fill(staff.user.username)
    page.get_by_label("Password").fill(factories.PASSWORD)
    page.get_by_role("button", name="Sign in").click()

    assert reason == "You were signed out because nothing happened for a while. Sign in to go on."
    assert ended
    page.wait_for_url(f"{live_server.url}/account/password/?from=here")


def test_typing_is_told_to_the_server_though_no_page_is_asked_for(
    page: Any, live_server: Any, staff: StaffMember
) -> None:
    page.clock.install()
    page.goto(f"{live_server.url}/account/password/")
    page.clock.fast_forward(59_000)
    page.get_by_label("Old password").press_sequentially("a")

    with page.expect_request("**/account/activity/") as told:
        page.clock.run_for(2_000)

    assert told.value.method == "POST"
    assert told.value.post_data.startswith("idle_for=")
