"""The pages on which staff see what is to be signed, and see to it."""

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from appointments.access import Access
from securecare.outbox import State
from signatures import attention, requests, signing
from signatures.models import (
    AttachedDocument,
    EventKind,
    RequestState,
    Sealing,
    SignatureEvent,
    SignatureLink,
    SignatureRequest,
)
from tests import factories as make
from tests.scheduling.desk import Desk, part, signed_in, text_of
from tests.signatures import papers, sealed

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk():
    return Desk.open(name="Northside")


@pytest.fixture
def client(desk):
    return desk.signed_in("front_desk")


@pytest.fixture
def asks(desk):
    """Asks a customer of the desk for a document."""

    def made(**fields) -> SignatureRequest:
        customer = fields.pop("customer", None) or make.customer(
            at=desk.facility, given_name="Ada", family_name="Nguyen", email="ada@example.org"
        )
        return papers.request(customer=customer, facility=desk.facility, now=timezone.now(), **fields)

    return made


def finished(asks, **fields) -> SignatureRequest:
    return papers.signed(request=asks(**fields), now=timezone.now())


def address(asked: SignatureRequest, step: str = "") -> str:
    return f"/documents/{asked.reference}/{step}"


def give_up(asked: SignatureRequest) -> None:
    Sealing.objects.filter(request=asked).update(
        state=State.GIVEN_UP, settled_at=timezone.now(), last_error="The disk is full."
    )


def kinds(asked: SignatureRequest) -> list[str]:
    return list(
        SignatureEvent.objects.filter(request=asked).order_by("number").values_list("kind", flat=True)
    )


# ------------------------------------------------------------------------------------------- the queue


def test_queue_names_what_needs_somebody_the_most_urgent_first(client, asks, desk):
    named = asks(title="With guardian", signers=["second", "customer"])
    declined = asks(title="Turned down")
    signing.decline(papers.next_signer(declined), reason="No", caller=papers.PHONE, now=timezone.now())
    waiting, failed = finished(asks, title="Waits"), finished(asks, title="Broken")
    Sealing.objects.filter(request=waiting).update(last_error="The certificate has expired.")
    give_up(failed)
    asks(title="Only waiting")

    access = Access(User.objects.get(pk=desk.staff.user_id))
    found = list(attention.needing(access, now=timezone.now()))

    assert [(each.pk, each.why) for each in found] == [
        (failed.pk, attention.NOT_SEALED),
        (waiting.pk, attention.WAITS),
        (declined.pk, attention.DECLINED),
        (named.pk, attention.NOBODY_NAMED),
    ]
    assert attention.count(access) == 4
    shown = text_of(client.get("/documents/"))
    assert "Documents 4 need somebody" in shown
    places = [shown.index(words) for words in ("Need somebody", "Broken", "Waits", "Turned down", "Only")]
    assert places == sorted(places)


def test_what_was_seen_to_needs_nobody_any_more(desk, asks):
    declined = asks()
    signing.decline(papers.next_signer(declined), reason="No", caller=papers.PHONE, now=timezone.now())
    access = Access(User.objects.get(pk=desk.staff.user_id))
    assert attention.count(access) == 1
    asks(of=declined.version, customer=declined.customer)
    assert attention.count(access) == 0
    assert not attention.needing(access, now=timezone.now()).exists()


def test_queue_and_its_count_stop_at_the_users_facilities(asks):
    asks(title="Theirs", signers=["second", "customer"])
    other = Desk.open(name="Elsewhere")
    assert attention.count(Access(User.objects.get(pk=other.staff.user_id))) == 0
    shown = text_of(other.signed_in("front_desk").get("/documents/?show=all"))
    assert "Theirs" not in shown


def test_list_is_searched_and_answers_with_its_part(client, asks, desk):
    asks(title="Alpha consent")
    asks(title="Beta release")
    shown = text_of(client.get("/documents/?q=beta", headers=part("document-list")))
    assert "Beta release" in shown
    assert "Alpha consent" not in shown
    assert "<html" not in client.get("/documents/", headers=part("document-list")).content.decode()


@pytest.mark.parametrize("documents", [1, 30])
def test_list_takes_as_many_queries_for_one_as_for_thirty(
    client, asks, documents, django_assert_max_num_queries
):
    version = papers.template()
    for _ in range(documents):
        asks(of=version)
    client.get("/documents/")
    with django_assert_max_num_queries(12):
        assert text_of(client.get("/documents/")).count("Ada Nguyen") == documents


# ---------------------------------------------------------------------------------------- one document


