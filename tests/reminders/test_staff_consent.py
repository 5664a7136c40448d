"""What customers tell staff about being written to, on the customer's page."""

import pytest
from django.utils import timezone

from reminders import agreement, consent, reachability
from reminders.agreement import AgreementRefused
from reminders.models import Channel, ConsentLog, ContactProblem, Message, Source
from tests import factories as make
from tests.reminders import sending
from tests.reminders.test_attention import text_from
from tests.scheduling.desk import Desk, errors_of, text_of

pytestmark = pytest.mark.django_db
WORDS = (
    "I agree to appointment texts from SecureCare at this number. About 3 per appointment; "
    "message and data rates may apply. Reply STOP to end, HELP for help."
)


@pytest.fixture
def desk():
    return Desk.open()


@pytest.fixture
def client(desk):
    return desk.signed_in("front_desk", display_name="Amy Lindqvist")


def page(desk):
    return f"/customers/{desk.customer.pk}/"


def tell(client, desk, **given):
    sent = {
        "channel": "phone",
        "address": desk.customer.phone,
        "answer": "agreed",
        "how": "by_phone",
        "told": "on",
        "note": "",
        **given,
    }
    return client.post(f"{page(desk)}texts/", sent)


def test_agreement_told_to_staff_is_written_down_with_its_words(desk, client):
    assert not consent.may_text(desk.customer.phone)
    assert tell(client, desk, note="Her daughter called").status_code == 302
    entry = ConsentLog.objects.get()
    assert (entry.granted, entry.source, entry.address) == (True, "staff", desk.customer.phone)
    assert (entry.customer, entry.by.staff_member.display_name) == (desk.customer, "Amy Lindqvist")
    assert entry.wording == f"{WORDS}\nTold staff by phone: yes.\nNote: Her daughter called"
    shown = text_of(client.get(page(desk)))
    assert "Agreed Told to staff" in shown
    assert "written down by Amy Lindqvist" in shown


def test_wanting_no_more_is_written_down_and_ends_texts(desk, client):
    sending.agreed(customer=desk.customer)
    made = desk.appointment(10)
    waiting = Message.objects.filter(appointment=made, channel="phone", kind="reminder", state="pending")
    assert waiting.exists()

    assert tell(client, desk, answer="withdrawn", how="in_person", told="").status_code == 302

    assert ConsentLog.objects.first().wording == "Told staff in person: no more."
    assert consent.was_withdrawn(desk.customer.phone)
    assert not waiting.exists()
    assert "No texts Told to staff" in text_of(client.get(page(desk)))


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"how": ""}, "Choose how they told us."),
        ({"told": ""}, "Tell them these words first: they are what they agree to."),
        ({"note": "x" * 201}, "Keep it to 200 characters."),
        ({"answer": "perhaps"}, "Select a valid choice. perhaps is not one of the available choices."),
        (
            {"address": "+12125550199"},
            "Their contact was changed in the meantime. Look at it, then write it down again.",
        ),
    ],
)
def test_what_is_missing_is_said_beside_its_field(desk, client, given, error):
    response = tell(client, desk, **given)
    assert (response.status_code, errors_of(response)) == (422, [error])
    assert not ConsentLog.objects.exists()


@pytest.mark.parametrize("source", [Source.TEXT_STOP, Source.PROVIDER])
def test_staff_do_not_lift_what_the_phone_itself_ended(desk, client, source):
    sending.agreed(customer=desk.customer)
    sending.agreed(customer=desk.customer, granted=False, source=source)
    response = tell(client, desk)
    assert errors_of(response) == [agreement.ENDED_BY_PHONE]
    assert consent.was_withdrawn(desk.customer.phone)
    shown = text_of(client.get(page(desk)))
    assert "they have to text START" in shown
    assert "They agree to texts" not in shown


def test_staff_do_not_get_round_that_by_writing_it_down_themselves_first(desk, client):
    sending.agreed(customer=desk.customer, granted=False, source=Source.TEXT_STOP)
    assert tell(client, desk, answer="withdrawn").status_code == 302
    assert errors_of(tell(client, desk)) == [agreement.ENDED_BY_PHONE]


@pytest.mark.parametrize("source", [Source.TEXT_START, Source.PORTAL_PROFILE])
def test_start_from_the_phone_lifts_it(desk, client, source):
    sending.agreed(customer=desk.customer, granted=False, source=Source.TEXT_STOP)
    sending.agreed(customer=desk.customer, source=source)
    assert tell(client, desk, answer="withdrawn").status_code == 302
    assert tell(client, desk).status_code == 302
    assert consent.may_text(desk.customer.phone)


