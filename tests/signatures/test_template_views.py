"""The pages on which documents are written, uploaded, published and asked for."""

import re

import pytest
from django.urls import reverse

from signatures import editing
from signatures.models import DocumentRequirement, DocumentTemplate, SigningRules, TemplateVersion
from tests import factories as make
from tests.scheduling.desk import Desk, alerts_of, errors_of, part, text_of
from tests.signatures import papers, scans

pytestmark = pytest.mark.django_db

LIST = "/documents/templates/"
NEW = "/documents/templates/new/"
ABOUT = {"title": "Release of records", "kind": "release", "valid_months": "12"}
BODY = "# Release\n\nI, {customer_name}, agree. [[tick*: I have read it]]"


@pytest.fixture
def desk():
    return Desk.open(name="Northside")


@pytest.fixture
def manager(desk):
    return desk.signed_in("manager")


def address(template, name="document-template", *more):
    return reverse(name, args=[template.reference, *more])


def written(version, **fields):
    """What the form of a written draft sends."""
    usual = {"body": BODY, "first": "customer", "then": "", "last": "", "seen": editing.stamp(version)}
    return {**usual, **fields}


def placed(version, *rows, **fields):
    """What the form of an uploaded draft sends."""
    sent = {"p-TOTAL_FORMS": str(len(rows)), "p-INITIAL_FORMS": str(len(version.placements))}
    for number, row in enumerate(rows):
        usual = {"kind": "text", "label": "Where they live", "role": "customer", "page": "1"}
        usual |= {"x": "10", "y": "20.5", "width": "30", "height": "2.6"}
        sent |= {f"p-{number}-{name}": value for name, value in {**usual, **row}.items()}
    signers = {"first": "customer", "then": "", "last": "", "seen": editing.stamp(version)}
    return {**sent, **signers, **fields}


def drafted(desk, **fields):
    return papers.template(at=[desk.facility], is_published=False, **fields)


def uploaded(desk, **fields):
    version = drafted(desk, **fields)
    return editing.upload(version=version, data=scans.pdf("One", "Two"), name="a.pdf", by=desk.staff.user)


def problems_in(response):
    found = re.search(r'<div class="notice error" role="alert">(.*?)</div>', response.content.decode(), re.S)
    return re.findall("<li>(.*?)</li>", found[1]) if found else []


# Making one


def test_a_new_document_begins_as_a_draft_of_its_first_version(desk, manager):
    answer = manager.post(NEW, {**ABOUT, "everywhere": "on"})
    template = DocumentTemplate.objects.get()
    assert answer.headers["Location"] == address(template)
    assert (template.title, template.kind, template.valid_months) == ("Release of records", "release", 12)
    assert list(template.facilities.all()) == []
    assert template.versions.get().is_draft
    assert "I, Ada Nguyen, agree to …" in text_of(manager.get(address(template)))


def test_who_looks_after_some_facilities_says_at_which_of_theirs(desk, manager):
    elsewhere = make.facility(name="Elsewhere")
    assert "All facilities" not in text_of(manager.get(NEW))
    refused = manager.post(NEW, {**ABOUT, "everywhere": "on"})
    assert (refused.status_code, errors_of(refused)) == (422, ["Choose at least one facility."])
    assert manager.post(NEW, {**ABOUT, "facilities": [elsewhere.pk]}).status_code == 422
    manager.post(NEW, {**ABOUT, "facilities": [desk.facility.pk]})
    assert list(DocumentTemplate.objects.get().facilities.all()) == [desk.facility]


@pytest.mark.parametrize("months", ["0", "121", "soon"])
def test_a_signature_holds_for_months(months, manager):
    answer = manager.post(NEW, {**ABOUT, "everywhere": "on", "valid_months": months})
    assert errors_of(answer) == ["Enter 1 to 120 months, or nothing."]
    assert alerts_of(answer) == ["Not saved yet. Look at the field marked below."]


def test_the_title_stays_once_people_were_asked(desk, manager):
    template = papers.request(facility=desk.facility, of=papers.template(at=[desk.facility])).template
    sent = {**ABOUT, "facilities": [desk.facility.pk], "is_active": "on"}
    answer = manager.post(address(template, "document-template-about"), sent)
    assert errors_of(answer) == [
        "People were asked to sign it under its present title. Make a new document for another one."
    ]
    manager.post(address(template, "document-template-about"), {**sent, "title": template.title})
    template.refresh_from_db()
    assert (template.kind, template.valid_months, template.is_active) == ("release", 12, True)


# Writing it


def test_what_is_written_is_kept_as_a_draft(desk, manager):
    version = drafted(desk)
    manager.post(address(version.template), written(version, then="staff"))
    version.refresh_from_db()
    assert (version.body, version.signers, version.is_draft) == (BODY, ["customer", "staff"], True)


