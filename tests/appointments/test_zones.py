from zoneinfo import available_timezones

from django.utils import translation

from appointments import zones
from appointments.models.organisation import validate_time_zone


def test_every_zone_offered_is_one_of_the_pinned_rules() -> None:
    offered = [key for _, group in zones.by_country() for key, _ in group]

    for key in offered:
        validate_time_zone(key)
    assert set(offered) <= available_timezones()
    assert len(offered) > 400


def test_zones_are_named_as_people_read_them() -> None:
    words = {key: label for _, group in zones.by_country() for key, label in group}

    assert (words["America/New_York"], words["America/Argentina/Salta"]) == ("New York", "Salta, Argentina")


def test_zone_that_is_not_in_the_list_is_offered_to_whoever_has_it() -> None:
    assert zones.with_current("America/Chicago") == zones.by_country()
    assert zones.with_current("US/Central")[0] == ("Chosen before", [("US/Central", "US/Central")])


def test_countries_and_cities_are_named_in_the_language_of_the_page() -> None:
    with translation.override("es"):
        spanish = zones.by_country()
    words = {key: label for _, group in spanish for key, label in group}
    countries = [country for country, _ in spanish]

    assert countries[:3] == ["Estados Unidos", "Afganistán", "Albania"]
    assert (words["America/New_York"], words["America/Argentina/Salta"]) == ("Nueva York", "Salta, Argentina")
    assert {key for _, group in zones.by_country() for key, _ in group} == set(words)
