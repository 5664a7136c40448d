"""Checking many signed documents: the page goes on by itself, batch by batch, and by a button without scripts."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from appointments.models import StaffMember
from signatures import vault
from signatures.models import SignedDocument
from signatures.views import verification
from tests import factories as make
from tests.signatures import papers, sealed

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
COUNT = verification.BATCH + 2


@pytest.fixture
def desk() -> StaffMember:
    """Its first document was tampered with."""
    facility = make.facility()
    version, pdf = papers.template(), sealed.seal(sealed.pdf())
    for _ in range(COUNT):
        customer = make.customer(at=facility, given_name="Ada", family_name="Nguyen")
        sealed.document(of=version, facility=facility, customer=customer, sealed=pdf)
    first = SignedDocument.objects.earliest("pk")
    sealed.put(first, vault.open_copy(first) + b"\n")
    return make.staff(at=facility, role="manager")


def test_all_are_checked_with_one_press(desk: StaffMember, page: Page, sign_in: Callable[..., None]):
    sign_in(desk)
    page.goto("/documents/verify/")
    page.get_by_role("button", name=f"Check {COUNT} documents").click()
    expect(page.get_by_text(f"Checked {COUNT} of {COUNT}")).to_be_visible()
    expect(page.get_by_text("1 not as sealed.")).to_be_visible()
    expect(page.get_by_role("listitem").filter(has_text="bytes were appended after sealing")).to_have_count(1)


def test_without_scripts_a_button_goes_on(
    desk: StaffMember, open_page: Callable[..., Page], sign_in: Callable[..., None]
):
    page = open_page(java_script_enabled=False)
    sign_in(desk, on=page)
    page.goto("/documents/verify/")
    page.get_by_role("button", name=f"Check {COUNT} documents").click()
    expect(page.get_by_text(f"Checked {verification.BATCH} of {COUNT}")).to_be_visible()
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_text(f"Checked {COUNT} of {COUNT}")).to_be_visible()
    expect(page.get_by_text("1 not as sealed.")).to_be_visible()
