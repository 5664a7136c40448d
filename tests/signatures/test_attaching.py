from datetime import timedelta

import pytest

from scheduling import booking
from signatures import attaching, requests
from signatures.models import AttachedDocument, DocumentRequirement, SignatureRequest, SignedDocument
from tests import factories as make
from tests.factories import NOW
from tests.signatures import papers
from tests.signatures.conftest import requests_of
from tests.together import at_once

pytestmark = pytest.mark.django_db


def states(appointment):
    return [request.state for request in requests_of(appointment)]


def sealed(request, *, valid_until=None):
    """As good as sealed: the row that says how long it is valid."""
    papers.signed(request=request)
    document = SignedDocument(request=request, customer=request.customer, version=request.version, title="x")
    for name in ("shown_sha256", "sealed_sha256", "evidence_digest", "certificate_sha256", "content"):
        setattr(document, name, bytes(32))
    document.signed_at = document.sealed_at = NOW
    document.valid_until, document.size = valid_until, 1
    document.save()
    SignatureRequest.objects.filter(pk=request.pk).update(state="sealed")


def test_booking_prepares_the_documents_that_are_missing(clinic):
    consent, release = (
        clinic.needs("Consent"),
        clinic.needs("Release", signers=["customer", "second", "staff"]),
    )
    appointment = clinic.books()
    found = requests_of(appointment)
    assert [(request.version, request.state) for request in found] == [
        (consent, "prepared"),
        (release, "prepared"),
    ]
    assert attaching.counts([appointment.pk]) == {appointment.pk: (0, 2)}
    customer, second, staff = found[1].signers.all()
    assert (customer.name, customer.email, customer.phone) == (
        "Ada Nguyen",
        clinic.customer.email,
        clinic.customer.phone,
    )
    assert (second.name, second.email) == ("", "")
    assert staff.staff == clinic.staff


def test_a_program_without_documents_costs_one_statement_and_writes_nothing(
    clinic, django_assert_num_queries
):
    appointment = clinic.books()
    event = appointment.events.select_related("appointment").get()
    with django_assert_num_queries(1):
        attaching.follow(event)
    assert attaching.counts([appointment.pk]) == {}


def test_drafts_and_retired_documents_are_not_asked_for(clinic):
    clinic.needs("Draft", is_published=False)
    retired = clinic.needs("Retired").template
    retired.is_active = False
    retired.save()
    assert requests_of(clinic.books()) == []


def test_one_open_request_serves_all_appointments(clinic):
    clinic.needs()
    first, second = clinic.books(), clinic.books()
    assert requests_of(first) == requests_of(second)
    papers.signed(request=requests_of(first)[0])
    assert attaching.counts([first.pk, second.pk]) == {first.pk: (1, 1), second.pk: (1, 1)}


def test_what_is_signed_and_still_valid_on_the_day_satisfies(clinic):
    clinic.needs()
    first = clinic.books()
    sealed(requests_of(first)[0], valid_until=first.local_date + timedelta(days=1))
    on_last_day, after = clinic.books(), clinic.books()
    assert states(on_last_day) == ["sealed"]
    assert states(after) == ["prepared"]


def test_moving_beyond_the_validity_asks_anew_and_moving_back_takes_that_back(clinic):
    clinic.needs()
    first = clinic.books()
    sealed(requests_of(first)[0], valid_until=first.local_date)
    booking.reschedule(
        appointment=first, starts_at=first.starts_at + timedelta(days=5), by=clinic.user, now=NOW
    )
    (asked,) = requests_of(first)
    assert asked.state == "prepared"
    booking.reschedule(
        appointment=first, starts_at=first.starts_at - timedelta(days=5), by=clinic.user, now=NOW
    )
    assert states(first) == ["sealed"]
    asked.refresh_from_db()
    assert (asked.state, asked.closed_reason) == ("voided", attaching.SIGNED_BEFORE)


