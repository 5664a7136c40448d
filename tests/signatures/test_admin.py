"""Documents in admin: read by those who may, changed by nobody; disclosures are added to."""

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from appointments.models.organisation import Role
from signatures.models import Disclosure, DocumentRequirement, SigningRules
from tests import factories as make
from tests.administering import list_of, page_of, rows_shown
from tests.scheduling.desk import text_of
from tests.signatures import papers

pytestmark = pytest.mark.django_db


@pytest.fixture
def administrator(client: Client, clinic) -> Client:
    member = make.staff(at=clinic.place, role=Role.ADMINISTRATOR)
    client.force_login(member.user, backend="appointments.access.StaffBackend")
    return client


def test_nothing_but_a_disclosure_is_added_here_and_nothing_changed(administrator):
    ours = [model for model in admin.site._registry if model._meta.app_label == "signatures"]
    for model in ours:
        answer = administrator.get(reverse(f"admin:signatures_{model._meta.model_name}_add"))
        assert answer.status_code == (200 if model is Disclosure else 403), model


def test_new_words_are_a_further_number_of_their_language(administrator):
    before = {"en": papers.disclosure("en").number, "es": papers.disclosure("es").number}
    add = reverse("admin:signatures_disclosure_add")
    administrator.post(add, {"language": "en", "text": "Other words"})
    administrator.post(add, {"language": "es", "text": "Otras palabras"})
    rows = Disclosure.objects.filter(text__in=["Other words", "Otras palabras"]).order_by("language")
    assert {row.language: row.number for row in rows} == {
        language: number + 1 for language, number in before.items()
    }
    page = administrator.get(page_of(rows[0]))
    assert "Other words" in text_of(page)
    assert administrator.post(page_of(rows[0]), {"text": "Changed"}).status_code == 403


def test_an_administrator_sees_those_of_their_facilities(administrator, clinic):
    mine = papers.request(facility=clinic.place, customer=clinic.customer)
    foreign = papers.request(title="Foreign", at=[make.facility()])
    assert rows_shown(administrator.get(list_of(type(mine)))) == [mine]
    page = text_of(administrator.get(page_of(mine)))
    assert "Consent to care for Ada Nguyen" in page
    assert "Prepared" in page
    assert administrator.get(page_of(foreign)).status_code == 302
    assert rows_shown(administrator.get(list_of(type(mine.template)))) == [mine.template]


def test_requirements_and_rules_lead_to_the_staff_page(administrator, clinic):
    clinic.needs()
    SigningRules.objects.create(program=clinic.program)
    page = reverse("program-documents", args=[clinic.program.pk])
    for model in (DocumentRequirement, SigningRules):
        assert f'href="{page}"' in administrator.get(list_of(model)).content.decode()
