"""The messages of a facility as its staff see them."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from appointments.models import StaffMember
from reminders import consent, messages
from reminders.messages import Letter
from reminders.models import ChannelStop, DeliveryReport, Kind, Message
from scheduling import booking, words
from tests import factories as make
from tests.reminders import sending
from tests.reminders.test_attention import failed, text_from
from tests.scheduling.desk import DAY, Desk, alerts_of, errors_of, part, signed_in, text_of

pytestmark = pytest.mark.django_db
LINK = "http://localhost:8000/c/abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG/"


@pytest.fixture
def desk():
    return Desk.open(name="Northside")


@pytest.fixture
def client(desk):
    return desk.signed_in("front_desk")


def planned(desk, hour=10, **given):
    """One about an appointment a week ahead, in place of all that were planned with it."""
    made = desk.appointment(hour)
    now = timezone.now()
    message = sending.notice(of=made, **{"due_at": now + timedelta(days=2), "created_at": now, **given})
    Message.objects.filter(appointment=made).exclude(pk=message.pk).delete()
    return message


def settled(message, *, text="See you at ten", **fields):
    """As delivery leaves one that was handed over."""
    now = timezone.now()
    given = {"state": "done", "settled_at": now, "handed_over_at": now, "transport": "console", **fields}
    sealed = messages.sealed(Letter("Your appointment", text), message.reference) if text else {}
    Message.objects.filter(pk=message.pk).update(**given, **sealed)
    message.refresh_from_db()
    return message


def page(message):
    return f"/messages/{message.reference}/"


def lines(response):
    """The rows of a list, as texts."""
    found = re.findall(
        r"<li>(.*?)</li>", response.content.decode().partition('class="message-rows"')[2], re.S
    )
    return [" ".join(re.sub(r"<[^>]+>", " ", row).split()) for row in found]


# ------------------------------------------------------------------------------------------------- the list


@pytest.mark.parametrize(
    ("fields", "show", "words"),
    [
        ({}, "planned", "Planned"),
        ({"due_at": make.NOW}, "planned", "About to be sent"),
        ({"attempts": 2, "last_error": "Time-out."}, "planned", "Tried again"),
        ({"handed_over_at": make.NOW}, "planned", "Waiting for the provider"),
    ],
)
def test_list_says_what_waits(desk, client, fields, show, words):
    planned(desk, **fields)
    [line] = lines(client.get("/messages/", {"show": show}))
    assert words in line
    assert fields.get("last_error", "") in line
    assert lines(client.get("/messages/", {"show": "sent"})) == []


@pytest.mark.parametrize(
    ("fields", "show", "words"),
    [
        ({}, "sent", "Shown here only"),
        ({"transport": "smtp"}, "sent", "Sent"),
        ({"transport": "smtp", "delivery": "delivered", "delivery_at": make.NOW}, "sent", "Delivered"),
        ({"transport": "smtp", "delivery": "delayed"}, "sent", "Sent, delayed on its way"),
        ({"transport": "smtp", "delivery": "failed", "delivery_detail": "Full."}, "failed", "Failed Full."),
        ({"state": "given_up", "last_error": "No such number."}, "failed", "Failed No such number."),
        (
            {"state": "closed", "closed_reason": "Nobody has agreed."},
            "not-sent",
            "Not sent Nobody has agreed.",
        ),
    ],
)
def test_list_says_what_became_of_each(desk, client, fields, show, words):
    message = settled(planned(desk), **fields)
    shown = {
        name: lines(client.get("/messages/", {"show": name}))
        for name in ("sent", "not-sent", "failed", "planned")
    }
    [line] = shown.pop(show)
    assert line.endswith(words) or f"{words} " in line
    assert message.customer.full_name in line
    assert message.address in line
    assert [*shown.values()] == [[], [], []]


def test_list_tells_times_by_the_facilitys_clock_and_names_the_rule(desk):
    west = Desk.open(time_zone="America/Los_Angeles")
    both = desk.signed_in("front_desk", display_name="Amy")
    StaffMember.objects.get(display_name="Amy").facilities.add(west.facility)
    west.appointment(10)

    shown = lines(both.get("/messages/", {"show": "planned", "kind": "reminder", "channel": "email"}))

    [line] = [line for line in shown if f"{DAY - timedelta(days=2):%a, %b %-d}" in line]
    assert f"{DAY - timedelta(days=2):%a, %b %-d}, 10:00 AM P" in line
    assert "Reminder, 2 days before at 10:00 AM" in line


def test_list_orders_the_next_first_and_the_newest_first(desk, client):
    now = timezone.now()
    later, sooner = (planned(desk, hour, due_at=now + timedelta(days=n)) for hour, n in ((10, 3), (11, 2)))
    ids = re.findall(
        r"/messages/([0-9a-f-]{36})/", client.get("/messages/", {"show": "planned"}).content.decode()
    )
    assert ids == [str(sooner.reference), str(later.reference)]

    settled(later, settled_at=now)
    settled(sooner, settled_at=now - timedelta(hours=1))
    ids = re.findall(r"/messages/([0-9a-f-]{36})/", client.get("/messages/").content.decode())
    assert ids == [str(later.reference), str(sooner.reference)]


def test_list_is_paged_without_gap_or_repetition(desk, client):
    now = timezone.now()
    for number in range(65):
        settled(
            sending.message(customer=desk.customer), text="", settled_at=now - timedelta(minutes=number // 7)
        )
    seen, address = [], "/messages/"
    while address:
        content = client.get(address, headers=part("message-list")).content.decode()
        seen += re.findall(r"/messages/([0-9a-f-]{36})/", content)
        found = re.search(r'href="(/messages/[^"]*after=[^"]*)"', content)
        address = found and found[1].replace("&amp;", "&")
    assert len(seen) == len(set(seen)) == 65
    order = {str(m.reference): (m.settled_at, m.pk) for m in Message.objects.all()}
    assert [order[one] for one in seen] == sorted(order.values(), reverse=True)


@pytest.mark.parametrize(
    "after", ["x", "2026-11-24_1", "2026-11-24T10:00:00_5", "_", "1_2_3", "9" * 400, "\x00_1"]
)
def test_odd_places_begin_at_the_beginning(desk, client, after):
    settled(planned(desk))
    assert len(lines(client.get("/messages/", {"after": after}))) == 1


def test_list_takes_the_same_queries_for_one_and_thirty(desk, client, django_assert_num_queries):
    settled(sending.message(customer=desk.customer), text="")
    client.get("/messages/", headers=part("message-list"))
    with django_assert_num_queries(5):  # session, user, facilities, messages, stops
        client.get("/messages/", headers=part("message-list"))
    for hour in range(9, 16):
        settled(planned(desk, hour))
    for _ in range(25):
        settled(sending.message(customer=make.customer(at=desk.facility)), text="")
    with django_assert_num_queries(5):
        assert len(lines(client.get("/messages/", headers=part("message-list")))) == 30


def test_list_says_which_appointment_each_is_about_unless_it_is_of_one(desk, client):
    visit = desk.appointment(10)
    about = f"About {words.short_moment(visit.starts_at, visit.facility.zone)}"
    found = lines(client.get("/messages/", {"q": str(visit.reference)}))
    assert found
    assert all(about in line for line in found)
    of_one = lines(client.get("/messages/", {"appointment": visit.reference, "show": "all"}))
    assert of_one
    assert not any("About" in line for line in of_one)


def test_list_is_found_by_name_number_email_and_reference(desk, client):
    rosa = make.customer(
        at=desk.facility,
        given_name="Rosa",
        family_name="Silva",
        email="rosa@example.org",
        phone="+12125550143",
    )
    wanted = desk.appointment(10, customer=rosa)
    Message.objects.filter(appointment=wanted).exclude(kind="booked", channel="email").delete()
    to_number = sending.message(customer=rosa, channel="phone", address="+12125550143")
    planned(desk, 12)

    def kinds(q):
        return sorted(
            line.partition("Rosa Silva ")[2].partition(" ")[0]
            for line in lines(client.get("/messages/", {"q": q}))
        )

    assert kinds("silva ro") == ["Booked", "Sign-in"]
    assert kinds("ROSA@example.org") == ["Booked"]
    assert kinds("(212) 555-0143") == ["Booked", "Sign-in"]
    assert kinds(str(wanted.reference)) == ["Booked"]
    assert [kinds(odd) for odd in ("zzyzx", "%", "' or 1=1", "\x00", "x" * 300)] == [[]] * 5
    assert to_number.customer == rosa


def test_list_is_narrowed_by_channel_kind_and_date(desk, client):
    now = timezone.now()
    email = settled(planned(desk), settled_at=now)
    text = settled(planned(desk, 12, channel="phone"), settled_at=now - timedelta(days=3))

    def found(**asked):
        content = client.get("/messages/", asked).content.decode()
        return [m for m in (email, text) if str(m.reference) in content]

    day = (now - timedelta(days=3)).astimezone(desk.facility.zone).date()
    assert [found(channel="email"), found(channel="phone")] == [[email], [text]]
    assert [found(kind="booked"), found(kind="moved")] == [[email, text], []]
    assert [found(date=f"{day}"), found(date="2001-01-01")] == [[text], []]
    assert found(channel="pigeon", kind="?", date="0001-01-01", show="?") == [email, text]


def test_date_is_the_facilitys_own(desk, client):
    """Half past eleven at night in New York is the next day in UTC."""
    day = DAY - timedelta(days=20)
    late = settled(planned(desk), settled_at=make.at(day, 23, 30))

    def is_found(on):
        return str(late.reference) in client.get("/messages/", {"date": f"{on}"}).content.decode()

    assert [is_found(day), is_found(day + timedelta(days=1))] == [True, False]


def test_date_is_each_facilitys_own_where_one_sees_several(desk):
    """Ten at night in Oakland is one in the morning of the next day in New York."""
    west = Desk.open(time_zone="America/Los_Angeles")
    amy = make.staff(at=[desk.facility, west.facility], role="front_desk")
    day = DAY - timedelta(days=20)
    late = settled(planned(west), settled_at=make.at(day, 22, 0, "America/Los_Angeles"))

    def is_found(on):
        return str(late.reference) in signed_in(amy).get("/messages/", {"date": f"{on}"}).content.decode()

    assert [is_found(day), is_found(day + timedelta(days=1))] == [True, False]


def test_list_of_one_customer_or_appointment_shows_all_and_only_theirs(desk, client):
    mine, elsewhere = planned(desk), planned(desk, 12)
    other = settled(sending.message(customer=make.customer(at=desk.facility)))
    of_customer = client.get("/messages/", {"customer": desk.customer.pk}).content.decode()
    of_appointment = client.get("/messages/", {"appointment": mine.appointment.reference}).content.decode()
    references = [str(m.reference) for m in (mine, elsewhere, other)]
    assert [one in of_customer for one in references] == [True, True, False]
    assert [one in of_appointment for one in references] == [True, False, False]


def test_list_part_is_the_same_as_in_the_page(desk, client):
    settled(planned(desk))
    piece = client.get("/messages/", headers=part("message-list")).content.decode().strip()
    assert piece.startswith('<section id="message-list"')
    assert piece in client.get("/messages/").content.decode()


def test_search_keeps_whose_messages_and_which_are_looked_through(desk, client):
    asked = {"show": "planned", "customer": desk.customer.pk, "q": "x"}
    content = client.get("/messages/", asked).content.decode()
    assert '<input type="hidden" name="show" value="planned" id="find_show">' in content
    assert f'<input type="hidden" name="customer" value="{desk.customer.pk}" id="find_customer">' in content
    assert 'type="hidden" name="show"' not in client.get("/messages/").content.decode()


def test_list_without_any_says_so(desk, client):
    for show in ("sent", "planned", "not-sent", "failed"):
        assert "No messages here" in text_of(client.get("/messages/", {"show": show}))


# ------------------------------------------------------------------------------------------------ who sees it


def test_messages_of_another_facility_are_not_there(desk, client):
    other = Desk.open()
    theirs = settled(planned(other))
    assert lines(client.get("/messages/")) == []
    assert lines(client.get("/messages/", {"q": other.customer.family_name})) == []
    for asked in (
        {"customer": other.customer.pk},
        {"appointment": theirs.appointment.reference},
        {"customer": "x"},
    ):
        assert client.get("/messages/", asked).status_code == 404
    assert client.get(page(theirs)).status_code == 404
    for verb in ("again/", "handled/"):
        assert client.post(page(theirs) + verb, {"reason": "Asked"}).status_code == 404
    assert Message.objects.filter(again_of=theirs).count() == 0


def test_billing_sees_no_messages(desk):
    message = settled(planned(desk))
    billing = desk.signed_in("billing")
    addresses = ["/messages/", "/messages/attention/", page(message)]
    assert [billing.get(address).status_code for address in addresses] == [403] * 3
    posted = [f"{page(message)}again/", f"{page(message)}handled/", "/messages/texts/1/handled/"]
    assert [billing.post(address).status_code for address in posted] == [403] * 3
    assert "Messages" not in text_of(billing.get(f"/appointments/{message.appointment.reference}/"))
    assert "See you" not in text_of(billing.get(f"/customers/{desk.customer.pk}/"))


# ---------------------------------------------------------------------------------------------- one message


def test_message_shows_its_text_with_our_own_links_to_follow(desk, client):
    text = f"Hi <script>alert(1)</script>\nConfirm: {LINK}. Not http://evil.example/ nor http://localhost:8000.evil.example/x"
    shown = client.get(page(settled(planned(desk), text=text))).content.decode()
    assert "Hi &lt;script&gt;alert(1)&lt;/script&gt;" in shown
    assert f'Confirm: <a href="{LINK}">{LINK}</a>. Not http://evil.example/ nor' in shown
    assert 'href="http://evil' not in shown
    assert 'href="http://localhost:8000.evil' not in shown


def test_links_that_a_customer_holds_are_not_shown_to_staff(desk, client):
    shown = client.get(
        page(settled(planned(desk), text=f"Confirm: {LINK}", transport="twilio"))
    ).content.decode()
    assert "Confirm: " in shown
    assert "abcdefghijklmnop" not in shown


def test_planned_message_is_previewed(desk, client):
    shown = text_of(client.get(page(planned(desk))))
    assert "Preview As it would read now." in shown
    assert "Planned for " in shown
    assert desk.program.name in shown
    assert Message.objects.get().ciphertext is None


def test_message_that_was_never_written_says_so(desk, client):
    message = settled(planned(desk), text="", state="closed", closed_reason="The appointment was cancelled.")
    shown = text_of(client.get(page(message)))
    assert "It was never written" in shown
    assert "Not sent The appointment was cancelled." in shown


@pytest.mark.parametrize("role", ["front_desk", "manager"])
def test_codes_are_not_for_the_desk(desk, role):
    code = settled(sending.message(customer=desk.customer, kind=Kind.SIGN_IN), text="Your code is 271828")
    shown = text_of(desk.signed_in(role).get(page(code)))
    assert "Not shown: whoever reads a code could sign in with it." in shown
    assert "271828" not in shown


def test_codes_that_the_console_kept_are_for_administrators(desk):
    code = settled(sending.message(customer=desk.customer, kind=Kind.SIGN_IN), text="Your code is 271828")
    administrator = desk.signed_in("administrator")
    assert "271828" in text_of(administrator.get(page(code)))

    Message.objects.update(transport="sendgrid")
    assert "271828" not in text_of(administrator.get(page(code)))


def test_message_shows_what_the_provider_reported(desk, client):
    message = settled(planned(desk), transport="twilio", provider_id="SM0123")
    DeliveryReport.objects.create(
        message=message,
        transport="twilio",
        event_id="SM0123:undelivered",
        status="undelivered",
        delivery="failed",
        code="30005",
        detail="Unknown <b>handset</b>",
        at=make.NOW,
        received_at=make.NOW,
    )
    shown = client.get(page(message))
    assert "undelivered Nov 23, 2026, 9:00 AM EST Unknown <b>handset</b> (30005)" in text_of(shown)
    assert "<b>handset" not in shown.content.decode()
    assert "SM0123" in text_of(shown)


def test_message_page_takes_the_same_queries_however_much_happened(desk, client, django_assert_num_queries):
    message = settled(planned(desk))
    client.get(page(message))
    with django_assert_num_queries(9):
        client.get(page(message))
    for number in range(12):
        DeliveryReport.objects.create(
            message=message, transport="x", event_id=number, status="sent", at=make.NOW, received_at=make.NOW
        )
        copy = {"again_of": message, "copy": number + 1, "due_at": make.NOW}
        Message.objects.create(
            kind=message.kind,
            channel="email",
            address=message.address,
            customer=message.customer,
            appointment=message.appointment,
            revision=0,
            created_at=make.NOW,
            **copy,
        )
    with django_assert_num_queries(9):
        client.get(page(message))


# ------------------------------------------------------------------------------------------- sending it again


def again(client, message, **given):
    copies = message.sent_again_as.count()
    return client.post(
        f"{page(message)}again/", {"reason": "She lost it", "channel": "email", "copies": copies, **given}
    )


def test_message_is_sent_again_with_a_reason(desk, client):
    message = failed(settled(planned(desk)))
    response = again(client, message)
    copy = Message.objects.get(again_of=message)
    assert (response.status_code, response.url) == (302, page(copy))
    assert (copy.again_reason, copy.copy, copy.channel, copy.state) == ("She lost it", 1, "email", "pending")
    assert copy.again_by.staff_member.role == "front_desk"
    message.refresh_from_db()
    assert message.handled_note == "Sent again: She lost it"
    assert "after the first by" in text_of(client.get(page(copy)))
    assert "Sent again" in text_of(client.get(page(message)))


def test_message_is_not_sent_again_twice_by_two_presses(desk, client):
    message = settled(planned(desk))
    assert again(client, message).status_code == 302
    second = again(client, message, copies=0)
    assert (second.status_code, errors_of(second)) == (
        422,
        ["It was sent again in the meantime. Look below before you send another."],
    )
    assert Message.objects.filter(again_of=message).count() == 1


def test_sending_again_needs_a_reason_and_a_way_that_is_open(desk, client):
    message = settled(planned(desk))
    assert errors_of(again(client, message, reason=" ")) == ["Say why it is sent again."]
    assert errors_of(again(client, message, channel="phone")) == ["This way is closed now. Choose another."]
    shown = text_of(client.get(page(message)))
    assert "Not by text message: Nobody has agreed to texts to this number." in shown
    assert not Message.objects.filter(again_of=message).exists()

    sending.agreed(customer=desk.customer)
    assert again(client, message, channel="phone").status_code == 302
    assert Message.objects.get(again_of=message).address == desk.customer.phone


def test_no_text_is_sent_again_while_the_owner_of_the_number_waits_for_an_answer(desk, client):
    message = settled(planned(desk))
    sending.agreed(customer=desk.customer)
    text_from(desk.customer.phone)
    assert errors_of(again(client, message, channel="phone")) == ["This way is closed now. Choose another."]
    assert "answer that first" in text_of(client.get(page(message)))


@pytest.mark.parametrize("change", ["code", "waits", "cancelled"])
def test_what_cannot_be_sent_again_is_not(desk, client, change):
    message = planned(desk) if change != "code" else sending.message(customer=desk.customer)
    if change != "waits":
        settled(message)
    if change == "cancelled":
        booking.cancel(appointment=message.appointment, reason="Ill", by=desk.staff.user, now=timezone.now())
    before = Message.objects.count()
    response = client.post(
        f"{page(message)}again/", {"reason": "x", "channel": "email", "copies": 0}, follow=True
    )
    assert "It cannot be sent again." in text_of(response)
    assert Message.objects.count() == before
    assert '<h2 id="again"' not in client.get(page(message)).content.decode()


# ---------------------------------------------------------------------------------------------- what waits


def test_queue_shows_failures_and_texts_and_the_bar_counts_them(desk, client):
    failed(settled(planned(desk)))
    text_from(desk.customer.phone, "Please stop <b>now</b>")
    shown = client.get("/messages/attention/")
    assert "Please stop <b>now</b>" in text_of(shown)
    assert "<b>now" not in shown.content.decode()
    assert "No texts go to this number until this is answered." in text_of(shown)
    assert "Failed No such mailbox." in text_of(shown)
    assert "Messages 2 need a person" in text_of(client.get("/customers/"))


def test_bar_leads_to_the_list_when_nothing_waits(desk, client):
    content = client.get("/customers/").content.decode()
    assert 'href="/messages/"' in content
    assert "need a person" not in text_of(client.get("/customers/"))


def test_queue_takes_the_same_queries_for_one_and_thirty(desk, client, django_assert_num_queries):
    failed(sending.message(customer=desk.customer))
    text_from(desk.customer.phone)
    client.get("/messages/attention/")
    with django_assert_num_queries(8):
        client.get("/messages/attention/")
    for _ in range(29):
        customer = make.customer(at=desk.facility)
        failed(sending.message(customer=customer))
        text_from(customer.phone)
    with django_assert_num_queries(8):
        shown = client.get("/messages/attention/")
    assert shown.content.decode().count("blockquote class") == 30


def test_failure_is_done_with_a_note(desk, client):
    message = failed(settled(planned(desk)))
    response = client.post(f"{page(message)}handled/", {"note": "Called her"}, follow=True)
    assert "Done. It needs nothing more." in text_of(response)
    assert "Nothing needs you" in text_of(response)
    assert "by" in text_of(client.get(page(message)))
    message.refresh_from_db()
    assert message.handled_note == "Called her"
    again = client.post(f"{page(message)}handled/", {"note": "Me too"}, follow=True)
    assert "Somebody has seen to this already." in text_of(again)
    refused = client.post(f"{page(message)}handled/", {"note": "x" * 201})
    assert refused.status_code == 422


def test_text_is_answered_by_going_on_or_by_ending_texts(desk, client):
    sending.agreed(customer=desk.customer)
    phone = desk.customer.phone
    first = text_from(phone)
    client.post(f"/messages/texts/{first.pk}/handled/", {"answer": "done", "note": "A joke"})
    assert consent.may_text(phone)

    second = text_from(phone)
    response = client.post(f"/messages/texts/{second.pk}/handled/", {"answer": "stop"}, follow=True)
    assert "Nothing more is texted to this number." in text_of(response)
    assert consent.was_withdrawn(phone)
    again = client.post(f"/messages/texts/{second.pk}/handled/", {"answer": "done"}, follow=True)
    assert "Somebody has seen to this already." in text_of(again)
    assert consent.was_withdrawn(phone)


@pytest.mark.parametrize("given", [{}, {"answer": "?"}, {"answer": "done", "note": "x" * 201}])
def test_text_is_not_answered_by_what_cannot_be_read(desk, client, given):
    text = text_from(desk.customer.phone)
    client.post(f"/messages/texts/{text.pk}/handled/", given)
    text.refresh_from_db()
    assert text.handled_at is None


def test_text_of_another_facilitys_customer_is_not_answered(desk, client):
    text = text_from(Desk.open().customer.phone)
    assert "Please stop" not in text_of(client.get("/messages/attention/"))
    client.post(f"/messages/texts/{text.pk}/handled/", {"answer": "done"})
    text.refresh_from_db()
    assert text.handled_at is None


def test_pages_tell_which_providers_are_off_and_which_refuse_us(desk, client):
    ChannelStop.objects.create(
        channel="phone",
        reason="Account suspended.",
        since=make.NOW,
        next_try_at=make.NOW + timedelta(hours=1),
    )
    for address in ("/messages/", "/messages/attention/"):
        shown = client.get(address)
        assert "Account suspended." in alerts_of(shown)[0]
        assert "E-mails are off: neither SendGrid nor a mail server is set." in text_of(shown)


# --------------------------------------------------------------------- on the pages of customer and appointment


def test_customer_and_appointment_pages_show_the_last_messages(desk, client):
    message = settled(planned(desk))
    elsewhere = Desk.open()
    theirs = settled(sending.notice(of=elsewhere.appointment(15, customer=desk.customer)))
    for address, query in (
        (f"/customers/{desk.customer.pk}/", f"?customer={desk.customer.pk}"),
        (f"/appointments/{message.appointment.reference}/", f"?appointment={message.appointment.reference}"),
    ):
        content = client.get(address).content.decode()
        assert page(message) in content
        assert f'href="/messages/{query}"' in content
        assert str(theirs.reference) not in content


def test_appointment_shows_its_messages_in_the_dialog(desk, client):
    message = settled(planned(desk))
    address = f"/appointments/{message.appointment.reference}/"
    assert page(message) in client.get(address, headers=part("dialog-body")).content.decode()
