"""Writing a document and placing fields on an uploaded one, in real Chromium: by mouse, by keyboard, on a phone."""

from urllib.parse import urljoin

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.urls import reverse
from playwright.sync_api import expect

from signatures import editing
from tests import factories as make
from tests.scheduling.desk import Desk
from tests.signatures import papers, scans

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def desk():
    return Desk.open(name="Northside")


@pytest.fixture
def manager(desk, sign_in):
    member = make.staff(at=desk.facility, role="manager", takes_appointments=False)
    sign_in(member)
    return member


def drafted(desk, **fields):
    return papers.template(at=[desk.facility], is_published=False, **fields)


def uploaded(desk):
    data = scans.pdf("First page", "Second page")
    return editing.upload(version=drafted(desk), data=data, name="a.pdf", by=desk.staff.user)


def show(page, live_server, version):
    url = reverse("document-template", args=[version.template.reference])
    page.goto(urljoin(live_server.url, url))


def found_by_axe(page):
    return [violation["id"] for violation in Axe().run(page).response["violations"]]


def placements(version):
    version.refresh_from_db()
    return version.placements


def test_preview_follows_what_is_typed_and_publishing_keeps_it(page, desk, manager, live_server):
    version = drafted(desk, body="Before")
    show(page, live_server, version)
    page.get_by_label("Text", exact=True).fill("## Rules\n\n{customer_nam} [[tick*: I agree]]")
    preview = page.locator("#template-preview")
    expect(preview).to_contain_text("Did you mean {customer_name}?")
    page.get_by_label("Text", exact=True).fill("## Rules\n\n{customer_name} [[tick*: I agree]]")
    expect(preview.get_by_role("heading", name="Rules")).to_be_visible()
    expect(preview).to_contain_text("Ada Nguyen")
    expect(preview).not_to_contain_text("Before it can be published")
    assert found_by_axe(page) == []
    page.get_by_role("button", name="Publish version 1").click()
    expect(page.get_by_role("button", name="Change it")).to_be_visible()
    version.refresh_from_db()
    assert not version.is_draft


def test_a_click_places_a_field_where_it_is_and_dragging_moves_it(page, desk, manager, live_server):
    version = uploaded(desk)
    show(page, live_server, version)
    first = page.locator(".pdf-page").first
    size = first.bounding_box()
    first.click(position={"x": size["width"] * 0.25, "y": size["height"] * 0.4})
    page.keyboard.type("Where you live")
    box = page.get_by_role("button", name="Where you live, page 1")
    area = box.bounding_box()
    page.mouse.move(area["x"] + 20, area["y"] + area["height"] / 2)
    page.mouse.down()
    page.mouse.move(area["x"] + 20 + size["width"] * 0.1, area["y"] + area["height"] / 2, steps=4)
    page.mouse.up()
    page.get_by_role("button", name="Save the draft").click()
    expect(page.get_by_text("Nobody is asked to sign it until it is published.")).to_be_visible()
    (at,) = placements(version)
    assert (at["label"], at["kind"], at["page"]) == ("Where you live", "text", 0)
    assert at["x"] == pytest.approx(0.35, abs=0.01)
    assert at["y"] + at["height"] / 2 == pytest.approx(0.4, abs=0.01)
    assert found_by_axe(page) == []


def test_a_field_is_placed_moved_resized_and_taken_away_by_keyboard(page, desk, manager, live_server):
    version = uploaded(desk)
    show(page, live_server, version)
    page.get_by_role("button", name="Add a field").press("Enter")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Enter")
    page.keyboard.type("Name")
    page.get_by_role("button", name="Add a field").press("Enter")
    page.keyboard.press("Delete")
    page.get_by_role("button", name="Save the draft").press("Enter")
    expect(page.get_by_text("Nobody is asked to sign it until it is published.")).to_be_visible()
    (at,) = placements(version)
    assert (at["label"], at["x"], at["width"]) == ("Name", 0.355, 0.305)
    page.get_by_role("button", name="Name, page 1").press("Delete")
    page.get_by_role("button", name="Save the draft").press("Enter")
    expect(page.get_by_role("button", name="Name, page 1")).to_have_count(0)
    assert placements(version) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_fit_a_phone(scheme, open_page, desk, manager, sign_in, live_server):
    page = open_page(viewport={"width": 360, "height": 740}, color_scheme=scheme)
    sign_in(manager, on=page)
    written = papers.template(at=[desk.facility], body="| a | b |\n|---|---|\n| [[date: Day]] | {program} |")
    for version in (uploaded(desk), drafted(desk), written):
        show(page, live_server, version)
        assert page.evaluate("document.documentElement.scrollWidth") == 360
        assert found_by_axe(page) == []
    for url in ("document-templates", "document-template-new"):
        page.goto(urljoin(live_server.url, reverse(url)))
        assert page.evaluate("document.documentElement.scrollWidth") == 360
        assert found_by_axe(page) == []
