"""Drafts, publishing, and what stays as it is."""

from datetime import timedelta
from threading import Thread

import pytest
from django.contrib.admin.models import LogEntry
from django.db import IntegrityError, connection, transaction

from signatures import editing, evidence, requests, signing
from signatures.editing import EditRefused
from signatures.models import AttachedDocument, DocumentTemplate, TemplateVersion
from tests import factories as make
from tests.factories import NOW
from tests.signatures import papers, scans

pytestmark = pytest.mark.django_db

AT = {"kind": "text", "label": "Name", "role": "customer", "is_required": True, "page": 0}
AT |= {"x": 0.1, "y": 0.2, "width": 0.3, "height": 0.03}
LATER = NOW + timedelta(days=1)


@pytest.fixture
def author(db):
    return make.user()


def drafted(author, **fields):
    about = {"title": "Consent", "kind": "consent", "facilities": [], **fields}
    return editing.create(by=author, now=NOW, **about)


def refused(verb, **given):
    with pytest.raises(EditRefused) as refusal:
        verb(**given)
    return refusal.value.problems


def uploaded(author, *pages):
    return editing.upload(
        version=drafted(author), data=scans.pdf(*pages or ("One", "Two")), name="a.pdf", by=author
    )


# Drafts


def test_a_published_version_is_never_edited_by_any_verb(author):
    version = papers.template()
    given = {"version": version, "by": author}
    gone = ["This version was published meanwhile and stays as it is. Make a new draft."]
    assert refused(editing.save_draft, body="x", signers=["customer"], **given) == gone
    assert refused(editing.upload, data=scans.pdf(), name="a.pdf", **given) == gone
    assert refused(editing.place, placements=[], signers=["customer"], **given) == gone
    assert refused(editing.write, **given) == gone
    assert refused(editing.publish, now=NOW, **given) == gone


def test_the_database_refuses_what_verbs_refuse():
    version = papers.template()
    for change in ({"body": "x"}, {"signers": ["staff"]}, {"published_at": None, "published_by": None}):
        with pytest.raises(IntegrityError), transaction.atomic():
            TemplateVersion.objects.filter(pk=version.pk).update(**change)
    with pytest.raises(IntegrityError), transaction.atomic():
        TemplateVersion.objects.filter(pk=version.pk).delete()


def test_what_was_sent_is_what_is_signed(author):
    sent = papers.request(body="The words of the first version")
    draft = editing.draft(template=sent.template, by=author, now=LATER)
    draft = editing.save_draft(version=draft, body="Other words", signers=["customer"], by=author)
    editing.publish(version=draft, by=author, now=LATER)
    sent.refresh_from_db()
    assert sent.version.body == "The words of the first version"
    assert TemplateVersion.objects.current().get(template=sent.template) == draft


@pytest.mark.parametrize("source", ["markup", "pdf"])
def test_a_new_draft_says_what_the_latest_says(source, author):
    version = uploaded(author) if source == "pdf" else drafted(author)
    if source == "pdf":
        version = editing.place(version=version, placements=[AT], signers=["customer", "staff"], by=author)
    version = editing.publish(version=version, by=author, now=NOW)
    draft = editing.draft(template=version.template, by=author, now=LATER)
    said = ("source", "body", "pdf_name", "pdf_pages", "placements", "signers")
    assert [getattr(draft, name) for name in said] == [getattr(version, name) for name in said]
    assert bytes(draft.pdf or b"") == bytes(version.pdf or b"")
    assert (draft.number, draft.is_draft, draft.created_at) == (2, True, LATER)


def test_who_did_what_is_kept(author):
    version = drafted(author)
    editing.save_draft(version=version, body="x", signers=["customer"], by=author)
    editing.publish(version=version, by=author, now=NOW)
    said = LogEntry.objects.order_by("id").values_list("change_message", flat=True)
    assert list(said) == ["Added.", "Edited the draft of version 1.", "Published version 1."]


# Publishing


@pytest.mark.parametrize(
    ("body", "signers", "problems"),
    [
        ("", ["customer"], ["Write what the document says."]),
        ("Fine", ["customer", "customer"], ["Choose who signs, each of them once."]),
        (
            "[[staff date: Day]]",
            ["customer"],
            ["There is a field for the staff member, who does not sign. Add them, or leave it out."],
        ),
    ],
)
def test_what_is_not_ready_is_not_published(body, signers, problems, author):
    version = editing.save_draft(version=drafted(author), body=body, signers=signers, by=author)
    assert refused(editing.publish, version=version, by=author, now=NOW) == problems
    version.refresh_from_db()
    assert version.is_draft


def test_what_changed_since_it_was_seen_is_not_published(author):
    version = drafted(author)
    seen = editing.stamp(version)
    editing.save_draft(version=version, body="Sly words", signers=["customer"], by=author)
    assert refused(editing.publish, version=version, by=author, now=NOW, seen=seen) == [
        editing.CHANGED_MEANWHILE
    ]