def test_preview_shows_what_is_entered_and_keeps_nothing(desk, manager):
    version = drafted(desk, body="As it was")
    url = address(version.template, "document-template-preview")
    sent = written(version, body="{customer_nam} <script>x</script>")
    shown = manager.post(url, sent, headers=part("template-preview"))
    assert shown.status_code == 200
    assert shown.content.decode().strip().startswith('<section id="template-preview"')
    assert "There is no {customer_nam}. Did you mean {customer_name}?" in text_of(shown)
    assert "<script>x" not in shown.content.decode()
    whole = manager.post(url, sent)
    assert shown.content.decode().strip() in whole.content.decode()
    version.refresh_from_db()
    assert version.body == "As it was"


def test_publishing_keeps_what_is_entered_and_freezes_it(desk, manager):
    version = drafted(desk)
    url = address(version.template, "document-template-publish")
    assert manager.post(url, written(version)).headers["Location"] == address(version.template)
    version.refresh_from_db()
    assert (version.body, version.is_draft) == (BODY, False)
    shown = manager.get(address(version.template))
    assert "<textarea" not in shown.content.decode()
    assert "it stays as it is" in text_of(shown)


def test_what_cannot_be_published_says_what_to_change(desk, manager):
    version = drafted(desk)
    url = address(version.template, "document-template-publish")
    answer = manager.post(url, written(version, body="[[second text: Relationship]]"))
    assert answer.status_code == 422
    assert problems_in(answer) == [
        "There is a field for the guardian or second party, who does not sign. Add them, or leave it out."
    ]
    version.refresh_from_db()
    assert (version.is_draft, version.body) == (True, "[[second text: Relationship]]")


def test_a_draft_that_somebody_else_changed_is_not_overwritten(desk, manager):
    version = drafted(desk)
    sent = written(version)
    editing.save_draft(version=version, body="Theirs", signers=["customer"], by=desk.staff.user)
    answer = manager.post(address(version.template), sent)
    assert (answer.status_code, problems_in(answer)) == (422, [editing.CHANGED_MEANWHILE])
    version.refresh_from_db()
    assert version.body == "Theirs"


def test_a_published_version_is_changed_by_a_new_draft(desk, manager):
    version = papers.template(at=[desk.facility], body=BODY)
    manager.post(address(version.template, "document-template-draft"))
    manager.post(address(version.template, "document-template-draft"))
    draft = version.template.versions.get(published_at=None)
    assert (draft.number, draft.body) == (2, BODY)
    manager.post(address(version.template), written(draft, body="Other words"))
    version.refresh_from_db()
    assert version.body == BODY
    assert "Other words" not in text_of(manager.get(address(version.template) + "?version=1"))


def test_nobody_signs_twice(desk, manager):
    version = drafted(desk)
    answer = manager.post(address(version.template), written(version, then="customer"))
    assert errors_of(answer) == ["Each of them signs once."]


# An uploaded PDF


def test_a_pdf_is_shown_page_by_page(desk, manager):
    version = drafted(desk)
    with scans.file("One", "Two") as file:
        manager.post(address(version.template, "document-template-upload"), {"pdf": file})
    shown = manager.get(address(version.template)).content.decode()
    images = re.findall(r'<img src="([^"]+)"', shown)
    assert len(images) == 2
    page = manager.get(images[1])
    assert (page.headers["Content-Type"], page.content[:4]) == ("image/png", b"\x89PNG")
    assert manager.get(address(version.template, "document-template-page", 1, 2)).status_code == 404


@pytest.mark.parametrize(("data", "words"), [(b"Hello", "This is not a PDF."), (b"", "This file is empty.")])
def test_what_is_no_pdf_is_refused_with_words(data, words, desk, manager):
    version = drafted(desk)
    with scans.file(data=data) as file:
        answer = manager.post(address(version.template, "document-template-upload"), {"pdf": file})
    assert answer.status_code == 422
    assert errors_of(answer)[0].startswith(words)
    version.refresh_from_db()
    assert version.source == "markup"


def test_fields_are_placed_in_hundredths_of_the_page(desk, manager):
    version = uploaded(desk)
    sent = placed(
        version, {"is_required": "on"}, {"kind": "customer_name", "label": "", "page": "2", "y": "3"}
    )
    manager.post(address(version.template), sent)
    version.refresh_from_db()
    where = {"x": 0.1, "y": 0.205, "width": 0.3, "height": 0.026}
    assert version.placements == [
        {"kind": "text", "label": "Where they live", "role": "customer", "is_required": True, "page": 0}
        | where,
        {"kind": "customer_name", "label": "The customer’s name", "role": "customer", "is_required": False}
        | {**where, "page": 1, "y": 0.03},
    ]
    assert 'style="left: 10.00%; top: 20.50%' in manager.get(address(version.template)).content.decode()


def test_a_field_that_is_taken_away_is_gone(desk, manager):
    version = uploaded(desk)
    manager.post(address(version.template), placed(version, {}, {"label": "Other"}))
    version.refresh_from_db()
    manager.post(
        address(version.template), placed(version, {"p-0-DELETE": "on", "DELETE": "on"}, {"label": "Other"})
    )
    version.refresh_from_db()
    assert [at["label"] for at in version.placements] == ["Other"]