def test_landline_is_not_agreed_for(desk, client):
    desk.customer.phone = "+442079460018"
    desk.customer.save()
    assert "Texts cannot reach this number." in errors_of(tell(client, desk, address=desk.customer.phone))[0]
    assert not ConsentLog.objects.exists()


def test_held_texts_show_where_they_are_answered(desk, client):
    sending.agreed(customer=desk.customer)
    text_from(desk.customer.phone)
    shown = client.get(page(desk))
    assert "Held They wrote that they may want no more texts." in text_of(shown)
    assert 'href="/messages/attention/">Read and answer it' in shown.content.decode()


def test_email_is_on_until_unsubscribed_and_staff_are_told_otherwise(desk, client):
    address = desk.customer.email.lower()
    assert f"E-mails to {address} On" in text_of(client.get(page(desk)))
    consent.record_email(
        address=address,
        granted=False,
        source=Source.UNSUBSCRIBE,
        wording="Unsubscribe",
        now=make.NOW,
    )
    assert "Unsubscribed Unsubscribed from e-mail" in text_of(client.get(page(desk)))

    assert tell(client, desk, channel="email", address=address, told="").status_code == 302
    assert consent.may_email(address)
    assert tell(client, desk, channel="email", address=address, answer="withdrawn").status_code == 302
    assert not consent.may_email(address)


def test_problem_with_a_contact_is_shown_and_cleared(desk, client):
    reachability.flag(
        channel=Channel.EMAIL,
        address=desk.customer.email,
        reason="No such mailbox",
        message=None,
        now=make.NOW,
    )
    problem = ContactProblem.objects.get()
    assert (
        "Cannot be reached since Nov 23, 2026, 9:00 AM EST, and nothing is sent there: No such mailbox"
        in text_of(client.get(page(desk)))
    )
    cleared = f"{page(desk)}problems/{problem.pk}/cleared/"
    assert "Messages go to" in text_of(client.post(cleared, follow=True))
    problem.refresh_from_db()
    assert problem.cleared_by.staff_member.display_name == "Amy Lindqvist"
    assert "Nothing is known against" in text_of(client.post(cleared, follow=True))


def test_problem_of_somebody_else_is_not_cleared(desk, client):
    other = Desk.open().customer
    reachability.flag(channel=Channel.EMAIL, address=other.email, reason="x", message=None, now=make.NOW)
    problem = ContactProblem.objects.get()
    client.post(f"{page(desk)}problems/{problem.pk}/cleared/")
    client.post(f"/customers/{other.pk}/problems/{problem.pk}/cleared/")
    problem.refresh_from_db()
    assert problem.cleared_at is None


def test_who_may_not_change_customers_or_see_messages_writes_nothing_down(desk, client):
    assert tell(desk.signed_in("billing"), desk).status_code == 403
    other = Desk.open()
    assert tell(client, other).status_code == 404
    assert not ConsentLog.objects.exists()
    assert "Texts and e-mails" not in text_of(desk.signed_in("billing").get(page(desk)))


def test_one_number_of_two_customers_has_one_agreement(desk):
    twin = make.customer(at=desk.facility, phone=desk.customer.phone)
    fields = {"channel": "phone", "how": "in_person", "told": "", "note": "", "by": desk.staff.user}
    agreement.record(customer=twin, address=twin.phone, granted=True, now=timezone.now(), **fields)
    assert [one.state for one in agreement.of(desk.customer)] == ["none", "agreed"]
    with pytest.raises(AgreementRefused):
        agreement.record(customer=twin, address="+12125550100", granted=False, now=timezone.now(), **fields)


def test_customer_without_contacts_has_none(desk, client, django_assert_num_queries):
    bare = make.customer(at=desk.facility, phone="", email="")
    with django_assert_num_queries(0):
        assert agreement.of(bare) == []
    with django_assert_num_queries(3):
        assert len(agreement.of(desk.customer)) == 2
    assert "No number and no e-mail address is on record." in text_of(client.get(f"/customers/{bare.pk}/"))


def test_corrected_contact_is_where_waiting_messages_go(desk, client):
    made = desk.appointment(10)
    sent = {
        "given_name": "Ada",
        "family_name": "Nguyen",
        "date_of_birth": "1991-04-12",
        "phone": desk.customer.phone,
        "email": "right@example.org",
    }
    assert client.post(f"{page(desk)}edit/", sent).status_code == 302
    waiting = Message.objects.filter(appointment=made, channel="email", kind="reminder", state="pending")
    assert set(waiting.values_list("address", flat=True)) == {"right@example.org"}