def test_cancelling_withdraws_what_only_this_appointment_needed(clinic):
    clinic.needs()
    first, second = clinic.books(), clinic.books()
    booking.cancel(appointment=first, reason="", by=clinic.user, now=NOW)
    assert states(second) == ["prepared"]
    booking.cancel(appointment=second, reason="", by=clinic.user, now=NOW)
    assert states(second) == ["voided"]
    assert requests_of(second)[0].closed_reason == attaching.CALLED_OFF


def test_undoing_a_cancellation_asks_again(clinic):
    clinic.needs()
    appointment = clinic.books()
    booking.cancel(appointment=appointment, reason="", by=clinic.user, now=NOW)
    booking.mark(appointment=appointment, status="scheduled", by=clinic.user, now=NOW)
    assert states(appointment) == ["prepared"]


def test_what_somebody_has_begun_to_sign_outlives_a_cancellation(clinic):
    clinic.needs(signers=["customer", "staff"])
    appointment = clinic.books()
    request = requests_of(appointment)[0]
    signer = papers.agreed(request)
    from signatures import signing

    signing.sign(signer, values={}, mark=papers.MARK, caller=papers.PHONE, now=NOW)
    booking.cancel(appointment=appointment, reason="", by=clinic.user, now=NOW)
    assert states(appointment) == ["sent"]


def test_a_new_requirement_reaches_appointments_ahead_and_not_those_that_were(clinic):
    past = clinic.books(starts_at=NOW - timedelta(days=2), now=NOW)
    ahead, cancelled = clinic.books(), clinic.books()
    booking.cancel(appointment=cancelled, reason="", by=clinic.user, now=NOW)
    version = clinic.needs()
    attaching.program_changed(clinic.program, now=NOW)
    assert [states(each) for each in (past, ahead, cancelled)] == [[], ["prepared"], []]
    DocumentRequirement.objects.filter(template=version.template).delete()
    attaching.program_changed(clinic.program, now=NOW)
    assert states(ahead) == []
    assert SignatureRequest.objects.get().closed_reason == attaching.NO_LONGER_ASKED


def test_a_declined_document_stays_to_be_seen_until_it_is_asked_for_anew(clinic):
    version = clinic.needs()
    appointment = clinic.books()
    from signatures import signing

    old = requests_of(appointment)[0]
    signing.decline(papers.agreed(old), reason="No", caller=papers.PHONE, now=NOW)
    assert states(appointment) == ["declined"]
    new = requests.prepare(
        version=version, customer=clinic.customer, facility=clinic.place,
        appointment=appointment, by=clinic.user, now=NOW,
    )  # fmt: skip
    attaching.replace(old, new)
    assert states(appointment) == ["prepared"]


def test_what_is_to_be_replaced_satisfies_no_further_appointment(clinic):
    version = clinic.needs()
    first = clinic.books()
    sealed(requests_of(first)[0])
    newer = requests.prepare(
        version=version, customer=clinic.customer, facility=clinic.place, appointment=first,
        by=clinic.user, now=NOW, supersedes=SignedDocument.objects.get(),
    )  # fmt: skip
    assert requests_of(clinic.books()) == [newer]
    attaching.program_changed(clinic.program, now=NOW)
    assert requests_of(first) == [newer]
    assert newer.is_open


@pytest.mark.django_db(transaction=True)
def test_bookings_at_the_same_moment_prepare_each_document_once(clinic):
    clinic.needs("Consent")
    clinic.needs("Release")
    programs = [clinic.program]
    staff = [make.staff(at=clinic.place) for _ in range(3)]
    for each in staff:
        make.week(staff=each, at=clinic.place)
        clinic.program.staff.add(each)
    hours = iter(range(2, 8))

    def job(member):
        starts_at = NOW + timedelta(hours=next(hours))
        return lambda: make.appointment(
            program=programs[0], staff=member, customer=clinic.customer, starts_at=starts_at
        )

    at_once([job(member) for member in staff])
    assert SignatureRequest.objects.count() == 2
    assert AttachedDocument.objects.count() == 6
