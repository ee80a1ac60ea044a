"""The people that the proxy's conditions are asked about: whom a proof leaves out, it does not judge."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, time, timedelta
from itertools import islice

import pytest

from controller.compile.identity.access_levels import OS_TYPES
from controller.model.access.rules import Rule
from controller.model.access.second_factors import Strength
from controller.model.city import City
from controller.model.network.packets import Effect, Prefix
from controller.model.reference_evaluator import Person, evaluate_identity
from controller.model.sites.calendar import DayKind
from controller.prove.engine.cel import OPERATING_SYSTEMS
from controller.prove.identity import iap_bindings
from controller.prove.identity.boundary_cases import PrincipalCase, list_boundary_cases
from controller.prove.identity.people_sets import PeopleSets
from controller.prove.identity.synthetic_principals import (
    build_request,
    find_schools_with_egress,
    list_boundary_moments,
    list_device_classes,
    list_distinct_days,
    list_registrations,
    list_synthetic_principals,
    make_possible,
)
from tests.policies import TODAY, PolicyFolder


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> City:
    """The city with few schools of each ward."""
    return PolicyFolder(tmp_path_factory.mktemp("small")).load()


@pytest.fixture
def cases(small: City) -> list[PrincipalCase]:
    return list(list_boundary_cases(small))


def somebody(small: City, **changes: object) -> Person:
    at = datetime.combine(TODAY, time(12), small.timezone)
    person = Person("teacher", Strength.NONE, frozenset(), "home", at, "", "")
    return replace(person, **changes)  # type: ignore[arg-type] # fields by name


def judged(city: City) -> list[tuple[Rule, str]]:
    """The rules on people that the proxy enforces, with each of their applications."""
    mine = [rule for rule in city.rules if rule.identity and "proxy" in rule.identity.enforced_by]
    return [(rule, name) for rule in mine for name in rule.applications if name in city.applications]


def test_every_rule_is_met_by_somebody(small: City, cases: list[PrincipalCase]) -> None:
    met: set[tuple[str, str]] = set()
    apps = {name for _, name in judged(small)}
    for case in cases:
        for role in case.roles:
            person = replace(case.person, role=role)
            met |= {(rule.id, app) for app in apps for rule in evaluate_identity(small, app, person).rules}
    assert {(rule.id, app) for rule, app in judged(small)} <= met


def test_both_sides_of_every_boundary_of_hours_are_asked(small: City) -> None:
    moments = set(list_boundary_moments(small, TODAY))
    hours = [rule.identity.hours for rule in small.rules if rule.identity and rule.identity.hours]
    clocks = {clock for one in hours for clock in (one.from_, one.until)}
    assert clocks
    for clock in clocks:
        boundary = datetime.combine(TODAY, clock, small.timezone)
        assert {boundary, boundary - timedelta(seconds=1)} <= moments
    assert datetime.combine(TODAY, time.min, small.timezone) in moments
    assert datetime.combine(TODAY, time(23, 59), small.timezone) in moments
    assert len(moments) == 2 * (len(clocks) + 1) + 1, "midnight has no second before it on the same day"


def test_every_kind_of_day_and_the_day_after_each_end_is_asked(small: City) -> None:
    days = set(list_distinct_days(small))
    assert small.calendar is not None
    assert {small.calendar.find_day_kind(day) for day in days} >= set(DayKind)
    assert {day for kind in DayKind for day in small.calendar.find_runs(kind)[-1]} <= days
    ends = [small.calendar.until, *(rule.exception.expires for rule in small.rules if rule.exception)]
    assert {end + timedelta(days=step) for end in ends for step in (0, 1)} <= days


def test_a_place_that_cannot_be_is_made_one_that_can(small: City) -> None:
    known = find_schools_with_egress(small)[0].id
    hidden = next(school.id for school in small.schools if not school.lines.primary.egress)
    for registered in ("", "another-city", hidden):
        assert make_possible(small, somebody(small, place="own-school", registered=registered)).registered == known
        at_home = somebody(small, registered=registered)
        assert make_possible(small, at_home) == at_home
    other = find_schools_with_egress(small)[1].id
    own = somebody(small, place="own-school", registered=other)
    assert make_possible(small, own) == own
    unregistered = somebody(small, place="other-school", registered="")
    assert make_possible(small, unregistered) == unregistered


def test_the_inventory_tells_the_system_of_a_device_of_a_known_class_only(small: City) -> None:
    systems = {one.id: OPERATING_SYSTEMS.index(OS_TYPES[one.systems[0]]) for one in small.people.device_classes}
    for device in list_device_classes(small):
        request = build_request(small, somebody(small, device=device))
        assert request.get("device.os_type") == systems.get(device)


def lines(city: City) -> dict[str, tuple[Prefix, ...]]:
    return {one.id: one.lines.egress for one in city.schools}


def test_at_every_address_of_a_school_are_its_own_and_others(small: City, cases: list[PrincipalCase]) -> None:
    asked = {(one.attributes["origin.ip"], one.person.place, one.person.registered) for one in cases}
    there: dict[object, set[tuple[str, str]]] = {}
    for address, place, registered in asked:
        there.setdefault(address, set()).add((place, registered))
    egress = {school: prefixes for school, prefixes in lines(small).items() if prefixes}
    assert egress
    for school, prefixes in egress.items():
        for prefix in prefixes:
            for address in (prefix[0], prefix[-1]):
                who = there[str(address)]
                assert ("own-school", school) in who
                assert any(place == "other-school" and registered != school for place, registered in who)
    for office in small.offices:
        for prefix in office.egress:
            assert all(any(p == "board-office" for p, _ in there[str(end)]) for end in (prefix[0], prefix[-1]))


def test_any_two_places_that_a_rule_tells_apart_are_told_apart_by_somebody(
    small: City, cases: list[PrincipalCase]
) -> None:
    """At the addresses, where each comes in one role only."""
    people = {one.person for one in cases if len(one.roles) == 1}
    apps = sorted({name for _, name in judged(small)})

    def answers(person: Person, place: str) -> list[bool]:
        return [evaluate_identity(small, app, replace(person, place=place)).permitted for app in apps]

    everywhere = [place.id for place in small.people.places]
    seen = {(place, person): answers(person, place) for place in everywhere for person in people}
    asked = {place for rule, _ in judged(small) if rule.identity for place in rule.identity.places}
    together = [
        {one, other}
        for one in asked
        for other in everywhere
        if any(
            (one in rule.identity.places) != (other in rule.identity.places)
            for rule, _ in judged(small)
            if rule.identity
        )
        and all(seen[one, person] == seen[other, person] for person in people)
    ]
    assert together == []


def test_every_decision_is_counted(small: City, cases: list[PrincipalCase], monkeypatch: pytest.MonkeyPatch) -> None:
    few = list(islice(cases, 5))
    guarded = sum(app.proxy for app in small.applications.values())
    monkeypatch.setattr(iap_bindings, "list_principal_cases", lambda _: iter(few))
    wanted = [guarded * len(one.moments) * len(one.roles) for one in few]
    check = iap_bindings.prove_iap_bindings(small)
    assert check.holds
    assert check.examined == sum(wanted)
    assert check.evidence[0].endswith(f"access levels, {sum(wanted)} decisions")
    halves = [iap_bindings.prove_iap_bindings(small, part=part, parts=2).examined for part in (0, 1)]
    assert halves == [sum(wanted[0::2]), sum(wanted[1::2])]


def test_each_time_is_answered_with_its_own_levels(small: City, cases: list[PrincipalCase]) -> None:
    proxy = iap_bindings.IapEvaluator(small)
    case = next(one for one in cases if len(one.moments) > 1)
    alone = [(at, proxy.find_levels({**case.attributes, "request.time": at})) for at in case.moments]
    assert list(proxy.find_levels_at(case.attributes, case.moments)) == alone


def test_an_example_of_a_set_is_somebody_whom_the_reference_judges_alike(small: City) -> None:
    people = PeopleSets(small)
    permitted = people.select_permitted(small, small.rules)
    seen = set()
    for rule in {rule.id: rule for rule, _ in judged(small)}.values():
        mine = people.space.intersection(people.select_rule(small, rule), permitted)
        if rule.effect is Effect.PERMIT and not people.space.is_empty(mine):
            application, person = people.find_example(mine)
            answer = evaluate_identity(small, application, person)
            assert answer.permitted
            assert rule.id in {one.id for one in answer.rules}
            assert person.at.tzinfo == small.timezone
            seen.add(person.at.time())
    assert time(10) in seen, "in the morning, where that can be"
    assert len(seen) > 1, "and elsewhere where it cannot"


def test_the_principals_have_devices_registrations_and_days_that_there_are(small: City) -> None:
    people = list(list_synthetic_principals(small))
    assert {person.device for person in people} <= set(list_device_classes(small))
    assert {person.registered for person in people} <= set(list_registrations(small))
    assert {person.at.date() for person in people} <= set(list_distinct_days(small))
