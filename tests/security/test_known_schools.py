"""A device counts as at its own or at another school only if the city knows the school that it is registered at."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date, datetime, time
from ipaddress import ip_network
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controller.compile.identity.access_levels import (
    LONGEST_LIST,
    LONGEST_NAME,
    AccessLevelCatalogue,
    choose_place_levels,
)
from controller.compile.identity.admission_8021x import compile_radius_rows, find_device_place, find_radius_row
from controller.errors import PolicyError
from controller.model.access.rules import IdentityPart, Rule, RuleFile
from controller.model.access.second_factors import Strength
from controller.model.city import City
from controller.model.loading.load_city import load_city
from controller.model.network.packets import Effect
from controller.model.policy_files import RULES, SCHOOLS
from controller.model.reference_evaluator import Person, evaluate_admission, evaluate_identity
from controller.model.sites.schools import School, SchoolFile
from controller.prove.engine.cel import LevelEvaluator
from controller.prove.identity.iap_bindings import IapEvaluator, find_wrong_decisions, list_principal_cases
from controller.prove.identity.people_sets import PeopleSets
from controller.prove.identity.synthetic_principals import FACTS, build_request, find_schools_with_egress
from tests.policies import PolicyFolder

CITY = load_city(Path(__file__).parents[2] / "policies", on=date(2026, 11, 1))
LEVELS = AccessLevelCatalogue(CITY, FACTS)
EVALUATOR = LevelEvaluator({level.name: level.expression for level in LEVELS.by_key.values()})
SCHOOL = find_schools_with_egress(CITY)[0]
OTHER = find_schools_with_egress(CITY)[1]
NOON = datetime.combine(date(2026, 11, 24), time(12), CITY.timezone)
EVERYTHING = frozenset(posture.id for posture in CITY.people.postures)
AT_SCHOOL = {"school", "own_school", "other_school", "registered_school"}

strange_names = (
    st.sampled_from([" ", "\t", "　", "none", "null", "*", "kw-e01 ", " kw-e01", "KW-E01", "kw-e01\x00", "kw-e0", ""])
    | st.text(max_size=40)
    | st.sampled_from(sorted(CITY.registrations)).map(lambda name: f"{name}x")
).filter(lambda name: name not in CITY.registrations)


def teacher(place: str, registered: str) -> Person:
    return Person("teacher", Strength.PHISHING_RESISTANT, EVERYTHING, place, NOON, "windows-pc", registered)


def granted(school: School, registered: str) -> set[str]:
    """The levels of places that a device with this registration is granted at an address of a school."""
    request = {
        "request.time": NOON,
        "origin.ip": str(school.lines.primary.egress[0].network_address),
        "origin.region_code": "JP",
        "device.vendors": {FACTS.vendor: {"data": {"school": registered}}},
    }
    return {name.removeprefix(f"{FACTS.prefix}_") for name in EVALUATOR.find_granted(request)} & AT_SCHOOL


@settings(max_examples=150, deadline=None)
@given(strange_names)
def test_a_registration_that_the_city_does_not_know_is_at_no_own_and_no_other_school(registered: str) -> None:
    assert granted(SCHOOL, registered) == {"school"}


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(sorted(CITY.registrations)), st.sampled_from(find_schools_with_egress(CITY)))
def test_a_registration_that_the_city_knows_is_at_exactly_one_of_them(registered: str, school: School) -> None:
    side = "own_school" if registered == school.id else "other_school"
    assert granted(school, registered) == {"school", "registered_school", side}


@settings(max_examples=60, deadline=None)
@given(strange_names, st.sampled_from(["own-school", "other-school"]))
def test_the_reference_refuses_it_where_a_permit_asks_for_a_school(registered: str, place: str) -> None:
    assert evaluate_identity(CITY, "affairs", teacher(place, SCHOOL.id)).permitted
    assert not evaluate_identity(CITY, "affairs", teacher(place, registered)).permitted


def with_rules(*wanted: tuple[Effect, tuple[str, ...]]) -> City:
    """The city with rules of these effects and places only."""
    first = next(rule for rule in CITY.rules if rule.id == "staff-ai")
    rules = [
        Rule.model_validate(
            {"id": f"rule-{number}", "effect": effect, "purpose": "x", "applications": ["staff-ai"]}
            | {"origin": first.origin, "identity": IdentityPart.model_validate(part(places))}
        )
        for number, (effect, places) in enumerate(wanted)
    ]
    return CITY.replace_file(RULES, RuleFile(rules=tuple(rules)))


def part(places: tuple[str, ...]) -> dict[str, object]:
    return {"enforced-by": ["proxy"], "mfa": True, **({"places": list(places)} if places else {})}


some_places = st.sets(st.sampled_from([place.id for place in CITY.people.places])).map(lambda s: tuple(sorted(s)))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.tuples(st.sampled_from(Effect), some_places), min_size=1, max_size=3),
    st.lists(strange_names, min_size=1, max_size=3),
)
def test_reference_cel_and_sets_agree_whatever_the_rules_and_the_registration(
    wanted: list[tuple[Effect, tuple[str, ...]]], strange: list[str]
) -> None:
    city = with_rules(*wanted)
    proxy, people = IapEvaluator(city), PeopleSets(city)
    permitted = people.select_permitted(city, city.rules)
    cases = [("own-school", SCHOOL.id), ("other-school", OTHER.id), *(("other-school", name) for name in strange)]
    for place, registered in [
        *cases,
        *((away, name) for away in ("home", "abroad", "board-office") for name in strange),
    ]:
        person = teacher(place, registered)
        request = build_request(city, person)
        if registered == OTHER.id:
            request = {**request, "origin.ip": str(SCHOOL.lines.primary.egress[0].network_address)}
        expected = evaluate_identity(city, "staff-ai", person).permitted
        assert proxy.lets_in("staff-ai", "teacher", proxy.find_levels(request), NOON) == expected, person
        index = next((n for n, a in enumerate(people.registrations) if registered in a), len(people.registrations))
        here = people.select_where(
            application=[people.applications.index("staff-ai")],
            role=[people.roles.index("teacher")],
            place=[people.places.index(place)],
            registered=[index],
            factor=[int(Strength.PHISHING_RESISTANT)],
        )
        assert people.space.is_empty(people.space.intersection(permitted, here)) != expected, person


def without_school(city: City, closed: str) -> City:
    """The city after a school was taken out of the policy."""
    kept = tuple(school for school in city.schools if school.id != closed)
    return city.replace_file(SCHOOLS, SchoolFile(schools=kept))


@pytest.mark.parametrize("place", ["home", "other-school"])
def test_the_devices_of_a_closed_school_are_at_no_school_any_more(place: str) -> None:
    """The school leaves the policy; what the device management wrote of its devices stays as it was."""
    gone = next(school for school in reversed(CITY.schools) if school.id not in (SCHOOL.id, OTHER.id))
    closed = without_school(CITY, gone.id)
    assert gone.id not in closed.registrations
    before, after = IapEvaluator(CITY), IapEvaluator(closed)
    visitor = teacher(place, gone.id)
    levels = [proxy.find_levels(build_request(CITY, visitor)) for proxy in (before, after)]
    assert before.lets_in("affairs", "teacher", levels[0], NOON)
    # At home nothing asks for a school; at a school its device is a stranger's.
    assert after.lets_in("affairs", "teacher", levels[1], NOON) == (place == "home")
    assert evaluate_identity(closed, "affairs", visitor).permitted == (place == "home")


def test_a_mistake_in_the_level_is_found_by_the_proof() -> None:
    """Seen once: the level asked only that a registration was there at all."""
    proxy = IapEvaluator(CITY)
    registration = f'device.vendors["{FACTS.vendor}"].data["school"]'
    planted = tuple(
        replace(level, expression=f'{registration} != ""') if level.key == "registered" else level
        for level in proxy.intent.access_levels
    )
    strangers = (
        one
        for one in list_principal_cases(CITY)
        if one.person.place == "other-school" and one.person.registered not in CITY.registrations
    )
    wrong = IapEvaluator(CITY, replace(proxy.intent, access_levels=planted))
    said = next(find_wrong_decisions(wrong, strangers))
    assert "at other-school" in said
    assert "is let in at" in said


def test_no_list_of_an_expression_is_longer_than_google_takes() -> None:
    many = [school.model_copy(update={"id": f"{school.id}-{n}"}) for n in range(4) for school in CITY.schools]
    grown = CITY.replace_file(SCHOOLS, SchoolFile(schools=tuple(many)))
    catalogue = AccessLevelCatalogue(grown, FACTS)
    catalogue.require_registration(frozenset(grown.school_by_id))
    lists = [
        names.count(",") + 1
        for level in catalogue.by_key.values()
        for names in re.findall(r"\] in \[([^]]*)\]", level.expression.replace('data["school"]', "data[]"))
    ]
    assert max(lists) == LONGEST_LIST
    levels = {level.name: level.expression for level in catalogue.by_key.values()}
    asked = {"device.vendors": {FACTS.vendor: {"data": {"school": many[-1].id}}}}
    assert FACTS.name("registered") in LevelEvaluator(levels).find_granted(asked)


def test_no_list_of_addresses_is_longer_than_google_takes() -> None:
    """Of one ward with as many lines as a prefecture has, and of offices."""
    ward = SCHOOL.ward
    line = SCHOOL.lines.primary.model_copy(
        update={"egress": tuple(map(ip_network, _many_addresses(2 * LONGEST_LIST + 1)))}
    )
    lines = SCHOOL.lines.model_copy(update={"primary": line})
    schools = tuple(one.model_copy(update={"lines": lines}) if one.id == SCHOOL.id else one for one in CITY.schools)
    grown = CITY.replace_file(SCHOOLS, SchoolFile(schools=schools))
    levels = {level.name: level.expression for level in AccessLevelCatalogue(grown, FACTS).by_key.values()}
    lists = [names.count(",") + 1 for one in levels.values() for names in re.findall(r"origin\.ip, \[([^]]*)", one)]
    assert max(lists) == LONGEST_LIST
    evaluator = LevelEvaluator(levels)
    for address, registered, own in (
        (_many_addresses(2 * LONGEST_LIST + 1)[-1], SCHOOL.id, True),
        (_many_addresses(2 * LONGEST_LIST + 1)[0], "another-school", False),
    ):
        asked = {"origin.ip": address, "device.vendors": {FACTS.vendor: {"data": {"school": registered}}}}
        granted = evaluator.find_granted(asked)
        assert FACTS.name(f"school_{ward}") in granted
        assert (FACTS.name(f"own_school_{ward}") in granted) == own


def _many_addresses(number: int) -> list[str]:
    return [f"203.0.{113 + place // 256}.{place % 256}" for place in range(number)]


def test_a_level_of_any_ward_has_a_name_that_google_takes() -> None:
    """Two wards whose ids differ at their ends only keep two levels."""
    ids = [f"{'a' * 38}{end}" for end in "xy"]
    facts = replace(FACTS, prefix="tsunagu_production")
    names = [facts.name(f"{kind}{one}") for kind in ("school_", "own_school_", "registered_") for one in ids]
    assert len(set(names)) == len(names)
    assert max(map(len, names)) == LONGEST_NAME
    assert all(re.fullmatch(r"[a-zA-Z][a-zA-Z0-9_]*", name) for name in names)


def test_what_forbids_one_side_forbids_whoever_could_be_on_it() -> None:
    """A device at a school, registered nowhere that is known: own or other school, nobody knows which."""
    city = with_rules((Effect.PERMIT, ()), (Effect.FORBID, ("other-school",)))
    proxy = IapEvaluator(city)
    for registered, permitted in ((SCHOOL.id, True), ("closed-school", False), ("", False)):
        person = teacher("own-school" if permitted else "other-school", registered)
        assert evaluate_identity(city, "staff-ai", person).permitted == permitted
        levels = proxy.find_levels(build_request(city, person))
        assert proxy.lets_in("staff-ai", "teacher", levels, NOON) == permitted


def test_a_school_is_still_in_japan_for_a_device_that_is_registered_nowhere() -> None:
    assert choose_place_levels(frozenset({"own-school", "other-school"})) == ("registered-school",)
    city = with_rules((Effect.PERMIT, ()), (Effect.FORBID, ("abroad",)))
    visitor = teacher("other-school", "")
    assert evaluate_identity(city, "staff-ai", visitor).permitted
    proxy = IapEvaluator(city)
    assert proxy.lets_in("staff-ai", "teacher", proxy.find_levels(build_request(city, visitor)), NOON)


@settings(max_examples=60, deadline=None)
@given(strange_names, st.sampled_from([one.certificate for one in CITY.admissions]), st.sampled_from(CITY.schools))
def test_802_1x_puts_a_device_of_no_known_school_into_quarantine(
    registered: str, certificate: str, school: School
) -> None:
    place = find_device_place(CITY, registered, school.id)
    assert find_radius_row(compile_radius_rows(CITY), certificate, place).segment == CITY.default_segment
    assert evaluate_admission(CITY, certificate, place).segment == CITY.default_segment
    assert find_device_place(CITY, school.id, school.id) == "own-school"


def test_no_policy_can_ask_for_the_place_of_unregistered_devices(tmp_path: Path) -> None:
    policies = PolicyFolder(tmp_path)
    policies.edit("access/admission.yaml", "places: [own-school]", "places: [unregistered]")
    with pytest.raises(PolicyError, match="unregistered"):
        policies.load()