STEPS = ["", "send/", "void/", "second/", "sign/", "again/", "seal/", "device/", "paper/", "copy/", "verify/"]


@pytest.mark.parametrize("step", STEPS)
def test_documents_of_other_facilities_are_not_there(asks, step):
    asked = finished(asks)
    client = Desk.open(name="Elsewhere").signed_in("manager")
    ask = client.get if step in ("", "paper/") else client.post
    assert ask(address(asked, step), {"reason": "x", "name": "x"}).status_code == 404


def test_document_tells_who_signs_and_what_happened(client, asks):
    asked = asks(signers=["customer", "staff"])
    papers.agreed(asked, now=timezone.now())
    shown = text_of(client.get(address(asked)))
    for words in ("Ada Nguyen Customer", "Next to sign", "After the one before", "203.0.113.9", "A phone"):
        assert words in shown
    assert "Agreed to electronic records" in shown
    assert "Disclosure 1 (en)" in shown


def test_sending_writes_to_the_customer(client, asks):
    asked = asks(is_sent=False)
    client.post(address(asked, "send/"), {"channel": "email"})
    asked.refresh_from_db()
    assert asked.state == RequestState.SENT
    assert kinds(asked)[-1] == EventKind.SENT
    assert SignatureLink.objects.get().address == "ada@example.org"


def test_sending_to_nobody_says_what_to_do(client, asks, desk):
    asked = asks(is_sent=False, customer=make.customer(at=desk.facility, email="", phone=""))
    shown = text_of(client.post(address(asked, "send/"), follow=True))
    asked.refresh_from_db()
    assert asked.state == RequestState.PREPARED
    assert "Sent to" not in shown


def test_voiding_takes_a_reason(client, asks):
    asked = asks()
    assert client.post(address(asked, "void/"), {"reason": ""}).status_code == 422
    client.post(address(asked, "void/"), {"reason": "Wrong form"})
    asked.refresh_from_db()
    assert (asked.state, asked.closed_reason) == (RequestState.VOIDED, "Wrong form")
    assert "Ask anew" in text_of(client.get(address(asked)))


def test_second_party_is_named_on_the_page(client, asks):
    asked = asks(signers=["second", "customer"])
    assert "Name the guardian or second party below" in text_of(client.get(address(asked)))
    wrong = client.post(address(asked, "second/"), {"name": "Lin Nguyen", "phone": "12"})
    assert wrong.status_code == 422
    client.post(address(asked, "second/"), {"name": "Lin Nguyen", "phone": "(212) 555-0147"})
    signer = asked.signers.get(role="second")
    assert (signer.name, signer.phone) == ("Lin Nguyen", "+12125550147")


def test_only_the_staff_member_named_signs_as_staff(desk, asks):
    asked = asks(signers=["staff"], appointment=None)
    asked.signers.update(staff=desk.staff, name=desk.staff.display_name)
    other = desk.signed_in("provider")
    other.post(address(asked, "sign/"))
    assert not SignatureLink.objects.exists()
    answer = signed_in(desk.staff).post(address(asked, "sign/"))
    assert answer.url.startswith("/s/")
    assert SignatureLink.objects.get().channel == "desk"


def test_one_asked_anew_takes_the_place_of_the_signed_one(client, desk, asks):
    document = sealed.document(
        of=papers.template(), facility=desk.facility, customer=make.customer(at=desk.facility)
    )
    booked = desk.appointment(10, customer=document.customer)
    old = document.request
    AttachedDocument.objects.create(appointment=booked, template=old.template, request=old)

    client.post(address(old, "again/"))

    made = SignatureRequest.objects.get(supersedes=document)
    assert (made.state, made.customer) == (RequestState.PREPARED, document.customer)
    assert booked.documents.get().request == made
    assert "Replaced by" in text_of(client.get(address(old)))
    assert "In place of" in text_of(client.get(address(made)))


def test_what_waits_is_not_asked_for_twice(client, asks):
    asked = asks()
    assert "still waiting" in text_of(client.post(address(asked, "again/"), follow=True))
    assert SignatureRequest.objects.count() == 1


def test_sealing_that_failed_is_an_alarm_and_tried_again(client, asks):
    asked = finished(asks)
    give_up(asked)
    shown = text_of(client.get(address(asked)))
    assert "Sealing failed." in shown
    assert "The disk is full." in shown
    client.post(address(asked, "seal/"))
    assert asked.sealing.__class__.objects.get(request=asked).state == State.PENDING
    assert "Nothing to try again" in text_of(client.post(address(asked, "seal/"), follow=True))