def test_what_nobody_was_sent_yet_is_asked_for_in_the_newer_version(author):
    waiting = papers.request(is_sent=False, signers=["customer", "second"])
    second = waiting.signers.get(role="second")
    requests.name_second_party(
        signer=second, name="Bo Nguyen", email="bo@example.org", phone="", by=author, now=NOW
    )
    begun = papers.request(of=waiting.version, is_sent=False)
    signing.begin(begun.signers.get(role="customer"), caller=papers.PHONE, now=NOW)
    draft = editing.draft(template=waiting.template, by=author, now=LATER)
    editing.save_draft(version=draft, body="Other", signers=["second", "customer", "staff"], by=author)
    published = editing.publish(version=draft, by=author, now=LATER)
    waiting.refresh_from_db()
    begun.refresh_from_db()
    assert (waiting.version, begun.version.number) == (published, 1)
    assert [(signer.role, signer.name) for signer in waiting.signers.all()] == [
        ("second", "Bo Nguyen"),
        ("customer", "Ada Nguyen"),
        ("staff", ""),
    ]
    assert [event.detail["version"] for event in waiting.events.all()] == [1, 2]
    assert evidence.breaks(evidence.of(waiting)) == []


def test_publishing_attaches_it_where_programs_wait_for_it(clinic, author):
    ahead = clinic.books()
    waiting = clinic.needs(is_published=False)
    assert not AttachedDocument.objects.exists()
    editing.publish(version=waiting, by=author, now=NOW)
    assert AttachedDocument.objects.get().appointment == ahead


@pytest.mark.django_db(transaction=True)
def test_two_who_start_a_draft_at_once_have_one():
    author = make.user()
    template = papers.template().template
    made = []

    def start():
        made.append(editing.draft(template=template, by=author, now=LATER).pk)
        connection.close()

    threads = [Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 4
    assert set(made) == {template.versions.get(published_at=None).pk}


# Uploaded PDFs


def test_what_is_refused_changes_nothing(author):
    version = uploaded(author)
    kept = bytes(version.pdf)
    problems = refused(editing.upload, version=version, data=b"no PDF", name="b.pdf", by=author)
    assert problems == ["This is not a PDF. Save the document as one and upload that."]
    version.refresh_from_db()
    assert (bytes(version.pdf), version.pdf_name) == (kept, "a.pdf")


def test_another_pdf_keeps_what_is_placed_on_the_pages_it_has(author):
    version = uploaded(author)
    placed = [AT, {**AT, "page": 1}]
    version = editing.place(version=version, placements=placed, signers=["customer"], by=author)
    version = editing.upload(version=version, data=scans.pdf("One"), name="b.pdf", by=author)
    assert (version.placements, len(version.pdf_pages)) == ([AT], 1)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"kind": "salary"}, "Name: choose what it is for."),
        ({"role": "stranger"}, "Name: choose what it is for."),
        ({"label": " "}, "Say beside each field what is to be filled in."),
        ({"page": 2}, "Name: there is no page 3."),
        ({"page": -1}, "Name: there is no page 0."),
        ({"x": -0.1}, "Name: it does not lie on the page."),
        ({"x": 0.9}, "Name: it does not lie on the page."),
        ({"y": float("nan")}, "Name: it does not lie on the page."),
        ({"width": float("inf")}, "Name: it does not lie on the page."),
        ({"height": 0.0}, "Name: it does not lie on the page."),
    ],
)
def test_fields_lie_on_the_page(change, problem, author):
    version = uploaded(author)
    given = {"version": version, "placements": [{**AT, **change}], "signers": ["customer"], "by": author}
    assert refused(editing.place, **given) == [problem]


def test_no_more_fields_than_a_form_can_hold(author):
    version = uploaded(author)
    given = {"version": version, "signers": ["customer"], "by": author}
    editing.place(placements=[AT] * editing.MOST_PLACED, **given)
    assert refused(editing.place, placements=[AT] * (editing.MOST_PLACED + 1), **given) == [
        "Leave out some fields: 80 are the most."
    ]


def test_a_pdf_without_fields_can_be_signed(author):
    version = editing.publish(version=uploaded(author), by=author, now=NOW)
    customer = make.customer(at=(place := make.facility()))
    made = requests.prepare(version=version, customer=customer, facility=place, by=author, now=NOW)
    assert made.version == version


def test_writing_again_gives_up_the_pdf(author):
    version = editing.write(version=uploaded(author), by=author)
    assert (version.source, version.pdf, version.pdf_pages, version.placements) == ("markup", None, [], [])
    assert version.body == editing.FIRST_WORDS


# What it is called


def test_the_title_is_free_until_somebody_was_asked(author):
    template = drafted(author).template
    about = {"by": author, "now": NOW, "facilities": []}
    editing.change(template=template, title="Another title", **about)
    asked = papers.request(title="Asked").template
    assert refused(editing.change, template=asked, title="Another one", **about) == [
        "People were asked to sign it under its present title. Make a new document for another one."
    ]
    titles = set(DocumentTemplate.objects.values_list("title", flat=True))
    assert titles == {"Another title", "Asked"}


def test_what_is_asked_for_no_more_is_taken_from_appointments_ahead(clinic, author):
    version = clinic.needs()
    ahead = clinic.books()
    clinic_documents = AttachedDocument.objects.filter(appointment=ahead)
    editing.change(template=version.template, by=author, now=NOW, facilities=[], is_active=True)
    editing.ask_for(
        program=clinic.program,
        templates=[version.template],
        among=[version.template],
        rules={},
        by=author,
        now=NOW,
    )
    assert clinic_documents.count() == 1
    editing.change(template=version.template, by=author, now=NOW, facilities=[], is_active=False)
    assert clinic_documents.count() == 0
