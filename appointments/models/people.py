"""Whom appointments are for: customers and their cases."""

from collections.abc import Iterable
from datetime import date, datetime

import phonenumbers
from django.conf import settings
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Q, Value
from django.db.models.functions import Concat, Lower, Upper

from appointments.models.organisation import Facility, validate_time_zone

EARLIEST_BIRTH = date(1900, 1, 1)


def validate_phone(number: str) -> None:
    """Accept only possible numbers in E.164 form, such as +12125550143."""
    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException as error:
        raise ValidationError("Enter the number with its country code, such as +1 212 555 0143.") from error
    e164 = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    if e164 != number or not phonenumbers.is_possible_number(parsed):
        raise ValidationError("Enter the number with its country code, such as +1 212 555 0143.")


def normalised_phone(text: str, *, region: str = "US") -> str:
    """E.164 for a number as people type it; "" for nothing. Raises ValidationError for what cannot be a number."""
    if not text.strip():
        return ""
    try:
        parsed = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException as error:
        raise ValidationError("This is not a phone number. Enter digits, such as 212 555 0143.") from error
    if not phonenumbers.is_possible_number(parsed):
        raise ValidationError("This number has too few or too many digits.")
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


class CustomerQuerySet(models.QuerySet["Customer"]):
    def known_at(self, facilities: Iterable[Facility | int]) -> "CustomerQuerySet":
        """Customers of any of these facilities, each once."""
        through = Customer.facilities.through.objects.filter(facility__in=facilities)
        return self.filter(pk__in=through.values("customer_id"))

    def matching(self, text: str) -> "CustomerQuerySet":
        """Customers whose name has every word of `text`, or whose phone number or birth date it is."""
        words = text.lower().split()
        found = Q()
        for word in words:
            found &= Q(full_name_lower__contains=word)
        digits = "".join(c for c in text if c.isdigit())
        if len(digits) >= 4:
            found |= Q(phone__contains=digits)
        if born := _date_in(text):
            found |= Q(date_of_birth=born)
        name = Lower(Concat(F("given_name"), Value(" "), F("family_name")))
        return self.annotate(full_name_lower=name).filter(found)


def _date_in(text: str) -> date | None:
    for form in ("%Y-%m-%d", "%m/%d/%Y", "%m-%d-%Y", "%m/%d/%y"):
        try:
            return datetime.strptime(text.strip(), form).date()  # noqa: DTZ007 - a birth date has no zone
        except ValueError:
            continue
    return None


class Customer(models.Model):
    given_name = models.CharField(max_length=80)
    family_name = models.CharField(max_length=80)
    date_of_birth = models.DateField(null=True, blank=True)
    email = models.EmailField(blank=True)
    phone = models.CharField(
        max_length=16,
        blank=True,
        validators=[validate_phone],
        help_text="With country code, such as +12125550143.",
    )
    time_zone = models.CharField(max_length=64, blank=True, validators=[validate_time_zone])
    language = models.CharField(
        max_length=10, blank=True, help_text="In which they are written to, such as en or es."
    )
    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="customer"
    )
    facilities = models.ManyToManyField(
        Facility, related_name="customers", help_text="Staff of these facilities see this customer."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = CustomerQuerySet.as_manager()

    class Meta:
        ordering = ["family_name", "given_name", "id"]
        indexes = [
            models.Index(fields=["date_of_birth"], name="customer_birth"),
            models.Index(Upper("email"), name="customer_email", condition=~Q(email="")),
            models.Index(fields=["phone"], name="customer_phone", condition=~Q(phone="")),
            models.Index(fields=["family_name", "given_name"], name="customer_by_name"),
            GinIndex(
                OpClass(Lower(Concat(F("given_name"), Value(" "), F("family_name"))), name="gin_trgm_ops"),
                name="customer_name_trigrams",
            ),
            GinIndex(OpClass(F("phone"), name="gin_trgm_ops"), name="customer_phone_trigrams"),
        ]

    def __str__(self) -> str:
        return self.full_name

    @property
    def full_name(self) -> str:
        return f"{self.given_name} {self.family_name}".strip()


class Case(models.Model):
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="cases")
    reference = models.CharField(max_length=32, unique=True)
    title = models.CharField(max_length=120, blank=True)
    opened_at = models.DateTimeField()
    opened_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        ordering = ["-opened_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(closed_at__isnull=True, closed_by__isnull=True)
                | Q(closed_at__isnull=False, closed_by__isnull=False),
                name="case_closed_who_and_when",
            ),
            models.CheckConstraint(
                condition=Q(closed_at__isnull=True) | Q(closed_at__gte=F("opened_at")),
                name="case_closed_after_opened",
            ),
        ]

    def __str__(self) -> str:
        return self.reference