def test_opening_the_signed_copy_goes_on_record(client, desk):
    document = sealed.document(
        of=papers.template(), facility=desk.facility, customer=make.customer(at=desk.facility)
    )
    assert client.get(address(document.request, "copy/")).status_code == 405
    answer = client.post(address(document.request, "copy/"))
    assert (answer.headers["Content-Type"], answer.content[:5]) == ("application/pdf", b"%PDF-")
    assert "no-store" in answer.headers["Cache-Control"]
    assert kinds(document.request)[-1] == EventKind.DOWNLOADED


def test_unsigned_paper_is_a_pdf(client, asks):
    answer = client.get(address(asks(), "paper/"))
    assert (answer.headers["Content-Type"], answer.content[:5]) == ("application/pdf", b"%PDF-")


# ----------------------------------------------------------------------------------------- this device


def test_handing_over_ends_the_session_and_opens_all_of_one_person(client, desk, asks):
    asked = asks(title="One")
    also = asks(title="Two", customer=asked.customer)
    asks(title="Of somebody else")
    done = asks(title="Voided", customer=asked.customer)
    requests.void(request=done, reason="x", by=None, now=timezone.now())
    elsewhere = make.facility()
    asked.customer.facilities.add(elsewhere)
    papers.request(title="Elsewhere", customer=asked.customer, facility=elsewhere)

    asking = text_of(client.get(address(asked, "device/")))
    assert "One" in asking
    assert "Two" in asking
    assert "signed out of this browser" in asking
    assert not SignatureLink.objects.exists()
    answer = client.post(address(asked, "device/"))

    assert answer.url.startswith("/s/")
    assert "sessionid" not in client.session
    link = SignatureLink.objects.get()
    assert link.channel == "kiosk"
    assert {signer.request for signer in link.signers.all()} == {asked, also}
    assert client.get("/documents/").url.startswith("/sign-in/")


def test_device_is_not_handed_over_for_nothing(client, asks):
    asked = finished(asks)
    assert "Nobody has to sign it any more" in text_of(client.post(address(asked, "device/"), follow=True))
    assert client.get("/documents/").status_code == 200


# --------------------------------------------------------------------- one customer, and one appointment


def test_customer_is_asked_for_a_document_by_choice(client, desk):
    version = papers.template(title="Photo release")
    person = make.customer(at=desk.facility, email="ada@example.org")
    booked = desk.appointment(10, customer=person)
    page = f"/customers/{person.pk}/documents/"
    assert client.post(page, {"about": f"a{booked.pk}"}).status_code == 422
    client.post(page, {"documents": version.pk, "about": f"a{booked.pk}"})
    made = SignatureRequest.objects.get()
    assert (made.state, made.appointment) == (RequestState.SENT, booked)
    assert booked.documents.get().request == made
    assert "Photo release" in text_of(client.get(f"/customers/{person.pk}/"))


def test_customer_is_not_asked_for_what_another_facility_uses(client, desk):
    version = papers.template(title="Not here", at=[make.facility()])
    page = f"/customers/{desk.customer.pk}/documents/"
    assert "Not here" not in text_of(client.get(page))
    answer = client.post(page, {"documents": version.pk, "about": f"f{desk.facility.pk}"})
    assert answer.status_code == 422
    assert not SignatureRequest.objects.exists()


def test_customers_of_other_facilities_are_not_there(client):
    stranger = make.customer(at=make.facility())
    assert client.get(f"/customers/{stranger.pk}/documents/").status_code == 404


def test_appointment_sends_what_is_ticked_or_all_that_is_missing(client, desk):
    person = make.customer(at=desk.facility, email="ada@example.org")
    booked = desk.appointment(10, customer=person)
    first, second = (
        papers.request(appointment=booked, title=title, is_sent=False, now=timezone.now())
        for title in ("One", "Two")
    )
    for asked in (first, second):
        AttachedDocument.objects.create(appointment=booked, template=asked.template, request=asked)
    page = f"/appointments/{booked.reference}/documents/"

    client.post(page, {"document": str(second.reference)})
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.state, second.state) == (RequestState.PREPARED, RequestState.SENT)

    client.post(page)
    first.refresh_from_db()
    assert first.state == RequestState.SENT
    assert "Nothing waits" in text_of(client.post(page, follow=True))
    assert Desk.open(name="Other").signed_in("manager").post(page).status_code == 404


def test_billing_sees_no_documents(desk, asks):
    client = desk.signed_in("billing")
    asked = asks()
    assert client.get("/documents/").status_code == 403
    assert client.get(address(asked)).status_code == 403
    assert "Documents" not in text_of(client.get(f"/customers/{asked.customer_id}/"))