def test_a_field_beside_the_page_is_refused(desk, manager):
    version = uploaded(desk)
    answer = manager.post(address(version.template), placed(version, {"x": "90"}))
    assert (answer.status_code, problems_in(answer)) == (
        422,
        ["Where they live: it does not lie on the page."],
    )
    answer = manager.post(address(version.template), placed(version, {"page": "3"}))
    assert problems_in(answer) == ["Where they live: there is no page 3."]
    answer = manager.post(address(version.template), placed(version, {"x": ""}))
    assert errors_of(answer) == ["Enter a number."]


def test_a_pdf_is_given_up_for_writing(desk, manager):
    version = uploaded(desk)
    manager.post(address(version.template, "document-template-upload"), {"written": "1"})
    version.refresh_from_db()
    assert (version.source, version.pdf) == ("markup", None)


# Programs


def test_a_program_asks_for_documents_and_says_how(desk, manager):
    consent, release = papers.template(), papers.template(title="Release", at=[desk.facility])
    url = reverse("program-documents", args=[desk.program.pk])
    sent = {"templates": [consent.template.pk, release.template.pk], "holds_arrival": "on"}
    manager.post(url, {**sent, "remind_days_before": "1, 5 1"})
    assert set(desk.program.document_requirements.values_list("template", flat=True)) == {
        consent.template.pk,
        release.template.pk,
    }
    rules = SigningRules.objects.get(program=desk.program)
    assert (rules.sends_on_booking, rules.holds_arrival, rules.remind_days_before) == (False, True, [5, 1])
    manager.post(url, {"templates": [release.template.pk], "remind_days_before": ""})
    assert desk.program.document_requirements.get().template == release.template
    assert SigningRules.objects.get(program=desk.program).remind_days_before == []


def test_appointments_ahead_follow_what_their_program_asks_for(desk, manager):
    version = papers.template()
    appointment = desk.appointment()
    url = reverse("program-documents", args=[desk.program.pk])
    manager.post(url, {"templates": [version.template.pk]})
    assert [row.template for row in appointment.documents.all()] == [version.template]
    manager.post(url, {"templates": []})
    assert appointment.documents.count() == 0


@pytest.mark.parametrize(
    ("days", "words"),
    [
        ("61", "Enter days from 0 to 60, with commas between."),
        ("soon", "Enter days from 0 to 60, with commas between."),
        ("1,2,3,4,5", "4 reminders are the most."),
    ],
)
def test_days_to_remind_on_are_checked(days, words, desk, manager):
    url = reverse("program-documents", args=[desk.program.pk])
    answer = manager.post(url, {"remind_days_before": days})
    assert (answer.status_code, errors_of(answer)) == (422, [words])
    assert not SigningRules.objects.filter(program=desk.program).exists()


def test_a_document_of_another_facility_cannot_be_asked_for(desk, manager):
    foreign = papers.template(at=[make.facility(name="Elsewhere")])
    url = reverse("program-documents", args=[desk.program.pk])
    assert manager.post(url, {"templates": [foreign.template.pk]}).status_code == 422
    assert not DocumentRequirement.objects.exists()


# Who may


def test_only_managers_see_them(desk):
    version = drafted(desk)
    provider = desk.signed_in("provider")
    for url in (LIST, NEW, address(version.template), reverse("program-documents", args=[desk.program.pk])):
        assert provider.get(url).status_code == 403


def test_those_of_other_facilities_are_not_there(desk, manager):
    foreign = papers.template(at=[make.facility(name="Elsewhere")], title="Foreign paper", is_published=False)
    assert "Foreign paper" not in text_of(manager.get(LIST))
    assert manager.get(address(foreign.template)).status_code == 404
    assert manager.post(address(foreign.template), written(foreign)).status_code == 404
    other = make.program(at=make.facility(name="Third"))
    assert manager.get(reverse("program-documents", args=[other.pk])).status_code == 404


def test_one_for_more_than_ones_own_facilities_is_to_be_looked_at_only(desk, manager):
    version = papers.template(at=[desk.facility, make.facility(name="Elsewhere")], is_published=False)
    shown = manager.get(address(version.template))
    assert (shown.status_code, shown.context["entry"]) == (200, None)
    for name in ("document-template", "document-template-publish", "document-template-preview"):
        assert manager.post(address(version.template, name), written(version)).status_code == 404
    assert manager.post(address(version.template, "document-template-draft")).status_code == 404
    version.refresh_from_db()
    assert version.is_draft


@pytest.mark.parametrize("templates", [1, 30])
def test_the_list_asks_the_database_as_often_for_one_as_for_thirty(
    templates, desk, manager, django_assert_num_queries
):
    for number in range(templates):
        version = papers.template(at=[desk.facility], title=f"Paper {number}", needed_by=desk.program)
        editing.draft(template=version.template, by=desk.staff.user, now=make.NOW)
    manager.get(LIST)
    with django_assert_num_queries(9):
        shown = manager.get(LIST)
    assert text_of(shown).count("Draft of version 2") == templates
    assert TemplateVersion.objects.count() == 2 * templates
